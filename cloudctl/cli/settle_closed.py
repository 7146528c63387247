"""`cloudctl settle waive|adjust|verify|export`: evidence taken as it is, and what may be said of a closed month."""

from fractions import Fraction
from pathlib import Path

import click

from cloudctl.cli.command import TranslatedCommand
from cloudctl.cli.output import output_option, show_list, show_record
from cloudctl.cli.rehearse import answers, rehearsed
from cloudctl.cli.run import Run, confirm, say
from cloudctl.core.clock import parse_when
from cloudctl.core.errors import Differences, InvalidInput, problem
from cloudctl.core.money import yuan_text

FINDINGS = ("kind", "subject", "problem", "detail", "stored", "computed")
ITEMS = ("vcpu", "memory_gib", "storage_gib", "machine")


@click.command(
    cls=TranslatedCommand,
    examples=[
        "cloudctl settle adjust 浪潮-2026-0001 --line 4 --quantity 2 --reason 少计规格 --yes",
        "cloudctl settle adjust 浪潮-2026-0001 --line 4 --to 2026-10-10 --reason 已下线",
    ],
)
@click.argument("number")
@click.option("--line", type=int, required=True, help="The line's number in the statement.")
@click.option("--quantity", help="The right quantity; 0 takes the line back.")
@click.option("--from", "from_", metavar="TIME", help="When it should have begun.")
@click.option("--to", metavar="TIME", help="When it should have ended.")
@click.option("--system", metavar="CODE", help="The system it should have been charged to.")
@click.option("--reason", required=True, help="The reason, on record.")
@answers
@output_option
@click.pass_obj
def adjust(
    run: Run,
    number: str,
    line: int,
    quantity: str | None,
    from_: str | None,
    to: str | None,
    system: str | None,
    reason: str,
    yes: bool,
    dry_run: bool,
    output: str,
) -> None:
    """Correct a line of a closed month in the next open one: reversed, and put right."""
    from cloudctl.operations.settlement.adjust_settlement import Right, adjust_settlement

    with run.open() as ctx:
        zone = ctx.site.zone
        right = Right(
            _quantity(quantity),
            parse_when(from_, zone, "--from") if from_ else None,
            parse_when(to, zone, "--to") if to else None,
            system,
        )
        plan = adjust_settlement(rehearsed(ctx), number, line, right, reason)
        record = {
            "corrects": plan.corrects,
            "charge_period": plan.charge_period,
            "billed_in": plan.target_period,
            "unit": plan.unit,
            "system": plan.system,
            "start": plan.start,
            "end": plan.end,
            "quantity": float(plan.quantity),
            "amount_before": yuan_text(plan.amount_fen),
            "amount": yuan_text(plan.right_fen),
            "currency": ctx.site.currency,
        }
        show_record(record, output, zone)
        if not dry_run:
            confirm("Record this adjustment?", yes=yes)
            adjust_settlement(ctx, number, line, right, reason)
            say("Recorded; the draft of {period} bills it.", period=plan.target_period)


@click.command(
    cls=TranslatedCommand,
    examples=[
        "cloudctl settle waive 2026-10 tax-db-1 --item vcpu --reason 采集器故障",
        "cloudctl --as zhao settle waive 2026-10 tax-db-1 --item vcpu --reason 同意 --yes",
    ],
)
@click.argument("period")
@click.argument("vm")
@click.option("--item", type=click.Choice(ITEMS), required=True, help="The item billed by use.")
@click.option("--reason", required=True, help="The reason, on record.")
@answers
@click.pass_obj
def waive(run: Run, period: str, vm: str, item: str, reason: str, yes: bool, dry_run: bool) -> None:
    """Bill an item on what was measured although that is too little; two people must."""
    from cloudctl.operations.settlement.waive_coverage import waive_coverage
    from metering.tariffs import Item

    with run.open() as ctx:
        waive_coverage(rehearsed(ctx), period, vm, Item(item), reason)
        if dry_run:
            say("Nothing stands against it; nothing was changed.")
            return
        confirm("Waive missing measurements of {vm} in {period}?", yes=yes, vm=vm, period=period)
        if waive_coverage(ctx, period, vm, Item(item), reason).is_in_force:
            say("Waived by two people; draft the month again.")
        else:
            say("Recorded; a second person must waive it too.")


@click.command(
    cls=TranslatedCommand,
    examples=["cloudctl settle verify 2026-10", "cloudctl settle verify 2026-10 -o json"],
)
@click.argument("period")
@output_option
@click.pass_obj
def verify(run: Run, period: str, output: str) -> None:
    """Recompute a closed month from its evidence and compare; differences exit with 7."""
    from cloudctl.operations.settlement.verify_period import verify_period

    with run.open() as ctx:
        done = verify_period(ctx, period)
        findings = [{name: getattr(finding, name) for name in FINDINGS} for finding in done.findings]
        if output in {"json", "yaml"}:
            record = {
                "period": done.period,
                "ok": done.ok,
                "algorithm": done.algorithm,
                "seal": done.seal,
                "evidence": done.evidence,
                "statements": done.statements,
                "lines": done.lines,
                "findings": findings,
            }
            show_record(record, output, ctx.site.zone)
        elif findings or output == "csv":
            show_list(
                findings, output, FINDINGS, ctx.site.zone, {"kind": "finding_kind", "problem": "finding"}
            )
        if findings:
            raise Differences(
                "{period} is not as it was closed: {count} finding(s).", period=period, count=len(findings)
            )
        say(
            "{period} is as it was closed: {statements} statement(s), {lines} line(s), {evidence} piece(s) of "
            "evidence.",
            period=period,
            statements=done.statements,
            lines=done.lines,
            evidence=done.evidence,
        )


@click.command(
    cls=TranslatedCommand,
    examples=[
        "cloudctl settle export 2026-10 --format csv > lines.csv",
        "cloudctl settle export 2026-10 --to oct.json",
    ],
)
@click.argument("period")
@click.option("--format", "format_", help="csv or json; by default what the file's name ends with, else csv.")
@click.option("--to", type=click.Path(path_type=Path), help="The file to write; by default stdout.")
@click.pass_obj
def export(run: Run, period: str, format_: str | None, to: Path | None) -> None:
    """Export a month's lines."""
    from cloudctl.operations.settlement.read_settlement import export_settlement

    chosen = format_ or (to.suffix.removeprefix(".") if to and to.suffix else "csv")
    with run.open() as ctx:
        text = export_settlement(ctx, period, chosen)
    if to is None:
        click.echo(text, nl=False)
        return
    try:
        to.write_text(text, encoding="utf-8")
    except OSError as failure:
        raise InvalidInput(
            [problem(str(to), "This file cannot be written: {reason}", reason=failure.strerror or "")]
        ) from None


def _quantity(text: str | None) -> Fraction | None:
    if text is None:
        return None
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise InvalidInput([problem("--quantity", "“{text}” is not a number.", text=text)]) from None
