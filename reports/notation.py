"""How figures are written for people: money, shares, quantities and times, the same in every report."""

from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from reports.document import Cell, Kind

NOTHING = "—"
MINUS = "−"


def shown(value: Cell, kind: Kind, zone: ZoneInfo) -> str:
    """A cell as text; what is unknown is a dash, never 0 and never empty. Empty text is what does not apply."""
    if value is None:
        return NOTHING
    if isinstance(value, datetime):
        return day_text(value, zone) if kind == "date" else instant_text(value, zone)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return value
    return figure_text(value, kind)


def figure_text(value: int | float | Decimal, kind: Kind) -> str:
    if kind == "money":
        return money_text(int(value))
    if kind in ("percent", "share"):
        return percent_text(float(value))
    if kind == "rate":
        return percent_text(float(value), 2)
    if kind == "change":
        return change_text(float(value))
    if kind == "price":
        return price_text(Decimal(value))
    return measure_text(float(value)) if kind == "measure" else number_text(value)


def money_text(amount_fen: int) -> str:
    """Fen as yuan with thousands separators: 1640902 is 16,409.02."""
    whole, fen = divmod(abs(amount_fen), 100)
    return f"{MINUS if amount_fen < 0 else ''}{whole:,}.{fen:02d}"


def price_text(price: Decimal) -> str:
    """At least two places, more where the price has them."""
    places = max(2, -int(price.normalize().as_tuple().exponent))
    return f"{price:,.{places}f}".replace("-", MINUS)


def percent_text(share: float, places: int = 1) -> str:
    return f"{share * 100:.{places}f}%".replace("-", MINUS)


def change_text(share: float) -> str:
    """A signed share: what a figure is against another."""
    text = f"{share * 100:+.1f}%".replace("-", MINUS)
    return "0.0%" if text in ("+0.0%", f"{MINUS}0.0%") else text


def number_text(value: int | float | Decimal) -> str:
    """At most two places, and none that say nothing."""
    exact = Decimal(repr(value) if isinstance(value, float) else value)
    rounded = exact.quantize(Decimal("0.01"), ROUND_HALF_UP)
    text = f"{rounded:,}".rstrip("0").rstrip(".") if rounded % 1 else f"{rounded:,.0f}"
    return text.replace("-", MINUS)


def measure_text(value: float) -> str:
    """Three to four digits that say something: 7.52, 118.4, 9,931."""
    places = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2
    text = f"{value:,.{places}f}"
    return (text.rstrip("0").rstrip(".") if places else text).replace("-", MINUS)


def instant_text(value: datetime, zone: ZoneInfo) -> str:
    """To the minute, and to the second where that is not 0."""
    local = value.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M:%S}" if local.second or local.microsecond else f"{local:%Y-%m-%d %H:%M}"


def day_text(value: datetime, zone: ZoneInfo) -> str:
    return f"{value.astimezone(zone):%Y-%m-%d}"


def span_text(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """[start, end): whole days as first and last day, anything else to the minute."""
    if all(f"{at.astimezone(zone):%H%M%S%f}" == "000000000000" for at in (start, end)):
        return f"{day_text(start, zone)} – {day_text(end - timedelta(microseconds=1), zone)}"
    return f"{instant_text(start, zone)} – {instant_text(end, zone)}"
