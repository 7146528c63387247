"""The cell formats of a workbook: one set, made once per workbook."""

from functools import cached_property
from typing import Any

from reports.document import Kind

NUMBER_FORMATS: dict[Kind, str] = {
    "count": "#,##0",
    "number": "#,##0.00",
    "measure": "#,##0.00",
    "money": "#,##0.00",
    "price": "#,##0.00####",
    "percent": "0.0%",
    "rate": "0.00%",
    "share": "0.0%",
    "change": "+0.0%;-0.0%;0.0%",
    "instant": "yyyy-mm-dd hh:mm",
    "date": "yyyy-mm-dd",
}
INK, HAIR, TINT, BAND, WARNING = "#111111", "#A8A8A8", "#F2F2EF", "#FAFAF8", "#A94700"


class Formats:
    """Formats by purpose; xlsxwriter writes each one it is asked for, so the same is asked for once."""

    def __init__(self, book: Any, language: str) -> None:
        self._book = book
        self._cells: dict[tuple[Kind, bool], Any] = {}
        self._made: dict[tuple[tuple[str, Any], ...], Any] = {}
        self._body = "宋体" if language.startswith("zh") else "Arial"
        self._head = "黑体" if language.startswith("zh") else "Arial"

    def make(self, **properties: Any) -> Any:
        wanted = {"font_name": self._body, "font_size": 10, "valign": "vcenter"} | properties
        key = tuple(sorted(wanted.items()))
        if key not in self._made:
            self._made[key] = self._book.add_format(wanted)
        return self._made[key]

    def cell(self, kind: Kind, *, is_total: bool = False) -> Any:
        """The format of a cell of that kind; asked for once per cell, so it is looked up and not put together."""
        key = (kind, is_total)
        if key not in self._cells:
            self._cells[key] = self._cell(kind, is_total=is_total)
        return self._cells[key]

    def _cell(self, kind: Kind, *, is_total: bool) -> Any:
        properties: dict[str, Any] = {"border": 1, "border_color": HAIR}
        if kind in NUMBER_FORMATS:
            properties["num_format"] = NUMBER_FORMATS[kind]
        if kind in ("instant", "date"):
            properties["align"] = "center"
        if kind in ("text", "code"):
            properties["text_wrap"] = True
        if is_total:
            properties |= {"bold": True, "bg_color": TINT, "top": 2, "top_color": INK}
        return self.make(**properties)

    @cached_property
    def title(self) -> Any:
        return self.make(font_name=self._head, font_size=18, bold=True, align="center")

    @cached_property
    def subtitle(self) -> Any:
        return self.make(font_size=12, align="center")

    @cached_property
    def part(self) -> Any:
        return self.make(font_name=self._head, font_size=14, bold=True, align="center")

    @cached_property
    def caption(self) -> Any:
        return self.make(font_name=self._head, bold=True, font_size=11)

    @cached_property
    def left(self) -> Any:
        return self.make()

    @cached_property
    def right(self) -> Any:
        return self.make(align="right")

    @cached_property
    def note(self) -> Any:
        return self.make(font_size=9, font_color="#4A4A4A", text_wrap=True, valign="top")

    @cached_property
    def text(self) -> Any:
        return self.make(text_wrap=True, valign="top")

    @cached_property
    def heading(self) -> Any:
        return self.make(
            font_name=self._head,
            bold=True,
            align="center",
            bg_color=TINT,
            border=1,
            border_color=HAIR,
            bottom=2,
            bottom_color=INK,
            text_wrap=True,
        )

    @cached_property
    def band(self) -> Any:
        return self.make(
            font_name=self._head, bold=True, align="center", bg_color=TINT, border=1, border_color=HAIR
        )

    @cached_property
    def fact_name(self) -> Any:
        return self.make(bg_color=TINT, border=1, border_color=HAIR, font_color="#4A4A4A", text_wrap=True)

    @cached_property
    def fact_value(self) -> Any:
        return self.make(border=1, border_color=HAIR, text_wrap=True)

    @cached_property
    def amount(self) -> Any:
        return self.make(
            font_name=self._head,
            bold=True,
            font_size=16,
            num_format="#,##0.00",
            border=1,
            border_color=INK,
            align="left",
        )

    @cached_property
    def capitals(self) -> Any:
        return self.make(bold=True, font_size=13, border=1, border_color=INK, text_wrap=True)

    @cached_property
    def total_label(self) -> Any:
        return self.make(
            bold=True, align="center", bg_color=TINT, border=1, border_color=HAIR, top=2, top_color=INK
        )

    def notice(self, level: str) -> Any:
        colour = INK if level == "plain" else WARNING
        return self.make(
            font_name=self._head,
            bold=level == "simulated",
            font_color=colour,
            border=1,
            border_color=colour,
            align="center" if level == "simulated" else "left",
            text_wrap=True,
            bg_color="#FFF6EE" if level == "simulated" else "#FFFFFF",
        )

    def figure(self, kind: Kind) -> Any:
        properties = {"num_format": NUMBER_FORMATS[kind]} if kind in NUMBER_FORMATS else {}
        return self.make(
            font_name=self._head,
            bold=True,
            font_size=13,
            align="left",
            border=1,
            border_color=HAIR,
            **properties,
        )
