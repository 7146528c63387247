"""What a spreadsheet makes of text: the guards that keep a cell from becoming a formula or breaking a file."""

import re
from typing import Any

# Text that a spreadsheet would take for a formula; the full-width signs are folded to the plain ones
# by East Asian editions of Excel.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

# The most characters that Excel keeps in one cell.
CELL_LIMIT = 32_767

# Not allowed in XML 1.0 at all, escaped or not: C0 controls but TAB, LF and CR, lone surrogates, U+FFFE and U+FFFF.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


# A number written as text (money is): it computes nothing but itself.
_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)


def csv_cell(value: Any) -> Any:
    """Text that starts like a formula gets a leading apostrophe; numbers never do, nor decimals written as text."""
    if isinstance(value, str) and value.startswith(FORMULA_STARTS) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def clean_text(text: str) -> str:
    """The text with what no XML document can carry replaced by U+FFFD."""
    return _FORBIDDEN.sub("\ufffd", text)


def cell_text(text: str) -> str:
    """Text that fits in one cell of a workbook; what is cut off ends with an ellipsis."""
    clean = clean_text(text)
    return clean if len(clean) <= CELL_LIMIT else clean[: CELL_LIMIT - 1] + "…"
