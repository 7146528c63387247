"""Formulas of a workbook: sums and ratios that say how a figure came about."""

from xlsxwriter.utility import xl_range_abs, xl_rowcol_to_cell

from reports.document import Column, RatioOf, SumOf
from reports.renderers.xlsx.plan import TablePlace


def column_sum(place: TablePlace, at: int) -> str:
    """The sum of one column of a table, rounded as money is, because a workbook counts in binary fractions."""
    cells = f"SUM({_local(place, at)})"
    return f"=ROUND({cells},2)" if place.table.columns[at].kind == "money" else f"={cells}"


def total_reference(place: TablePlace, key: str) -> str:
    """The cell under a column in another sheet's row of sums."""
    at = place.table.index(key)
    return f"={_quoted(place.sheet)}!{xl_rowcol_to_cell(place.total, at, True, True)}"


def row_formula(column: Column, own: TablePlace, row: int, places: dict[str, TablePlace]) -> str | None:
    """What a workbook computes in a cell of `row`; None where the value itself has to stand there."""
    if isinstance(column.formula, RatioOf):
        dividend = xl_rowcol_to_cell(row, own.table.index(column.formula.dividend))
        divisor = xl_rowcol_to_cell(row, own.table.index(column.formula.divisor))
        return f'=IF(N({divisor})=0,"",{dividend}/{divisor})'
    if isinstance(column.formula, SumOf) and places[column.formula.table].table.rows:
        return _sum_of(column.formula, own, row, places[column.formula.table])
    return None


def _sum_of(wanted: SumOf, own: TablePlace, row: int, other: TablePlace) -> str:
    """EXACT and not SUMIFS: a criterion is a pattern there, so a name like "*" or ">0" would match others."""
    conditions = [
        f"EXACT({_range(other, theirs)},{xl_rowcol_to_cell(row, own.table.index(ours), False, True)})"
        for ours, theirs in wanted.match
    ]
    conditions += [f"EXACT({_range(other, key)},{_literal(text)})" for key, text in wanted.where]
    return f"=ROUND(SUMPRODUCT({'*'.join([*conditions, _range(other, wanted.column)])}),2)"


def _range(place: TablePlace, key: str) -> str:
    return f"{_quoted(place.sheet)}!{_local(place, place.table.index(key), absolute=True)}"


def _local(place: TablePlace, at: int, *, absolute: bool = False) -> str:
    cells = xl_range_abs(place.first, at, place.after - 1, at)
    return str(cells if absolute else cells.replace("$", ""))


def _literal(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _quoted(sheet: str) -> str:
    return "'" + sheet.replace("'", "''") + "'"
