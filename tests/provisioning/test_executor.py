"""The executor under fire: clouds that refuse, lose answers and work side by side, with a journal that is watched."""

import threading
from datetime import UTC, datetime

import pytest

from cloudctl.core.errors import Refused, Unreachable
from cloudctl.core.quantity import Size
from provisioning import executor
from provisioning.driver import HostUnreachable, StillAtWork
from provisioning.executor import Entry, StepState, execute
from provisioning.model import Applied, Capability, Fault, Machine, MachineState, Observation
from provisioning.pacing import Pace
from provisioning.steps import (
    adopt_step,
    create_step,
    delete_step,
    evacuate_step,
    migrate_step,
    start_step,
    stop_step,
)
from provisioning.undoing import undo

AT = datetime(2026, 10, 1, tzinfo=UTC)
SIZE = Size(2, 4096)
BESIDE = Pace(parallel=4, per_host=2)
# How long those wait for one another who never come together where the executor has a defect.
PATIENCE_S = 60


class Cloud:
    """Answers as told by name; `together`: how many were asked at the same time, at most."""

    capabilities = frozenset(Capability) - {Capability.ORDER}
    is_simulated = True

    def __init__(self, answers=None, max_parallel=1, meet=0):
        self.answers, self.max_parallel, self.asked = dict(answers or {}), max_parallel, []
        self.max_per_host = max_parallel
        self.now, self.together, self.lock = 0, 0, threading.Lock()
        self.meeting = threading.Barrier(meet, timeout=PATIENCE_S) if meet else None

    def apply(self, step):
        with self.lock:
            self.now += 1
            self.together = max(self.together, self.now)
            self.asked.append(step.name)
        try:
            if self.meeting is not None:
                self.meeting.wait()
            answer = self.answers.get(step.name)
            if isinstance(answer, list):
                answer = answer.pop(0) if answer else None
            if answer is not None:
                raise answer
            return Applied(AT, step.name, "n1")
        finally:
            with self.lock:
                self.now -= 1


class Notes:
    """A journal as lines."""

    def __init__(self):
        self.lines, self.thread = [], threading.get_ident()

    def note(self, word, entry=None):
        assert threading.get_ident() == self.thread, "the journal is written by one thread"
        self.lines.append(f"{word} {entry.step.name}" if entry else word)

    def begin(self, entry, finished):
        if finished:
            self.note("done", finished[0])
        self.note("begin", entry)

    def finish(self, finished, *, is_last):
        if finished:
            self.note("done", finished[0])
        if is_last:
            self.note("closed")

    def unanswered(self, entry, reason):
        self.note("uncertain", entry)

    def refuse(self, entry, reason):
        self.note("refused", entry)

    def lose(self, entry, reason):
        self.note("lost", entry)


def entries(*steps):
    return [Entry(number, "lab", step, StepState.PENDING) for number, step in enumerate(steps, 1)]


def moves(*names):
    return [migrate_step(number, name, "n1", f"t{number}") for number, name in enumerate(names, 1)]


def test_a_cloud_that_bears_one_at_a_time_is_asked_in_turn():
    cloud, notes = Cloud(), Notes()
    execute(entries(*moves("a", "b")), {"lab": cloud}, notes, BESIDE)
    assert notes.lines == ["begin a", "done a", "begin b", "done b", "closed"]
    assert cloud.together == 1


def test_a_cloud_that_bears_it_works_side_by_side_up_to_the_limit_of_a_host():
    cloud, notes = Cloud(max_parallel=4, meet=2), Notes()
    execute(entries(*moves("a", "b", "c", "d")), {"lab": cloud}, notes, BESIDE)
    assert cloud.together == 2, "all four leave the same host"
    assert notes.lines[:2] == ["begin a", "begin b"] and notes.lines[-1] == "closed"
    assert sorted(line for line in notes.lines if line.startswith("done")) == [
        f"done {name}" for name in "abcd"
    ]


def test_the_steps_of_one_machine_are_never_side_by_side():
    cloud, notes = Cloud(max_parallel=4), Notes()
    execute(entries(stop_step(1, "a"), start_step(1, "a")), {"lab": cloud}, notes, BESIDE)
    assert notes.lines == ["begin a", "done a", "begin a", "done a", "closed"]


def test_what_runs_beside_a_refused_step_is_journalled_before_the_change_is_undoing():
    cloud, notes = Cloud({"a": Refused("No.")}, max_parallel=4, meet=2), Notes()
    steps = [*moves("a", "b"), start_step(1, "c")]
    reason = execute(entries(*steps), {"lab": cloud}, notes, BESIDE)
    assert str(reason) == "No."
    assert sorted(notes.lines[:-1]) == ["begin a", "begin b", "done b"]
    assert notes.lines[-1] == "refused a"
    assert "c" not in cloud.asked, "nothing new begins"


def test_what_runs_beside_an_unanswered_step_is_journalled_too():
    cloud, notes = Cloud({"a": Unreachable("Silence.")}, max_parallel=4, meet=2), Notes()
    with pytest.raises(Unreachable):
        execute(entries(*moves("a", "b"), start_step(1, "c")), {"lab": cloud}, notes, BESIDE)
    assert sorted(notes.lines) == ["begin a", "begin b", "done b", "uncertain a"]


def test_a_change_that_goes_on_loses_a_refused_step_alone():
    cloud, notes = Cloud({"b": Refused("No.")}), Notes()
    assert execute(entries(*moves("a", "b", "c")), {"lab": cloud}, notes, goes_on=True) is None
    assert notes.lines == ["begin a", "done a", "begin b", "lost b", "begin c", "done c", "closed"]


def test_a_real_cloud_that_does_not_answer_is_asked_again_before_its_step_is_left_uncertain(monkeypatch):
    pauses = []
    monkeypatch.setattr(executor, "sleep", pauses.append)
    cloud, notes = Cloud({"a": [Unreachable("Silence."), Unreachable("Silence.")]}), Notes()
    cloud.is_simulated = False
    execute(entries(create_step(1, "a", SIZE, host="n1")), {"lab": cloud}, notes, Pace(attempts=3))
    assert notes.lines == ["begin a", "done a", "closed"]
    assert (cloud.asked, pauses) == (["a", "a", "a"], [2, 4])


def test_a_step_that_ended_is_not_asked_for_again():
    cloud, notes = Cloud(), Notes()
    done = Entry(1, "lab", stop_step(1, "a"), StepState.DONE)
    lost = Entry(2, "lab", stop_step(2, "b"), StepState.FAILED)
    execute([done, lost, *entries(stop_step(3, "c"))], {"lab": cloud}, notes, goes_on=True)
    assert cloud.asked == ["c"]


def test_pools_that_bear_one_at_a_time_work_beside_each_other():
    meeting = threading.Barrier(2, timeout=PATIENCE_S)
    one, other = Cloud(), Cloud()
    for cloud in (one, other):
        cloud.is_simulated, cloud.meeting = False, meeting
    steps = [
        Entry(1, "a", stop_step(1, "a"), StepState.PENDING),
        Entry(2, "b", stop_step(2, "b"), StepState.PENDING),
    ]
    again = [
        Entry(3, "a", stop_step(3, "c"), StepState.PENDING),
        Entry(4, "b", stop_step(4, "d"), StepState.PENDING),
    ]
    notes = Notes()
    execute([*steps, *again], {"a": one, "b": other}, notes, BESIDE)
    assert (one.together, other.together) == (1, 1)
    assert notes.lines[-1] == "closed"


def on_hosts(*names_and_hosts):
    return [
        Entry(number, "lab", stop_step(number, name), StepState.PENDING, host=host)
        for number, (name, host) in enumerate(names_and_hosts, 1)
    ]


def test_a_silent_host_holds_up_its_own_steps_alone():
    cloud, notes = Cloud({"a": HostUnreachable("Silence.", host="n1")}, max_parallel=4), Notes()
    steps = on_hosts(("a", "n1"), ("b", "n1"), ("c", "n2"), ("d", "n2"))
    with pytest.raises(Unreachable):
        execute(steps, {"lab": cloud}, notes, Pace(parallel=4, per_host=1))
    assert sorted(cloud.asked) == ["a", "c", "d"]
    assert sorted(notes.lines) == ["begin a", "begin c", "begin d", "done c", "done d", "uncertain a"]


def test_what_waits_for_an_uncertain_step_never_begins():
    late = StillAtWork("Not yet.")
    cloud, notes = Cloud({"a": late}), Notes()
    steps = [delete_step(1, "a", SIZE, "n1"), create_step(2, "b", SIZE, host="n1"), stop_step(3, "c")]
    with pytest.raises(StillAtWork):
        execute(entries(*steps), {"lab": cloud}, notes)
    assert notes.lines == ["begin a", "uncertain a", "begin c", "done c"]


def test_a_silent_cloud_does_not_hold_up_another():
    silent, other, notes = Cloud({"a": Unreachable("Silence.")}), Cloud(), Notes()
    steps = [
        Entry(1, "far", stop_step(1, "a"), StepState.PENDING),
        Entry(2, "far", stop_step(2, "b"), StepState.PENDING),
        Entry(3, "lab", stop_step(3, "c"), StepState.PENDING),
    ]
    with pytest.raises(Unreachable):
        execute(steps, {"far": silent, "lab": other}, notes)
    assert (silent.asked, other.asked) == (["a"], ["c"])


def test_what_is_refused_beside_an_uncertain_step_undoes_the_change():
    cloud, notes = Cloud({"a": HostUnreachable("Silence.", host="n1"), "c": Refused("No.")}), Notes()
    reason = execute(on_hosts(("a", "n1"), ("c", "n2")), {"lab": cloud}, notes)
    assert str(reason) == "No." and notes.lines == ["begin a", "uncertain a", "begin c", "refused c"]


def test_after_a_silent_host_the_others_get_their_turn_however_few_go_on_at_once():
    cloud, notes = Cloud({"a": HostUnreachable("Silence.", host="n1")}, max_parallel=4), Notes()
    with pytest.raises(Unreachable):
        execute(on_hosts(("a", "n1"), ("b", "n2"), ("c", "n3")), {"lab": cloud}, notes, Pace(parallel=1))
    assert cloud.asked == ["a", "b", "c"]


class Undone(Notes):
    """The journal's other half."""

    def begin_undo(self, entry):
        self.note("undoing", entry)

    def undone(self, entry, applied):
        self.note("undone", entry)

    def keep(self, entry, reason, applied=None):
        self.note("kept, done after all" if applied else "kept", entry)

    def close_undone(self):
        self.note("closed")


def made_on(*names_and_hosts):
    return [
        Entry(number, "lab", create_step(number, name, SIZE, host=host), StepState.DONE, host=host)
        for number, (name, host) in enumerate(names_and_hosts, 1)
    ]


def test_what_was_made_is_taken_back_last_first():
    cloud, notes = Cloud(), Undone()
    undo(made_on(("a", "n1"), ("b", "n2")), {"lab": cloud}, notes)
    assert notes.lines == ["undoing b", "undone b", "undoing a", "undone a", "closed"]


def test_a_silent_host_does_not_keep_what_stands_elsewhere():
    cloud, notes = Cloud({"c": HostUnreachable("Silence.", host="n1")}), Undone()
    with pytest.raises(HostUnreachable):
        undo(made_on(("a", "n1"), ("b", "n2"), ("c", "n1")), {"lab": cloud}, notes)
    assert notes.lines == ["undoing c", "uncertain c", "undoing b", "undone b"]
    assert cloud.asked == ["c", "b"], "its host was not asked again for a"


def standing(vm_id, host):
    return Machine(f"x-{vm_id}", "a", vm_id, host, MachineState.RUNNING, SIZE)


@pytest.mark.parametrize(
    ("step", "machines", "line"),
    [
        (delete_step(1, "a", SIZE, "n1"), [], "kept, done after all a"),
        (delete_step(1, "a", SIZE, "n1"), [standing(1, "n1")], "undone a"),
        (adopt_step(1, "a", SIZE, "n1"), [standing(1, "n1")], "kept, done after all a"),
        (adopt_step(1, "a", SIZE, "n1"), [standing(None, "n1")], "undone a"),
        (evacuate_step(1, "a", "n1", "n2"), [standing(1, "n2")], "kept, done after all a"),
        (evacuate_step(1, "a", "n1", "n2"), [], "undone a"),
    ],
)
def test_what_nothing_takes_back_is_looked_for_where_nobody_knows_of_it(step, machines, line):
    cloud, notes = Cloud(), Undone()
    cloud.observe = lambda: Observation((), tuple(machines))
    undo([Entry(1, "lab", step, StepState.RUNNING, is_uncertain=True)], {"lab": cloud}, notes)
    assert notes.lines == [line, "closed"]
    assert cloud.asked == (["a"] if "kept" in line else []), "what was not done is not done now"


def test_what_nothing_takes_back_stays_uncertain_while_its_host_is_silent():
    cloud, notes = Cloud(), Undone()
    cloud.observe = lambda: Observation((), (), (Fault("n1", None, "host_unreachable"),))
    uncertain = Entry(1, "lab", delete_step(1, "a", SIZE, "n1"), StepState.RUNNING, is_uncertain=True)
    with pytest.raises(HostUnreachable):
        undo([uncertain], {"lab": cloud}, notes)
    assert notes.lines == ["uncertain a"]
