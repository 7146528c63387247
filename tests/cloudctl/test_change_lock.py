"""A change is in one process's hands at a time, as long as that lives, and others can look without taking it."""

import os
import signal
import subprocess
import sys

import pytest

from cloudctl.core.errors import Refused
from cloudctl.operations.machines.change_lock import held_change, is_in_hand

HOLDER = """
import sys, time
from pathlib import Path
from cloudctl.operations.machines.change_lock import held_here
with held_here(Path(sys.argv[1]), 2) as is_ours:
    print(is_ours, flush=True)
    time.sleep(120)
"""


def test_a_change_is_in_one_pair_of_hands_at_a_time(ctx):
    assert not is_in_hand(ctx, 2)
    with held_change(ctx, 2):
        assert (is_in_hand(ctx, 2), is_in_hand(ctx, 3)) == (True, False)
        with pytest.raises(Refused, match="by another process"), held_change(ctx, 2):
            pass
        assert is_in_hand(ctx, 2), "the refused one has taken nothing along"
        with held_change(ctx, 3):
            pass
    assert not is_in_hand(ctx, 2)
    with held_change(ctx, 2):
        pass


def test_a_lock_is_given_back_when_its_change_fails(ctx):
    with pytest.raises(ZeroDivisionError), held_change(ctx, 2):
        raise ZeroDivisionError
    assert not is_in_hand(ctx, 2)


@pytest.mark.sqlite_file
def test_the_death_of_its_holder_frees_a_change(ctx):
    """Whatever process gets the dead one's number."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(ctx.home)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "True\n"
        assert is_in_hand(ctx, 2)
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    assert not is_in_hand(ctx, 2)
    with held_change(ctx, 2):
        pass
