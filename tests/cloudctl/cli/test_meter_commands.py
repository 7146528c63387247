"""`cloudctl meter` and `usage` as people and programs meet them: files in, figures out, every wrong line named."""

import csv
import io
import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cloudctl.core.quantity import Size
from cloudctl.core.tables import SystemRow, UnitRow
from metering.allocations import Holder, hold
from provisioning.tables import PoolRow, VmRow

HEADER = (
    "vm,end,interval_s,state,vcpus,cpu_core_seconds,memory_mib,memory_used_mib,storage_gib,storage_used_gib\n"
)
SINCE = datetime(2026, 9, 1, tzinfo=UTC)
WINDOW = ("--from", "2026-09-02T00:00:00+00:00", "--to", "2026-09-02T01:00:00+00:00")

PATIENCE_S = 180
# The command as installed, with a grid on which the first sweep is due at once and the next in an hour.
NEXT_IN_AN_HOUR = """
import sys
from datetime import timedelta
from cloudctl.cli.main import main
from cloudctl.operations.usage import run_sweeps
waits = iter([0])
run_sweeps.grid = lambda start, *_: iter([start + timedelta(seconds=next(waits, 3600))])
main(sys.argv[1:])
"""


@pytest.fixture
def machine(ctx: Any) -> None:
    """One machine of 4 vCPUs, 8 GiB and 100 GiB, held since the 1st of September."""
    with ctx.writing() as session:
        unit = UnitRow(code="fin", name="Finance")
        pool = PoolRow(code="pub", name="Public", driver="external", provider="", options={})
        session.add_all([unit, pool])
        session.flush()
        system = SystemRow(code="tax", name="Tax", unit_id=unit.id, status="live")
        session.add(system)
        session.flush()
        vm = VmRow(uuid="u", name="web", pool_id=pool.id, system_id=system.id, state="active")
        session.add(vm)
        session.flush()
        hold(session, vm.id, Holder(system.id, unit.id, pool.id), Size(4, 8192, {"ssd": 100}), SINCE, "test")


def rows(count: int = 11, cpu: Any = 600) -> str:
    """Five minutes each from midnight of 2026-09-02 UTC on; the last five of the hour are missing."""
    lines = []
    for number in range(1, count + 1):
        end = datetime(2026, 9, 2, tzinfo=UTC) + number * timedelta(minutes=5)
        lines.append(f"web,{end.isoformat()},300,running,4,{cpu},8192,2048,100,\n")
    return HEADER + "".join(lines)


def write(folder: Path, text: str) -> Path:
    path = folder / "use.csv"
    path.write_text(text)
    return path


def as_json(result: Any) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_from_a_file_to_figures(home: Path, machine: None, run_cli: Any, tmp_path: Path) -> None:
    (done,) = as_json(run_cli(home, "meter", "import", write(tmp_path, rows()), "-o", "json"))
    assert (done["rows"], done["accepted"], done["rejected"], done["lines"]) == (11, 11, 0, [])
    (row,) = as_json(run_cli(home, "usage", "show", "--by", "vm", *WINDOW, "-o", "json"))
    assert (row["vm"], row["code"], row["machines"]) == ("web", "web", 1)
    assert (row["cpu_held"], row["cpu_used"], row["cpu_mean"], row["cpu_p95"]) == (4, 2, 0.5, 0.5)
    assert row["cpu_coverage"] == pytest.approx(11 / 12)
    assert (row["memory_held"], row["memory_used"], row["memory_mean"], row["memory_max"]) == (
        8192,
        2048,
        0.25,
        0.25,
    )
    assert (row["storage_held"], row["storage_used"], row["storage_p95"], row["storage_coverage"]) == (
        100,
        None,
        None,
        0,
    )
    for by in ("system", "unit", "pool", "cloud"):
        (group,) = as_json(run_cli(home, "usage", "show", "--by", by, *WINDOW, "-o", "json"))
        assert (
            group[by]
            == group["code"]
            == {"system": "tax", "unit": "fin", "pool": "pub", "cloud": "cloud"}[by]
        )
        assert group["cpu_mean"] == 0.5


def test_the_same_file_again_changes_nothing(home: Path, machine: None, run_cli: Any, tmp_path: Path) -> None:
    path = write(tmp_path, rows())
    run_cli(home, "meter", "import", path)
    entries = as_json(run_cli(home, "audit", "verify", "-o", "json"))["entries"]
    (done,) = as_json(run_cli(home, "meter", "import", path, "-o", "json"))
    assert (done["accepted"], done["already_there"]) == (0, 11)
    assert as_json(run_cli(home, "audit", "verify", "-o", "json"))["entries"] == entries


def test_lines_that_are_not_taken_are_told_with_their_place(
    home: Path, machine: None, run_cli: Any, tmp_path: Path
) -> None:
    path = write(
        tmp_path, rows() + "web,2026-09-02T00:57\nnobody,2026-09-02T02:00:00Z,300,running,1,1,1,1,1,1\n"
    )
    result = run_cli(home, "meter", "import", path)
    assert result.exit_code == 0
    assert f"{path}:13:1: The line has another number of columns than the header." in result.stderr
    assert f"{path}:14:1: Nobody knows a machine “nobody”." in result.stderr
    refused = run_cli(home, "meter", "import", "--strict", path)
    assert refused.exit_code == 3
    assert ":13:1" in refused.stderr


def test_wrong_columns_are_told_and_nothing_changes(
    home: Path, machine: None, run_cli: Any, tmp_path: Path
) -> None:
    result = run_cli(home, "meter", "import", write(tmp_path, "machine,end\nweb,1\n"))
    assert result.exit_code == 3
    assert "use.csv:1:1" in result.stderr
    assert as_json(run_cli(home, "meter", "status", "-o", "json"))["samples"] == 0


def test_a_dry_run_keeps_nothing(home: Path, machine: None, run_cli: Any, tmp_path: Path) -> None:
    result = run_cli(home, "meter", "import", "--dry-run", write(tmp_path, rows()), "-o", "json")
    assert as_json(result)[0]["accepted"] == 11
    assert "nothing was changed" in result.stderr
    assert as_json(run_cli(home, "meter", "status", "-o", "json"))["samples"] == 0


def test_coverage_names_gaps_and_reasons(home: Path, machine: None, run_cli: Any, tmp_path: Path) -> None:
    text = "".join(
        line for number, line in enumerate(rows(12).splitlines(keepends=True)) if number not in (3, 4)
    )
    run_cli(home, "meter", "import", write(tmp_path, text))
    found = {row["meter"]: row for row in as_json(run_cli(home, "meter", "coverage", *WINDOW, "-o", "json"))}
    assert found["cpu"]["vm"] == "web"
    assert found["cpu"]["coverage"] == pytest.approx(10 / 12)
    assert found["cpu"]["gaps"] == [
        {"start": "2026-09-02T08:10:00+08:00", "end": "2026-09-02T08:20:00+08:00", "reason": "no_sample"}
    ]
    assert found["storage"]["coverage"] == 0
    assert [gap["reason"] for gap in found["storage"]["gaps"]] == [
        "not_reported",
        "no_sample",
        "not_reported",
    ]
    table = run_cli(home, "meter", "coverage", "web", *WINDOW)
    assert "no sample 0.2 h" in table.stdout
    assert run_cli(home, "meter", "coverage", "ghost", *WINDOW).exit_code == 4


def test_tables_csv_and_curves(home: Path, machine: None, run_cli: Any, tmp_path: Path) -> None:
    run_cli(home, "meter", "import", write(tmp_path, rows(cpu=1230)))
    assert "102.5%" in run_cli(home, "usage", "show", *WINDOW).stdout
    (row,) = csv.DictReader(io.StringIO(run_cli(home, "usage", "top", *WINDOW, "-o", "csv").stdout))
    assert row["cpu_over_100_percent"] == "11"
    points = as_json(run_cli(home, "usage", "chart", "web", "--meter", "cpu", *WINDOW, "-o", "json"))
    assert [point["cpu"] for point in points][:2] == [1.025, 1.025]
    drawing = tmp_path / "web.svg"
    assert run_cli(home, "usage", "chart", "web", "--svg", drawing, *WINDOW).exit_code == 0
    assert drawing.read_text().startswith("<svg")


def test_sweeping_and_compacting_by_hand(home: Path, machine: None, run_cli: Any) -> None:
    assert as_json(run_cli(home, "meter", "sweep", "-o", "json"))["machines"] == 0
    assert as_json(run_cli(home, "meter", "sweep", "--dry-run", "-o", "json"))["is_stored"] is False
    assert as_json(run_cli(home, "meter", "compact", "-o", "json"))["merges"] == 0
    assert as_json(run_cli(home, "meter", "compact", "--dry-run", "-o", "json")) == []
    assert run_cli(home, "meter", "run", "--until", "2026-10-01T01:00:00+08:00").exit_code == 0
    assert as_json(run_cli(home, "meter", "status", "-o", "json"))["now"] == "2026-10-01T01:00:00+08:00"


def test_the_loop_ends_cleanly_when_told_to(tmp_path: Path) -> None:
    home = tmp_path / "home"
    command = [sys.executable, "-c", NEXT_IN_AN_HOUR, "--home", str(home), "--lang", "en"]
    subprocess.run([*command, "init"], check=True, capture_output=True)
    process = subprocess.Popen([*command, "meter", "run"], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    # The first sweep is over: the loop is waiting for the next, an hour away.
    assert "samples of 0 machines" in process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, "0 samples kept." in told) == (0, True)
