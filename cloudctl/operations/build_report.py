"""Builds reports into files: who may read what, figures read once, every file written whole or not at all."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from cloudctl.core.audit import digest, preferred_algorithm
from cloudctl.core.clock import month_bounds
from cloudctl.core.errors import InvalidInput, NotFound, Refused, Unreachable, UsageError, problem
from cloudctl.core.estate import find_unit
from cloudctl.operations.context import Context
from cloudctl.operations.rehearsal import rehearsal
from cloudctl.operations.requests.machine_addresses import machine_addresses
from cloudctl.operations.requests.show_requests import read_totals
from cloudctl.operations.review.case_steps import rules_of
from cloudctl.operations.settlement.deem_statements import deem_statements
from metering.samples.store import FOLDER, SampleStore
from policies.store import find_case
from reports.catalogue import CATALOGUE, ReportKind, find_kind
from reports.datasets.shared import Imprint, Named
from reports.layouts.wording import Reader
from reports.render import Report, render
from reports.sources.case import CaseReader, agenda_report, case_reader, case_report
from reports.sources.month import Month, read_month
from reports.sources.requests import read_handover, read_requests
from reports.sources.statement import statement_report
from reports.sources.summary import summary_report
from reports.sources.utilisation import read_utilisation


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What is asked for. unit None: every unit the person may read."""

    name: str
    period: str | None = None
    unit: str | None = None
    case: int | None = None
    request: int | None = None
    year: int | None = None
    formats: tuple[str, ...] = ("html",)


@dataclass(frozen=True, slots=True)
class BuiltFile:
    """One file that was written."""

    report: str
    unit: str | None
    format: str
    path: Path
    bytes: int
    algorithm: str
    hash: str


def list_reports(ctx: Context) -> list[dict[str, Any]]:
    """Every report: name, title, who reads it, what it is asked with, its formats, and whether this person may."""
    return [
        {
            "report": kind.name,
            "title": ctx.texts.message(kind.title),
            "audience": [ctx.texts.label("role", role) for role in kind.readers]
            + ([ctx.texts.label("role", "unit")] if kind.is_for_units else []),
            "parameters": list(kind.parameters),
            "formats": list(kind.formats),
            "is_allowed": ctx.actor.has(*kind.readers) or (kind.is_for_units and ctx.actor.unit is not None),
        }
        for kind in CATALOGUE.values()
    ]


def build_report(
    ctx: Context, request: ReportRequest, folder: Path, *, dry_run: bool = False
) -> list[BuiltFile]:
    """Writes the files of one request into `folder`; dry_run: says which, and what they would hold.

    NotFound, Refused, UsageError, InvalidInput; Unreachable where a file cannot be written.
    """
    kind = find_kind(request.name)
    _check_request(kind, request)
    unit = _readable_unit(ctx, kind, request.unit)
    if kind.name in ("statement", "summary"):
        deem_statements(rehearsal(ctx) if dry_run else ctx)
    reader = Reader(ctx.texts, ctx.site.zone)
    built = []
    with ctx.reading() as session:
        for stem, owner, report in _reports(ctx, session, request, unit):
            for format_ in request.formats:
                path, content = folder / _file_name(stem, format_, ctx), render(report, format_, reader)
                if not dry_run:
                    _write(path, content)
                sealed = (len(content), preferred_algorithm(), digest(content))
                built.append(BuiltFile(kind.name, owner, format_, path, *sealed))
    return built


def _check_request(kind: ReportKind, request: ReportRequest) -> None:
    given = {
        "period": request.period,
        "unit": request.unit,
        "case": request.case,
        "request": request.request,
        "year": request.year,
    }
    for name in kind.parameters[: kind.required]:
        if given[name] is None:
            raise UsageError("The report “{report}” needs --{option}.", report=kind.name, option=name)
    for name, value in given.items():
        if value is not None and name not in kind.parameters:
            raise UsageError("The report “{report}” takes no --{option}.", report=kind.name, option=name)
    if not request.formats:
        raise UsageError("Name at least one format: {formats}.", formats=", ".join(kind.formats))
    for format_ in request.formats:
        if format_ not in kind.formats:
            raise UsageError(
                "The report “{report}” has no format “{format}”; it has {formats}.",
                report=kind.name,
                format=format_,
                formats=", ".join(kind.formats),
            )


def _readable_unit(ctx: Context, kind: ReportKind, unit: str | None) -> str | None:
    """The unit to report on: a unit's own people get their own, whether they name it or not."""
    if ctx.actor.has(*kind.readers):
        return unit
    own = ctx.actor.unit
    if not kind.is_for_units or own is None:
        ctx.actor.require(*kind.readers)
    if unit not in (None, own):
        raise Refused("{login} may read the reports of unit {unit} alone.", login=ctx.actor.login, unit=own)
    return own


def _reports(
    ctx: Context, session: Session, request: ReportRequest, unit: str | None
) -> Iterator[tuple[str, str | None, Report]]:
    """(the file's name without ending, the unit it is about, the report) of everything asked for."""
    builders: dict[str, Callable[..., Iterator[tuple[str, str | None, Report]]]] = {
        "statement": _statements,
        "summary": _summary,
        "utilisation": _utilisation,
        "dossier": _dossier,
        "handover": _handover,
        "requests": _requests,
        "agenda": _agenda,
    }
    return builders[request.name](ctx, session, request, unit)


def _statements(
    ctx: Context, session: Session, request: ReportRequest, unit: str | None
) -> Iterator[tuple[str, str | None, Report]]:
    assert request.period is not None
    if unit is not None:
        find_unit(session, unit)
    month = _month(ctx, session, request.period, ("vm", "system", "unit"))
    wanted = [s for s in month.period.statements if unit is None or s.unit == unit]
    if unit is not None and not wanted:
        raise NotFound("Unit {unit} has no statement for {period}.", unit=unit, period=request.period)
    counted: dict[str, int] = {}
    for statement in sorted(wanted, key=lambda s: (s.unit, s.provider)):
        counted[statement.unit] = counted.get(statement.unit, 0) + 1
        number = counted[statement.unit]
        # Most units have one provider; further ones are told apart in the order of the providers' names.
        stem = f"statement-{request.period}-{statement.unit}" + (f"-{number}" if number > 1 else "")
        yield stem, statement.unit, statement_report(month, statement)


def _summary(
    ctx: Context, session: Session, request: ReportRequest, _unit: str | None
) -> Iterator[tuple[str, str | None, Report]]:
    assert request.period is not None
    month = _month(ctx, session, request.period, ("unit", "pool", "cloud"))
    yield f"summary-{request.period}", None, summary_report(month)


def _utilisation(
    ctx: Context, session: Session, request: ReportRequest, unit: str | None
) -> Iterator[tuple[str, str | None, Report]]:
    assert request.period is not None
    row = find_unit(session, unit) if unit is not None else None
    window = _past_month(ctx, request.period)
    who = Named(row.code, row.name) if row else None
    report = read_utilisation(session, _store(ctx), window, who, _imprint(ctx))
    yield f"utilisation-{request.period}" + (f"-{row.code}" if row else ""), unit, report


def _past_month(ctx: Context, period: str) -> tuple[datetime, datetime]:
    """The month's bounds, as far as it has passed. InvalidInput for one that has not begun."""
    start, end = month_bounds(period, ctx.site.zone)
    if start >= ctx.clock.now():
        raise InvalidInput([problem("", "The month {period} has not begun.", period=period)])
    return start, min(end, ctx.clock.now())


def _dossier(
    ctx: Context, session: Session, request: ReportRequest, unit: str | None
) -> Iterator[tuple[str, str | None, Report]]:
    assert request.case is not None
    row = find_case(session, request.case)
    report = case_report(_cases(ctx, session), row)
    if unit is not None and report.unit.code != unit:
        raise Refused("{login} may read the reports of unit {unit} alone.", login=ctx.actor.login, unit=unit)
    yield f"dossier-{row.id}", report.unit.code, report


def _handover(
    ctx: Context, session: Session, request: ReportRequest, unit: str | None
) -> Iterator[tuple[str, str | None, Report]]:
    assert request.request is not None
    addresses = machine_addresses(ctx, session, request.request)
    report = read_handover(session, request.request, _imprint(ctx), ctx.site.zone, addresses)
    if unit is not None and report.unit.code != unit:
        raise Refused("{login} may read the reports of unit {unit} alone.", login=ctx.actor.login, unit=unit)
    yield f"handover-{report.request}", report.unit.code, report


def _requests(
    ctx: Context, session: Session, request: ReportRequest, _unit: str | None
) -> Iterator[tuple[str, str | None, Report]]:
    assert request.year is not None
    found = read_totals(ctx, session, request.year)
    yield f"requests-{request.year}", None, read_requests(session, request.year, found, _imprint(ctx))


def _agenda(
    ctx: Context, session: Session, _request: ReportRequest, _unit: str | None
) -> Iterator[tuple[str, str | None, Report]]:
    day = ctx.clock.now().astimezone(ctx.site.zone)
    yield f"agenda-{day:%Y-%m-%d}", None, agenda_report(_cases(ctx, session))


def _cases(ctx: Context, session: Session) -> CaseReader:
    return case_reader(
        session,
        _imprint(ctx),
        rules_of(ctx, session),
        is_secret=ctx.settings.review.secret_ballot,
        now=ctx.clock.now(),
    )


def _month(ctx: Context, session: Session, period: str, groups: Sequence[str]) -> Month:
    now, zone = ctx.clock.now(), ctx.site.zone
    return read_month(session, _store(ctx), period, _imprint(ctx), zone, now, groups)


def _store(ctx: Context) -> SampleStore:
    return SampleStore(ctx.home / FOLDER, ctx.clock)


def _imprint(ctx: Context) -> Imprint:
    return Imprint(ctx.site.name, ctx.site.currency, ctx.clock.now(), ctx.actor.login)


def _file_name(stem: str, format_: str, ctx: Context) -> str:
    """Names are made of codes; whatever a code holds, it stays one file in the folder. Pages that people read say
    their language when it is not the site's."""
    safe = re.sub(r"[^\w.-]", "_", stem, flags=re.ASCII)
    is_translated = format_ in ("html", "xlsx") and ctx.texts.language != ctx.site.language
    return f"{safe}.{ctx.texts.language}.{format_}" if is_translated else f"{safe}.{format_}"


def _write(path: Path, content: bytes) -> None:
    """Under another name first, so that nobody ever reads half a report."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as failure:
        with suppress(OSError):
            temporary.unlink()
        raise Unreachable(
            "The report cannot be written to {path}: {reason}", path=str(path), reason=failure.strerror
        ) from None
