"""Opening a review: what is found, what is listed, what is never marked, and what the evidence freezes."""

from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from cloudctl.core.audit import digest
from cloudctl.core.database import canonical_json
from cloudctl.core.errors import Refused
from cloudctl.core.quantity import Size
from cloudctl.operations.review.change_exemptions import add_exemption, end_exemption
from cloudctl.operations.review.show_cases import CaseQuery, list_cases, show_case
from policies.exemption import ExemptionKind
from policies.tables import EvidenceRow
from tests.cloudctl.reviewed_city import LARGE, TARIFFS, City, at


@pytest.fixture
def city(ctx, as_person):
    return City(ctx, as_person).found()


def opened(city, **more):
    return {case["vm"]: case for case in city.open(**more).cases}


def grown_old(city):
    """To the end of October, when a month has been measured."""
    city.ctx.clock.move_to(at(11, 1, 1))


def test_low_mean_is_marked_with_the_smallest_size_that_holds_the_load(city):
    city.machine("low")
    city.october("low", cpu=0.2, memory=0.3)
    grown_old(city)

    case = opened(city)["low"]

    # 8 × 0.2 = 1.6 vCPUs need 2; 16 GiB × 0.3 = 4.8 GiB need 6.
    assert (case["kind"], case["meters"], case["state"]) == ("downsize", ["cpu", "memory"], "marked")
    assert case["from"] == {"vcpus": 8, "memory_mib": 16384, "storage_gib": {"ssd": 100}}
    assert case["to"] == {"vcpus": 2, "memory_mib": 6144, "storage_gib": {"ssd": 100}}
    # 6 vCPUs at 46.00 and 10 GiB at 17.00.
    assert (case["monthly_saving"], case["currency"], case["remedy"]) == ("446.00", "CNY", "resize")


def test_steal_counts_as_load_when_a_size_is_proposed(city):
    city.machine("robbed")
    city.october("robbed", cpu=0.3, steal=0.09)
    grown_old(city)

    # 8 × 0.39 = 3.12 vCPUs need 4; the use alone, 2.4, would need 3.
    assert opened(city)["robbed"]["to"]["vcpus"] == 4


def test_a_well_used_machine_is_not_listed(city):
    city.machine("fine")
    city.october("fine")
    grown_old(city)

    opening = city.open()

    assert opening.cases == () and opening.counts["unmarked"] == 1


def test_peaks_that_no_smaller_size_holds_are_kept_and_say_so(city):
    city.machine("bursty")
    city.october("bursty", cpu=[0.05] * 49 + [1.0])
    grown_old(city)

    case = opened(city)["bursty"]
    shown = show_case(city.ctx, case["case"])

    assert (case["kind"], case["outcome"], case["state"], case["decision"]) == (
        "downsize",
        "bursty_keep",
        "decided",
        "keep",
    )
    assert case["to"] == case["from"] and case["monthly_saving"] == "0.00"
    assert shown["evidence"]["verdicts"]["cpu"] == "bursty_max"


def test_idle_needs_known_silence(city):
    for name, traffic in (("zombie", 0), ("talker", 100_000_000), ("unknown", None)):
        city.machine(name)
        city.october(name, cpu=0.01, memory=0.6, traffic=traffic)
    grown_old(city)

    cases = opened(city)

    assert {name: case["kind"] for name, case in cases.items()} == {
        "zombie": "idle",
        "talker": "downsize",
        "unknown": "downsize",
    }
    assert cases["zombie"]["to"] == {"vcpus": 0, "memory_mib": 0, "storage_gib": {}}
    assert cases["zombie"]["remedy"] == "retire"
    # 8 × 46.00 + 16 × 17.00 + 100 × 0.70
    assert cases["zombie"]["monthly_saving"] == "710.00"


def test_starved_by_use_or_by_steal(city):
    city.machine("full")
    city.october("full", cpu=0.9)
    city.machine("stolen")
    city.october("stolen", cpu=0.6, steal=0.15)
    grown_old(city)

    cases = opened(city)

    assert {case["kind"] for case in cases.values()} == {"starved"}
    # 8 × 0.9 = 7.2 vCPUs at 80 % need 9; 8 × 0.75 = 6 fit into 8, but growth is one more at least.
    assert [cases[name]["to"]["vcpus"] for name in ("full", "stolen")] == [9, 9]
    assert cases["full"]["monthly_saving"] == "-46.00"


def test_one_machine_can_be_too_large_and_starved_on_different_meters(city):
    city.machine("mixed")
    city.october("mixed", cpu=0.2, memory=0.95)
    grown_old(city)

    cases = {case["kind"]: case for case in city.open().cases}

    assert cases["downsize"]["meters"] == ["cpu"] and cases["starved"]["meters"] == ["memory"]
    assert cases["downsize"]["to"]["memory_mib"] == cases["starved"]["from"]["memory_mib"] == 16384
    assert cases["starved"]["to"]["memory_mib"] == 19456


def test_young_and_thin_are_listed_never_marked(city):
    city.machine("thin")
    city.use("thin", at(10, 1), at(10, 20), cpu=0.1, memory=0.1, storage=0.1)
    city.machine("dark")
    city.october("dark", memory=None)
    city.ctx.clock.move_to(at(10, 3))
    city.machine("young")
    city.use("young", at(10, 3), at(11, 1), cpu=0.1, memory=0.1)
    grown_old(city)

    cases = opened(city)

    assert {name: (case["kind"], case["state"], case["reason"]) for name, case in cases.items()} == {
        "thin": ("insufficient", "listed", "coverage"),
        "dark": ("insufficient", "listed", "coverage"),
        "young": ("insufficient", "listed", "young"),
    }
    assert cases["dark"]["meters"] == ["memory"] and cases["young"]["to"] is None


def test_samples_from_before_the_last_resize_say_nothing_of_the_next_size(city):
    city.machine("resized", Size(16, 16384, {"ssd": 100}), pool="pub")
    city.use("resized", at(10, 1), at(10, 12), cpu=0.8)
    with city.ctx.writing() as session:
        from metering.allocations import Holder, hold

        holder = Holder(city.ids["tax"], city.ids["fin"], city.ids["pub"])
        hold(session, city.ids["resized"], holder, LARGE, at(10, 12), "resize")
    city.use("resized", at(10, 12), at(11, 1), cpu=0.1)
    grown_old(city)

    case = opened(city)["resized"]
    shown = show_case(city.ctx, case["case"])

    # 8 × 0.1 = 0.8 vCPUs since the 12th fit into 1; before, 12.8 were used for 10 of 30 days.
    assert case["to"]["vcpus"] == 1 and case["remedy"] == "work_order"
    assert shown["evidence"]["resized_at"] == "2026-10-11T16:00:00+00:00"
    assert shown["evidence"]["risk"]["over_share"] == pytest.approx(10 / 30)


def test_storage_is_cut_by_hand_and_never_in_place(city):
    city.machine("hoard")
    city.october("hoard", storage=0.2)
    grown_old(city)

    case = opened(city)["hoard"]

    assert (case["meters"], case["remedy"]) == (["storage"], "replace_and_copy")
    # 20 GiB at 80 % are 25: in steps of 10.
    assert case["to"]["storage_gib"] == {"ssd": 30}


def test_the_same_window_opens_nothing_twice_and_an_open_case_bars_the_next(city):
    city.machine("low")
    city.october("low", cpu=0.2)
    grown_old(city)
    first = city.open()
    city.use("low", at(11, 1), at(11, 2), cpu=0.2)
    city.ctx.clock.move_to(at(11, 2, 1))

    again, later = city.open(), city.open(end=at(11, 2))

    assert len(first.cases) == 1 and again.cases == later.cases == ()
    assert len(list_cases(city.ctx)) == 1


def test_an_undecided_case_expires_when_use_has_risen(city):
    city.machine("low")
    city.october("low", cpu=0.2)
    grown_old(city)
    number = city.open().cases[0]["case"]
    city.use("low", at(11, 1), at(12, 1), cpu=0.7)
    city.ctx.clock.move_to(at(12, 1, 1))

    opening = city.open(end=at(12, 1))

    assert opening.expired == (number,) and opening.cases == ()
    assert show_case(city.ctx, number)["state"] == "expired"


def test_filled_gaps_turn_insufficient_evidence_into_a_finding(city):
    city.machine("late")
    city.use("late", at(10, 1), at(10, 20), cpu=0.2)
    grown_old(city)
    city.open()
    city.use("late", at(10, 20), at(11, 1), cpu=0.2)

    again = city.open()

    assert [case["kind"] for case in again.cases] == ["downsize"]
    assert [case["state"] for case in list_cases(city.ctx, CaseQuery(kind="insufficient"))] == ["superseded"]


def test_an_exempt_machine_is_listed_as_exempt_until_its_end(city):
    city.machine("standby")
    city.october("standby", cpu=0.1)
    grown_old(city)
    end = at(12, 1)
    exemption = add_exemption(city.operator, "standby", ExemptionKind.STANDBY, "wang", "second of two", end)

    case = opened(city)["standby"]
    end_exemption(city.operator, exemption["exemption"])
    city.use("standby", at(11, 1), at(11, 2), cpu=0.1)
    city.ctx.clock.move_to(at(11, 2, 1))
    after = opened(city, end=at(11, 2))["standby"]

    assert (case["kind"], case["state"], case["reason"]) == ("downsize", "exempt", "standby")
    assert after["state"] == "marked"


def test_evidence_is_frozen_and_its_hash_is_that_of_its_canonical_text(city):
    city.machine("low")
    city.october("low", cpu=0.2)
    grown_old(city)
    number = city.open().cases[0]["case"]

    shown = show_case(city.ctx, number)

    assert shown["evidence_hash"] == digest(
        canonical_json(shown["evidence"]).encode(), shown["evidence_algorithm"]
    )
    assert shown["evidence"]["meters"]["cpu"]["mean"] == pytest.approx(0.2, abs=1e-9)
    assert len(shown["evidence"]["chart"]["mean"]["cpu"]) == 120
    assert shown["evidence"]["chart"]["max"]["cpu"][0] == 1600
    for change in ("UPDATE review_evidence SET hash = 'x'", "DELETE FROM review_evidence"):
        with pytest.raises(DBAPIError), city.ctx.writing() as session:
            session.connection().exec_driver_sql(change)
    with city.ctx.reading() as session:
        assert session.get_one(EvidenceRow, number).hash == shown["evidence_hash"]


def test_a_dry_run_writes_nothing(city):
    city.machine("low")
    city.october("low", cpu=0.2)
    grown_old(city)

    opening = city.open(dry_run=True)

    assert [case["vm"] for case in opening.cases] == ["low"] and opening.cases[0]["case"] is None
    assert list_cases(city.ctx) == []


def test_a_window_that_is_not_over_or_empty_is_refused(city):
    with pytest.raises(Refused, match="not come yet"):
        city.open(end=city.ctx.clock.now() + timedelta(days=1))
    with pytest.raises(Refused, match="empty"):
        city.open(end=city.ctx.clock.now(), start=city.ctx.clock.now())


def test_without_a_tariff_for_the_pool_a_case_has_no_saving(ctx, as_person):
    city = City(ctx, as_person).found(TARIFFS.replace("[lab, pub]", "[pub]"))
    city.machine("low")
    city.october("low", cpu=0.2)
    grown_old(city)

    assert opened(city)["low"]["monthly_saving"] is None


def test_only_an_operator_opens(city):
    from cloudctl.operations.review.open_review import open_review

    with pytest.raises(Refused):
        open_review(city.unit_fin)
