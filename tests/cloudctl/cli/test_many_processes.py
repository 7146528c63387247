"""The command as processes of their own: killed at any moment and taken up again, and several at once."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cloudctl.operations.machines.show_change import list_changes
from tests.cloudctl.small_inventory import HEAD

COMMAND = Path(sys.executable).with_name("cloudctl")
SIZE = "system: school, pool: lab, vcpus: 1, memory_mib: 1024, storage_gib: {ssd: 10}"
NAMES = [f"m-{number:02}" for number in range(60)]


@pytest.fixture
def inventory(tmp_path):
    path = tmp_path / "inventory.yaml"
    path.write_text(HEAD + "vms:\n" + "".join(f"  - {{name: {name}, {SIZE}}}\n" for name in NAMES))
    return path


def applying(ctx, inventory):
    command = [COMMAND, "--home", ctx.home, "--lang", "en", "inventory", "apply", inventory, "--yes"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def call(ctx, run_cli):
    def call(*words, code=0):
        result = run_cli(ctx.home, *map(str, words))
        assert result.exit_code == code, result.stderr
        return json.loads(result.stdout) if "json" in words else result.stderr

    return call


def assert_each_stands_once(call, inventory):
    assert sorted(row["vm"] for row in call("vm", "list", "-o", "json")) == NAMES
    assert call("inventory", "drift", "-o", "json") == []
    call("inventory", "plan", inventory, "--check")


@pytest.mark.sqlite_file
def test_an_apply_that_is_killed_is_seen_refuses_others_and_is_taken_up(ctx, call, inventory):
    process = applying(ctx, inventory)
    while process.poll() is None and not any(row["steps_done"] for row in list_changes(ctx)):
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "killed in the middle of it"

    (row,) = call("change", "list", "--open", "-o", "json")
    assert row["standing"] in ("uncertain", "interrupted") and 0 < row["steps_done"] < len(NAMES)
    told = call("inventory", "apply", inventory, "--yes", code=5)
    assert f"is in hand: change 1 by {ctx.actor.login}, since" in told
    call("change", "resume", "1", "--yes")
    assert_each_stands_once(call, inventory)


def test_of_several_who_apply_at_once_one_does(ctx, call, inventory):
    processes = [applying(ctx, inventory) for _ in range(3)]
    told = [process.communicate(timeout=120)[1] for process in processes]
    codes = {process.returncode for process in processes}
    assert 0 in codes and codes <= {0, 5}, told
    assert len(list_changes(ctx)) == 1
    assert_each_stands_once(call, inventory)
