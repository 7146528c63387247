"""A lock that its holder's death frees: who looks at it keeps nobody out."""

import fcntl
import os

from cloudctl.core import process_lock
from cloudctl.core.process_lock import held_lock, holder


def test_of_two_one_holds_it_and_the_other_is_told_who(tmp_path, monkeypatch):
    monkeypatch.setattr(process_lock, "sleep", lambda _: None)
    with held_lock(tmp_path / "lock") as first, held_lock(tmp_path / "lock") as second:
        assert (first, second) == (None, os.getpid())
        assert holder(tmp_path / "lock") == os.getpid()
    assert holder(tmp_path / "lock") is None


def test_a_look_at_the_lock_in_that_instant_is_waited_for(tmp_path, monkeypatch):
    path = tmp_path / "lock"
    path.touch()
    with path.open() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        monkeypatch.setattr(process_lock, "sleep", lambda _: fcntl.flock(looking, fcntl.LOCK_UN))

        with held_lock(path) as other:
            assert other is None
