"""Spreadsheets that people fill in and hand back: what a form asks, and the workbook it is handed out as."""
