"""Differences between what a cloud shows and what is allocated."""

from dataclasses import replace

from cloudctl.core.quantity import Size
from provisioning.drift import Allocated, Difference, compare
from provisioning.model import LEFT_BEHIND, RUNS_TWICE, Fault, Machine, MachineState, Observation

SIZE, OTHER = Size(2, 4096, {"ssd": 20}), Size(4, 4096, {"ssd": 20})


def machine(vm_id, name="m", host="a", size=SIZE):
    return Machine(f"x-{vm_id}-{name}", name, vm_id, host, MachineState.RUNNING, size)


def kinds(machines, allocated, faults=(), in_hand=()):
    observation = Observation((), tuple(machines), tuple(faults))
    return [(finding.kind, finding.name) for finding in compare(observation, allocated, in_hand)]


OURS = {1: Allocated("m", "a", SIZE)}


def test_agreement_is_no_finding():
    assert kinds([machine(1)], OURS) == []


def test_a_machine_nobody_allocated_is_found_with_or_without_a_number():
    assert kinds([machine(1), machine(None, "alien"), machine(9, "old")], OURS) == [
        (Difference.NOT_ALLOCATED, "alien"),
        (Difference.NOT_ALLOCATED, "old"),
    ]


def test_an_allocation_without_a_machine_is_found():
    assert kinds([], OURS) == [(Difference.NOT_SEEN, "m")]


def test_a_machine_that_cannot_be_seen_is_not_missing():
    assert kinds([], OURS, [Fault("a", None, "host_unreachable")]) == []
    assert kinds([], OURS, [Fault("a", 1, "machine_stuck")]) == []


def test_another_size_and_another_host_are_found():
    assert kinds([machine(1, host="b", size=OTHER)], OURS) == [
        (Difference.OTHER_HOST, "m"),
        (Difference.OTHER_SIZE, "m"),
    ]


def test_a_machine_that_is_broken_is_found_with_its_clouds_words():
    broken = replace(machine(1), state=MachineState.UNKNOWN, fault="No valid host was found.")
    (finding,) = compare(Observation((), (broken,)), OURS)
    assert (finding.kind, finding.name) == (Difference.FAILED, "m")
    assert finding.found == {"host": "a", "fault": "No valid host was found."}


def test_a_machine_that_is_there_twice_is_found():
    assert kinds([machine(1), machine(1, host="b")], OURS) == [(Difference.SEEN_TWICE, "m")]


def test_a_second_one_that_a_cloud_tells_of_by_word_is_found():
    left, runs = Fault("b", 1, LEFT_BEHIND), Fault("b", 1, RUNS_TWICE)
    for fault in (left, runs):
        (finding,) = compare(Observation((), (machine(1),), (fault,)), OURS)
        assert (finding.kind, finding.vm_id) == (Difference.SEEN_TWICE, 1)
        assert finding.found == {"host": "b", "reason": fault.reason}
    # It is no excuse for the one that should be there.
    assert kinds([], OURS, [left]) == [(Difference.NOT_SEEN, "m"), (Difference.SEEN_TWICE, "m")]
    assert kinds([], {}, [left]) == []


def test_machines_in_hand_differ_rightly():
    assert kinds([machine(1, size=OTHER), machine(5, "new")], OURS, in_hand=[1, 5]) == []
