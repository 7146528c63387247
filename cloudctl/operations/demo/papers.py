"""The month's papers: every unit's statement, the city's summary, the panel's agenda, files of some cases."""

from pathlib import Path

from cloudctl.operations.build_report import BuiltFile, ReportRequest, build_report
from cloudctl.operations.demo.asking import build_year
from cloudctl.operations.demo.settling import PERIOD
from cloudctl.operations.demo.troupe import Troupe

EVERY_FORMAT = ("html", "xlsx", "csv", "json")


def build_agenda(troupe: Troupe, folder: Path) -> None:
    """What the panel is to vote on as things stand."""
    build_report(troupe.acting(troupe.cast.panel[0]), ReportRequest("agenda"), folder / "review")


def build_papers(troupe: Troupe, folder: Path, cases: list[int]) -> list[BuiltFile]:
    """Finance's papers and the panel's, each by who may read them."""
    finance, panel = troupe.acting(troupe.cast.finance[0]), troupe.acting(troupe.cast.panel[0])
    requests = [
        (finance, ReportRequest("summary", PERIOD, formats=EVERY_FORMAT), "."),
        (finance, ReportRequest("statement", PERIOD, formats=EVERY_FORMAT), "statements"),
        (panel, ReportRequest("utilisation", PERIOD, formats=("html", "xlsx")), "."),
        (panel, ReportRequest("agenda"), "review"),
        *((panel, ReportRequest("dossier", case=case), "review") for case in cases),
    ]
    papers = [built for ctx, request, name in requests for built in build_report(ctx, request, folder / name)]
    return papers + build_year(panel, folder / "requests")
