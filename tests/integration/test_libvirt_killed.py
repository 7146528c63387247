"""A step whose process is killed after any change it makes on a host ends, taken up again, the same."""

import json
import signal
import subprocess
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloudctl.core.clock import DrivenClock
from cloudctl.core.quantity import Size
from provisioning.driver import open_driver
from provisioning.steps import create_step, delete_step, migrate_step, reboot_step, resize_step, shelve_step
from tests.integration.labs.libvirt_lab import libvirt_lab, require_lab

PROGRAM, ROOT = Path(__file__).with_name("killed_libvirt.py"), Path(__file__).parents[2]
START = datetime(2026, 10, 1, tzinfo=UTC)
LATER = datetime(2026, 10, 1, 2, tzinfo=UTC)
SMALL, LARGE = Size(1, 64, {"ssd": 1}), Size(2, 128, {"hdd": 1, "ssd": 2})
CREATE = create_step(1, "m", SMALL, host="a")
# step, and what must have been done before
STEPS = {
    "create": (create_step(1, "m", LARGE, host="a"), []),
    "grow live": (resize_step(1, "m", SMALL, LARGE), [CREATE]),
    "grow with a power cycle": (resize_step(1, "m", SMALL, LARGE, is_live=False), [CREATE]),
    "reboot": (reboot_step(1, "m", datetime(2026, 10, 1, 0, 30, tzinfo=UTC)), [CREATE]),
    "migrate": (migrate_step(1, "m", "a", "b"), [CREATE]),
    "shelve": (shelve_step(1, "m"), [CREATE]),
    "delete": (delete_step(1, "m", SMALL, "a"), [CREATE]),
}


@pytest.fixture(scope="module")
def lab():
    require_lab()
    with libvirt_lab("ab") as lab:
        yield lab


@pytest.mark.parametrize("name", STEPS)
def test_a_step_killed_anywhere_ends_the_same(lab, tmp_path, name):
    step, before = STEPS[name]
    prepare(lab, tmp_path / "whole", before)
    points = int(killed(lab, tmp_path / "whole", step, 0))
    whole = snapshot(lab, tmp_path / "whole")
    assert points >= 2, "no change has been watched"
    for number in range(1, points + 1):
        folder = tmp_path / str(number)
        prepare(lab, folder, before)
        killed(lab, folder, step, number)
        driver = opened(lab, folder, LATER)
        driver.apply(step)
        driver.close()
        assert snapshot(lab, folder) == whole, f"killed at point {number} of {points}"


def opened(lab, folder, now):
    return open_driver("libvirt", facts(lab, folder), DrivenClock(now))


def facts(lab, folder):
    return lab.pool_facts(folder, stop_seconds=0.2, headroom_memory=2, balloon_seconds=1, answer_seconds=20)


def prepare(lab, folder, before):
    lab.clear()
    driver = opened(lab, folder, START)
    for step in before:
        driver.apply(step)
    driver.close()


def killed(lab, folder, step, last):
    pool = facts(lab, folder)
    document = {
        "facts": {
            "code": pool.code,
            "options": pool.options,
            "hosts": pool.hosts,
            "state_folder": str(pool.state_folder),
        },
        "step": asdict(step),
    }
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(last)],
        input=json.dumps(document),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == (-signal.SIGKILL if last else 0), done.stderr
    return done.stdout


def snapshot(lab, folder):
    """All that is on the hosts, by whatever name."""
    driver = opened(lab, folder, LATER)
    observation = driver.observe()
    driver.close()
    domains = {}
    for code in lab.hosts:
        connection = lab.connect(code)
        domains[code] = sorted((each.name(), each.isActive()) for each in connection.listAllDomains())
        connection.close()
    machines = [(each.vm_id, each.host, each.state, each.size) for each in observation.machines]
    files = sorted(path.name for folder in ("default", "bulk") for path in (lab.base / folder).iterdir())
    return machines, observation.faults, domains, files
