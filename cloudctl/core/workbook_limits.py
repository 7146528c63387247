"""Looks through a workbook before it is read: what would unfold to more than anybody's form holds is told from afar.

A few kilobytes can say "merge seventeen milliards of cells" or hold millions of rows; a reader that builds cells out of
that runs out of memory long before it can complain.
"""

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from xml.parsers import expat

MAX_BYTES, MAX_UNPACKED, MAX_PARTS = 16 * 1024**2, 128 * 1024**2, 500
MAX_CELLS, MAX_ELEMENTS = 200_000, 2_000_000
_RANGE = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7})(?::\$?([A-Z]{1,3})\$?(\d{1,7}))?")


class TooMuch(Exception):
    """The workbook is not to be read. merged: the range of merged cells that is too large, where that is why."""

    def __init__(self, merged: str | None = None) -> None:
        super().__init__(merged)
        self.merged = merged


def require_measure(path: Path) -> None:
    """Raises TooMuch, BadZipFile and what else opening a file can raise."""
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
            raise TooMuch
        count = _Count()
        for part in parts:
            # By content, whatever the part is called: a workbook names its sheets itself.
            with archive.open(part) as stream:
                parser = expat.ParserCreate()
                parser.StartElementHandler = count.element
                parser.StartDoctypeDeclHandler = count.doctype
                try:
                    parser.ParseFile(stream)
                except expat.ExpatError:
                    # No XML, or broken from here on: whoever reads it gets no farther either.
                    continue


class _Count:
    """Elements, cells and merged cells of all parts together."""

    def __init__(self) -> None:
        self.elements = self.cells = self.merged = 0

    def element(self, name: str, attributes: Mapping[str, str]) -> None:
        kind = name.rpartition(":")[2]
        self.elements += 1
        self.cells += kind == "c"
        if kind == "mergeCell":
            area = attributes.get("ref", "")
            self.merged += _cells_in(area)
            if self.merged > MAX_CELLS:
                raise TooMuch(area)
        if self.elements > MAX_ELEMENTS or self.cells > MAX_CELLS:
            raise TooMuch

    def doctype(self, *_: object) -> None:
        """No workbook has one; entities could unfold."""
        raise TooMuch


def _cells_in(area: str) -> int:
    """Of a range like A1:C3; of anything else more than is allowed."""
    match = _RANGE.fullmatch(area)
    if match is None:
        return MAX_CELLS + 1
    left, top, right, bottom = match.groups()
    if right is None:
        return 1
    width = abs(_column(right) - _column(left)) + 1
    return width * (abs(int(bottom) - int(top)) + 1)


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number
