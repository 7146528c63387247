"""A review of September 2013 on the recorded machines: every mark and every target size against NumPy by hand."""

import json
import math

import numpy as np
import pytest

from cloudctl.operations.review.show_cases import show_case
from tests.metering.test_bitbrains import (
    HISTORY,
    MACHINES,
    WINDOWS,
    expected,
    imported,
    read_rows,
    traces,
)

pytestmark = pytest.mark.traces
__all__ = ["imported", "traces"]

BEGIN, UNTIL = WINDOWS["september"]


@pytest.fixture
def september(home, run_cli, imported):
    result = run_cli(home, "review", "open", "--window-end", "2013-10-01", "-o", "json")
    assert result.exit_code == 0, result.stderr
    cases = {}
    for row in json.loads(result.stdout):
        cases.setdefault(row["vm"], {})[row["kind"]] = row
    return cases


def by_hand(traces, name):
    """Means of the window, and the load (p95, max) in vCPUs and MiB of what came after the last resize."""
    rows = read_rows(traces, name)
    means = {meter: expected(rows, name, BEGIN, UNTIL, meter)["mean"] for meter in ("cpu", "memory")}
    since = max(BEGIN, HISTORY[name][-1].at).timestamp()
    late = (rows.end > since) & (rows.start < UNTIL.timestamp())
    cores = rows.cpu[late] / (rows.end - rows.start)[late]
    mib = rows.memory[late] / 2**20
    loads = {
        meter: (np.quantile(load, 0.95), load.max()) for meter, load in (("cpu", cores), ("memory", mib))
    }
    return means, loads


def smallest(load, step, floor):
    return next(
        size for size in range(floor, 1 << 30, step) if load[0] / size <= 0.8 + 1e-9 and load[1] / size < 1
    )


def test_marks_and_targets_are_those_worked_out_by_hand(september, traces):
    for name in MACHINES:
        check_machine(september, traces, name)


def check_machine(september, traces, name):
    means, loads = by_hand(traces, name)
    size = HISTORY[name][-1]
    low = [meter for meter in ("cpu", "memory") if means[meter] < 0.5]
    starved = [
        meter
        for meter, held in (("cpu", size.vcpus), ("memory", size.memory_mib))
        if loads[meter][0] / held > 0.85
    ]
    case = september[name].get("downsize") or september[name].get("idle")

    assert (case["meters"] if case else []) == low
    if not case:
        assert set(september[name]) == ({"starved"} if starved else {"insufficient"})
    if "starved" in september[name]:
        assert september[name]["starved"]["meters"] == starved
    if case and case["kind"] == "downsize":
        wanted = {"cpu": smallest(loads["cpu"], 1, 1), "memory": smallest(loads["memory"], 1024, 1024)}
        cut = [meter for meter in low if meter not in starved]
        vcpus = min(wanted["cpu"], size.vcpus) if "cpu" in cut else size.vcpus
        memory = min(wanted["memory"], size.memory_mib) if "memory" in cut else size.memory_mib
        assert (case["to"]["vcpus"], case["to"]["memory_mib"]) == (vcpus, memory)
        is_kept = (vcpus, memory) == (size.vcpus, size.memory_mib)
        assert (case["outcome"] == "bursty_keep") is is_kept


def test_a_machine_resized_in_the_window_is_sized_by_what_came_after(september, ctx, traces):
    """Machine 27 went from 32 to 16 vCPUs on the 23rd, and had used 3.9 of them before."""
    case = september["27"]["downsize"]
    evidence = show_case(ctx, case["case"])["evidence"]
    _, loads = by_hand(traces, "27")

    assert evidence["resized_at"] == "2013-09-23T11:32:51+00:00"
    assert evidence["load_since_resize"]["cpu"]["p95"] == pytest.approx(loads["cpu"][0], abs=1e-9)
    assert (case["from"]["vcpus"], case["to"]["vcpus"]) == (16, 2)
    assert math.ceil(loads["cpu"][0] / 0.8) == 1 and 1 <= loads["cpu"][1] < 2
    assert 0.01 < evidence["risk"]["over_share"] < 0.02


def test_storage_nobody_measured_is_said_to_be_unknown(september, ctx):
    evidence = show_case(ctx, september["204"]["downsize"]["case"])["evidence"]

    assert evidence["verdicts"]["storage"] == "unknown" and evidence["meters"]["storage"]["mean"] is None


def test_opening_september_again_opens_nothing(september, home, run_cli):
    again = run_cli(home, "review", "open", "--window-end", "2013-10-01", "-o", "json")

    assert json.loads(again.stdout) == [] and len(september) == len(MACHINES)
