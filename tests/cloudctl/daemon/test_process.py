"""The daemon as a process: a clean stop, a kill and a restart, one at a time, the metrics' address."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest

from cloudctl.core.clock import FileClock
from tests.conftest import START
from tests.ports import free_port

EXECUTABLE = str(Path(sys.executable).with_name("cloudctl"))
# Longer than anything takes on a machine that has other things to do.
PATIENCE_S = 180
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("CLOUDCTL_")},
    "CLOUDCTL_DAEMON_METRICS_PORT": "0",
    "CLOUDCTL_LANG": "en",
}
# The scheduler with one job of the test's own: it says that it runs, and takes its time.
WITH_SLOW_JOB = """
import sys, time
from datetime import time as clock_time
from pathlib import Path
import cloudctl.daemon.scheduler as daemon
from cloudctl.daemon.runner import CatchUp, Job
from cloudctl.daemon.schedule import Monthly
from cloudctl.operations.context import open_context

# Due as soon as the home's clock stands later on its first day.
MONTHLY = Monthly(1, clock_time(1, 0))

def slow(ctx, period):
    print("slow begins", flush=True)
    time.sleep(float(sys.argv[2]))
    return "slow is done"

def broken(ctx, period):
    raise ZeroDivisionError("broken")

daemon.all_jobs = lambda settings: (
    Job("broken", MONTHLY, broken, CatchUp.LATEST), Job("slow", MONTHLY, slow, CatchUp.LATEST)
)
with open_context(Path(sys.argv[1])) as ctx:
    daemon.run(ctx)
"""


@pytest.fixture
def start():
    """Starts processes, and ends with the test what it left running."""
    processes = []

    def begin(command, **environment):
        process = subprocess.Popen(
            command,
            env={**ENVIRONMENT, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield begin
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def due(home):
    """A home in which a monthly job has fallen due: its clock has gone on by two hours since it was made."""
    FileClock(home / "clock").move_to(START + timedelta(hours=2))
    return home


def slow_scheduler(start, home, seconds):
    process = start([sys.executable, "-c", WITH_SLOW_JOB, str(home), str(seconds)])
    assert process.stdout.readline() == "slow begins\n"
    return process


def runs(home):
    connection = sqlite3.connect(home / "ledger.sqlite")
    try:
        return connection.execute(
            "SELECT job, state, attempts, detail FROM job_run ORDER BY job, period"
        ).fetchall()
    finally:
        connection.close()


def until(condition):
    """Waits for a condition of another process; there is nothing else to wait on."""
    end = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < end, "it never came to it"
        time.sleep(0.05)
    return found


def test_sigterm_finishes_the_job_under_way_and_ends_with_0(start, due):
    process = slow_scheduler(start, due, 1.5)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 0, err
    assert {job: state for job, state, *_ in runs(due)} == {"broken": "failed", "slow": "done"}
    assert "stopped" in err


def test_a_jobs_failure_is_logged_recorded_and_no_matter_to_the_rest(start, due):
    process = slow_scheduler(start, due, 0)
    until(lambda: len([1 for _, state, *_ in runs(due) if state != "running"]) == 2)
    process.terminate()
    _, err = process.communicate(timeout=PATIENCE_S)

    (broken, slow) = runs(due)
    assert broken[:3] == ("broken", "failed", 1) and "ZeroDivisionError" in broken[3]
    assert slow[1] == "done"
    assert "Traceback" in err
    assert "ZeroDivisionError" in (due / "logs" / "scheduler.log").read_text()


def test_killed_and_started_again_it_does_once_more_what_was_cut_off(start, due):
    killed = slow_scheduler(start, due, 600)
    killed.kill()
    killed.wait()
    assert [row[:2] for row in until(lambda: [row for row in runs(due) if row[0] == "slow"])] == [
        ("slow", "running")
    ]

    process = slow_scheduler(start, due, 0)
    until(lambda: [row for row in runs(due) if row[:3] == ("slow", "done", 2)])
    process.terminate()
    assert process.wait(timeout=PATIENCE_S) == 0
    assert len([row for row in runs(due) if row[0] == "slow"]) == 1


def test_a_second_scheduler_on_the_home_is_refused_and_names_the_first(start, due):
    first = slow_scheduler(start, due, 0)
    second = start([EXECUTABLE, "--home", str(due), "scheduler", "run"])
    _, err = second.communicate(timeout=PATIENCE_S)

    assert second.returncode == 5 and str(first.pid) in err

    jobs = start([EXECUTABLE, "--home", str(due), "scheduler", "jobs"])
    assert str(first.pid) in jobs.communicate(timeout=PATIENCE_S)[1]

    first.kill()
    first.communicate()
    third = start([EXECUTABLE, "--home", str(due), "scheduler", "run"])
    until(lambda: (due / "ledger.sqlite.scheduler").read_text().strip() == str(third.pid))
    third.terminate()
    assert third.wait(timeout=PATIENCE_S) == 0


def test_in_a_home_with_a_driven_clock_jobs_fall_due_when_the_clock_is_moved(start, home):
    process = start([EXECUTABLE, "--home", str(home), "scheduler", "run"])
    until((home / "logs" / "scheduler.log").exists)
    assert runs(home) == []
    FileClock(home / "clock").move_to(datetime.fromisoformat("2026-10-02T04:00:00+08:00"))
    until(lambda: [row for row in runs(home) if row[:2] == ("retention", "done")])
    process.terminate()

    assert process.wait(timeout=PATIENCE_S) == 0


def test_the_real_scheduler_sweeps_serves_metrics_and_stops(start, tmp_path):
    # Homes of the real time: no period was missed before they were made, whatever the date.
    homes, port = [tmp_path / "one", tmp_path / "other"], free_port()
    for home in homes:
        assert start([EXECUTABLE, "--home", str(home), "init"]).wait(timeout=PATIENCE_S) == 0
    command, settings = ["scheduler", "run"], {"CLOUDCTL_DAEMON_METRICS_PORT": str(port)}
    process = start(
        [EXECUTABLE, "--home", str(homes[0]), *command], CLOUDCTL_METERING_INTERVAL_S="10", **settings
    )
    until(lambda: [row for row in runs(homes[0]) if row[:2] == ("sweep", "done")])
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S) as answer:
        text = answer.read().decode()
    taken = start([EXECUTABLE, "--home", str(homes[1]), *command], **settings)
    _, told = taken.communicate(timeout=PATIENCE_S)
    process.terminate()
    _, err = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 0, err
    assert "cloudctl_build_info" in text
    assert 'cloudctl_job_last_success_timestamp_seconds{job="sweep"}' in text
    assert taken.returncode == 6 and str(port) in told and "Traceback" not in told
