"""The command as processes of their own: killed at any moment and taken up again, and several at once."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cloudctl.operations.machines.show_change import list_changes
from tests.cloudctl.small_inventory import HEAD

COMMAND = Path(sys.executable).with_name("cloudctl")
SIZE = "system: school, pool: lab, vcpus: 1, memory_mib: 1024, storage_gib: {ssd: 10}"
NAMES = [f"m-{number:02}" for number in range(60)]
PATIENCE_S = 300
# The command as installed, on a cloud that takes its sixth step and never ends it.
STUCK = """
import sys, time
from provisioning.drivers.embedded import EmbeddedDriver
from cloudctl.cli.main import main
apply, left = EmbeddedDriver.apply, iter(range(5))
def stuck(self, step):
    if next(left, None) is None:
        print("in the middle", flush=True)
        time.sleep(3600)
    return apply(self, step)
EmbeddedDriver.apply = stuck
main(sys.argv[1:])
"""


@pytest.fixture
def inventory(tmp_path):
    path = tmp_path / "inventory.yaml"
    path.write_text(HEAD + "vms:\n" + "".join(f"  - {{name: {name}, {SIZE}}}\n" for name in NAMES))
    return path


def applying(ctx, inventory, command=(COMMAND,)):
    words = [*command, "--home", ctx.home, "--lang", "en", "inventory", "apply", inventory, "--yes"]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


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
    process = applying(ctx, inventory, [sys.executable, "-c", STUCK])
    is_there = "in the middle\n" in process.stdout
    process.kill()
    _, err = process.communicate()
    assert (is_there, process.returncode) == (True, -signal.SIGKILL), err

    (row,) = call("change", "list", "--open", "-o", "json")
    assert (row["standing"], row["steps_done"]) == ("uncertain", 5)
    told = call("inventory", "apply", inventory, "--yes", code=5)
    assert f"is in hand: change 1 by {ctx.actor.login}, since" in told
    call("change", "resume", "1", "--yes")
    assert_each_stands_once(call, inventory)


def test_of_several_who_apply_at_once_one_does(ctx, call, inventory):
    processes = [applying(ctx, inventory) for _ in range(3)]
    told = [process.communicate(timeout=PATIENCE_S)[1] for process in processes]
    codes = {process.returncode for process in processes}
    assert 0 in codes and codes <= {0, 5}, told
    assert len(list_changes(ctx)) == 1
    assert_each_stands_once(call, inventory)
