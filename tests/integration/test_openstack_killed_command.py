"""The real command, killed after any request that changes an OpenStack: a new one takes its change up and ends it."""

import hashlib
import json
import signal
import subprocess
import sys
from itertools import repeat
from pathlib import Path

import pytest

from tests.integration.labs.openstack_lab import running_lab
from tests.integration.test_openstack import assert_nothing_is_left, machine, site_of

ROOT = Path(__file__).parents[2]
IMAGE = b"\1" * 4096


@pytest.fixture
def lab():
    lab = running_lab()
    with lab.taken():
        lab.clear()
        yield lab


def is_killed(site, kind, number, *arguments):
    command = [sys.executable, "-W", "ignore", "-m", "tests.integration.killed_command", kind, str(number)]
    words = ["--home", site.home, "--lang", "en", *arguments, "--yes"]
    done = subprocess.run(
        [*command, *map(str, words)], cwd=ROOT, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


def killed_and_resumed(site, kind, numbers, *arguments):
    """Killed after that request of the command, then of what resumes it, and so on; the last is let go. How often."""
    words, killed = arguments, 0
    for number in numbers:
        if not is_killed(site, kind, number, *words):
            return killed
        if not killed:
            (change,) = [row["change"] for row in site.json("change", "list", "--open")]
            words = ("change", "resume", change)
        killed += 1
    site.run(*words, "--yes")
    return killed


def counted(lab):
    """How many servers, volumes, ports, outside addresses, server groups and images there are."""
    with lab.connection() as cloud:
        groups = cloud.compute.get("/os-server-groups", params={"all_projects": "True"}).json()
        return (
            len(list(cloud.compute.servers(details=False, all_projects=True))),
            len(list(cloud.block_storage.volumes(all_projects=True))),
            len([port for port in cloud.network.ports() if port.device_owner.startswith("compute")]),
            len(list(cloud.network.ips())),
            len(groups["server_groups"]),
            len([image for image in cloud.image.images() if image.name != "tiny"]),
        )


def test_a_command_killed_anywhere_is_resumed_and_leaves_no_orphan(lab, tmp_path):
    site = site_of(tmp_path)
    folder = site.home / "clouds" / "os1"
    folder.mkdir(parents=True)
    (folder / "own.img").write_bytes(IMAGE)
    own = {"source": "own.img", "sha256": hashlib.sha256(IMAGE).hexdigest()}
    image = {"code": "own", "pool": "os1", **own}
    site.apply(images=[image], floating="outside")
    document = json.loads(site.file.read_text())
    document["vms"] = [{"pool": "os1", **machine("tax-1", "tax")}]
    site.file.write_text(json.dumps(document))

    # Once after whatever it makes: image, flavor, project, volume, keypair, group, server, address.
    assert killed_and_resumed(site, "making", repeat(1), "inventory", "apply", site.file) >= 7
    assert counted(lab) == (1, 1, 1, 1, 1, 1)
    site.run("inventory", "plan", site.file, "--check")
    site.run("inventory", "drift", "--check")

    assert killed_and_resumed(site, "changing", (1, 4), "vm", "resize", "tax-1", "--vcpus", 4)
    before = site.vm("tax-1")
    assert killed_and_resumed(site, "changing", (1,), "vm", "migrate", "tax-1")
    now = site.vm("tax-1")
    assert (before["vcpus"], now["vcpus"]) == (4, 4) and now["host"] != before["host"]
    site.run("inventory", "drift", "--check")
    assert counted(lab) == (1, 1, 1, 1, 1, 1)

    assert killed_and_resumed(site, "changing", (2,), "vm", "retire", "tax-1", "--now")
    site.run("inventory", "drift", "--check")
    assert_nothing_is_left(lab)
