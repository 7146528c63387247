"""`vm adopt`: a machine that a cloud has becomes ours as it is."""

import json
import sqlite3
from contextlib import closing

import pytest

from cloudctl.core.quantity import Size
from provisioning.steps import create_step
from provisioning.store import open_pool_driver, pools

ESTATE = """version: 1
units: [{code: fin, name: 财政局}]
systems: [{code: tax, name: 非税, unit: fin}]
pools: [{code: lab, name: 演示云, driver: embedded}, {code: lab2, name: 演示云二, driver: embedded}]
hosts:
- {code: h1, pool: lab, vcpus: 16, memory_mib: 65536, storage_gib: {ssd: 2000}}
- {code: h1, pool: lab2, vcpus: 16, memory_mib: 65536, storage_gib: {ssd: 2000}}
vms: []
"""


@pytest.fixture
def wild(ctx, home, run_cli, tmp_path):
    """wild(name, pool): makes a machine in that pool's cloud that carries no id of ours."""
    path = tmp_path / "estate.yaml"
    path.write_text(ESTATE, encoding="utf-8")
    assert run_cli(home, "inventory", "apply", path, "--yes").exit_code == 0

    def make(name, code="lab"):
        with ctx.reading() as session:
            pool = next(pool for pool in pools(session) if pool.code == code)
            driver = open_pool_driver(session, pool, ctx.home, ctx.clock)
        driver.apply(create_step(-1, name, Size(2, 4096, {"ssd": 50}), host="h1"))
        driver.close()
        with closing(sqlite3.connect(home / "clouds" / code / "cloud.sqlite")) as cloud, cloud:
            cloud.execute("UPDATE machine SET vm_id = NULL WHERE name = ?", (name,))

    return make


def test_a_machine_is_adopted_and_no_drift_remains(home, run_cli, wild):
    wild("old-web-1")
    assert run_cli(home, "inventory", "drift", "--check").exit_code == 7

    result = run_cli(home, "vm", "adopt", "old-web-1", "--system", "tax", "--yes", "-o", "json")

    assert result.exit_code == 0, result.stderr
    assert [step["kind"] for step in json.loads(result.stdout)["steps"]] == ["adopt"]
    (row,) = json.loads(run_cli(home, "vm", "list", "-o", "json").stdout)
    assert (row["vm"], row["unit"], row["host"], row["vcpus"]) == ("old-web-1", "fin", "h1", 2)
    assert run_cli(home, "inventory", "drift", "--check").exit_code == 0
    assert run_cli(home, "vm", "adopt", "old-web-1", "--system", "tax", "--yes").exit_code == 5


def test_a_dry_run_adopts_nothing(home, run_cli, wild):
    wild("old-web-1")

    assert run_cli(home, "vm", "adopt", "old-web-1", "--system", "tax", "--dry-run").exit_code == 0
    assert run_cli(home, "vm", "adopt", "old-web-1", "--system", "tax").exit_code == 5
    assert json.loads(run_cli(home, "vm", "list", "-o", "json").stdout) == []


def test_a_name_in_two_pools_needs_its_pool(home, run_cli, wild):
    wild("twin")
    wild("twin", "lab2")

    assert run_cli(home, "vm", "adopt", "twin", "--system", "tax", "--yes").exit_code == 5
    assert run_cli(home, "vm", "adopt", "twin", "--system", "tax", "--pool", "lab2", "--yes").exit_code == 0
    assert json.loads(run_cli(home, "vm", "show", "twin", "-o", "json").stdout)["pool"] == "lab2"


@pytest.mark.parametrize(("name", "system"), [("nix", "tax"), ("old-web-1", "nix")])
def test_what_is_not_there_is_not_found(home, run_cli, wild, name, system):
    wild("old-web-1")

    assert run_cli(home, "vm", "adopt", name, "--system", system, "--yes").exit_code == 4
