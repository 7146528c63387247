"""The story of one month: what the city's people do from the first day of September to the closing of October."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from cloudctl.core.errors import Message
from cloudctl.operations.context import open_context
from cloudctl.operations.demo.asking import ask, carry_out_and_hand_over, grant, request_figures
from cloudctl.operations.demo.carrying_out import carry_out, report_disks, watch_and_roll_back
from cloudctl.operations.demo.city import Extent, build_city
from cloudctl.operations.demo.founding import apply_estate, keep_inventory, set_terms
from cloudctl.operations.demo.judging import (
    SECOND_ROUND,
    Review,
    answer_notices,
    appeal_one,
    decide,
    exempt_some,
    hold_panel,
    notify_greatest,
    open_september,
    open_votes,
    schedule_decided,
)
from cloudctl.operations.demo.papers import build_agenda, build_papers
from cloudctl.operations.demo.people import cast_of
from cloudctl.operations.demo.settling import (
    Settling,
    answer_dispute,
    close,
    close_before,
    confirm_others,
    dispute_one,
    draft_and_issue,
    issue_before,
)
from cloudctl.operations.demo.stage import make_stage
from cloudctl.operations.demo.summary import estate_figures, review_figures, settlement_figures
from cloudctl.operations.demo.troupe import Told, Troupe
from cloudctl.operations.demo.weather import failures, live_until
from cloudctl.operations.review.open_review import open_review
from cloudctl.operations.review.show_cases import CaseQuery, list_cases
from cloudctl.operations.settlement.decide_hold import place_hold
from policies.funding.model import HoldGround
from policies.panel import Answer, CaseState

ZONE = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 8, 31, 18, tzinfo=ZONE)
HOLD = Message("A server from before the cloud has failed; its system is to move to the cloud.")
# So many of the machines that begin to hurt are taken back; the others stay for whoever tries the commands.
ROLLBACKS = 2


@dataclass(slots=True)
class Story:
    """What has been lived through so far."""

    troupe: Troupe
    review: Review
    reports: Path
    settling: Settling = field(default_factory=Settling)
    before: dict[str, str] = field(default_factory=dict)
    carried_out: int = 0
    rolled_back: list[str] = field(default_factory=list)

    def tell(self, share: float, template: Message) -> None:
        self.troupe.tell(self.troupe.founder.clock.now(), template, share)


def play(
    home: Path, reports: Path, *, seed: int, language: str, extent: Extent, told: Told
) -> dict[str, Any]:
    """The whole month over a fresh home, and what it came to. Refused when the folders are not a demonstration's."""
    city = build_city(seed, extent)
    make_stage(home, reports, seed, language, START)
    with open_context(home, language=language) as ctx:
        outcome = apply_estate(ctx, city)
        told(
            START,
            Message("The estate is on record: {steps} steps planned and applied.", {"steps": outcome.steps}),
            0.1,
        )
    # The home is opened anew, for its site has got its name.
    with open_context(home, language=language) as ctx:
        story = Story(Troupe(ctx, city, cast_of(city.units), told), Review(Random(f"panel {seed}")), reports)
        for scene in (september, notices, answers, panel, windows, watching, month_end, settlement):
            scene(story)
        papers = build_papers(story.troupe, reports, _telling_cases(story))
        story.tell(1.0, Message("{count} report files are built.", {"count": len(papers)}))
        return _summary(story, len(papers))


def september(story: Story) -> None:
    troupe = story.troupe
    set_terms(troupe)
    troupe.meter_until(troupe.at(date(2026, 10, 1), 0, 5))
    story.tell(0.3, Message("September is metered, every five minutes."))
    troupe.meter_until(troupe.at(date(2026, 10, 8), 9))


def notices(story: Story) -> None:
    troupe = story.troupe
    exempt_some(troupe)
    opening = open_september(troupe, story.review)
    story.before = issue_before(troupe)
    values = {"marked": opening.counts["marked"], "notified": len(story.review.round_one)}
    story.tell(
        0.4, Message("Review of September: {marked} cases marked, the {notified} greatest notified.", values)
    )


def answers(story: Story) -> None:
    troupe = story.troupe
    troupe.meter_until(troupe.at(date(2026, 10, 9), 10))
    accepted = answer_notices(troupe, story.review, story.review.round_one, Answer.ACCEPT)
    decide(troupe)
    asked = ask(troupe)
    troupe.meter_until(troupe.at(date(2026, 10, 10), 15))
    argued = answer_notices(troupe, story.review, story.review.round_one, Answer.ARGUE)
    silent = len(story.review.round_one) - accepted - argued
    values = {"accepted": accepted, "argued": argued, "silent": silent}
    story.tell(
        0.45, Message("Units answered: {accepted} accepted, {argued} argued, {silent} silent.", values)
    )
    if asked is not None:
        grant(troupe, asked)
    troupe.meter_until(troupe.at(date(2026, 10, 12), 10))
    if asked is not None:
        carry_out_and_hand_over(troupe, asked, story.reports / "requests")
        story.tell(
            0.48,
            Message(
                "{unit} asked for machines of a new system, was granted {count} and has its handover sheet.",
                {"unit": asked.unit.name, "count": len(asked.wanted)},
            ),
        )
    close_before(troupe, story.before)


def panel(story: Story) -> None:
    troupe, review = story.troupe, story.review
    live_until(troupe, date(2026, 10, 15), 14, failures(troupe))
    build_agenda(troupe, story.reports)
    cases = open_votes(troupe, review)
    hold_panel(troupe, review, cases)
    decided = decide(troupe)
    values = {"decided": decided, "recused": review.recused}
    story.tell(
        0.5, Message("The panel decided {decided} cases; members stood aside {recused} times.", values)
    )
    troupe.meter_until(troupe.at(date(2026, 10, 16), 10))
    appeal_one(troupe, review)


def windows(story: Story) -> None:
    troupe = story.troupe
    carried = carry_out(troupe, schedule_decided(troupe))
    story.carried_out += carried.done
    values = {"done": carried.done, "refused": carried.refused}
    story.tell(
        0.65, Message("Carried out in the maintenance windows: {done} cases, {refused} refused.", values)
    )


def watching(story: Story) -> None:
    troupe, coming = story.troupe, failures(story.troupe)
    live_until(troupe, date(2026, 10, 19), 14, coming)
    hold_panel(troupe, story.review, _appealed(story))
    decide(troupe)
    live_until(troupe, date(2026, 10, 22), 17, coming)
    report_disks(troupe, 0.5)
    _place_hold(troupe)
    live_until(troupe, date(2026, 10, 24), 10, coming)
    story.rolled_back += watch_and_roll_back(troupe, ROLLBACKS)
    values = {"machines": ", ".join(story.rolled_back) or "–"}
    story.tell(0.75, Message("After a week's watch, rolled back: {machines}.", values))


def month_end(story: Story) -> None:
    troupe = story.troupe
    troupe.meter_until(troupe.at(date(2026, 11, 1), 9))
    watch_and_roll_back(troupe, 0)
    opening = open_review(troupe.acting(troupe.cast.operators[0]))
    values = {"young": opening.counts.get("insufficient", 0), "waiting": len(_waiting(story))}
    story.tell(
        0.85,
        Message(
            "October is metered and reviewed; too young to judge: {young}, waiting for the next round: {waiting}.",
            values,
        ),
    )


def _waiting(story: Story) -> list[dict[str, Any]]:
    return list_cases(story.troupe.founder, CaseQuery(state=CaseState.MARKED))


def settlement(story: Story) -> None:
    troupe, settling = story.troupe, story.settling
    troupe.meter_until(troupe.at(date(2026, 11, 2), 9))
    draft_and_issue(troupe, settling)
    second_round(story)
    troupe.meter_until(troupe.at(date(2026, 11, 4), 10))
    dispute_one(troupe, settling)
    confirmed = confirm_others(troupe, settling)
    troupe.meter_until(troupe.at(date(2026, 11, 5), 11))
    answer_dispute(troupe, settling)
    troupe.meter_until(troupe.at(date(2026, 11, 10), 10))
    close(troupe, settling)
    keep_inventory(troupe.founder)
    values = {"statements": len(settling.numbers), "confirmed": confirmed + 1, "deemed": len(settling.deemed)}
    story.tell(
        0.95,
        Message(
            "October is closed and verified: {statements} statements, {confirmed} confirmed, {deemed} deemed.",
            values,
        ),
    )


def second_round(story: Story) -> None:
    """The next cases are taken up; what units say to them waits for the panel and for whoever tries the commands."""
    troupe, review = story.troupe, story.review
    review.round_two = notify_greatest(troupe, SECOND_ROUND * len(_waiting(story)))
    troupe.meter_until(troupe.at(date(2026, 11, 3), 15))
    for choice in Answer:
        answer_notices(troupe, review, review.round_two, choice)


def _summary(story: Story, papers: int) -> dict[str, Any]:
    ctx, city = story.troupe.founder, story.troupe.city
    return {
        "is_simulated": True,
        "seed": city.seed,
        "units": len(city.units),
        "systems": len(city.systems),
        **estate_figures(ctx),
        **request_figures(ctx),
        **review_figures(ctx),
        **settlement_figures(story.settling),
        "currency": ctx.site.currency,
        "reports": papers,
    }


def _appealed(story: Story) -> list[dict[str, Any]]:
    return [case for case in list_cases(story.troupe.founder) if case["case"] == story.review.appealed]


def _place_hold(troupe: Troupe) -> None:
    """Finance puts the last unit whose equipment has failed on the funding-hold list."""
    unit = troupe.city.last_with_failed_equipment()
    if unit is not None:
        ctx = troupe.acting(troupe.cast.finance[0])
        place_hold(ctx, unit, HoldGround.FAILED_EQUIPMENT, ctx.texts.message(HOLD))


def _telling_cases(story: Story) -> list[int]:
    """Cases whose files tell most: one rolled back, the appealed one, one argued, the greatest saving."""
    found = list_cases(story.troupe.founder, CaseQuery())
    rolled_back = [
        case["case"] for case in found if case["vm"] in story.rolled_back and case["state"] == "rolled_back"
    ]
    review = story.review
    greatest = [case["case"] for case in review.round_one[:1]]
    picked: Iterable[int | None] = (*rolled_back[:1], review.appealed, *review.argued[:1], *greatest)
    return list(dict.fromkeys(number for number in picked if number is not None))
