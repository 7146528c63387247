"""A step on OpenStack whose process is killed before or after any of its requests ends as if nobody had been killed."""

import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from provisioning.model import MachineState
from tests.integration.killed_openstack import LARGE, SMALL, STEPS, opened
from tests.integration.labs.openstack_lab import PATIENCE_SECONDS, running_lab

ROOT = Path(__file__).parents[2]
BEFORE = {
    "create": (),
    "resize": ("create",),
    "migrate": ("create",),
    "shelve": ("create",),
    "unshelve": ("create", "shelve"),
    "delete": ("create", "resize"),
    "stop": ("create",),
    "start": ("create", "stop"),
    "evacuate": ("create", "power failure"),
    "adopt": ("stranger",),
}


@pytest.fixture
def lab():
    lab = running_lab()
    with lab.taken():
        lab.clear()
        try:
            yield lab
        finally:
            lab.mend_computes()


def prepare(lab, driver, step):
    """Steps of ours, and what happens without us."""
    if step == "power failure":
        lab.kill_compute("a")
    elif step == "stranger":
        make_stranger(lab, "killed-1", SMALL)
    else:
        driver.apply(STEPS[step])


def make_stranger(lab, name, size):
    """A machine that others made."""
    with lab.connection() as cloud:
        flavor = cloud.compute.create_flavor(name="strange", vcpus=size.vcpus, ram=size.memory_mib, disk=0)
        image, network = cloud.image.find_image("tiny"), cloud.network.find_network("office")
        volume = cloud.block_storage.create_volume(size=20, volume_type="fake", image_id=image.id)
        cloud.block_storage.wait_for_status(volume, "available", interval=1, wait=PATIENCE_SECONDS)
        device = {
            "boot_index": 0,
            "uuid": volume.id,
            "source_type": "volume",
            "destination_type": "volume",
        }
        server = cloud.compute.create_server(
            name=name,
            flavor_id=flavor.id,
            networks=[{"uuid": network.id}],
            block_device_mapping=[device],
        )
        cloud.compute.wait_for_server(server, interval=1, wait=PATIENCE_SECONDS)


def is_killed(lab, folder, step, number):
    command = [sys.executable, "-W", "ignore", "-m", "tests.integration.killed_openstack"]
    done = subprocess.run(
        [*command, str(lab.base), str(folder), step, str(number)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode in (0, -9), done.stderr
    return done.returncode == -9


def what_there_is(lab):
    """How many servers, volumes and ports of machines the cloud has."""
    with lab.connection() as cloud:
        ports = [port for port in cloud.network.ports() if port.device_owner.startswith("compute")]
        servers = list(cloud.compute.servers(details=False, all_projects=True))
        return len(servers), len(list(cloud.block_storage.volumes(all_projects=True))), len(ports)


ENDS = {
    "create": (SMALL, MachineState.RUNNING, (1, 1, 1)),
    "resize": (LARGE, MachineState.RUNNING, (1, 2, 1)),
    "migrate": (SMALL, MachineState.RUNNING, (1, 1, 1)),
    "unshelve": (SMALL, MachineState.RUNNING, (1, 1, 1)),
    "shelve": (SMALL, MachineState.SHELVED, (1, 1, 1)),
    "delete": (None, None, (0, 0, 0)),
    "stop": (SMALL, MachineState.OFF, (1, 1, 1)),
    "start": (SMALL, MachineState.RUNNING, (1, 1, 1)),
    "evacuate": (SMALL, MachineState.RUNNING, (1, 1, 1)),
    "adopt": (SMALL, MachineState.RUNNING, (1, 1, 1)),
}


@pytest.mark.parametrize("step", list(BEFORE))
def test_a_step_killed_anywhere_is_taken_up_and_leaves_no_orphan(lab, tmp_path, step):
    """Killed at the first point, taken up and killed at the second, and so on: each starts from the last's ruins."""
    driver = opened(lab, tmp_path)
    try:
        for earlier in BEFORE[step]:
            prepare(lab, driver, earlier)
        for number in count(1):
            if not is_killed(lab, tmp_path, step, number):
                break
        driver.apply(STEPS[step])
        size, state, counts = ENDS[step]
        machines = driver.observe().machines
        expected = [(1, size, state)] if size else []
        assert [(each.vm_id, each.size, each.state) for each in machines] == expected
        assert step not in ("migrate", "evacuate") or machines[0].host == "b"
        assert what_there_is(lab) == counts
    finally:
        driver.close()
