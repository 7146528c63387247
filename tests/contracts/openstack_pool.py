"""A pool on the OpenStack lab for the contract suite, empty before and after each test."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cloudctl.core.clock import DrivenClock
from provisioning.driver import Driver, open_driver
from tests.integration.labs.openstack_lab import OpenStackLab, running_lab


class WallClock(DrivenClock):
    """The cloud's time is nobody's to drive: going on is waiting for its next second."""

    def __init__(self) -> None:
        super().__init__(datetime.now(UTC))

    def now(self) -> datetime:
        return datetime.now(UTC)

    def advance(self, step: timedelta) -> None:
        time.sleep(1.1)


@contextmanager
def openstack_pool(folder: Path) -> Iterator[tuple[OpenStackLab, WallClock, Callable[[], Driver]]]:
    lab, clock = running_lab(), WallClock()
    opened: list[Driver] = []
    facts = lab.facts("contract", folder)

    def opener() -> Driver:
        opened.append(open_driver("openstack", facts, clock))
        return opened[-1]

    with lab.taken():
        lab.clear()
        try:
            yield lab, clock, opener
        finally:
            for driver in opened:
                driver.close()
            lab.mend_computes()
