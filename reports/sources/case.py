"""Case files and the panel's agenda, from the review's ledger and its frozen evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from cloudctl.core.clock import parse_instant
from cloudctl.core.estate import people
from cloudctl.core.money import parse_fen
from cloudctl.core.quantity import Size
from policies import panel
from policies.panel import CaseState, Decision
from policies.rule import rule_from_json
from policies.sizing import amount_of
from policies.store import CaseFilter, cases, events, evidence, find_rule, read_case, votes
from policies.tables import CaseRow, EvidenceRow
from reports.datasets.case import (
    AgendaReport,
    Ballot,
    CaseReport,
    HistoryStep,
    MeterEvidence,
    PanelMember,
    RuleShown,
)
from reports.datasets.shared import Curve, Imprint
from reports.sources.estate import Estate, read_estate

METERS = ("cpu", "memory", "storage")
# What one unit of a size comes to in the evidence chart's unit.
CHART_UNIT = {"cpu": 1000, "memory": 1, "storage": 1024}


@dataclass(frozen=True, slots=True)
class CaseReader:
    """What all case files of one report share. now: when the report is made."""

    session: Session
    imprint: Imprint
    rules: panel.Rules
    is_secret: bool
    now: datetime
    estate: Estate
    names: Mapping[str, str]

    def name(self, login: str) -> str:
        return self.names.get(login, login)


def case_reader(
    session: Session, imprint: Imprint, rules: panel.Rules, *, is_secret: bool, now: datetime
) -> CaseReader:
    names = {person.login: person.name for person in people(session, removed=True)}
    return CaseReader(session, imprint, rules, is_secret, now, read_estate(session), names)


def agenda_report(reader: CaseReader) -> AgendaReport:
    """Every case the panel may vote on now, and those that the unit's consent settles."""
    to_vote, accepted = [], []
    for row in cases(reader.session, CaseFilter(is_open=True)):
        case = read_case(reader.session, row, reader.now)
        if panel.is_settled_by_answer(case, reader.rules):
            accepted.append(row)
        elif _may_be_voted_on(case):
            to_vote.append(row)
    units = reader.rules.panel
    return AgendaReport(
        imprint=_imprint(reader, [*to_vote, *accepted]),
        at=reader.now,
        quorum=reader.rules.quorum,
        members=tuple(
            PanelMember(login, reader.name(login), reader.estate.unit(unit) if unit else None)
            for login, unit in sorted(units.items())
        ),
        votes=tuple(case_report(reader, row) for row in to_vote),
        accepted=tuple(case_report(reader, row) for row in accepted),
    )


def _may_be_voted_on(case: panel.Case) -> bool:
    if case.state not in panel.ACTS["vote"]:
        return False
    return case.state is not CaseState.NOTIFIED or case.answer_is_late


def _imprint(reader: CaseReader, rows: Sequence[CaseRow]) -> Imprint:
    codes = {pool.id: pool.code for pool in reader.estate.pools.values()}
    old = reader.imprint
    return Imprint(
        old.site,
        old.currency,
        old.generated_at,
        old.generated_by,
        reader.estate.simulated({codes[row.pool_id] for row in rows}),
    )


def case_report(reader: CaseReader, row: CaseRow) -> CaseReport:
    """The case whole. With a secret ballot nobody's vote is told, and no count before the decision."""
    session, estate = reader.session, reader.estate
    case = read_case(session, row, reader.now)
    paper = evidence(session, row.id)
    document = paper.document
    risk, price, recent = (
        document.get("risk") or {},
        document.get("price") or {},
        document.get("recent") or {},
    )
    waiting = panel.eligible(case, reader.rules)
    voted = {ballot.voter for ballot in panel.present_ballots(case)}
    is_votable = _may_be_voted_on(case)
    return CaseReport(
        imprint=_imprint(reader, [row]),
        case=row.id,
        kind=row.kind,
        state=row.state,
        vm=document["vm"],
        system=estate.system(document["system"]),
        unit=estate.unit(document["unit"]),
        pool=estate.pool(document["pool"]),
        start=row.window_start,
        end=row.window_end,
        rule=_rule(session, document["rule"]["version"]),
        size=Size.from_json(row.from_size),
        target=Size.from_json(row.to_size) if row.to_size else None,
        remedy=row.remedy,
        outcome=row.outcome,
        lack=document.get("lack"),
        exemption=document.get("exemption"),
        resized_at=parse_instant(document["resized_at"]) if document.get("resized_at") else None,
        monthly_fen=parse_fen(price["monthly"]) if price.get("monthly") else None,
        monthly_saving_fen=row.monthly_saving_fen,
        over_share=risk.get("over_share"),
        tight_share=risk.get("tight_share"),
        steal_share=document.get("steal_share"),
        memory_coarse_share=document.get("memory_coarse_share"),
        network_bytes_per_s=recent.get("network_bytes_per_s"),
        disk_written_bytes_per_s=recent.get("disk_written_bytes_per_s"),
        meters=tuple(_meter(meter, document, row) for meter in METERS),
        opened_by=reader.name(row.opened_by),
        opened_at=row.opened_at,
        notified_at=row.notified_at,
        answer_by=row.answer_by,
        answer=row.answer,
        answer_text=row.answer_text,
        round=row.round,
        quorum=reader.rules.quorum,
        is_secret=reader.is_secret,
        ballots=_ballots(reader, row),
        tally=_tally(reader, case),
        to_vote=tuple(reader.name(login) for login in waiting if login not in voted)
        if is_votable and not reader.is_secret
        else (),
        recused=tuple(reader.name(login) for login in sorted(reader.rules.panel) if login not in waiting),
        decision=row.decision,
        decided_at=row.decided_at,
        appealed_at=row.appealed_at,
        scheduled_for=row.scheduled_for,
        executed_at=row.executed_at,
        executed_by=reader.name(row.executed_by) if row.executed_by else None,
        before_size=Size.from_json(row.before_size) if row.before_size else None,
        watch_until=row.watch_until,
        rollback_proposed_at=row.rollback_proposed_at,
        rolled_back_at=row.rolled_back_at,
        history=tuple(
            HistoryStep(event.at, reader.name(event.actor), event.step, event.state, event.text)
            for event in events(session, row.id)
            if not (reader.is_secret and event.step == "vote")
        ),
        **_hash(paper),
    )


def _hash(paper: EvidenceRow) -> dict[str, str]:
    return {"evidence_algorithm": paper.algorithm, "evidence_hash": paper.hash}


def _rule(session: Session, version: int) -> RuleShown:
    row = find_rule(session, version)
    rule = rule_from_json(row.document)
    return RuleShown(
        version,
        row.hash,
        rule.mark.window_days,
        str(rule.mark.mean_below),
        str(rule.mark.coverage_at_least),
        str(rule.target.p95_at_most),
        str(rule.target.max_below),
    )


def _meter(meter: str, document: Mapping[str, Any], row: CaseRow) -> MeterEvidence:
    figures, load = document["meters"][meter], document["load_since_resize"][meter]
    present = amount_of(Size.from_json(row.from_size), meter)
    target = Size.from_json(row.to_size) if row.to_size else None
    proposed = amount_of(target, meter) if target is not None else None
    return MeterEvidence(
        meter=meter,
        is_marked=meter in document["marked"],
        verdict=document["verdicts"].get(meter),
        held=figures["held"],
        used=figures["used"],
        mean=figures["mean"],
        p95=figures["p95"],
        max=figures["max"],
        coverage=figures["coverage"],
        load_p95=load["p95"],
        load_max=load["max"],
        present=present,
        proposed=proposed,
        expected_p95=load["p95"] / proposed if proposed and load["p95"] is not None else None,
        expected_max=load["max"] / proposed if proposed and load["max"] is not None else None,
        curve=_curve(meter, document.get("chart"), present),
    )


def _curve(meter: str, chart: Mapping[str, Any] | None, present: int) -> Curve:
    """The frozen chart as shares of the present size."""
    if chart is None or not present:
        return Curve()
    start, bucket, whole = (
        parse_instant(chart["start"]),
        timedelta(seconds=chart["bucket_s"]),
        present * CHART_UNIT[meter],
    )
    mean = tuple(None if value is None else value / whole for value in chart["mean"][meter])
    highest = tuple(None if value is None else value / whole for value in chart["max"][meter])
    return Curve(tuple(start + bucket * at for at in range(len(mean))), mean, highest)


def _ballots(reader: CaseReader, row: CaseRow) -> tuple[Ballot, ...]:
    if reader.is_secret:
        return ()
    return tuple(
        Ballot(vote.round, reader.name(vote.voter), vote.choice, vote.reason, vote.at)
        for vote in votes(reader.session, row.id)
    )


def _tally(reader: CaseReader, case: panel.Case) -> dict[str, int]:
    if reader.is_secret and case.state in (CaseState.VOTING, CaseState.APPEALED):
        return {}
    choices = [ballot.choice for ballot in panel.present_ballots(case)]
    return {str(choice): choices.count(choice) for choice in Decision}
