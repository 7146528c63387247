"""`cloudctl inventory drift`: where clouds and ledger differ."""

import click

from cloudctl.cli.command import TranslatedCommand
from cloudctl.cli.output import output_option, show_list
from cloudctl.cli.run import Run
from cloudctl.core.errors import Differences
from cloudctl.operations.machines.find_drift import find_drift
from cloudctl.operations.machines.unasked_pools import require_answers

COLUMNS = ["kind", "vm", "pool", "expected", "found"]


@click.command(
    cls=TranslatedCommand,
    examples=["cloudctl inventory drift", "cloudctl inventory drift --pool gov --check -o json"],
)
@click.option("--pool", metavar="CODE", help="Only this pool's.")
@click.option("--check", is_flag=True, help="Exit with 7 when there are differences.")
@output_option
@click.pass_obj
def drift(run: Run, pool: str | None, check: bool, output: str) -> None:
    """List machines that the clouds show otherwise than the ledger has allocated them."""
    with run.open() as ctx:
        found = find_drift(ctx, pool)
        rows = found.rows
        if output == "table":
            rows = [{**row, "kind": ctx.texts.label("difference", row["kind"])} for row in rows]
        show_list(rows, output, COLUMNS, ctx.site.zone)
    require_answers(found.unreachable)
    if check and found.rows:
        raise Differences("{count} difference(s) between clouds and ledger.", count=len(found.rows))
