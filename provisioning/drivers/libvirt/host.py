"""One host of a pool: a lane for questions, which are quick, and one for steps, which may take their time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from threading import RLock
from time import monotonic
from typing import Generic, TypeVar

from cloudctl.core.errors import CloudctlError
from provisioning.drivers.libvirt.failures import HostSilent
from provisioning.drivers.libvirt.lane import Job, Lane, Question
from provisioning.drivers.libvirt.options import HostSettings

T = TypeVar("T")


class Host:
    """A host by its code. Nothing connects before the first question."""

    def __init__(self, code: str, settings: HostSettings) -> None:
        self.code = code
        self.settings = settings
        # Whose turn it is: one step works on a host at a time, for it counts on the room it saw.
        self.turn = RLock()
        self._questions = Lane(code, settings.uri)
        # What hangs may come through yet: nothing is done beside it, for it may be the same step, asked again.
        self._steps = Lane(code, settings.uri, most_left_behind=1)

    def begin(self, job: Job[T]) -> Question[T]:
        """Asks a question without waiting for the answer."""
        return self._questions.begin(job)

    def ask(self, job: Job[T], seconds: float) -> T:
        """The answer to a question. HostSilent after so many seconds."""
        return self._questions.ask(job, seconds)

    def carry_out(self, job: Job[T], seconds: float) -> T:
        """Does a part of a step when its turn comes; the seconds count from then. HostSilent when they are over."""
        with self.turn:
            return self._steps.ask(job, seconds)

    def close(self) -> None:
        self._questions.close()
        self._steps.close()


@contextmanager
def turns(*hosts: Host) -> Iterator[None]:
    """The turn on several hosts, for a step that works on all of them: always in the same order."""
    with ExitStack() as taken:
        for host in sorted(hosts, key=lambda each: each.code):
            taken.enter_context(host.turn)
        yield


def answers(hosts: Sequence[Host], job: Callable[[Host], Job[T]], seconds: float) -> "Answers[T]":
    """What every host answers, all asked at once: one that is silent costs the others nothing."""
    begun: dict[str, Question[T]] = {}
    silent: dict[str, CloudctlError] = {}
    for host in hosts:
        try:
            begun[host.code] = host.begin(job(host))
        except HostSilent as reason:
            silent[host.code] = reason
    until, answered = monotonic() + seconds, {}
    for code, question in begun.items():
        try:
            answered[code] = question.answer(until)
        except CloudctlError as reason:
            silent[code] = reason
    return Answers(answered, silent)


class Answers(Generic[T]):
    """answered: by host; silent: why the others are not among them."""

    __slots__ = ("answered", "silent")

    def __init__(self, answered: Mapping[str, T], silent: Mapping[str, CloudctlError]) -> None:
        self.answered, self.silent = answered, silent
