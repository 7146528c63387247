"""A month as the city's summary: pure, from what was read of the month."""

from cloudctl.core.capitals import capitals
from metering.settlement.model import LineKind, Statement
from reports.datasets.shared import Use
from reports.datasets.statement import BudgetUse
from reports.datasets.summary import (
    PoolAmount,
    ProviderAmount,
    SummaryReport,
    UnitAmount,
    UnitHold,
    UnitLine,
    UnitSaving,
)
from reports.sources.month import Month, act_order, as_signing
from reports.sources.statement import charge_line


def summary_report(month: Month) -> SummaryReport:
    """What the month comes to for the whole city."""
    period, estate = month.period, month.estate
    codes = sorted({statement.unit for statement in period.statements})
    return SummaryReport(
        imprint=month.imprint_for({line.pool for s in period.statements for line in s.lines}),
        period=period.period,
        start=period.starts,
        end=period.ends,
        state=period.state,
        amount_fen=period.total_fen,
        capitals=capitals(period.total_fen),
        previous_fen=month.total(month.previous),
        use=month.use.cloud,
        providers=_providers(month),
        units=tuple(_unit(month, code) for code in codes),
        pools=_pools(month),
        months=month.months(),
        budgets=_budgets(month),
        savings=tuple(
            UnitSaving(estate.unit(unit), saving)
            for unit, savings in sorted(month.savings.items())
            for saving in savings
        ),
        holds=tuple(
            UnitHold(estate.unit(unit), hold) for unit, holds in sorted(month.holds.items()) for hold in holds
        ),
        lines=tuple(
            UnitLine(estate.unit(s.unit), s.provider, s.number, charge_line(line, estate))
            for s in period.statements
            for line in s.lines
        ),
        signings=tuple(as_signing(signature) for signature in sorted(period.signatures, key=act_order)),
        seal_hash=period.seal_hash,
        seal_algorithm=period.seal_algorithm,
    )


def _providers(month: Month) -> tuple[ProviderAmount, ...]:
    statements = month.period.statements
    return tuple(
        ProviderAmount(
            provider=provider,
            statements=sum(statement.provider == provider for statement in statements),
            amount_fen=sum(statement.total_fen for statement in statements if statement.provider == provider),
            previous_fen=month.total(month.previous, provider=provider),
        )
        for provider in sorted({statement.provider for statement in statements})
    )


def _unit(month: Month, code: str) -> UnitAmount:
    own: list[Statement] = [statement for statement in month.period.statements if statement.unit == code]
    lines = [line for statement in own for line in statement.lines]
    charges = [line for line in lines if line.kind == LineKind.CHARGE]
    by_item: dict[str, int] = {}
    for line in charges:
        by_item[line.item] = by_item.get(line.item, 0) + line.amount_fen
    cloud = [budget for budget in month.budgets(code) if budget.used_fen is not None]
    return UnitAmount(
        unit=month.estate.unit(code),
        numbers=tuple(statement.number for statement in own if statement.number),
        states=tuple(sorted({str(statement.state) for statement in own})),
        machines=len({line.vm for line in charges}),
        by_item_fen=by_item,
        adjustments_fen=sum(line.amount_fen for line in lines if line.kind != LineKind.CHARGE),
        amount_fen=sum(statement.total_fen for statement in own),
        previous_fen=month.total(month.previous, unit=code),
        granted_fen=sum(budget.granted_fen for budget in cloud),
        spent_fen=sum(budget.used_fen or 0 for budget in cloud),
        saving_fen=sum(saving.amount_fen for saving in month.savings.get(code, ())),
        equipment_fen=sum(item.monthly_fen for item in month.equipment.get(code, ())),
        has_hold=bool(month.holds.get(code)),
        use=month.use.by_unit.get(code, Use()),
    )


def _pools(month: Month) -> tuple[PoolAmount, ...]:
    amounts: dict[str, int] = {}
    for statement in month.period.statements:
        for line in statement.lines:
            amounts[line.pool] = amounts.get(line.pool, 0) + line.amount_fen
    pools = month.estate.pools
    return tuple(
        PoolAmount(
            pool=month.estate.pool(code),
            provider=pools[code].provider if code in pools else "",
            is_simulated=month.estate.is_simulated(code),
            amount_fen=fen,
            use=month.use.by_pool.get(code, Use()),
        )
        for code, fen in sorted(amounts.items())
    )


def _budgets(month: Month) -> tuple[BudgetUse, ...]:
    """All units' budgets of one kind together."""
    found: dict[str, BudgetUse] = {}
    for unit in sorted(month.granted):
        for one in month.budgets(unit):
            known = found.get(one.kind)
            if known is None:
                found[one.kind] = one
            else:
                found[one.kind] = BudgetUse(
                    one.kind,
                    one.year,
                    known.granted_fen + one.granted_fen,
                    None if one.used_fen is None or known.used_fen is None else known.used_fen + one.used_fen,
                    None
                    if one.month_fen is None or known.month_fen is None
                    else known.month_fen + one.month_fen,
                )
    return tuple(found[kind] for kind in sorted(found))
