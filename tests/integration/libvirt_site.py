"""A site whose one pool is the libvirt lab, what lies on the lab's disks, and what is waited for there."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.integration.labs.libvirt_lab import PATIENCE_SECONDS, STORAGE, LibvirtLab, guest_files
from tests.integration.site import Site

SMALL = {"vcpus": 1, "memory_mib": 160, "storage_gib": {"ssd": 1}}


def site_of(lab: LibvirtLab, folder: Path, **settings) -> Site:
    """settings: of the pool's libvirt driver."""
    libvirt = {
        **guest_files(),
        "answer_seconds": 20,
        "stop_seconds": 240,
        "shared_storage": True,
        "headroom_vcpus": 2,
        "headroom_memory": 2,
        **settings,
    }
    pool = {
        "code": "gov",
        "name": "Government",
        "driver": "libvirt",
        "overcommit": {"cpu": 16, "memory": 4},
        "tiers": {"ssd": "default", "hdd": "bulk"},
        "ssh_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 someone@example"],
        "libvirt": libvirt,
    }
    kind = {"pool": "gov", "domain_type": "qemu", "migrate_uri": "tcp://127.0.0.1"}
    hosts = [{"code": code, "uri": lab.uri(code), **kind} for code in lab.hosts]
    return Site(folder, pool, hosts=hosts)


def volumes(lab: LibvirtLab) -> list[str]:
    return sorted(path.name for folder in STORAGE for path in (lab.base / folder).iterdir())


def domains(lab: LibvirtLab) -> dict[str, list[tuple[str, bool]]]:
    """By host, whether each runs."""
    found = {}
    for code in lab.hosts:
        connection = lab.connect(code)
        found[code] = sorted((each.name(), bool(each.isActive())) for each in connection.listAllDomains())
        connection.close()
    return found


def awaited(ask: Callable[[], Any]) -> Any:
    """The first answer that is something."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (told := ask()):
        assert time.monotonic() < end, "nothing was told in time"
        time.sleep(0.1)
    return told
