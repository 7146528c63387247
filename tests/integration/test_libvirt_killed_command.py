"""The real command, killed where it changes something on libvirt hosts: its change is taken up from the journal."""

import copy
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.labs.libvirt_lab import PATIENCE_SECONDS
from tests.integration.libvirt_site import domains, site_of, volumes

ROOT = Path(__file__).parents[2]
SMALL = {"name": "tax-1", "vcpus": 1, "memory_mib": 64, "storage_gib": {"ssd": 1}}


@pytest.fixture
def site(lab, tmp_path):
    lab.clear()
    site = site_of(lab, tmp_path, stop_seconds=0.2, power_off=True, answer_seconds=20)
    site.apply()
    return site


def killed(site, last, *arguments):
    """The number of points when nobody is killed (last 0)."""
    command = [
        sys.executable,
        "-m",
        "tests.integration.killed_libvirt_command",
        str(last),
        "--home",
        str(site.home),
    ]
    done = subprocess.run(
        [*command, *map(str, arguments), "--yes"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == (-signal.SIGKILL if last else 0), done.stderr
    return int(done.stderr.split()[-1]) if not last else None


def taken_up(lab, site, wanted, files, change):
    """What was left open is done by a new process, and all is as if nobody had been killed."""
    site.run("change", "resume", change, "--yes")
    assert domains(lab) == wanted and volumes(lab) == files
    site.run("inventory", "drift", "--check")


def copied(site, folder):
    """The same site, its home as it is now."""
    shutil.copytree(site.home, folder / "home")
    twin = copy.copy(site)
    twin.home = folder / "home"
    return twin


def written(site, *vms):
    """The inventory with these machines, not applied yet."""
    twin = copy.copy(site)
    twin.run = lambda *_, **__: ""
    twin.apply(*vms)
    return site.file


def test_a_create_killed_at_any_point_is_completed(lab, site, tmp_path):
    file, disks = written(site, SMALL), ["tax-1-1-seed.iso", "tax-1-1-ssd.qcow2"]
    apply = ("inventory", "apply", file, "--force")
    points = killed(copied(site, tmp_path / "whole"), 0, *apply)
    wanted = domains(lab)
    assert sorted(wanted.values()) == [[], [("tax-1", True)]] and volumes(lab) == disks
    assert points >= 8
    for number in range(1, points + 1):
        lab.clear()
        twin = copied(site, tmp_path / str(number))
        killed(twin, number, *apply)
        taken_up(lab, twin, wanted, disks, change=1)


def test_a_machine_is_resized_moved_and_retired_by_killed_commands(lab, site):
    site.apply(SMALL)
    here = site.vm("tax-1")["host"]
    there = "b" if here == "a" else "a"
    disks, more = ["tax-1-1-seed.iso", "tax-1-1-ssd.qcow2"], ["tax-1-1-hdd.qcow2"]

    def stands(host, *, running=True):
        return {code: [("tax-1", running)] if code == host else [] for code in lab.hosts}

    process = lab.hosts[here].guest_pid("tax-1")
    killed(site, 3, "vm", "resize", "tax-1", "--vcpus", 2, "--memory-mib", 128, "--storage", "hdd=1")
    taken_up(lab, site, stands(here), more + disks, change=2)
    assert lab.hosts[here].guest_pid("tax-1") == process and site.vm("tax-1")["vcpus"] == 2
    killed(site, 2, "vm", "resize", "tax-1", "--vcpus", 1)
    taken_up(lab, site, stands(here), more + disks, change=3)
    assert site.vm("tax-1")["vcpus"] == 1
    killed(site, 1, "vm", "migrate", "tax-1")
    taken_up(lab, site, stands(there), more + disks, change=4)
    killed(site, 2, "vm", "migrate", "tax-1")
    taken_up(lab, site, stands(here), more + disks, change=5)
    killed(site, 2, "vm", "retire", "tax-1")
    taken_up(lab, site, stands(here, running=False), more + disks, change=6)
    killed(site, 2, "vm", "retire", "tax-1", "--now")
    taken_up(lab, site, {code: [] for code in lab.hosts}, [], change=7)
    assert site.json("change", "list", "--open") == []
