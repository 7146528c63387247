"""Puts a price list in force: planned, shown, then added as a new version; what was stays on record."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from cloudctl.core.audit import preferred_algorithm
from cloudctl.core.errors import Message, NotFound, Refused
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from metering.settlement import store as ledger
from metering.settlement.document import document_hash
from metering.settlement.tables import TariffRow
from metering.tariff_file import load_tariffs
from metering.tariffs import PriceBook, Tariff
from provisioning.store import pools


@dataclass(frozen=True, slots=True)
class TariffStep:
    """What happens to one tariff: add, change or remove; both None never happens."""

    step: str
    code: str
    before: Tariff | None
    after: Tariff | None


@dataclass(frozen=True, slots=True)
class TariffPlan:
    """The file's tariffs and what they change; without steps there is nothing to do."""

    tariffs: tuple[Tariff, ...]
    steps: tuple[TariffStep, ...]


def plan_tariffs(ctx: Context, path: Path) -> TariffPlan:
    """Reads and checks the file, and compares it with what is in force. A code's tariffs are replaced all together.

    InvalidInput for every fault in the file, gaps and overlaps with other codes included. Refused when it would
    change the prices of a closed month.
    """
    ctx.actor.require(Role.OPERATOR, Role.FINANCE)
    with ctx.reading() as session:
        return _planned(ctx, session, path)


def apply_tariffs(ctx: Context, path: Path) -> TariffPlan:
    """Carries the plan out: one new version of every code that changes."""
    ctx.actor.require(Role.OPERATOR, Role.FINANCE)
    with ctx.writing() as session:
        plan = _planned(ctx, session, path)
        for code in sorted({step.code for step in plan.steps}):
            _add_version(ctx, session, code, [tariff for tariff in plan.tariffs if tariff.code == code])
        return plan


def _planned(ctx: Context, session: Session, path: Path) -> TariffPlan:
    present = [Tariff.from_json(row.document) for row in ledger.tariffs_in_force(session)]
    tariffs = load_tariffs(path, [pool.code for pool in pools(session)], present)
    steps = tuple(_steps(present, tariffs))
    named = {tariff.code for tariff in tariffs}
    after = [*tariffs, *(tariff for tariff in present if tariff.code not in named)]
    _require_closed_months_unmoved(ctx, session, present, after)
    return TariffPlan(tuple(tariffs), steps)


def _steps(present: Sequence[Tariff], wanted: Sequence[Tariff]) -> Iterator[TariffStep]:
    old = {(tariff.code, tariff.valid_from): tariff for tariff in present}
    new = {(tariff.code, tariff.valid_from): tariff for tariff in wanted}
    named = {tariff.code for tariff in wanted}
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if key[0] in named and before != after:
            kind = "add" if before is None else "remove" if after is None else "change"
            yield TariffStep(kind, key[0], before, after)


def _require_closed_months_unmoved(
    ctx: Context, session: Session, present: Sequence[Tariff], wanted: Sequence[Tariff]
) -> None:
    before, after = PriceBook(present, ctx.site.zone), PriceBook(wanted, ctx.site.zone)
    for period, starts, ends in ledger.closed_bounds(session):
        for pool in before.pools:
            old = [(t.rates, a, b) for t, a, b in before.between(pool, starts, ends)]
            new = [(t.rates, a, b) for t, a, b in after.between(pool, starts, ends)]
            if old and old != new:
                raise Refused(
                    "This would change the prices of pool {pool} in {period}, which is closed.",
                    pool=pool,
                    period=period,
                    hint=Message(
                        "Let a new price begin later; correct a closed line with “cloudctl settle adjust”."
                    ),
                )


def _add_version(ctx: Context, session: Session, code: str, tariffs: Sequence[Tariff]) -> None:
    version = ledger.last_version(session, code) + 1
    for tariff in tariffs:
        session.add(
            TariffRow(
                code=code,
                version=version,
                valid_from=tariff.valid_from,
                valid_to=tariff.valid_to,
                document=tariff.as_json(),
                applied_by=ctx.actor.login,
                applied_at=ctx.clock.now(),
            )
        )
    session.flush()
    documents = [tariff.as_json() for tariff in tariffs]
    algorithm = preferred_algorithm()
    ctx.record(
        session,
        "tariff.apply",
        code,
        version=version,
        algorithm=algorithm,
        hash=document_hash(documents, algorithm),
    )


def list_tariffs(ctx: Context, *, history: bool = False) -> list[dict[str, object]]:
    """Tariffs in force, or every version ever applied: a row per tariff and pool list."""
    with ctx.reading() as session:
        in_force = {row.id for row in ledger.tariffs_in_force(session)}
        return [
            {
                "code": row.code,
                "version": row.version,
                "pools": row.document["pools"],
                "valid_from": row.valid_from.isoformat(),
                "valid_to": row.valid_to.isoformat() if row.valid_to else None,
                "items": len(row.document["items"]),
                "in_force": row.id in in_force,
                "applied_by": row.applied_by,
                "applied_at": row.applied_at,
            }
            for row in ledger.tariff_rows(session)
            if history or row.id in in_force
        ]


def show_tariff(ctx: Context, code: str) -> list[dict[str, object]]:
    """The items of a tariff in force, one row per price, in the order of date and item. NotFound."""
    with ctx.reading() as session:
        rows = [row for row in ledger.tariffs_in_force(session) if row.code == code]
        if not rows:
            raise NotFound("There is no tariff “{code}”.", code=code)
        return [
            item for row in rows for item in _item_rows(Tariff.from_json(row.document), ctx.site.currency)
        ]


def _item_rows(tariff: Tariff, currency: str) -> Iterator[dict[str, object]]:
    for rate in tariff.rates:
        above = "0"
        for step in rate.steps:
            yield {
                "code": tariff.code,
                "pools": list(tariff.pools),
                "valid_from": tariff.valid_from.isoformat(),
                "valid_to": tariff.valid_to.isoformat() if tariff.valid_to else None,
                "item": str(rate.item),
                "tier": rate.tier,
                "per": str(rate.per),
                "basis": str(rate.basis),
                "tiering": str(rate.tiering) if rate.tiering else None,
                "above": above if rate.tiering else None,
                "to": str(step.to) if step.to is not None else None,
                "price": str(step.price),
                "currency": currency,
            }
            above = str(step.to)
