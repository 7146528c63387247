"""A month's statements as reports: pure, from what was read of the month."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from cloudctl.core.capitals import capitals
from metering.settlement.model import Dispute, Line, LineKind, Statement
from reports.datasets.shared import Named, Use, add_use
from reports.datasets.statement import (
    ChargeLine,
    Evidence,
    MachineCharge,
    Objection,
    StatementReport,
    SystemCharge,
)
from reports.sources.estate import Estate
from reports.sources.month import Month, act_order, as_signing

HOUR_US = Decimal(3_600_000_000)


def statement_report(month: Month, statement: Statement) -> StatementReport:
    """What one statement of the month prints."""
    period, unit, provider = month.period, statement.unit, statement.provider
    lines = tuple(charge_line(line, month.estate) for line in statement.lines)
    systems = _systems(month, statement, lines)
    signings = sorted((*statement.signatures, *period.signatures), key=act_order)
    return StatementReport(
        imprint=month.imprint_for({line.pool for line in statement.lines}),
        period=period.period,
        start=period.starts,
        end=period.ends,
        unit=Named(unit, statement.unit_name),
        provider=provider,
        number=statement.number,
        revision=statement.revision,
        state=statement.state,
        issued_at=statement.issued_at,
        deadline=statement.deadline,
        amount_fen=statement.total_fen,
        capitals=capitals(statement.total_fen),
        previous_fen=month.total(month.previous, unit=unit, provider=provider),
        unit_amount_fen=month.total(period.period, unit=unit) or 0,
        unit_previous_fen=month.total(month.previous, unit=unit),
        use=_use(month, statement, systems),
        systems=systems,
        machines=_machines(month, statement, lines),
        lines=lines,
        adjustments=tuple(line for line in lines if line.kind != LineKind.CHARGE),
        months=month.months(unit=unit),
        budgets=month.budgets(unit),
        savings=tuple(month.savings.get(unit, ())),
        equipment=tuple(month.equipment.get(unit, ())),
        holds=tuple(month.holds.get(unit, ())),
        disputes=tuple(map(_objection, statement.disputes)),
        signings=tuple(map(as_signing, signings)),
        evidence=_evidence(month, statement),
    )


def _use(month: Month, statement: Statement, systems: Sequence[SystemCharge]) -> Use:
    """The unit's own where this is its only statement; with several providers, what this one's systems add up to."""
    others = [one for one in month.period.statements if one.unit == statement.unit]
    if len(others) == 1 and statement.unit in month.use.by_unit:
        return month.use.by_unit[statement.unit]
    return add_use([system.use for system in systems])


def charge_line(line: Line, estate: Estate) -> ChargeLine:
    return ChargeLine(
        position=line.position or 0,
        kind=line.kind,
        system=estate.system(line.system),
        vm=line.vm,
        pool=estate.pool(line.pool),
        item=line.item,
        tier=line.tier,
        tariff=line.tariff,
        basis=line.basis,
        per=line.per,
        start=line.start,
        end=line.end,
        hours=hours((line.end - line.start) // timedelta(microseconds=1)),
        quantity=decimal(line.quantity),
        held_quantity=decimal(line.held_quantity),
        used_quantity=None if line.used_quantity is None else decimal(line.used_quantity),
        unit_price=line.unit_price,
        amount_fen=line.amount_fen,
        measured_hours=hours(line.measured_us),
        missing_hours=hours(line.missing_us),
        estimated_hours=hours(line.estimated_us),
        is_held_back=line.is_held_back,
        is_waived=line.is_waived,
        charge_period=line.charge_period,
        corrects=line.corrects,
        reason=line.reason,
    )


def decimal(value: Fraction) -> Decimal:
    """For print: six places at most. What is billed stays the fraction it is."""
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return _tidy(exact.quantize(Decimal("0.000001")))


def hours(micros: int) -> Decimal:
    return _tidy((Decimal(micros) / HOUR_US).quantize(Decimal("0.000001")))


def _tidy(value: Decimal) -> Decimal:
    """No trailing zeros and no exponent: 8, not 8.000000 and not 8E+0."""
    whole = value.to_integral_value()
    return whole if value == whole else value.normalize()


def _systems(month: Month, statement: Statement, lines: Sequence[ChargeLine]) -> tuple[SystemCharge, ...]:
    found = []
    for code in sorted({line.system.code for line in lines}):
        own = [line for line in lines if line.system.code == code]
        charges = [line for line in own if line.kind == LineKind.CHARGE]
        by_item: dict[str, int] = {}
        for line in charges:
            by_item[line.item] = by_item.get(line.item, 0) + line.amount_fen
        found.append(
            SystemCharge(
                system=own[0].system,
                machines=len({line.vm for line in charges}),
                by_item_fen=by_item,
                adjustments_fen=_sum(own, lambda line: line.kind != LineKind.CHARGE),
                amount_fen=_sum(own),
                previous_fen=month.total(
                    month.previous, unit=statement.unit, provider=statement.provider, system=code
                ),
                use=month.use.by_system.get(code, Use()),
            )
        )
    return tuple(found)


def _machines(month: Month, statement: Statement, lines: Sequence[ChargeLine]) -> tuple[MachineCharge, ...]:
    found = []
    for code, name in sorted({(line.system.code, line.vm) for line in lines}):
        own = [line for line in lines if (line.system.code, line.vm) == (code, name)]
        found.append(
            MachineCharge(
                system=own[0].system,
                vm=name,
                pool=own[-1].pool,
                size=month.sizes.get((statement.unit, name)),
                use=month.use.by_vm.get(name, Use()),
                amount_fen=_sum(own),
            )
        )
    return tuple(found)


def _sum(lines: Sequence[ChargeLine], counts: Callable[[ChargeLine], bool] = lambda _: True) -> int:
    return sum(line.amount_fen for line in lines if counts(line))


def _objection(dispute: Dispute) -> Objection:
    return Objection(
        dispute.line,
        dispute.reason,
        dispute.raised_by,
        dispute.raised_at,
        dispute.answer,
        dispute.answer_reason,
        dispute.answered_by,
        dispute.answered_at,
    )


def _evidence(month: Month, statement: Statement) -> tuple[Evidence, ...]:
    tariffs = [Evidence("tariff", code) for code in sorted({line.tariff for line in statement.lines})]
    name = f"{statement.number or statement.unit}/{statement.revision}"
    content = Evidence("statement", name, statement.content_hash)
    seal = [Evidence("seal", month.period.period, month.period.seal_hash)] if month.period.seal_hash else []
    return (*tariffs, content, *seal)
