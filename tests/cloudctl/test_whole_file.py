"""A file that a person has named is written whole, or what stood there stays."""

from pathlib import Path

import pytest

from cloudctl.core.errors import Unreachable
from cloudctl.core.whole_file import write_whole


def test_a_file_is_made_and_written_over(tmp_path):
    path = tmp_path / "a"
    for text in ("one", "two"):
        write_whole(path, text)
        assert path.read_text(encoding="utf-8") == text
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("one")
    link.symlink_to(real)
    write_whole(link, "two")
    assert (link.is_symlink(), real.read_text()) == (True, "two")


def test_what_stood_there_stays_when_the_new_cannot_be_put_in_its_place(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_text("one")

    def fail(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(Unreachable, match="No space left on device"):
        write_whole(path, "two")
    assert (path.read_text(), list(tmp_path.iterdir())) == ("one", [path])


@pytest.mark.parametrize("name", ["missing/a", "", "/"])
def test_what_cannot_be_written_is_told_by_its_own_name_and_leaves_nothing(tmp_path, name):
    path = tmp_path / name
    with pytest.raises(Unreachable) as refusal:
        write_whole(path, "text")
    assert str(refusal.value).startswith(f"{path} cannot be read or written: ")
    assert list(tmp_path.iterdir()) == [] and not Path(f"{tmp_path}.new").exists()
