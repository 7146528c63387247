"""`cloudctl request submit`: a request typed at the command line."""

import click

from cloudctl.cli.command import TranslatedCommand, translate
from cloudctl.cli.request_options import asking_options, day_of, show_steps
from cloudctl.cli.request_spec import wish_of
from cloudctl.cli.run import Run, confirm, say
from cloudctl.core.errors import UsageError
from cloudctl.operations.rehearsal import rehearsal
from cloudctl.operations.requests.submit_request import submit_request
from policies.requests.faults import Fault
from policies.requests.model import Draft, Migration, RequestKind
from policies.requests.wishes import unwanted

OPTIONS = {
    "purpose": "--purpose",
    "level": "--level",
    "expected_load": "--load",
    "needed_by": "--needed-by",
    "until": "--until",
    "system": "--system",
    "equipment": "--equipment",
    "bandwidth_mbps": "--bandwidth-mbps",
    "storage_gib": "--storage-gib",
    "reason": "--equipment-reason",
}


@click.command(
    cls=TranslatedCommand,
    examples=[
        "cloudctl request submit new --system tax --purpose “Year-end filing” --load “200 users” "
        "--needed-by 2026-12-01 --machine tax-web,count=2,pool=gov,vcpus=4,memory-gib=8,storage=ssd:100",
        "cloudctl request submit resize --system tax --purpose “More load” --load “500 users” "
        "--needed-by 2026-12-01 --machine tax-db-1,vcpus=8 --yes",
    ],
)
@click.argument("kind", type=click.Choice([str(kind) for kind in RequestKind]))
@click.option("--system", required=True, metavar="CODE", help="The business system it is for.")
@click.option("--purpose", required=True, metavar="TEXT", help="What for.")
@click.option("--load", default="", metavar="TEXT", help="The load that is expected.")
@click.option(
    "--level", type=click.IntRange(1, 5), help="Level of protection, 1 to 5; left out: as the system's."
)
@click.option("--needed-by", required=True, metavar="DAY", help="The day by which it is needed.")
@click.option("--until", metavar="DAY", help="The last day of the machines' term; left out: no end.")
@click.option(
    "--machine",
    "machines",
    multiple=True,
    metavar="NAME,…",
    help="A machine: its name, then count=, pool=, vcpus=, memory-gib=, storage=TIER:GIB+…, image=, network=.",
)
@click.option(
    "--equipment", multiple=True, metavar="CODE", help="Equipment the system runs on before the cloud."
)
@click.option("--bandwidth-mbps", type=click.IntRange(0), help="Bandwidth before the cloud, in Mbit/s.")
@click.option("--storage-gib", type=click.IntRange(0), help="Storage in use before the cloud, in GiB.")
@click.option(
    "--equipment-reason", default="", metavar="TEXT", help="Why equipment that still works is given up."
)
@asking_options
@click.pass_obj
def submit(
    run: Run,
    kind: str,
    system: str,
    purpose: str,
    load: str,
    level: int | None,
    needed_by: str,
    until: str | None,
    machines: tuple[str, ...],
    equipment: tuple[str, ...],
    bandwidth_mbps: int | None,
    storage_gib: int | None,
    equipment_reason: str,
    output: str,
    dry_run: bool,
    yes: bool,
) -> None:
    """Hand in a request: new machines, a resize, a retirement, an extension."""
    wishes = [wish_of(text) for text in machines]
    for wish in wishes:
        for word in unwanted(RequestKind(kind), wish):
            raise UsageError(
                "{name}: “{word}” is not asked for in a request of this kind.", name=wish.name, word=word
            )
    old = Migration(equipment, bandwidth_mbps, storage_gib, equipment_reason)
    draft = Draft(
        RequestKind(kind),
        system,
        purpose,
        level,
        load,
        day_of(needed_by, "--needed-by"),
        (),
        day_of(until, "--until") if until else None,
        old if old != Migration() else None,
    )
    with run.open() as ctx:
        # Its number is known when it is in: a rehearsed one may go to somebody else.
        rehearsed = submit_request(rehearsal(ctx), draft, wishes, _place)
        if dry_run:
            show_steps(ctx, [rehearsed], output, are_numbered=False)
            return
        confirm("Hand the request in?", yes=yes)
        step = submit_request(ctx, draft, wishes, _place)
        show_steps(ctx, [step], output)
        say("Request {request} is handed in.", request=step.request)


def _place(fault: Fault) -> str:
    """The option at which a fault stands; machines are counted as they are given."""
    if fault.item is None:
        return OPTIONS.get(fault.field, "--machine")
    return translate("--machine no. {number}", number=fault.item + 1)
