"""A pool that offers certain sizes: the inventory says which, and a review proposes one of them."""

import json

from tests.cloudctl.reviewed_city import City, at

INVENTORY = """
version: 1
site: {name: Test, timezone: Asia/Shanghai, currency: CNY, language: en}
units: [{code: fin, name: Finance}]
systems: [{code: tax, name: Tax, unit: fin, status: live}]
pools:
  - code: pub
    name: Public
    driver: external
    flavors:
      - {name: s, vcpus: 2, memory_mib: 4096}
      - {name: m, vcpus: 4, memory_mib: 16384}
      - {name: l, vcpus: 8, memory_mib: 16384}
vms:
  - name: a
    system: tax
    pool: pub
    vcpus: 8
    memory_mib: 16384
    storage_gib: {ssd: 100}
    since: "2026-10-01T00:00:00+08:00"
"""


def test_a_review_proposes_a_flavor(home, ctx, as_person, run_cli, tmp_path):
    path = tmp_path / "inventory.yaml"
    path.write_text(INVENTORY)
    ctx.clock.move_to(at(10, 1, 1))
    assert run_cli(home, "inventory", "apply", path, "--yes").exit_code == 0
    assert json.loads(run_cli(home, "inventory", "plan", path, "-o", "json").stdout)["steps"] == []
    city = City(ctx, as_person, {"a": 1})
    city.october("a", cpu=0.1)
    ctx.clock.move_to(at(11, 1, 1))

    (case,) = json.loads(run_cli(home, "review", "open", "--window-end", "2026-11-01", "-o", "json").stdout)

    # 0.8 vCPUs would fit into 1; of the sizes that keep the memory, 4 is the smallest.
    assert (case["meters"], case["to"]["vcpus"], case["to"]["memory_mib"]) == (["cpu"], 4, 16384)
