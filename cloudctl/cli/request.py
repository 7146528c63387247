"""`cloudctl request`: what units ask for, listed and shown; its steps stand in modules of their own."""

from collections.abc import Mapping
from typing import Any

import click

from cloudctl.cli import (
    request_execute,
    request_form,
    request_quota,
    request_steps,
    request_submit,
    request_survey,
    request_terms,
)
from cloudctl.cli.command import TranslatedGroup
from cloudctl.cli.output import output_option, show_list, show_record
from cloudctl.cli.request_options import percent, show_findings, show_items
from cloudctl.cli.run import Run
from cloudctl.operations.requests.show_requests import (
    RequestQuery,
    list_requests,
    request_totals,
    show_request,
)
from policies.requests.model import RequestKind, RequestState

COLUMNS = (
    "request",
    "kind",
    "unit",
    "system",
    "state",
    "machines",
    "needed_by",
    "requested_by",
    "asked_monthly",
    "granted_monthly",
    "reduction_rate",
)
LABELS = {"kind": "request_kind", "state": "request_state"}
TOTAL_COLUMNS = (
    "year",
    "unit",
    "requests",
    "vcpus",
    "memory_mib",
    "storage_gib",
    "asked_monthly",
    "granted_monthly",
    "cut_monthly",
    "reduction_rate",
)
HISTORY_COLUMNS = ("at", "actor", "step", "state", "text")


@click.group(
    cls=TranslatedGroup,
    examples=["cloudctl request list --open", "cloudctl request show 12"],
)
def request() -> None:
    """Ask for machines: submit, check, decide, carry out."""


for command in (
    request_submit.submit,
    request_form.form,
    request_form.import_,
    request_steps.check,
    request_steps.approve,
    request_steps.refuse,
    request_steps.withdraw,
    request_steps.expire,
    request_execute.execute,
    request_quota.quota,
    request_survey.survey,
    request_terms.terms,
    request_terms.remind,
):
    request.add_command(command)


@request.command(
    "list", examples=["cloudctl request list --open", "cloudctl request list --unit fin -o json"]
)
@click.option("--unit", metavar="CODE", help="Only this unit's.")
@click.option(
    "--state", type=click.Choice([str(state) for state in RequestState]), help="Only in this state."
)
@click.option("--kind", type=click.Choice([str(kind) for kind in RequestKind]), help="Only of this kind.")
@click.option("--open", "is_open", is_flag=True, help="Only those in which something is still to be done.")
@output_option
@click.pass_obj
def list_(
    run: Run, unit: str | None, state: str | None, kind: str | None, is_open: bool, output: str
) -> None:
    """List requests: what was asked and granted."""
    with run.open() as ctx:
        rows = list_requests(ctx, RequestQuery(unit, state, kind, is_open))
        if output == "table":
            rows = [row | {"reduction_rate": percent(row["reduction_rate"])} for row in rows]
        show_list(rows, output, COLUMNS, ctx.site.zone, LABELS)


@request.command(examples=["cloudctl request show 12", "cloudctl request show 12 -o json"])
@click.argument("number", type=int)
@output_option
@click.pass_obj
def show(run: Run, number: int, output: str) -> None:
    """Show a request: what was asked, found, decided and done."""
    with run.open() as ctx:
        row = show_request(ctx, number)
        if output != "table":
            show_record(row, output, ctx.site.zone)
            return
        findings, history = row.pop("findings"), row.pop("history")
        asked, granted = row.pop("asked_items"), row.pop("granted_items") or ()
        names = {key: ctx.texts.label(kind, row[key]) for key, kind in LABELS.items()}
        rate = {"reduction_rate": percent(row["reduction_rate"])}
        show_record({**row, **names, **rate}, output, ctx.site.zone)
        show_items(ctx, asked, granted)
        show_findings(ctx, findings)
        labels = {"step": "request_step", "state": "request_state"}
        show_list(history, output, HISTORY_COLUMNS, ctx.site.zone, labels)


@request.command(
    examples=["cloudctl request totals --year 2026", "cloudctl request totals --year 2026 -o json"]
)
@click.option("--year", type=int, help="Only requests decided in this year.")
@output_option
@click.pass_obj
def totals(run: Run, year: int | None, output: str) -> None:
    """Add up what was asked, granted and cut, per unit and year."""
    with run.open() as ctx:
        rows = request_totals(ctx, year)
        show_list(
            [_total_row(row) for row in rows] if output == "table" else rows,
            output,
            TOTAL_COLUMNS,
            ctx.site.zone,
        )


def _total_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Sizes as asked / granted, the rate in percent."""
    asked, granted = row["asked"], row["granted"]
    return {
        **row,
        "vcpus": f"{asked['vcpus']} / {granted['vcpus']}",
        "memory_mib": f"{asked['memory_mib']} / {granted['memory_mib']}",
        "storage_gib": f"{sum(asked['storage_gib'].values())} / {sum(granted['storage_gib'].values())}",
        "reduction_rate": percent(row["reduction_rate"]),
    }
