"""Where a machine stands when several hosts have something of it, a move that was cut off among the reasons."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from cloudctl.core.errors import Refused, Unreachable
from provisioning.driver import StillAtWork
from provisioning.drivers.libvirt import interrupted
from provisioning.drivers.libvirt.interrupted import await_letting_go, is_arriving, is_leaving, presence
from provisioning.drivers.libvirt.whereabouts import Standing, Whereabouts
from provisioning.steps import start_step

libvirt = pytest.importorskip("libvirt")
AT, STEP = datetime(2026, 10, 1, tzinfo=UTC), start_step(1, "m")


class Domain:
    """state, reason: as libvirt has them; lasting: it has a definition of its own here. gone: it vanishes."""

    def __init__(self, state=libvirt.VIR_DOMAIN_RUNNING, reason=1, *, lasting=True, gone=()):
        self._state, self._lasting, self._gone = (state, reason), lasting, iter(gone)

    def state(self):
        return list(self._state)

    def isActive(self):
        return int(self._state[0] != libvirt.VIR_DOMAIN_SHUTOFF)

    def isPersistent(self):
        if next(self._gone, False):
            missing = libvirt.libvirtError("gone")
            missing.err = (libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_FROM_QEMU, "gone", 2, "", None, None, 0, 0)
            raise missing
        return int(self._lasting)


def halted():
    return Domain(libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_MIGRATION)


OFF = Domain(libvirt.VIR_DOMAIN_SHUTOFF)
PAUSED_BY_A_PERSON = Domain(libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_USER)


def standing(domain, hours=0):
    marks = SimpleNamespace(moved_at=AT + timedelta(hours=hours))
    return Standing.of(SimpleNamespace(domain=domain, marks=marks))


def stands(remnants=frozenset(), silent=None, **places):
    seen = Whereabouts.of(STEP, places, silent or {}, remnants)
    return seen.newest.host if seen.newest else None, [place.host for place in seen.others]


def test_the_later_place_counts_even_where_the_other_runs():
    assert stands(a=standing(Domain()), b=standing(OFF, hours=1)) == ("b", ["a"])


def test_of_two_that_a_move_made_alike_the_one_that_runs_is_the_machine():
    assert stands(a=standing(halted()), b=standing(Domain())) == ("b", ["a"])
    assert stands(a=standing(Domain()), b=standing(OFF)) == ("a", ["b"])


def test_a_halted_guest_is_the_machine_where_nothing_runs():
    assert stands(a=standing(halted()), b=standing(OFF)) == ("a", ["b"])
    assert stands(a=standing(halted()), b=None) == ("a", [])


def test_what_was_left_behind_is_never_the_machine():
    assert stands(frozenset({(1, "a")}), a=standing(Domain(), hours=1), b=standing(OFF)) == ("b", ["a"])


def test_a_host_that_does_not_answer_may_have_it():
    with pytest.raises(Unreachable):
        Whereabouts.of(STEP, {"a": None}, {"b": Unreachable("Host {host}.", host="b")}, frozenset()).require()
    with pytest.raises(Refused):
        Whereabouts.of(STEP, {"a": None}, {}, frozenset()).require()


def test_what_a_move_halted_may_run_where_nobody_answers():
    silent = {"b": Unreachable("Host {host}.", host="b")}
    with pytest.raises(Unreachable):
        Whereabouts.of(STEP, {"a": standing(halted())}, silent, frozenset()).require()
    assert Whereabouts.of(STEP, {"a": standing(halted())}, {}, frozenset()).require().host == "a"
    assert Whereabouts.of(STEP, {"a": standing(Domain())}, silent, frozenset()).require().host == "a"


def test_only_a_move_halts_so():
    assert is_leaving(halted()) and not is_leaving(PAUSED_BY_A_PERSON) and not is_leaving(Domain())
    assert presence(PAUSED_BY_A_PERSON) > presence(halted()) > presence(OFF)


def test_what_never_arrived_is_waited_for_until_it_is_gone(monkeypatch):
    monkeypatch.setattr(interrupted, "sleep", lambda _: None)
    await_letting_go(Domain(lasting=True), "m", "b")
    arriving = Domain(lasting=False, gone=[False, False, False, True])
    assert is_arriving(arriving)
    await_letting_go(arriving, "m", "b")


def test_what_does_not_go_leaves_the_step_open(monkeypatch):
    monkeypatch.setattr(interrupted, "LETTING_GO_SECONDS", 0.0)
    with pytest.raises(StillAtWork):
        await_letting_go(Domain(lasting=False), "m", "b")
