"""A program that carries one step out on libvirt hosts and is killed at the N-th point of it.

    python -m tests.integration.killed_libvirt N < DOCUMENT

DOCUMENT: JSON of a pool's facts and a step. N 0: nobody is killed, and the number of points is printed.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from cloudctl.core.clock import DrivenClock
from provisioning.driver import PoolFacts, open_driver
from provisioning.model import Step, StepKind
from tests.integration.libvirt_points import Points


def main(last: int) -> None:
    document = json.load(sys.stdin)
    facts, step = document["facts"], document["step"]
    facts["state_folder"] = Path(facts["state_folder"])
    points = Points(last)
    points.watch()
    driver = open_driver("libvirt", PoolFacts(**facts), DrivenClock(datetime(2026, 10, 1, 1, tzinfo=UTC)))
    driver.apply(Step(StepKind(step.pop("kind")), **step))
    driver.close()
    sys.stdout.write(f"{points.passed}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
