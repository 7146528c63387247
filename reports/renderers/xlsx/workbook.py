"""The workbook: sheets in the document's order, print set-up, charts, the same bytes for the same document."""

import io
from typing import Any

import xlsxwriter

from cloudctl.core.spreadsheet import cell_text
from reports.document import Document
from reports.renderers.xlsx.blocks import Pen
from reports.renderers.xlsx.charts import ChartSheet
from reports.renderers.xlsx.formats import Formats
from reports.renderers.xlsx.plan import Sheet, TablePlace, plan_sheets, table_places

# Text never becomes a formula, a link or a number, whatever it looks like.
OPTIONS = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


def render_xlsx(document: Document) -> bytes:
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, OPTIONS) as book:
        _describe(book, document)
        sheets = plan_sheets(document)
        places = table_places(sheets)
        formats = Formats(book, document.language)
        pages = [book.add_worksheet(sheet.part.sheet) for sheet in sheets]
        charts = ChartSheet(book, document)
        for sheet, page in zip(sheets, pages, strict=True):
            _set_up(page, document, sheet, places)
            Pen(page, document, sheet, formats, places, charts).write()
        charts.finish()
    return target.getvalue()


def _describe(book: Any, document: Document) -> None:
    created = document.generated_at.astimezone(document.zone).replace(tzinfo=None, microsecond=0)
    book.set_properties(
        {
            "title": cell_text(f"{document.title} {document.subtitle}"),
            "subject": cell_text(document.reference),
            "company": cell_text(document.organisation),
            "author": "cloudctl",
            "created": created,
        }
    )
    book.set_calc_mode("auto")


def _set_up(page: Any, document: Document, sheet: Sheet, places: dict[str, TablePlace]) -> None:
    page.hide_gridlines(2)
    page.set_paper(9)
    page.set_margins(left=0.6, right=0.6, top=0.8, bottom=0.75)
    page.fit_to_pages(1, 0)
    page.center_horizontally()
    if sheet.part.is_wide:
        page.set_landscape()
    stamp = f" · {document.stamp}" if document.stamp else ""
    page.set_header(f"&L&8{_header(document.organisation + stamp)}&R&8{_header(document.reference)}")
    pages = _header(document.page_label).replace("{page}", "&P").replace("{pages}", "&N")
    page.set_footer(f"&L&8{_header(document.footer)}&R&8{pages}")
    for at, width in enumerate(sheet.widths):
        page.set_column(at, at, width)
    own = [place for place in places.values() if place.sheet == sheet.part.sheet and place.table.rows]
    if len(own) == 1 and not sheet.is_front:
        page.freeze_panes(own[0].first, 0)
        page.repeat_rows(own[0].heading)
        page.autofilter(own[0].heading, 0, own[0].after - 1, len(own[0].table.columns) - 1)


def _header(text: str) -> str:
    """Text of a page header: an ampersand would begin a code there, and there is room for 255 characters in all."""
    shown = cell_text(text)[:70].replace("&", "&&")
    # A digit right after the size of the letters would be taken for a part of it.
    return f" {shown}" if shown[:1].isdigit() else shown
