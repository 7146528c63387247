"""The watch over a machine that was cut: its evidence, its end, and the way back."""

from datetime import timedelta

import pytest

from cloudctl.core.errors import Refused
from cloudctl.operations.machines.show_change import list_changes, show_change
from cloudctl.operations.review.confirm_resizes import confirm_resizes
from cloudctl.operations.review.execute_case import execute_case
from cloudctl.operations.review.roll_back_case import roll_back_case
from cloudctl.operations.review.schedule_case import schedule_case
from cloudctl.operations.review.show_cases import show_case
from cloudctl.operations.review.watch_cases import finish_watch, watch_cases
from policies.store import savings
from provisioning.drivers.embedded import EmbeddedDriver
from provisioning.model import Capability
from tests.cloudctl.review.opened_case import SATURDAY, accepted, held, letters, state, watched
from tests.cloudctl.reviewed_city import LARGE, at


def test_too_little_after_the_cut_proposes_a_rollback_once_and_rolling_back_restores_the_exact_size(city):
    watched(city)
    executed = show_case(city.ctx, city.case)["executed_at"]
    city.use("tax-1", executed, executed + timedelta(days=2), cpu=0.97)
    city.ctx.clock.move_to(executed + timedelta(days=2))

    first, again = watch_cases(city.operator), watch_cases(city.operator)
    proposals = [letter for letter in letters(city) if letter[1].startswith("Rollback proposed")]
    assert [first[0].verdict, again[0].verdict] == ["roll_back", "roll_back"]
    assert sorted(recipient for recipient, _ in proposals) == ["fin@example.gov.cn", "operator"]
    assert show_case(city.ctx, city.case)["rollback_proposed"]
    roll_back_case(city.other_operator, city.case, "Too slow")

    shown = show_case(city.ctx, city.case)
    assert (shown["state"], held(city)) == ("rolled_back", LARGE)
    with city.ctx.reading() as session:
        (saving,) = savings(session)
    assert saving.end == shown["rolled_back_at"]
    with pytest.raises(Refused):
        roll_back_case(city.operator, city.case)


def test_where_the_cloud_can_the_way_back_stays_open_until_the_watch_ends(city, monkeypatch):
    monkeypatch.setattr(EmbeddedDriver, "capabilities", EmbeddedDriver.capabilities | {Capability.HOLD})
    watched(city)
    executed = show_case(city.ctx, city.case)["executed_at"]
    assert last_step(city.ctx)["after"]["hold"] is True
    assert confirm_resizes(city.operator) == 0, "it is watched"
    city.use("tax-1", executed, executed + timedelta(days=14), cpu=0.7)
    city.ctx.clock.move_to(executed + timedelta(days=14, minutes=1))
    watch_cases(city.operator)

    assert (confirm_resizes(city.operator), confirm_resizes(city.operator)) == (1, 0)
    assert "hold" not in last_step(city.ctx)["after"]


def last_step(ctx):
    return show_change(ctx, list_changes(ctx)[-1]["change"])["steps"][-1]


def test_samples_from_before_the_change_do_not_propose_a_rollback(city):
    accepted(city)
    schedule_case(city.operator, city.case)
    city.use("tax-1", at(11, 1), SATURDAY - timedelta(hours=1), cpu=1.0)
    city.ctx.clock.move_to(SATURDAY)
    execute_case(city.other_operator, city.case)
    executed = show_case(city.ctx, city.case)["executed_at"]
    city.use("tax-1", executed, executed + timedelta(hours=8), cpu=0.3)
    city.ctx.clock.move_to(executed + timedelta(hours=8))

    (seen,) = watch_cases(city.operator)

    assert (seen.verdict, seen.p95) == ("so_far", pytest.approx(0.6))


def test_a_watch_without_evidence_does_not_end_by_itself(city):
    watched(city)
    city.ctx.clock.advance(timedelta(days=15))

    (seen,) = watch_cases(city.operator)
    assert (seen.verdict, state(city)) == ("thin", "watching")
    with pytest.raises(Refused, match="needs its reason"):
        finish_watch(city.operator, city.case, "")
    finish_watch(city.operator, city.case, "The collector was down")

    assert state(city) == "done"
