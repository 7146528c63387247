"""`cloudctl review`: cases opened, listed and shown; their steps stand in modules of their own."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from cloudctl.cli import review_change, review_steps
from cloudctl.cli.command import TranslatedGroup
from cloudctl.cli.output import output_option, show_list, show_record
from cloudctl.cli.review_rule import rule
from cloudctl.cli.run import Run, say
from cloudctl.core.clock import parse_when
from cloudctl.core.errors import UsageError
from cloudctl.operations.review.open_review import open_review
from cloudctl.operations.review.show_cases import CaseQuery, list_cases, show_case
from policies.panel import CaseState
from policies.underuse import CaseKind

if TYPE_CHECKING:
    from cloudctl.operations.context import Context

CASE_COLUMNS = (
    "case",
    "vm",
    "unit",
    "system",
    "kind",
    "meters",
    "state",
    "present_size",
    "proposed_size",
    "monthly_saving",
)
HISTORY_COLUMNS = ("at", "actor", "step", "state", "text")
BALLOT_COLUMNS = ("round", "voter", "choice", "reason", "at")
METER_COLUMNS = ("meter", "held", "used", "mean", "p95", "max", "coverage", "verdict")


@click.group(
    cls=TranslatedGroup,
    examples=["cloudctl review open --window-end 2026-11-01", "cloudctl review list --open"],
)
def review() -> None:
    """Open, judge and carry out under-use cases."""


@review.command(
    "open",
    examples=[
        "cloudctl review open --window-end 2026-11-01",
        "cloudctl review open --from 2026-10-01 --to 2026-11-01 --dry-run -o json",
    ],
)
@click.option(
    "--window-end",
    "--until",
    "window_end",
    metavar="TIME",
    help="Where the window ends; left out: last midnight.",
)
@click.option(
    "--from", "start", metavar="TIME", help="Where the window begins; left out: as long as the rule says."
)
@click.option("--to", "end", metavar="TIME", help="The same as --window-end.")
@click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")
@click.option("--yes", "-y", is_flag=True, help="Accepted for scripts; opening does not ask.")
@output_option
@click.pass_obj
def open_command(
    run: Run,
    window_end: str | None,
    start: str | None,
    end: str | None,
    dry_run: bool,
    yes: bool,
    output: str,
) -> None:
    """Apply the rule to a window and open what it finds."""
    if window_end and end:
        raise UsageError("Give the window's end once: --window-end or --to.")
    with run.open() as ctx:
        zone, last = ctx.site.zone, end or window_end
        opening = open_review(
            ctx,
            parse_when(start, zone, "--from") if start else None,
            parse_when(last, zone, "--to" if end else "--window-end") if last else None,
            dry_run=dry_run,
        )
        show_list(labelled(ctx, opening.cases, output), output, CASE_COLUMNS, zone)
        counts = opening.counts
        say(
            "Window {start} – {end}, rule {version}: {machines} machines; {downsize} to downsize ({bursty} of them "
            "bursty: keep), {idle} idle, {starved} starved, {insufficient} lacking evidence; {exempt} of them "
            "exempt; nothing new on {unmarked}; {expired} expired.",
            start=opening.start.astimezone(zone).isoformat(" ", "minutes"),
            end=opening.end.astimezone(zone).isoformat(" ", "minutes"),
            version=opening.rule_version,
            bursty=counts.get("bursty_keep", 0),
            expired=len(opening.expired),
            **{name: counts.get(name, 0) for name in ("machines", "unmarked", "exempt", *map(str, CaseKind))},
        )


@review.command("list", examples=["cloudctl review list --open", "cloudctl review list --unit fin -o json"])
@click.option(
    "--state", type=click.Choice([str(state) for state in CaseState]), help="Only cases in this state."
)
@click.option("--kind", type=click.Choice([str(kind) for kind in CaseKind]), help="Only cases of this kind.")
@click.option("--vm", metavar="NAME", help="Only this machine's.")
@click.option("--unit", metavar="CODE", help="Only this unit's.")
@click.option("--system", metavar="CODE", help="Only this system's.")
@click.option("--window-end", metavar="TIME", help="Only cases of the window that ended then.")
@click.option("--open", "is_open", is_flag=True, help="Only cases in which something is still to be done.")
@output_option
@click.pass_obj
def list_command(
    run: Run,
    state: str | None,
    kind: str | None,
    vm: str | None,
    unit: str | None,
    system: str | None,
    window_end: str | None,
    is_open: bool,
    output: str,
) -> None:
    """List cases, insufficient evidence and exempt machines included."""
    with run.open() as ctx:
        end = parse_when(window_end, ctx.site.zone, "--window-end") if window_end else None
        rows = list_cases(ctx, CaseQuery(state, kind, vm, unit, system, end, is_open))
        show_list(labelled(ctx, rows, output), output, CASE_COLUMNS, ctx.site.zone)


@review.command("show", examples=["cloudctl review show 12", "cloudctl review show 12 -o json"])
@click.argument("case", type=int)
@output_option
@click.pass_obj
def show_command(run: Run, case: int, output: str) -> None:
    """Show a case: evidence, votes, history."""
    with run.open() as ctx:
        record = show_case(ctx, case)
        if output != "table":
            show_record(record, output, ctx.site.zone)
            return
        _show_tables(ctx, record)


def _show_tables(ctx: "Context", record: dict[str, Any]) -> None:
    zone, texts = ctx.site.zone, ctx.texts
    votes, history, evidence = record.pop("votes"), record.pop("history"), record.pop("evidence")
    record.pop("savings")
    flat = {key: value for key, value in labelled(ctx, [record], "table")[0].items() if value is not None}
    show_record(flat | {"votes_cast": f"{votes['cast']} / {votes['quorum']}"}, "table", zone)
    verdicts = evidence["verdicts"]
    meters = [
        {
            **_figures_shown(meter, figures),
            "meter": texts.label("meter", meter),
            "verdict": texts.label("verdict", verdicts[meter]) if meter in verdicts else None,
        }
        for meter, figures in evidence["meters"].items()
    ]
    show_list(meters, "table", METER_COLUMNS, zone)
    if votes["ballots"]:
        ballots = [
            {**ballot, "choice": texts.label("decision", ballot["choice"])} for ballot in votes["ballots"]
        ]
        show_list(ballots, "table", BALLOT_COLUMNS, zone)
    steps = [
        {
            **event,
            "step": texts.label("case_step", event["step"]),
            "state": texts.label("case_state", event["state"]),
        }
        for event in history
    ]
    show_list(steps, "table", HISTORY_COLUMNS, zone)


def _figures_shown(meter: str, figures: Mapping[str, float | None]) -> dict[str, str | None]:
    """Amounts in the meter's unit and shares in percent, as people read them."""
    unit, divisor = ("vCPU", 1) if meter == "cpu" else ("GiB", 1024 if meter == "memory" else 1)
    amounts = {
        name: None if (value := figures[name]) is None else f"{value / divisor:.2f} {unit}"
        for name in ("held", "used")
    }
    shares = {
        name: None if (value := figures[name]) is None else f"{value:.2%}"
        for name in ("mean", "p95", "max", "coverage")
    }
    return amounts | shares


def labelled(ctx: "Context", rows: Sequence[Mapping[str, Any]], output: str) -> list[dict[str, Any]]:
    """Codes as people read them, in a table; as they are elsewhere."""
    return [_labelled(ctx, row) if output == "table" else dict(row) for row in rows]


def _labelled(ctx: "Context", row: Mapping[str, Any]) -> dict[str, Any]:
    texts, known = ctx.texts, dict(row)
    known["meters"] = ", ".join(texts.label("meter", meter) for meter in row["meters"])
    known["state"] = state_text(ctx, row)
    known["kind"] = texts.label("case_kind", row["kind"])
    known["present_size"], known["proposed_size"] = size_text(known.pop("from")), size_text(known.pop("to"))
    for key, kind in (
        ("outcome", "outcome"),
        ("remedy", "remedy"),
        ("decision", "decision"),
        ("answer", "answer"),
    ):
        if row.get(key):
            known[key] = texts.label(kind, row[key])
    if row.get("reason"):
        kind = "lack" if texts.has_label("lack", row["reason"]) else "exemption_kind"
        known["reason"] = texts.label(kind, row["reason"])
    return known


def size_text(size: Mapping[str, Any] | None) -> str | None:
    """A size in one table cell."""
    if size is None:
        return None
    storage = " + ".join(f"{tier} {gib} GiB" for tier, gib in size["storage_gib"].items())
    return f"{size['vcpus']} vCPU, {size['memory_mib'] / 1024:g} GiB" + (f", {storage}" if storage else "")


def state_text(ctx: "Context", row: Mapping[str, Any]) -> str:
    """The state, and what was decided or concluded where that says more."""
    texts = ctx.texts
    state = texts.label("case_state", row["state"])
    if row.get("outcome") not in (None, "proposed") and row["state"] == "decided":
        return texts.label("outcome", row["outcome"])
    if row["state"] == "decided" and row.get("decision"):
        return f"{state}: {texts.label('decision', row['decision'])}"
    return state


for step in (
    review_steps.notify,
    review_steps.answer,
    review_steps.vote,
    review_steps.decide,
    review_steps.appeal,
    review_steps.schedule,
    review_change.execute,
    review_change.watch,
    review_change.rollback,
    review_steps.deadlines,
    rule,
):
    review.add_command(step)
