"""The command in a process that kills itself after its n-th request of some kind to an OpenStack.

python -m tests.integration.killed_command KIND N ARGUMENT…: ends as the command does when it is over before. KIND:
"making" what a second request would make a second time, "changing" whatever changes anything.
"""

import os
import signal
import sys
from itertools import count

import requests

from cloudctl.cli.main import main

# Asked again they do the same again: of a token, nothing is left over either.
REPEATABLE = ("/auth/tokens", "/metadata", "/action")


def is_counted(kind: str, method: str, url: str) -> bool:
    if kind == "making":
        return method == "POST" and not url.endswith(REPEATABLE)
    return method in ("POST", "PUT", "DELETE") and not url.endswith("/auth/tokens")


def die_after(kind: str, last: int) -> None:
    plain, numbers = requests.Session.request, count(1)

    def request(self, method, url, *arguments, **options):
        answer = plain(self, method, url, *arguments, **options)
        if is_counted(kind, method.upper(), url) and next(numbers) == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    requests.Session.request = request


if __name__ == "__main__":
    die_after(sys.argv[1], int(sys.argv[2]))
    main(sys.argv[3:])
