"""A thread with a connection of its own to one host, and a deadline on whatever is asked of it.

A call into libvirt can hang for good (a stuck QEMU, a stopped daemon). Then its thread is left behind and the next
question goes to a fresh one with a fresh connection; another host's thread is never concerned.
"""

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Lock, Thread
from time import monotonic
from typing import Any, Generic, TypeVar

from provisioning.drivers.libvirt.failures import HostSilent, translated, unreachable
from provisioning.drivers.libvirt.sdk import sdk

T = TypeVar("T")
Job = Callable[[Any], T]
# A host is taken for dead when it has not been heard of for the product, in seconds.
KEEPALIVE_SECONDS, KEEPALIVE_COUNT = 5, 3
# More hanging calls than this, and nothing more is asked of a host.
MOST_LEFT_BEHIND = 3


class Lane:
    """The way to a host, for any number of askers, one after the other. Nothing connects before the first job."""

    def __init__(self, code: str, uri: str, most_left_behind: int = MOST_LEFT_BEHIND) -> None:
        self._code, self._uri, self._most = code, uri, most_left_behind
        self._lock = Lock()
        self._worker: _Worker | None = None
        self._left_behind: list[_Worker] = []

    def begin(self, job: Job[T]) -> "Question[T]":
        """Hands a job to the thread; it gets the open connection. HostSilent when too many hang there already."""
        with self._lock:
            self._dismiss_idle()
            if len(self._left_behind) >= self._most:
                raise HostSilent("Host {host} does not answer.", host=self._code)
            if self._worker is None:
                self._worker = _Worker(self._code, self._uri)
            return Question(self, self._code, self._worker, self._worker.submit(job))

    def ask(self, job: Job[T], seconds: float) -> T:
        """The job's answer. HostSilent after so many seconds, or as the job raises."""
        return self.begin(job).answer(monotonic() + seconds)

    def leave_behind(self, worker: "_Worker") -> None:
        with self._lock:
            if self._worker is worker:
                self._left_behind.append(worker)
                self._worker = None

    def _dismiss_idle(self) -> None:
        """What was left behind and came through after all is needed no more."""
        busy = [worker for worker in self._left_behind if worker.is_busy]
        for worker in self._left_behind:
            if worker not in busy:
                worker.dismiss()
        self._left_behind = busy

    def close(self) -> None:
        """Hangs up; a thread that hangs itself does so once it comes through."""
        with self._lock:
            worker, self._worker = self._worker, None
            for hanging in self._left_behind:
                hanging.dismiss()
        if worker is not None:
            worker.close()


class Question(Generic[T]):
    """A job on its way on a lane's thread."""

    def __init__(self, lane: Lane, host: str, worker: "_Worker", future: "Future[T]") -> None:
        self._lane, self._host, self._worker, self._future = lane, host, worker, future

    def answer(self, until: float) -> T:
        """until: on the monotonic clock."""
        try:
            return self._future.result(max(0.0, until - monotonic()))
        except TimeoutError:
            self._lane.leave_behind(self._worker)
            raise HostSilent("Host {host} does not answer.", is_late=True, host=self._host) from None


class _Worker:
    """The thread: takes jobs one after the other, connects when there is no living connection."""

    def __init__(self, code: str, uri: str) -> None:
        self._code, self._uri = code, uri
        self._jobs: SimpleQueue[tuple[Job[Any], Future[Any]] | None] = SimpleQueue()
        self._connection: Any = None
        self._last: Future[Any] | None = None
        self._thread = Thread(target=self._run, name=f"libvirt {code}", daemon=True)
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        return self._thread.is_alive() and self._last is not None and not self._last.done()

    def submit(self, job: Job[T]) -> "Future[T]":
        future: Future[T] = Future()
        self._last = future
        self._jobs.put((job, future))
        return future

    def dismiss(self) -> None:
        self._jobs.put(None)

    def close(self) -> None:
        self.dismiss()
        self._thread.join(1)

    def _run(self) -> None:
        while (item := self._jobs.get()) is not None:
            job, future = item
            self._answer(job, future)
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
            try:
                self._connection = connected(self._uri)
            except sdk().libvirtError as error:
                raise unreachable(error, self._code) from None
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
