"""The guide from recorded usage to a settled month: what it tells to type is typed, and comes to what it says."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cloudctl.core.inventory.draft import parse_draft

pytestmark = pytest.mark.traces

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guide-real-data.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks(language: str) -> list[str]:
    return [text for name, text in BLOCK.findall(GUIDE.read_text(encoding="utf-8")) if name == language]


@pytest.fixture(scope="module")
def traces() -> Path:
    folder = Path(os.environ.get("CLOUDCTL_TRACES", ROOT.parent / "shared/data"))
    if not (folder / "bitbrains-rnd").is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"the recorded traces are not at {folder}")
        pytest.skip(f"the recorded traces are not at {folder}")
    return folder


class Reader:
    """Somebody at a shell in the source tree, with a home folder of his own."""

    def __init__(self, folder: Path, traces: Path) -> None:
        # The command that this Python's environment has installed, as a reader would call it.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.home = folder / "recorded"
        self._environment = {
            "HOME": str(folder),
            "PATH": path,
            "LANG": "C.UTF-8",
            "CLOUDCTL_TRACES": str(traces),
            "CLOUDCTL_HOME": str(self.home),
        }

    def types(self, script: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def asks(self, command: str) -> Any:
        return json.loads(self.types(f"cloudctl {command} -o json"))


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory, traces: Path) -> Reader:
    """A reader who has typed everything the guide says, from the first line to the last."""
    reader = Reader(tmp_path_factory.mktemp("reader"), traces)
    for block in blocks("sh"):
        reader.types(block)
    return reader


def test_every_row_of_the_traces_is_answered_for(reader: Reader) -> None:
    done = reader.asks('meter import "$CLOUDCTL_TRACES"/bitbrains-rnd/2013-*/*.csv.gz')
    assert len(done) == 33
    assert sum(file["accepted"] for file in done) == 0
    # August is closed by now; reading it again is as harmless as the rest.
    assert all(file["reasons"] == {} for file in done)
    for file in done:
        parts = ("already_there", "repeated", "contradicting", "rejected")
        assert sum(file[part] for part in parts) == file["rows"]
    july = next(file for file in done if file["file"].endswith("2013-7/124.csv.gz"))
    assert (july["rows"], july["repeated"] + july["contradicting"], july["contradicting"]) == (
        16_641,
        4_220,
        2,
    )


def test_the_months_use_is_there(reader: Reader) -> None:
    rows = {row["vm"]: row for row in reader.asks("usage show --by vm --from 2013-08-01 --to 2013-09-01")}
    assert len(rows) == 11
    assert 2 < rows["204"]["cpu_held"] < 4
    assert all(row["storage_used"] is None and row["storage_coverage"] == 0 for row in rows.values())
    assert all(row["cpu_coverage"] > 0.9 for row in rows.values())


def test_the_review_has_found_cases(reader: Reader) -> None:
    assert {case["vm"] for case in reader.asks("review list")} >= {"106", "204", "27"}


def test_the_month_is_closed_and_its_resize_is_two_lines(reader: Reader) -> None:
    month = reader.asks("settle show 2013-08")
    assert month["state"] == "closed"
    lines = [line for statement in month["statements"] for line in statement["lines"]]
    resized = [line for line in lines if line["vm"] == "204" and line["item"] == "vcpu"]
    assert [line["end"] for line in resized] == ["2013-08-26T15:02:49+08:00", "2013-09-01T00:00:00+08:00"]
    assert list((reader.home / "reports").rglob("*.html"))


def test_the_inventorys_excerpt_is_one(reader: Reader) -> None:
    (excerpt,) = blocks("yaml")
    text = (ROOT / "docs/examples/recorded-usage.yaml").read_text(encoding="utf-8")
    whole = parse_draft(text, "whole").inventory
    head = text.split("pools:")[0]
    part = parse_draft(head + excerpt, "part").inventory
    assert part.vms is not None
    assert whole.vms is not None
    assert part.pools == whole.pools
    assert all(vm in whole.vms for vm in part.vms)


def test_the_csv_of_ones_own_is_taken(home: Path, run_cli: Any, tmp_path: Path) -> None:
    inventory = tmp_path / "inventory.yaml"
    inventory.write_text(
        (ROOT / "docs/examples/recorded-usage.yaml")
        .read_text(encoding="utf-8")
        .replace('name: "106"', 'name: "tax-db-1"')
    )
    path = tmp_path / "use.csv"
    path.write_text(blocks("csv")[0])
    assert run_cli(home, "inventory", "apply", inventory, "--yes").exit_code == 0
    (done,) = json.loads(run_cli(home, "meter", "import", path, "-o", "json").stdout)
    assert (done["rows"], done["accepted"]) == (3, 3)
