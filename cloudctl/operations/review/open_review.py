"""Opens a review: applies the rule in force to every machine's window, and opens what it finds as cases."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy.orm import Session

from cloudctl.core.audit import digest, preferred_algorithm
from cloudctl.core.clock import as_utc
from cloudctl.core.database import canonical_json, from_micros, to_micros
from cloudctl.core.errors import Refused
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.review.case_steps import keep_step
from cloudctl.operations.review.review_papers import Draft, Prices, case_row, evidence_of
from cloudctl.operations.review.review_subjects import Candidates, candidates
from cloudctl.operations.review.show_cases import case_views
from cloudctl.operations.usage.home_samples import sample_store
from metering.samples.review_model import Figures, ReviewWindow, Series
from metering.samples.review_samples import opened_samples
from metering.settlement.store import price_book
from policies import panel
from policies.panel import CaseState
from policies.rule import Rule, as_float, rule_from_json
from policies.store import (
    exemptions,
    keep_evidence,
    keep_openings,
    open_cases,
    read_case,
    recent_decisions,
    rule_in_force,
    window_cases,
)
from policies.tables import CaseRow, RuleRow
from policies.underuse import CaseKind, Finding, Outcome, findings, is_outdated

# While a machine has an open case of one of these kinds, no case of that kind is opened on it.
CUTS = (CaseKind.DOWNSIZE, CaseKind.IDLE)
BARRED = {
    CaseKind.DOWNSIZE: CUTS,
    CaseKind.IDLE: CUTS,
    CaseKind.STARVED: (CaseKind.STARVED,),
    CaseKind.INSUFFICIENT: tuple(CaseKind),
}


@dataclass(frozen=True, slots=True)
class Opening:
    """What a review came to. cases: the new ones as `review list` shows them (without numbers on a dry run);
    expired: the numbers of old ones that use has overtaken.

    counts: machines asked about (machines), without any new finding (unmarked), and new cases by kind, by state, and
    bursty ones.
    """

    start: datetime
    end: datetime
    rule_version: int
    counts: Mapping[str, int]
    cases: tuple[dict[str, Any], ...]
    expired: tuple[int, ...]


def open_review(
    ctx: Context, start: datetime | None = None, end: datetime | None = None, *, dry_run: bool = False
) -> Opening:
    """The window [start, end): by default it ends at the last midnight and is as long as the rule says.

    Opening the same window twice opens nothing twice; a machine with an open case is not marked again.
    Refused for a window that is empty or not over. dry_run: says what it would open.
    """
    ctx.actor.require(Role.OPERATOR)
    last = end or last_midnight(ctx)
    with ctx.reading() as session:
        rule_row = rule_in_force(session, last)
        rule = rule_from_json(rule_row.document)
        window = window_of(ctx, rule, start, last)
        store = sample_store(ctx)
        with opened_samples(store, session, window) as samples:
            asked = candidates(session, samples)
            drafts, overtaken = _judged(ctx, session, asked, window, rule)
            marked = [draft for draft in drafts if draft.finding.outcome and not draft.exemption]
            limits = {draft.vm_id: draft.limit for draft in sorted(marked, key=_risky_last)}
            series = samples.series(list(limits.values()), as_float(rule.target.p95_at_most))
        prices = Prices(price_book(session, ctx.site.zone), last, ctx.site.currency)
    review = _Review(ctx, window, rule_row, prices, series)
    counts = Counter(machines=len(asked), unmarked=len(asked) - len({draft.vm_id for draft in drafts}))
    if dry_run:
        rows = [review.papers(draft)[0] for draft in drafts]
        return _opening(ctx, review, rows, counts, overtaken)
    with ctx.writing() as session:
        rows = review.write(session, drafts)
        expired = review.expire(session, overtaken)
    return _opening(ctx, review, rows, counts, expired)


def last_midnight(ctx: Context) -> datetime:
    return as_utc(datetime.combine(ctx.clock.now().astimezone(ctx.site.zone).date(), time(), ctx.site.zone))


def window_of(ctx: Context, rule: Rule, start: datetime | None, end: datetime) -> ReviewWindow:
    """Days are counted on the site's calendar."""
    if end > ctx.clock.now():
        raise Refused("The window ends at {end}, which has not come yet.", end=end.isoformat())
    first = start or _days_before(ctx, end, rule.mark.window_days)
    if first >= end:
        raise Refused("The window is empty: it ends at {end}.", end=end.isoformat())
    recent = max(first, _days_before(ctx, end, rule.idle.days))
    return ReviewWindow(
        to_micros(first), to_micros(end), to_micros(recent), as_float(rule.idle.cpu_p95_below)
    )


def _days_before(ctx: Context, end: datetime, days: int) -> datetime:
    return as_utc(end.astimezone(ctx.site.zone) - timedelta(days=days))


def _risky_last(draft: Draft) -> bool:
    """A machine with two findings is charted once, with the limit of the one that shrinks it."""
    return draft.finding.kind is CaseKind.DOWNSIZE


def _judged(
    ctx: Context, session: Session, asked: Candidates, window: ReviewWindow, rule: Rule
) -> tuple[list[Draft], list[int]]:
    """New findings, and the numbers of undecided cases whose reasons are gone."""
    reasons = _reasons_to_exempt(ctx, session)
    open_ones, known = open_cases(session), window_cases(session, *_bounds(window))
    drafts, overtaken = [], []
    for vm_id, candidate in asked.items():
        present = open_ones.get(vm_id, [])
        overtaken += [row.id for row in present if _is_overtaken(row, candidate.figures, window, rule)]
        for finding in findings(candidate.as_subject(), candidate.figures, rule):
            if not _is_known(vm_id, finding, present, known):
                drafts.append(Draft(candidate, finding, reasons.get(vm_id)))
    return drafts, overtaken


def _bounds(window: ReviewWindow) -> tuple[datetime, datetime]:
    return from_micros(window.start_us), from_micros(window.end_us)


def _reasons_to_exempt(ctx: Context, session: Session) -> dict[int, str]:
    """Machine -> the kind of the exemption in force now; a recent decision exempts by itself."""
    now = ctx.clock.now()
    since = now - timedelta(days=ctx.settings.review.recent_decision_days)
    recent = dict.fromkeys(recent_decisions(session, since), "recent_decision")
    return recent | {row.vm_id: row.kind for row in exemptions(session, now)}


def _is_overtaken(row: CaseRow, figures: Figures, window: ReviewWindow, rule: Rule) -> bool:
    is_later = to_micros(row.window_end) < window.end_us
    is_undecided = CaseState(row.state) in panel.UNDECIDED
    return is_later and is_undecided and is_outdated(CaseKind(row.kind), row.meters, figures, rule)


def _is_known(
    vm_id: int, finding: Finding, present: Sequence[CaseRow], known: Mapping[tuple[int, str], CaseRow]
) -> bool:
    if any(row.kind in BARRED[finding.kind] for row in present):
        return True
    if finding.kind is CaseKind.INSUFFICIENT:
        return any((vm_id, kind) in known for kind in CaseKind)
    return (vm_id, finding.kind) in known


@dataclass(frozen=True, slots=True)
class _Review:
    """Writes the papers of one review."""

    ctx: Context
    window: ReviewWindow
    rule: RuleRow
    prices: Prices
    series: Mapping[int, Series]

    def papers(self, draft: Draft) -> tuple[CaseRow, dict[str, Any]]:
        evidence = evidence_of(draft, self.window, self.rule, self.series.get(draft.vm_id), self.prices)
        candidate = draft.candidate
        fen = self.prices.saving_fen(candidate.names.pool, candidate.size, draft.finding.target)
        row = case_row(draft, self.window, self.rule, evidence, fen)
        row.opened_by, row.opened_at, row.round = self.ctx.actor.login, self.ctx.clock.now(), 1
        return row, evidence

    def write(self, session: Session, drafts: Sequence[Draft]) -> list[CaseRow]:
        """What is still new: another review may have opened some of it meanwhile."""
        open_ones, known = open_cases(session), window_cases(session, *_bounds(self.window))
        fresh = [d for d in drafts if not _is_known(d.vm_id, d.finding, open_ones.get(d.vm_id, []), known)]
        papers = [self.papers(draft) for draft in fresh]
        rows = [row for row, _ in papers]
        session.add_all(rows)
        session.flush()
        hashes = self._keep_evidence(session, papers)
        self._supersede(session, rows, known)
        if hashes:
            self.ctx.record(
                session, "review.open", self._subject(), rule_version=self.rule.version, evidence=hashes
            )
        return rows

    def _keep_evidence(
        self, session: Session, papers: Sequence[tuple[CaseRow, dict[str, Any]]]
    ) -> dict[str, str]:
        """One hash per case; they go into the audit chain with the opening."""
        algorithm = preferred_algorithm()
        texts = {row.id: canonical_json(document) for row, document in papers}
        hashes = {number: digest(text.encode(), algorithm) for number, text in texts.items()}
        keep_evidence(session, algorithm, [(number, texts[number], hashes[number]) for number in texts])
        states = [(row.id, row.state) for row, _ in papers]
        keep_openings(session, self.ctx.clock.now(), self.ctx.actor.login, states)
        return {str(number): value for number, value in hashes.items()}

    def _supersede(
        self, session: Session, rows: Sequence[CaseRow], known: Mapping[tuple[int, str], CaseRow]
    ) -> None:
        """Evidence came in later: what this window listed as insufficient has its finding now."""
        for row in rows:
            old = known.get((row.vm_id, CaseKind.INSUFFICIENT))
            if old is not None and old.state == CaseState.LISTED:
                old.state = CaseState.SUPERSEDED

    def expire(self, session: Session, numbers: Sequence[int]) -> list[int]:
        expired = []
        for number in numbers:
            row = session.get_one(CaseRow, number)
            if CaseState(row.state) in panel.UNDECIDED:
                case = panel.expired(read_case(session, row, self.ctx.clock.now()))
                keep_step(self.ctx, session, row, case, "expire")
                expired.append(number)
        return expired

    def _subject(self) -> str:
        start, end = _bounds(self.window)
        return f"window:{start.isoformat()}/{end.isoformat()}"


def _opening(
    ctx: Context, review: _Review, rows: Sequence[CaseRow], counts: Counter[str], expired: Sequence[int]
) -> Opening:
    for row in rows:
        counts[row.kind] += 1
        counts[row.state] += 1
        counts[Outcome.BURSTY_KEEP] += row.outcome == Outcome.BURSTY_KEEP
    start, end = _bounds(review.window)
    with ctx.reading() as session:
        views = tuple(case_views(ctx, session, rows))
    return Opening(start, end, review.rule.version, dict(counts), views, tuple(expired))
