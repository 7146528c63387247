"""Money, quantities, time, settings and identity: exact, aware, and refusing what is neither."""

import getpass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudctl.core.clock import (
    DrivenClock,
    FileClock,
    SystemClock,
    as_utc,
    month_bounds,
    parse_instant,
    parse_when,
)
from cloudctl.core.errors import InvalidInput, Message, Refused
from cloudctl.core.i18n import Catalogue
from cloudctl.core.identity import Role
from cloudctl.core.money import parse_decimal, parse_fen, round_half_up, yuan_text
from cloudctl.core.quantity import Size, fraction_text
from cloudctl.core.settings import load_settings
from cloudctl.operations.context import find_actor

SHANGHAI = ZoneInfo("Asia/Shanghai")


# Money


@given(st.fractions())
def test_rounding_is_to_the_nearest_and_a_half_goes_away_from_zero(amount):
    rounded = round_half_up(amount)

    assert abs(rounded - amount) <= Fraction(1, 2)
    assert abs(rounded - amount) != Fraction(1, 2) or abs(rounded) > abs(amount)


@given(st.fractions())
def test_a_reversal_is_the_exact_negative(amount):
    assert round_half_up(-amount) == -round_half_up(amount)


@pytest.mark.parametrize(
    ("text", "rounded"), [("0.5", 1), ("-0.5", -1), ("1.5", 2), ("2.5", 3), ("0.4999999999", 0), ("-2.5", -3)]
)
def test_halves_by_hand(text, rounded):
    assert round_half_up(Fraction(text)) == rounded


@given(st.integers(-(10**20), 10**20))
def test_fen_and_text_are_the_same_sum(fen):
    assert parse_fen(yuan_text(fen)) == fen
    assert Decimal(yuan_text(fen)) * 100 == fen


@pytest.mark.parametrize(
    "wrong",
    ["", "1.005", "NaN", "Infinity", "-Infinity", "1,000.00", "￥5", "0x10", "1e-3", "1 2", None, 1.5, 3],
)
def test_what_is_no_sum_is_refused(wrong):
    with pytest.raises(ValueError):
        parse_fen(wrong)


@pytest.mark.parametrize("wrong", ["NaN", "sNaN", "inf", "", "one", 0.1, True])
def test_what_is_no_decimal_is_refused(wrong):
    with pytest.raises(ValueError):
        parse_decimal(wrong)


# Quantities


@given(
    st.integers(0, 10**6),
    st.integers(0, 10**9),
    st.dictionaries(st.sampled_from(["ssd", "sas", "sata"]), st.integers(0, 10**6)),
)
def test_a_size_survives_json_and_keeps_no_empty_tier(vcpus, memory_mib, storage):
    size = Size(vcpus, memory_mib, storage)

    assert Size.from_json(size.as_json()) == size
    assert 0 not in size.storage_gib.values() and list(size.storage_gib) == sorted(size.storage_gib)
    assert size.storage_total_gib == sum(storage.values())


@given(st.fractions())
def test_a_fraction_survives_its_text(value):
    assert Fraction(fraction_text(value)) == value


# Time


@pytest.mark.parametrize(
    "wrong", ["2026-10-01T00:00:00", "yesterday", "", "2026-13-01T00:00:00Z", "nan", "inf", "1e300"]
)
def test_an_instant_without_an_offset_is_refused(wrong):
    with pytest.raises((ValueError, OverflowError)):
        parse_instant(wrong)
    with pytest.raises(InvalidInput):
        parse_when(wrong, SHANGHAI)


@pytest.mark.parametrize(
    "text", ["2026-09-30T16:00:00Z", "2026-10-01T00:00:00+08:00", "1790784000", "2026-10-01"]
)
def test_ways_to_write_one_instant(text):
    assert parse_when(text, SHANGHAI) == datetime(2026, 9, 30, 16, tzinfo=UTC)


def test_a_naive_time_has_no_place():
    with pytest.raises(ValueError, match="offset"):
        as_utc(datetime(2026, 10, 1))
    with pytest.raises(ValueError, match="offset"):
        DrivenClock(datetime(2026, 10, 1))


@given(st.integers(1901, 2200), st.integers(1, 12))
def test_months_are_half_open_and_touch(year, month):
    start, end = month_bounds(f"{year}-{month:02d}", SHANGHAI)
    following, _ = month_bounds(f"{year + month // 12}-{month % 12 + 1:02d}", SHANGHAI)

    assert end == following and timedelta(days=27) < end - start < timedelta(days=32)


@pytest.mark.parametrize("wrong", ["2026", "2026-13", "2026-00", "10-2026", "2026-10-01", "x"])
def test_what_is_no_month_is_refused(wrong):
    with pytest.raises(InvalidInput):
        month_bounds(wrong, SHANGHAI)


def test_a_driven_clock_does_not_go_back():
    clock = DrivenClock(datetime(2026, 10, 1, tzinfo=UTC))
    clock.advance(timedelta(seconds=1))

    with pytest.raises(ValueError, match="back"):
        clock.move_to(datetime(2026, 10, 1, tzinfo=UTC))


def test_a_file_keeps_a_clocks_time(tmp_path):
    at = datetime(2026, 10, 1, 8, tzinfo=SHANGHAI)
    FileClock(tmp_path / "clock").move_to(at)

    assert FileClock(tmp_path / "clock").now() == at


def test_the_systems_clock_is_utc():
    assert SystemClock().now().utcoffset() == timedelta(0)


# Settings


def test_settings_have_defaults_without_a_file(tmp_path):
    assert load_settings(tmp_path, {}).metering.interval_s == 300


def test_the_environment_goes_over_the_file(tmp_path):
    (tmp_path / "cloudctl.toml").write_text("[metering]\ninterval_s = 600\nraw_days = 500\n")

    settings = load_settings(tmp_path, {"CLOUDCTL_METERING_INTERVAL_S": "60"})

    assert (settings.metering.interval_s, settings.metering.raw_days) == (60, 500)


def test_every_wrong_setting_is_told_at_once_with_its_line(tmp_path):
    file = tmp_path / "cloudctl.toml"
    file.write_text('[metering]\ninterval_s = "often"\n\n[review]\nquorum = 0\nunknown = 1\n')
    with pytest.raises(InvalidInput) as caught:
        load_settings(tmp_path, {})

    assert [problem.place for problem in caught.value.problems] == [
        f"{file}:2:1",
        f"{file}:5:1",
        f"{file}:6:1",
    ]


def test_a_wrong_variable_is_named_itself_and_an_unknown_section_by_its_line(tmp_path):
    file = tmp_path / "cloudctl.toml"
    file.write_text("\n[metring]\ninterval_s = 10\n")
    with pytest.raises(InvalidInput) as caught:
        load_settings(tmp_path, {"CLOUDCTL_METERING_INTERVAL_S": "1"})

    assert {problem.place for problem in caught.value.problems} == {
        "CLOUDCTL_METERING_INTERVAL_S",
        f"{file}:2:1",
    }


def test_a_file_that_is_no_toml_is_told_with_its_line(home, run_cli):
    (home / "cloudctl.toml").write_text("this is = = not toml")
    done = run_cli(home, "audit", "log")

    assert done.exit_code == 3 and "cloudctl.toml" in done.stderr and "Traceback" not in done.stderr


# Identity


def test_a_person_acts_in_his_own_roles_alone(ctx, as_person):
    finance = as_person(ctx, "wang", "finance").actor

    finance.require(Role.FINANCE, Role.AUDITOR)
    with pytest.raises(Refused):
        finance.require(Role.OPERATOR)


def test_nobody_acts_who_is_not_known(ctx, home, run_cli):
    done = run_cli(home, "audit", "log", login="stranger")

    assert done.exit_code == 5 and "stranger" in done.stderr


def test_on_a_bound_install_one_acts_as_oneself(ctx, as_person):
    as_person(ctx, "wang", "finance")
    settings = ctx.settings.model_copy(
        update={"identity": ctx.settings.identity.model_copy(update={"bound": True})}
    )
    with ctx.reading() as session:
        assert find_actor(session, settings, None, "cli").login == getpass.getuser()
        assert find_actor(session, settings, getpass.getuser(), "cli").login == getpass.getuser()
        with pytest.raises(Refused, match="yourself"):
            find_actor(session, settings, "wang", "cli")


# Texts


def test_a_message_in_a_message_is_translated_too():
    inner = Message("“{period}” is not a month (YYYY-MM).", {"period": "x"})

    assert Catalogue("zh_CN").text("Error: {message}", message=inner) == "错误：“x”不是月份（格式 YYYY-MM）。"


@pytest.mark.made_up_texts
def test_an_unknown_text_stays_english():
    assert Catalogue("zh_CN").text("Never {said}.", said="heard") == "Never heard."
