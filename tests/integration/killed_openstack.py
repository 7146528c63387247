"""One step on the lab by a process that kills itself before or after its n-th request that changes anything.

python -m tests.integration.killed_openstack FOLDER STEP N: prints "done" when the step was over before.
"""

import os
import signal
import sys
from itertools import count
from pathlib import Path

from cloudctl.core.clock import SystemClock
from cloudctl.core.quantity import Size
from provisioning.driver import open_driver
from provisioning.drivers.openstack.endpoint import Endpoint
from provisioning.steps import (
    adopt_step,
    create_step,
    delete_step,
    evacuate_step,
    migrate_step,
    resize_step,
    shelve_step,
    start_step,
    stop_step,
    unshelve_step,
)
from tests.integration.labs.openstack_lab import OpenStackLab

SMALL, LARGE = Size(2, 4096, {"ssd": 20}), Size(4, 8192, {"sata": 10, "ssd": 30})
STEPS = {
    "create": create_step(1, "killed-1", SMALL, host="a", system="tax"),
    "resize": resize_step(1, "killed-1", SMALL, LARGE),
    "migrate": migrate_step(1, "killed-1", "a", "b"),
    "shelve": shelve_step(1, "killed-1"),
    "unshelve": unshelve_step(1, "killed-1"),
    "delete": delete_step(1, "killed-1", LARGE, None),
    "stop": stop_step(1, "killed-1"),
    "start": start_step(1, "killed-1"),
    "evacuate": evacuate_step(1, "killed-1", "a", "b"),
    "adopt": adopt_step(1, "killed-1", SMALL, None, system="tax"),
}


def opened(lab: OpenStackLab, folder: Path):
    return open_driver("openstack", lab.facts("killed", folder), SystemClock())


def main(base: str, folder: str, step: str, last: str) -> None:
    plain, numbers = Endpoint.request, count(1)

    def die(number: int) -> None:
        if number == int(last):
            os.kill(os.getpid(), signal.SIGKILL)

    def request(self, method, path, **options):
        if method == "GET":
            return plain(self, method, path, **options)
        die(next(numbers))
        answer = plain(self, method, path, **options)
        die(next(numbers))
        return answer

    Endpoint.request = request
    opened(OpenStackLab(Path(base)), Path(folder)).apply(STEPS[step])
    print("done")


if __name__ == "__main__":
    main(*sys.argv[1:])
