"""Counts the calls by which a process changes anything on libvirt hosts, and kills the process at one of them.

A point is right after each such call, which is as good as right before the next one; and some lie within a call that
lasts: half of a volume sent, and a guest on its way to another host.
"""

import os
import signal
from collections.abc import Callable
from threading import Lock, Timer
from typing import Any

import libvirt

CHANGES = {
    libvirt.virConnect: ["defineXML"],
    libvirt.virStoragePool: ["createXML", "createXMLFrom"],
    libvirt.virStorageVol: ["delete", "upload", "resize"],
    libvirt.virStream: ["finish"],
    libvirt.virDomain: [
        "create", "destroy", "destroyFlags", "undefineFlags", "setMetadata", "setMemoryFlags", "setVcpusFlags",
        "blockResize", "attachDeviceFlags", "migrate3", "setMemoryStatsPeriod", "setAutostart",
    ],
}  # fmt: skip
# Into a move: its guest is made ready at the other place, and its memory is sent.
UNDER_WAY_SECONDS = (0.3, 1.0)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Points:
    """Counts the points that were passed, and does not get beyond the last. last 0: nobody is killed."""

    def __init__(self, last: int) -> None:
        self.last, self.passed, self._turn = last, 0, Lock()

    def watch(self) -> None:
        """From now on, in this process."""
        for kind, names in CHANGES.items():
            for name in names:
                setattr(kind, name, self._watched(getattr(kind, name)))
        for seconds in UNDER_WAY_SECONDS:
            libvirt.virDomain.migrate3 = self._under_way(libvirt.virDomain.migrate3, seconds)
        libvirt.virStream.sendAll = self._half_sent(libvirt.virStream.sendAll)

    def _is_last(self) -> bool:
        with self._turn:
            self.passed += 1
            return self.passed == self.last

    def _watched(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            answer = method(*arguments)
            if self._is_last():
                die()
            return answer

        return call

    def _under_way(self, method: Callable[..., Any], seconds: float) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            if self._is_last():
                timer = Timer(seconds, die)
                # The process does not end before it is killed.
                timer.daemon = False
                timer.start()
            return method(*arguments)

        return call

    def _half_sent(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(stream: Any, handler: Callable[..., bytes], opaque: Any) -> Any:
            asked = 0

            def half(of: Any, wanted: int, given: Any) -> bytes:
                nonlocal asked
                asked += 1
                if asked == 2 and self._is_last():
                    die()
                return handler(of, wanted, given)

            return method(stream, half, opaque)

        return call
