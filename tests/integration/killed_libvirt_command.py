"""The command itself, killed at the N-th point where it changes something on libvirt hosts.

    python -m tests.integration.killed_libvirt_command N ARGUMENTS…

N 0: nobody is killed, and the last word on stderr is the number of points.
"""

import sys
from collections.abc import Sequence

from cloudctl.cli.main import main
from tests.integration.libvirt_points import Points


def killed(last: int, arguments: Sequence[str]) -> None:
    points = Points(last)
    points.watch()
    try:
        main(arguments)
    finally:
        sys.stderr.write(f"{points.passed}\n")


if __name__ == "__main__":
    killed(int(sys.argv[1]), sys.argv[2:])
