"""Money: fen as integers, prices as Decimal, and the one place where anything is rounded."""

from decimal import Decimal, InvalidOperation
from fractions import Fraction


def round_half_up(amount: Fraction) -> int:
    """The nearest integer; a half goes away from zero, so that a reversal is the exact negative."""
    whole, rest = divmod(abs(amount.numerator), amount.denominator)
    rounded = whole + (1 if 2 * rest >= amount.denominator else 0)
    return rounded if amount >= 0 else -rounded


def yuan_text(amount_fen: int) -> str:
    """Fen as the decimal string of the contract: 16000 is "160.00"."""
    sign = "-" if amount_fen < 0 else ""
    return f"{sign}{abs(amount_fen) // 100}.{abs(amount_fen) % 100:02d}"


def parse_fen(text: str) -> int:
    """A decimal string of yuan, at most two places, as fen. ValueError on anything else, floats included."""
    price = parse_decimal(text)
    fen = price * 100
    if fen != fen.to_integral_value():
        raise ValueError(f"more than two decimal places: {text}")
    return int(fen)


def parse_decimal(text: str) -> Decimal:
    """A finite decimal written as text. ValueError on anything else; a float is refused, for it is not exact."""
    if not isinstance(text, str):
        raise ValueError(f"write it as text, in quotes: {text!r}")
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"not a decimal number: {text!r}") from None
    if not number.is_finite():
        raise ValueError(f"not a finite number: {text!r}")
    return number
