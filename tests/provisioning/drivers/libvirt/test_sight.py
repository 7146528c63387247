"""One machine stands once, whatever definitions several hosts have of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from cloudctl.core.errors import Unreachable
from cloudctl.core.quantity import Size
from provisioning.drivers.libvirt.failures import TLS, HostSilent
from provisioning.drivers.libvirt.readings import HostReadings
from provisioning.drivers.libvirt.sight import measurement, observation, silences
from provisioning.drivers.libvirt.survey import HostView, Sighting
from provisioning.model import HostFacts, Machine, MachineState

AT = datetime(2026, 10, 1, tzinfo=UTC)
NONE_LEFT = frozenset()


def sighting(host, state=MachineState.RUNNING, *, vm_id=1, hours=0):
    machine = Machine("uuid", "m", vm_id, host, state, Size(1, 512))
    return Sighting(machine, AT + timedelta(hours=hours))


def seen(*sightings, remnants=NONE_LEFT):
    hosts = {sighting.machine.host for sighting in sightings}
    views = {
        host: HostView(HostFacts(host, True, 8, 8192), tuple(s for s in sightings if s.machine.host == host))
        for host in hosts
    }
    found = observation(views, {}, remnants)
    return (
        [(machine.vm_id, machine.host) for machine in found.machines],
        [(fault.host, fault.vm_id, fault.reason) for fault in found.faults],
    )


def test_the_later_place_is_the_machines_and_the_other_is_left_behind():
    old, new = sighting("a", MachineState.OFF), sighting("b", hours=1)
    assert seen(old, new) == ([(1, "b")], [("a", 1, "left_behind")])


def test_a_machine_that_runs_twice_is_told_as_such():
    assert seen(sighting("a"), sighting("b", hours=1)) == ([(1, "b")], [("a", 1, "runs_twice")])


def test_what_is_on_its_way_here_stands_elsewhere():
    arriving = replace(sighting("b", MachineState.PAUSED), is_arriving=True)
    assert seen(sighting("a"), arriving) == ([(1, "a")], [])


@pytest.mark.parametrize("running", "ab")
def test_while_a_machine_moves_it_is_read_where_it_runs(running):
    told = {host: HostReadings((reading(host, running),), (), {1: 7}) for host in "ab"}
    assert [each.host for each in measurement(told, {}, NONE_LEFT).readings] == [running]


def reading(host, running):
    state = MachineState.RUNNING if host == running else MachineState.PAUSED
    return SimpleNamespace(vm_id=1, host=host, state=str(state))


def test_a_remnant_alone_is_not_the_machine():
    remnants = frozenset({(1, "a")})
    assert seen(sighting("a", MachineState.OFF), remnants=remnants) == ([], [("a", 1, "left_behind")])


def test_machines_of_nobody_are_never_one():
    assert seen(sighting("a", vm_id=None), sighting("b", vm_id=None)) == ([(None, "a"), (None, "b")], [])


def test_a_silent_host_is_a_fault_with_the_word_for_why():
    silent = {
        "b": HostSilent("Host {host}: no.", TLS, host="b"),
        "a": Unreachable("Host {host}: no.", host="a"),
    }
    assert [(fault.host, fault.reason) for fault in silences(silent)] == [
        ("a", "host_unreachable"),
        ("b", "tls_failed"),
    ]
