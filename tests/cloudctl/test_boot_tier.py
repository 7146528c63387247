"""Where system disks lie: on the tier that the file names first, although a ledger keeps no order of keys."""

import json

import pytest

from cloudctl.core.quantity import Size
from provisioning.drivers.libvirt.creation import disk_plans, wanted_machine
from provisioning.drivers.libvirt.options import Boot
from provisioning.drivers.libvirt.options import Settings as LibvirtSettings
from provisioning.drivers.openstack.settings import Settings as OpenStackSettings
from provisioning.steps import create_step
from provisioning.store import find_pool

INVENTORY = """version: 1
pools:
  - {code: gov, name: 专有云, driver: libvirt, tiers: {ssd: fast, hdd: slow}}
  - {code: os1, name: 专享云, driver: openstack, cloud: jz, tiers: {ssd: fast, hdd: slow}}
  - {code: os2, name: 专享云二, driver: openstack, cloud: jz, tiers: {ssd: fast, hdd: slow}, boot_tier: hdd}
"""
SIZE = Size(1, 1024, {"hdd": 500, "ssd": 40})


@pytest.fixture
def applied(ctx, run_cli, tmp_path):
    path = tmp_path / "inventory.yaml"
    path.write_text(INVENTORY, encoding="utf-8")
    assert run_cli(ctx.home, "inventory", "apply", path, "--yes").exit_code == 0
    return path


def options(ctx, code):
    with ctx.reading() as session:
        return find_pool(session, code).options


def test_system_disks_lie_on_the_first_tier_unless_the_file_says_otherwise(ctx, applied, tmp_path):
    wanted = wanted_machine(create_step(1, "m", SIZE, host="a"), Boot(), None, None, tmp_path)
    disks = disk_plans(LibvirtSettings.of(options(ctx, "gov")), wanted)
    assert [(disk.target, disk.pool) for disk in disks] == [("vda", "fast"), ("vdb", "slow"), ("vdz", "fast")]
    tiers = {
        code: OpenStackSettings.of(options(ctx, code)).boot_tier_of(SIZE.storage_gib)
        for code in ("os1", "os2")
    }
    assert tiers == {"os1": "ssd", "os2": "hdd"}


def test_the_order_of_the_tiers_is_part_of_what_is_planned(ctx, applied, run_cli, tmp_path):
    assert run_cli(ctx.home, "inventory", "plan", applied, "--check").exit_code == 0
    exported = tmp_path / "exported.yaml"
    assert run_cli(ctx.home, "inventory", "export", exported).exit_code == 0
    assert run_cli(ctx.home, "inventory", "plan", exported, "--check").exit_code == 0
    applied.write_text(
        INVENTORY.replace("libvirt, tiers: {ssd: fast, hdd: slow}", "libvirt, tiers: {hdd: slow, ssd: fast}")
    )
    planned = json.loads(run_cli(ctx.home, "inventory", "plan", applied, "-o", "json").stdout)
    assert [(step["target"], step["after"]["boot_tier"]) for step in planned["steps"]] == [
        ("pool:gov", "hdd")
    ]


def test_a_boot_tier_that_the_pool_has_not_or_its_driver_does_not_read_is_refused(ctx, run_cli, tmp_path):
    path = tmp_path / "inventory.yaml"
    path.write_text(
        "version: 1\npools:\n"
        "- {code: gov, name: 专有云, driver: libvirt, tiers: {ssd: fast}, boot_tier: nvme}\n"
        "- {code: lab, name: 演示云, driver: embedded, tiers: {ssd: fast}, boot_tier: ssd}\n",
        encoding="utf-8",
    )
    answer = run_cli(ctx.home, "inventory", "plan", path)
    assert answer.exit_code == 3
    assert ":3:" in answer.stderr and "nvme" in answer.stderr
    assert (
        ":4:" in answer.stderr
        and "boot_tier: a pool of driver “embedded” does not read this." in answer.stderr
    )
