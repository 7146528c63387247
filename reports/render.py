"""A report's figures as a file of one format."""

from reports.datasets.case import AgendaReport, CaseReport
from reports.datasets.requests import HandoverReport, RequestsReport
from reports.datasets.statement import StatementReport
from reports.datasets.summary import SummaryReport
from reports.datasets.utilisation import UtilisationReport
from reports.document import Document
from reports.flat import Row, statement_rows, summary_rows, utilisation_rows
from reports.layouts.agenda import lay_out_agenda
from reports.layouts.case_file import lay_out_case
from reports.layouts.handover import lay_out_handover
from reports.layouts.requests import lay_out_requests
from reports.layouts.statement import lay_out_statement
from reports.layouts.summary import lay_out_summary
from reports.layouts.utilisation import lay_out_utilisation
from reports.layouts.wording import Reader
from reports.renderers.csv import render_csv
from reports.renderers.html import render_html
from reports.renderers.json import render_json
from reports.renderers.xlsx import render_xlsx

Report = (
    StatementReport
    | SummaryReport
    | UtilisationReport
    | CaseReport
    | AgendaReport
    | HandoverReport
    | RequestsReport
)


def render(report: Report, format_: str, reader: Reader) -> bytes:
    """The same bytes for the same figures, language and format. ValueError for a format the report does not have."""
    if format_ == "html":
        return render_html(lay_out(report, reader))
    if format_ == "xlsx":
        return render_xlsx(lay_out(report, reader))
    if format_ == "json":
        return render_json(report, reader.zone)
    if format_ == "csv":
        keys, rows = _flat(report)
        return render_csv(keys, rows, reader.zone)
    raise ValueError(f"not a format: {format_}")


def lay_out(report: Report, reader: Reader) -> Document:
    if isinstance(report, StatementReport):
        return lay_out_statement(report, reader)
    if isinstance(report, SummaryReport):
        return lay_out_summary(report, reader)
    if isinstance(report, UtilisationReport):
        return lay_out_utilisation(report, reader)
    if isinstance(report, CaseReport):
        return lay_out_case(report, reader)
    if isinstance(report, HandoverReport):
        return lay_out_handover(report, reader)
    if isinstance(report, RequestsReport):
        return lay_out_requests(report, reader)
    return lay_out_agenda(report, reader)


def _flat(report: Report) -> tuple[list[str], list[Row]]:
    if isinstance(report, StatementReport):
        return statement_rows(report)
    if isinstance(report, SummaryReport):
        return summary_rows(report)
    if isinstance(report, UtilisationReport):
        return utilisation_rows(report)
    raise ValueError("case files and agendas have no table of their own")
