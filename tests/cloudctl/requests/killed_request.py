"""A program that executes one request over and over, killed at every commit, and executes it again.

    python killed_request.py TEMPLATE WORK REQUEST

TEMPLATE: a home with a granted request of that number. Per fault point n the home is copied to WORK/n; a child
executes the request and is SIGKILLed at its n-th point (before and after each ledger transaction's commit); a second
child executes it again. WORK/whole is the run nobody killed. Prints the number of points.
"""

import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT))

from cloudctl.operations.context import open_context  # noqa: E402
from cloudctl.operations.requests.execute_request import execute_request  # noqa: E402
from tests.provisioning.killed_run import KillingDatabase, Point, count_into, in_child, killer  # noqa: E402


def run(home: Path, number: int, point: Point) -> None:
    with open_context(home, login="otto") as context:
        execute_request(replace(context, database=KillingDatabase(context.database, point)), number)  # type: ignore[arg-type]


def main(template: Path, work: Path, number: int) -> None:
    shutil.copytree(template, work / "whole")
    in_child(lambda: run(work / "whole", number, count_into(work / "points")), 0)
    points = len((work / "points").read_text())
    for at in range(1, points + 1):
        home = work / str(at)
        shutil.copytree(template, home)
        in_child(lambda home=home, at=at: run(home, number, killer(at)), -signal.SIGKILL)
        # Where the end was committed before the kill, there is nothing to execute again.
        in_child(lambda home=home: again(home, number), 0)
    sys.stdout.write(f"{points}\n")


def again(home: Path, number: int) -> None:
    from policies.requests.store import find_request

    with open_context(home, login="otto") as context:
        with context.reading() as session:
            is_done = find_request(session, number).state == "done"
        if not is_done:
            execute_request(context, number)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
