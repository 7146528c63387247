"""How help is laid out: Chinese characters take two columns and break anywhere, English breaks at spaces."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from unicodedata import east_asian_width

import click

WIDE = r"\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef"
# Punctuation that may not begin a line.
CLOSING = "，。；：！？、）》」』”’"


def cell_width(text: str) -> int:
    """Columns a terminal needs for the text."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` columns; a longer word stands alone on its line."""
    lines = [""]
    for piece in _pieces(text):
        if cell_width(lines[-1] + piece.rstrip()) > width and lines[-1].strip():
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
    return [line.rstrip() for line in lines]


@cache
def _pattern() -> re.Pattern[str]:
    """One character that may stand at a line's end, a run of spaces, or a word that stays whole.

    Made when help is first laid out: every command starts without it.
    """
    return re.compile(rf"[{WIDE}]|\s+|[^\s{WIDE}]+")


def _pieces(text: str) -> Iterator[str]:
    """Pieces with the punctuation that belongs to them."""
    held = ""
    for piece in _pattern().findall(text):
        if held and piece not in CLOSING:
            yield held
            held = ""
        held += piece
    if held:
        yield held


class HelpFormatter(click.HelpFormatter):
    """click's page, measured in columns."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        head = f"{prefix or ''}{prog} "
        indent = " " * cell_width(head)
        lines = wrapped(args, max(self.width - len(indent), 20))
        self.write(head + f"\n{indent}".join(lines) + "\n")

    def write_heading(self, heading: str) -> None:
        self.write(f"{'':>{self.current_indent}}{heading}\n")

    def write_text(self, text: str) -> None:
        indent = " " * self.current_indent
        self.write("".join(f"{indent}{line}\n" for line in wrapped(text, self.width - self.current_indent)))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        table = list(rows)
        first_width = min(max(cell_width(first) for first, _ in table), col_max) + col_spacing
        indent = " " * self.current_indent
        for first, second in table:
            fits = cell_width(first) <= first_width - col_spacing
            lines = wrapped(second, max(self.width - first_width - self.current_indent, 10)) or [""]
            head = first + " " * (first_width - cell_width(first)) + lines.pop(0) if fits else first
            body = "".join(f"{indent}{'':>{first_width}}{line}\n" for line in lines)
            self.write(f"{indent}{head.rstrip()}\n{body}")


class TranslatedContext(click.Context):
    """A context whose pages are laid out in columns."""

    formatter_class = HelpFormatter
