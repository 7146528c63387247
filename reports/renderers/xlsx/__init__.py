"""A document as a workbook: real numbers, formulas with their values, native charts, text that is never a formula."""

from reports.renderers.xlsx.workbook import render_xlsx

__all__ = ["render_xlsx"]
