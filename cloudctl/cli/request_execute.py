"""`cloudctl request execute`: what a grant does to machines."""

import click

from cloudctl.cli.command import TranslatedCommand
from cloudctl.cli.output import show_list
from cloudctl.cli.request_options import asking_options, tell_step
from cloudctl.cli.run import Run, confirm, say
from cloudctl.core.clock import parse_when
from cloudctl.operations.requests.execute_request import check_execute, execute_request
from policies.requests.model import RequestKind, RequestState

PLAN_COLUMNS = ("step", "kind", "target", "before", "after", "live")


@click.command(
    cls=TranslatedCommand,
    examples=[
        "cloudctl --as jin request execute 12",
        "cloudctl --as jin request execute 12 --done-at 2026-12-01T17:00:00+08:00 --yes",
    ],
)
@click.argument("number", type=int)
@click.option("--done-at", metavar="TIME", help="When what was ordered from others was carried out.")
@asking_options
@click.pass_obj
def execute(run: Run, number: int, done_at: str | None, output: str, dry_run: bool, yes: bool) -> None:
    """Carry a granted request out, or go on with it."""
    with run.open() as ctx:
        when = parse_when(done_at, ctx.site.zone, "--done-at") if done_at else None
        rows = [
            {
                "step": position,
                "kind": str(step.kind),
                "target": step.name,
                "before": step.before,
                "after": step.after,
                "live": step.is_live,
            }
            for position, step in enumerate(check_execute(ctx, number), 1)
        ]
        show_list(rows, output, PLAN_COLUMNS, ctx.site.zone, {"kind": "step_kind"})
        if dry_run:
            return
        confirm("Carry it out?", yes=yes)
        step = execute_request(ctx, number, done_at=when)
        tell_step(ctx, step)
        if step.state == RequestState.DONE and step.kind == RequestKind.NEW:
            say("No inventory file has these machines yet; “cloudctl inventory export” writes one that does.")
        if step.state == RequestState.EXECUTING:
            say(
                "Work orders are out; report them with “cloudctl request execute {request} --done-at TIME”.",
                request=number,
            )
