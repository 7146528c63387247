"""One host of a pool: a thread with a connection of its own, and a deadline on whatever is asked of it.

A call into libvirt can hang for good (a stuck QEMU, a stopped daemon). Then its thread is left behind and the next
question goes to a fresh one with a fresh connection; another host's thread is never concerned.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from time import monotonic
from typing import Any, Generic, TypeVar

from cloudctl.core.errors import CloudctlError
from provisioning.drivers.libvirt.failures import HostSilent, translated
from provisioning.drivers.libvirt.options import HostSettings
from provisioning.drivers.libvirt.sdk import sdk

T = TypeVar("T")
Job = Callable[[Any], T]
# A host is taken for dead when it has not been heard of for the product, in seconds.
KEEPALIVE_SECONDS, KEEPALIVE_COUNT = 5, 3
# More hanging calls than this, and nothing more is asked of a host.
MOST_LEFT_BEHIND = 3


class Host:
    """A host by its code. Nothing connects before the first question."""

    def __init__(self, code: str, settings: HostSettings) -> None:
        self.code = code
        self.settings = settings
        self._worker: _Worker | None = None
        self._left_behind: list[_Worker] = []

    def begin(self, job: Job[T]) -> "Question[T]":
        """Hands a job to the host's thread; it gets the open connection."""
        self._left_behind = [worker for worker in self._left_behind if worker.is_busy]
        if len(self._left_behind) >= MOST_LEFT_BEHIND:
            raise HostSilent("Host {host} does not answer.", host=self.code)
        if self._worker is None:
            self._worker = _Worker(self.code, self.settings.uri)
        return Question(self, self._worker, self._worker.submit(job))

    def ask(self, job: Job[T], seconds: float) -> T:
        """The job's answer. HostSilent after so many seconds, or as the job raises."""
        return self.begin(job).answer(monotonic() + seconds)

    def leave_behind(self, worker: "_Worker") -> None:
        self._left_behind.append(worker)
        if self._worker is worker:
            self._worker = None

    def close(self) -> None:
        """Hangs up, unless the thread hangs itself."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None


class Question(Generic[T]):
    """A job on its way on a host's thread."""

    def __init__(self, host: Host, worker: "_Worker", future: "Future[T]") -> None:
        self._host, self._worker, self._future = host, worker, future

    def answer(self, until: float) -> T:
        """until: on the monotonic clock."""
        try:
            return self._future.result(max(0.0, until - monotonic()))
        except TimeoutError:
            self._host.leave_behind(self._worker)
            raise HostSilent("Host {host} does not answer.", is_late=True, host=self._host.code) from None


class _Worker:
    """The thread: takes jobs one after the other, connects when there is no living connection."""

    def __init__(self, code: str, uri: str) -> None:
        self._code, self._uri = code, uri
        self._jobs: SimpleQueue[tuple[Job[Any], Future[Any]] | None] = SimpleQueue()
        self._connection: Any = None
        self._pending = 0
        self._thread = Thread(target=self._run, name=f"libvirt {code}", daemon=True)
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        return self._thread.is_alive() and self._pending > 0

    def submit(self, job: Job[T]) -> "Future[T]":
        future: Future[T] = Future()
        self._pending += 1
        self._jobs.put((job, future))
        return future

    def close(self) -> None:
        self._jobs.put(None)
        self._thread.join(1)

    def _run(self) -> None:
        while (item := self._jobs.get()) is not None:
            job, future = item
            self._answer(job, future)
            self._pending -= 1
        self._hang_up()

    def _answer(self, job: Job[Any], future: "Future[Any]") -> None:
        libvirt = sdk()
        try:
            future.set_result(job(self._living()))
        except libvirt.libvirtError as error:
            future.set_exception(translated(error, self._code))
        except BaseException as error:
            future.set_exception(error)
            if not isinstance(error, Exception):
                raise

    def _living(self) -> Any:
        if self._connection is not None and not self._connection.isAlive():
            self._hang_up()
        if self._connection is None:
            self._connection = connected(self._uri)
        return self._connection

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except sdk().libvirtError:
                return


def connected(uri: str) -> Any:
    """An open connection that notices when the other side is gone. It never asks anybody for a password."""
    libvirt = sdk()
    connection = libvirt.open(asking_nobody(uri))
    try:
        connection.setKeepAlive(KEEPALIVE_SECONDS, KEEPALIVE_COUNT)
    except libvirt.libvirtError:
        # libvirt's in-process test driver has no other side.
        return connection
    return connection


def asking_nobody(uri: str) -> str:
    """The URI with ssh told not to prompt: a sweep at night has nobody to ask."""
    scheme, _, rest = uri.partition("://")
    if "+ssh" not in scheme or "no_tty" in rest:
        return uri
    return f"{uri}{'&' if '?' in rest else '?'}no_tty=1"


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
