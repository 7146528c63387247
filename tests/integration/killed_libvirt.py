"""A program that carries one step out on libvirt hosts and is killed at the N-th change it makes there.

    python killed_libvirt.py N < DOCUMENT

DOCUMENT: JSON of a pool's facts and a step. A point is right after each call that changes something on a host, which is
as good as right before the next one. N 0: nobody is killed, and the number of points is printed.
"""

import json
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import libvirt

from cloudctl.core.clock import DrivenClock
from provisioning.driver import PoolFacts, open_driver
from provisioning.model import Step, StepKind

CHANGES = {
    libvirt.virConnect: ["defineXML"],
    libvirt.virStoragePool: ["createXML", "createXMLFrom"],
    libvirt.virStorageVol: ["delete", "upload", "resize"],
    libvirt.virStream: ["finish"],
    libvirt.virDomain: [
        "create", "destroy", "destroyFlags", "undefineFlags", "setMetadata", "setMemoryFlags", "setVcpusFlags",
        "blockResize", "attachDeviceFlags", "migrate3",
    ],
}  # fmt: skip


class Points:
    """Counts the points that were passed, and does not get beyond the last."""

    def __init__(self, last: int) -> None:
        self.last, self.passed = last, 0

    def watched(self, method: Any) -> Any:
        def call(*arguments: Any) -> Any:
            answer = method(*arguments)
            self.passed += 1
            if self.passed == self.last:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return call


def main(last: int) -> None:
    document = json.load(sys.stdin)
    facts, step = document["facts"], document["step"]
    points = Points(last)
    for kind, names in CHANGES.items():
        for name in names:
            setattr(kind, name, points.watched(getattr(kind, name)))
    pool = PoolFacts(facts["code"], facts["options"], facts["hosts"], Path(facts["state_folder"]))
    driver = open_driver("libvirt", pool, DrivenClock(datetime(2026, 10, 1, 1, tzinfo=UTC)))
    driver.apply(Step(StepKind(step.pop("kind")), **step))
    driver.close()
    sys.stdout.write(f"{points.passed}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
