"""Who may log in to a new machine first: those whom its pool names, and the people of its unit."""

import pytest

from cloudctl.core.quantity import Size
from provisioning.steps import create_step, keys_let_in
from provisioning.store import change_steps

KEYS = {
    name: f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE7wq0hJmH1Xy7C0xL5o1Rk5dQ0m1z0mW7Cq6c5l5p2K {name}@example"
    for name in ("ops", "zhao", "qian")
}
INVENTORY = f"""version: 1
units: [{{code: fin, name: 示例财政局}}, {{code: hr, name: 示例人社局}}]
people:
  - {{login: zhao, name: 赵某, unit: fin, roles: [unit], ssh_keys: ["{KEYS["zhao"]}"]}}
  - {{login: qian, name: 钱某, unit: hr, roles: [unit], ssh_keys: ["{KEYS["qian"]}"]}}
systems: [{{code: tax, name: 示例收入系统, unit: fin}}]
pools: [{{code: lab, name: 演示云, driver: embedded, tiers: {{ssd: default}}}}]
hosts: [{{code: n1, pool: lab, vcpus: 8, memory_mib: 16384, storage_gib: {{ssd: 100}}}}]
vms: [{{name: tax-1, system: tax, pool: lab, vcpus: 1, memory_mib: 1024, storage_gib: {{ssd: 10}}}}]
"""


@pytest.fixture
def inventory(tmp_path):
    path = tmp_path / "inventory.yaml"
    path.write_text(INVENTORY, encoding="utf-8")
    return path


def test_a_machine_lets_in_the_people_of_its_unit(ctx, run_cli, inventory):
    assert run_cli(ctx.home, "inventory", "apply", inventory, "--yes").exit_code == 0
    with ctx.reading() as session:
        (step,) = change_steps(session, 1)
    assert step.after["ssh_keys"] == [KEYS["zhao"]]
    assert run_cli(ctx.home, "inventory", "plan", inventory, "--check").exit_code == 0
    exported = inventory.with_name("exported.yaml")
    assert run_cli(ctx.home, "inventory", "export", exported).exit_code == 0
    assert run_cli(ctx.home, "inventory", "plan", exported, "--check").exit_code == 0


def test_what_is_no_key_is_refused_with_its_place(ctx, run_cli, inventory):
    inventory.write_text(INVENTORY.replace(KEYS["zhao"], "let me in"), encoding="utf-8")
    answer = run_cli(ctx.home, "inventory", "plan", inventory)
    assert answer.exit_code == 3 and f"{inventory}:4:" in answer.stderr and "SSH key" in answer.stderr


def test_the_pools_keys_come_first_and_each_counts_once():
    step = create_step(1, "m", Size(1, 1024))
    assert keys_let_in(step, [KEYS["ops"]]) == (KEYS["ops"],)
    step.after["ssh_keys"] = [KEYS["zhao"], KEYS["ops"]]
    assert keys_let_in(step, [KEYS["ops"]]) == (KEYS["ops"], KEYS["zhao"])
