"""A step whose process is killed after any change it makes on a host ends, taken up again, the same."""

import json
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloudctl.core.clock import DrivenClock
from cloudctl.core.quantity import Size
from provisioning.driver import open_driver
from provisioning.drivers.libvirt.marks import NAMESPACE
from provisioning.steps import (
    adopt_step,
    create_step,
    delete_step,
    evacuate_step,
    migrate_step,
    reboot_step,
    resize_step,
    shelve_step,
)
from tests.integration.labs.libvirt_lab import PATIENCE_SECONDS, guest_files
from tests.integration.libvirt_site import domains, volumes

PROGRAM, ROOT = "tests.integration.killed_libvirt", Path(__file__).parents[2]
START = datetime(2026, 10, 1, tzinfo=UTC)
LATER = datetime(2026, 10, 1, 2, tzinfo=UTC)
SMALL, LARGE = Size(1, 64, {"ssd": 1}), Size(2, 128, {"hdd": 1, "ssd": 2})
CREATE = create_step(1, "m", SMALL, host="a")


def strip_marks(lab):
    """As if somebody else had made it."""
    import libvirt

    connection = lab.connect("a")
    connection.lookupByName("m").setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, None, None, NAMESPACE, 3)
    connection.close()


def lose_host(lab):
    lab.hosts["a"].die()


# step, what must have been done before, and what has happened then
STEPS = {
    "create": (create_step(1, "m", LARGE, host="a"), [], None),
    "create from an image": (create_step(1, "m", SMALL, host="a", image="tiny"), [], None),
    "adopt": (adopt_step(1, "m", SMALL, "a", system="tax"), [CREATE], strip_marks),
    "grow live": (resize_step(1, "m", SMALL, LARGE), [CREATE], None),
    "grow with a power cycle": (resize_step(1, "m", SMALL, LARGE, is_live=False), [CREATE], None),
    "reboot": (reboot_step(1, "m", datetime(2026, 10, 1, 0, 30, tzinfo=UTC)), [CREATE], None),
    "migrate": (migrate_step(1, "m", "a", "b"), [CREATE], None),
    "evacuate": (evacuate_step(1, "m", "a", "b"), [CREATE], lose_host),
    "shelve": (shelve_step(1, "m"), [CREATE], None),
    "delete what was put aside": (delete_step(1, "m", SMALL, "a"), [CREATE, shelve_step(1, "m")], None),
}


# Where what follows is another step's, too.
ENOUGH = {"create from an image": 6, "reboot": 3}


@pytest.mark.parametrize("name", STEPS)
def test_a_step_killed_anywhere_ends_the_same(lab, tmp_path, name):
    step, before, happened = STEPS[name]

    def prepared(folder):
        prepare(lab, folder, before)
        if happened is not None:
            happened(lab)

    prepared(tmp_path / "whole")
    points = int(killed(lab, tmp_path / "whole", step, 0))
    whole = snapshot(lab, tmp_path / "whole")
    assert points >= 2, "no change has been watched"
    for number in range(1, min(points, ENOUGH.get(name, points)) + 1):
        folder = tmp_path / str(number)
        prepared(folder)
        killed(lab, folder, step, number)
        driver = opened(lab, folder, LATER)
        driver.apply(step)
        driver.close()
        assert snapshot(lab, folder) == whole, f"killed at point {number} of {points}"


def opened(lab, folder, now):
    return open_driver("libvirt", facts(lab, folder), DrivenClock(now))


def facts(lab, folder):
    quick = {"stop_seconds": 0.2, "headroom_memory": 2, "balloon_seconds": 1, "answer_seconds": 20}
    return replace(lab.pool_facts(folder, **quick), images={"tiny": {"source": "tiny.raw", **guest_files()}})


def prepare(lab, folder, before):
    lab.clear()
    folder.mkdir()
    (folder / "tiny.raw").write_bytes(bytes(2**20))
    driver = opened(lab, folder, START)
    for step in before:
        driver.apply(step)
    driver.close()


def killed(lab, folder, step, last):
    pool = facts(lab, folder)
    document = {"facts": {**asdict(pool), "state_folder": str(pool.state_folder)}, "step": asdict(step)}
    done = subprocess.run(
        [sys.executable, "-m", PROGRAM, str(last)],
        input=json.dumps(document),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == (-signal.SIGKILL if last else 0), done.stderr
    return done.stdout


def snapshot(lab, folder):
    """All that is on the hosts, by whatever name; those that were dead are back."""
    lab.mend()
    driver = opened(lab, folder, LATER)
    observation = driver.observe()
    driver.close()
    machines = [(each.vm_id, each.host, each.state, each.size) for each in observation.machines]
    return machines, observation.faults, domains(lab), volumes(lab)
