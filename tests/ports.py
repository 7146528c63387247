"""A free port for a server of a test: one that nobody else is given by luck in the meantime."""

import random
import socket

# Below what the kernel hands out to whoever binds port 0 or connects somewhere, and above those of the OpenStack lab.
PORTS = range(26_000, 32_000)


def free_port(count: int = 1) -> int:
    """The first of so many in a row."""
    # The machine's own chance: a seed that tests share would make all of them choose the same.
    for first in random.SystemRandom().sample(PORTS, 100):
        if all(_is_free(port) for port in range(first, first + count)):
            return first
    raise OSError("no port is free")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
