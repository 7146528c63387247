"""A program that carries out one change over and over, killed at every point there is, and takes it up again.

    python killed_run.py TEMPLATE WORK CHANGE [--late] [--reported | --withdrawn | --taken-back]

TEMPLATE: a home with a journalled change of that number. Per fault point n the home is copied to WORK/n; a child
runs the change and is SIGKILLed at its n-th point (before and after each ledger transaction's commit, before and
after each call of a driver); a second child resumes it (--late: an hour later), or takes it back. Work orders are
reported done, or withdrawn, in the same process. WORK/whole is the run nobody killed. The parent runs the change once
on a copy of its own before, so that its children find everything loaded and compiled; it has no database open when it
forks. Prints the number of points.
"""

import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from cloudctl.core.clock import FileClock
from cloudctl.core.errors import CloudctlError
from cloudctl.operations.context import CLOCK_FILE, Context, open_context
from cloudctl.operations.machines.execute_change import run_change, undo_change
from cloudctl.operations.machines.plan_change import opened_drivers
from cloudctl.operations.machines.roll_back_change import is_finished
from provisioning.driver import Driver
from provisioning.model import Applied, Step

Point = Callable[[], None]


class KillingDatabase:
    """A ledger whose process may die right before or right after a commit."""

    def __init__(self, database: Any, point: Point) -> None:
        self._database, self._point = database, point

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    @contextmanager
    def writing(self) -> Iterator[Any]:
        with self._database.writing() as session:
            yield session
            self._point()
        self._point()


class KillingDriver:
    """A driver whose process may die right before or right after a step is applied."""

    def __init__(self, driver: Driver, point: Point) -> None:
        self._driver, self._point = driver, point

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)

    def apply(self, step: Step) -> Applied:
        self._point()
        applied = self._driver.apply(step)
        self._point()
        return applied


def main(template: Path, work: Path, change_id: int, late: bool, answer: str | None) -> None:
    shutil.copytree(template, work / "warm")
    run(work / "warm", change_id, lambda: None, answer)
    shutil.copytree(template, work / "whole")
    in_child(lambda: run(work / "whole", change_id, count_into(work / "points"), answer), 0)
    points = len((work / "points").read_text())
    for number in range(1, points + 1):
        home = work / str(number)
        shutil.copytree(template, home)
        in_child(
            lambda home=home, number=number: run(home, change_id, killer(number), answer), -signal.SIGKILL
        )
        if late:
            clock = FileClock(home / CLOCK_FILE)
            clock.move_to(clock.now() + timedelta(hours=1))
        again = take_back if answer == "--taken-back" else run
        in_child(lambda home=home, again=again: again(home, change_id, lambda: None, answer), 0)
    sys.stdout.write(f"{points}\n")


def run(home: Path, change_id: int, point: Point, answer: str | None) -> None:
    """The change as the command would run it; that a cloud refuses is an end like another.

    answer: what becomes of its work orders, "--reported" or "--withdrawn".
    """
    with open_context(home) as context:
        watched = replace(context, database=KillingDatabase(context.database, point))  # type: ignore[arg-type]
        try:
            state, opener = "", killing_opener(point)
            while state != (state := run_change(watched, change_id, open_drivers=opener).state):
                if state == "ordered" and answer == "--reported":
                    run_change(watched, change_id, done_at=context.clock.now(), open_drivers=opener)
                elif state == "ordered" and answer == "--withdrawn":
                    undo_change(watched, change_id, open_drivers=opener)
        except CloudctlError as refusal:
            (home / "refusal").write_text(str(refusal))


def take_back(home: Path, change_id: int, _point: Point, _answer: str | None) -> None:
    """One that had ended already stays as it is."""
    with open_context(home) as context:
        if not is_finished(context, change_id):
            undo_change(context, change_id)


def killing_opener(point: Point) -> Callable[..., Any]:
    @contextmanager
    def opener(ctx: Context, pool_ids: Sequence[int]) -> Iterator[dict[int, Any]]:
        with opened_drivers(ctx, pool_ids) as drivers:
            yield {pool_id: KillingDriver(driver, point) for pool_id, driver in drivers.items()}

    return opener


def count_into(path: Path) -> Point:
    path.write_text("")

    def count() -> None:
        with path.open("a") as file:
            file.write(".")

    return count


def killer(number: int) -> Point:
    left = number

    def kill() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return kill


def in_child(work: Callable[[], None], wanted: int) -> None:
    """Runs it in a process of its own; exits when that ended otherwise than wanted."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) != wanted:
        raise SystemExit(f"a child ended with {os.waitstatus_to_exitcode(status)}, not {wanted}")


if __name__ == "__main__":
    ANSWER = next((word for word in sys.argv if word in ("--reported", "--withdrawn", "--taken-back")), None)
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), "--late" in sys.argv, ANSWER)
