"""Which reports there are: what each is called, for whom it is, what it is asked with, in which formats it comes."""

from dataclasses import dataclass

from cloudctl.core.errors import Message, NotFound
from cloudctl.core.identity import Role

ALL_FORMATS = ("html", "xlsx", "csv", "json")
PAPER_FORMATS = ("html", "json")


@dataclass(frozen=True, slots=True)
class ReportKind:
    """readers: roles that may read it of everybody; is_for_units: a unit's people may read their own.

    parameters: what may be asked for, required ones first; required: how many of them must be given.
    """

    name: str
    title: Message
    readers: tuple[Role, ...]
    is_for_units: bool
    parameters: tuple[str, ...]
    required: int
    formats: tuple[str, ...]


_MONEY = (Role.FINANCE, Role.OPERATOR, Role.AUDITOR)
_CASES = (Role.PANEL, Role.FINANCE, Role.OPERATOR, Role.AUDITOR)

CATALOGUE = {
    kind.name: kind
    for kind in (
        ReportKind(
            "statement",
            Message("Statement of a unit's month"),
            _MONEY,
            True,
            ("period", "unit"),
            1,
            ALL_FORMATS,
        ),
        ReportKind(
            "summary", Message("Summary of the city's month"), _MONEY, False, ("period",), 1, ALL_FORMATS
        ),
        ReportKind(
            "utilisation",
            Message("Utilisation over a month"),
            _CASES,
            True,
            ("period", "unit"),
            1,
            ALL_FORMATS,
        ),
        ReportKind("dossier", Message("File of one case"), _CASES, True, ("case",), 1, PAPER_FORMATS),
        ReportKind("agenda", Message("Agenda of the expert panel"), _CASES, False, (), 0, PAPER_FORMATS),
        ReportKind(
            "handover",
            Message("Handover sheet of a request"),
            (Role.OPERATOR, Role.AUDITOR),
            True,
            ("request",),
            1,
            ("html", "xlsx", "json"),
        ),
        ReportKind(
            "requests",
            Message("Requests of a year: asked and granted"),
            (*_CASES, Role.APPROVER),
            False,
            ("year",),
            1,
            ("html", "xlsx", "json"),
        ),
    )
}


def find_kind(name: str) -> ReportKind:
    """NotFound for a name that no report has."""
    if name not in CATALOGUE:
        raise NotFound(
            "There is no report “{name}”; there are {names}.", name=name, names=", ".join(CATALOGUE)
        )
    return CATALOGUE[name]
