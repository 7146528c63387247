"""Rating: what a quantity held or used in an interval costs, exactly; rounded nowhere but at a line's end."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from cloudctl.core.clock import month_around
from cloudctl.core.database import to_micros
from cloudctl.core.errors import Refused
from cloudctl.core.money import round_half_up
from cloudctl.core.quantity import Size
from metering.tariffs import Item, Per, PriceBook, Rate, Tariff, Tiering

HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Slice:
    """A quantity at one unit price. above, to: the tier's bounds (above, to]; both None without tiers."""

    quantity: Fraction
    unit_price: Decimal
    above: Decimal | None = None
    to: Decimal | None = None


def month_share(start: datetime, end: datetime, zone: ZoneInfo) -> Fraction:
    """How many calendar months of the zone [start, end) is: the sum over months of its seconds / the month's."""
    share = Fraction(0)
    while start < end:
        first, after = month_around(start, zone)
        until = min(end, after)
        share += Fraction(to_micros(until) - to_micros(start), to_micros(after) - to_micros(first))
        start = until
    return share


def time_share(per: Per, start: datetime, end: datetime, zone: ZoneInfo) -> Fraction:
    """What a unit price is multiplied by for [start, end): hours, calendar months, or 1 for what is paid once."""
    if per is Per.ONCE:
        return Fraction(1)
    if per is Per.HOUR:
        return Fraction(to_micros(end) - to_micros(start), HOUR_US)
    return month_share(start, end, zone)


def slices(rate: Rate, quantity: Fraction) -> tuple[Slice, ...]:
    """The quantity cut by the rate's tiers: a slice per tier (graduated), or the whole at one price (volume)."""
    if rate.tiering is None:
        return (Slice(quantity, rate.steps[0].price),)
    if rate.tiering is Tiering.VOLUME:
        return (_volume_slice(rate, quantity),)
    cut = tuple(_graduated(rate, quantity))
    return cut or (Slice(quantity, rate.steps[0].price, Decimal(0), rate.steps[0].to),)


def _volume_slice(rate: Rate, quantity: Fraction) -> Slice:
    above = Decimal(0)
    for step in rate.steps:
        if step.to is None or quantity <= Fraction(step.to):
            return Slice(quantity, step.price, above, step.to)
        above = step.to
    raise ValueError("a rate's tiers must reach to infinity")


def _graduated(rate: Rate, quantity: Fraction) -> Iterator[Slice]:
    above = Decimal(0)
    for step in rate.steps:
        upper = quantity if step.to is None else min(quantity, Fraction(step.to))
        if upper > Fraction(above):
            yield Slice(upper - Fraction(above), step.price, above, step.to)
        if step.to is None or quantity <= Fraction(step.to):
            return
        above = step.to


def amount_yuan(quantity: Fraction, unit_price: Decimal, share: Fraction) -> Fraction:
    """The unrounded charge in yuan."""
    return quantity * Fraction(unit_price) * share


def line_fen(quantity: Fraction, unit_price: Decimal, share: Fraction) -> int:
    """The charge of a printed line in fen: the one place where settlement rounds."""
    return round_half_up(amount_yuan(quantity, unit_price, share) * 100)


def charge_yuan(rate: Rate, quantity: Fraction, start: datetime, end: datetime, zone: ZoneInfo) -> Fraction:
    """What the quantity costs in [start, end) by one rate, all tiers together, unrounded."""
    share = time_share(rate.per, start, end, zone)
    return sum((amount_yuan(s.quantity, s.unit_price, share) for s in slices(rate, quantity)), Fraction(0))


def held_quantity(tariff: Tariff, rate: Rate, size: Size) -> Fraction:
    """How much of the rate's item a machine of that size holds, in the item's unit."""
    match rate.item:
        case Item.VCPU:
            return Fraction(size.vcpus)
        case Item.MEMORY_GIB:
            return Fraction(size.memory_mib, 1024)
        case Item.STORAGE_GIB:
            return Fraction(_storage_gib(tariff, rate, size.storage_gib))
        case Item.MACHINE:
            return Fraction(1)


def _storage_gib(tariff: Tariff, rate: Rate, held: Mapping[str, int]) -> int:
    if rate.tier is not None:
        return held.get(rate.tier, 0)
    named = {other.tier for other in tariff.rates if other.item is Item.STORAGE_GIB and other.per is rate.per}
    return sum(gib for tier, gib in held.items() if tier not in named)


def unpriced_tiers(tariff: Tariff, size: Size) -> list[str]:
    """Storage tiers the machine holds and the tariff, which prices storage, does not name."""
    named = {rate.tier for rate in tariff.rates if rate.item is Item.STORAGE_GIB}
    return [] if not named or None in named else [tier for tier in size.storage_gib if tier not in named]


def monthly_price(tariffs: PriceBook, pool_code: str, size: Size, at: datetime) -> Fraction:
    """What a machine of that size costs in the whole calendar month of `at`, in yuan, by the prices of that instant.

    One-off fees are left out; what is billed by use is priced as if all that is held were used.
    Refused when no tariff governs the pool then.
    """
    tariff = _tariff_of(tariffs, pool_code, at)
    first, after = month_around(at, tariffs.zone)
    return sum(
        (
            charge_yuan(rate, held_quantity(tariff, rate, size), first, after, tariffs.zone)
            for rate in tariff.rates
            if rate.per is not Per.ONCE
        ),
        Fraction(0),
    )


def whole_month_fen(tariffs: PriceBook, pool_code: str, size: Size, at: datetime) -> int:
    """What settlement charges for the whole calendar month of `at`: line by line, each rounded, by prices of that
    instant; what is billed by use as if all were used.

    Refused where settlement would refuse: without a tariff, and for storage the tariff does not price.
    """
    return _lines_fen(tariffs, pool_code, size, at, month_around(at, tariffs.zone), are_once=False)


def once_fen(tariffs: PriceBook, pool_code: str, size: Size, at: datetime) -> int:
    """What is paid once when a machine of that size is made; Refused as for a month."""
    return _lines_fen(tariffs, pool_code, size, at, (at, at), are_once=True)


def _lines_fen(
    tariffs: PriceBook,
    pool: str,
    size: Size,
    at: datetime,
    during: tuple[datetime, datetime],
    *,
    are_once: bool,
) -> int:
    tariff = _tariff_of(tariffs, pool, at)
    for tier in unpriced_tiers(tariff, size):
        raise Refused(
            "Tariff “{tariff}” prices storage by tier, but not the tier “{tier}”.",
            tariff=tariff.code,
            tier=tier,
        )
    return sum(
        line_fen(part.quantity, part.unit_price, time_share(rate.per, *during, tariffs.zone))
        for rate in tariff.rates
        if (rate.per is Per.ONCE) is are_once
        for part in slices(rate, held_quantity(tariff, rate, size))
    )


def _tariff_of(tariffs: PriceBook, pool: str, at: datetime) -> Tariff:
    tariff = tariffs.tariff_at(pool, at)
    if tariff is None:
        raise Refused(
            "No tariff governs the pool {pool} at {at}.", pool=pool, at=at.astimezone(UTC).isoformat()
        )
    return tariff
