"""A case of the panel on a real OpenStack: its cut is held by the cloud while it is watched, and taken back."""

import csv
from datetime import UTC, datetime, timedelta

import pytest

from cloudctl.core.quantity import Size
from tests.integration.labs.openstack_lab import running_lab
from tests.integration.test_openstack import servers, site_of
from tests.integration.test_openstack_killed import make_stranger

LARGE = Size(4, 8192, {"ssd": 20})
HOUR = timedelta(hours=1)
HEADER = """
vm end interval_s state vcpus cpu_core_seconds memory_mib memory_used_mib storage_gib storage_used_gib
"""


@pytest.fixture
def lab():
    lab = running_lab()
    with lab.taken():
        lab.clear()
        yield lab


def write_samples(file, name, begin, end):
    """Hourly: 30 % of the CPUs, 75 % of the memory."""
    rows = []
    while begin < end:
        begin += HOUR
        rows.append([name, begin.isoformat(), 3600, "running", 4, 0.3 * 4 * 3600, 8192, 6144, 20, 15])
    with file.open("w", newline="") as target:
        writer = csv.writer(target)
        writer.writerows([HEADER.split(), *rows])
    return file


def test_a_case_under_watch_is_held_and_reverted(lab, tmp_path, monkeypatch):
    monkeypatch.setenv("CLOUDCTL_REVIEW_ACCEPT_SKIPS_PANEL", "true")
    site = site_of(tmp_path)
    site.apply()
    make_stranger(lab, "tax-old", LARGE)
    today = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    since = today - timedelta(days=40)
    site.run("vm", "adopt", "tax-old", "--system", "tax", "--at", since.isoformat(), "--yes")
    site.run("meter", "import", write_samples(tmp_path / "use.csv", "tax-old", since, today))

    site.run("review", "open")
    (case,) = [row for row in site.json("review", "list") if row["vm"] == "tax-old"]
    assert (case["kind"], case["to"]["vcpus"]) == ("downsize", 2)
    number = case["case"]
    site.run("review", "notify", "--all", "--yes")
    site.run("review", "answer", number, "--accept", "--yes", who="zhao")
    site.run("review", "decide", "--all", "--yes")
    site.run("review", "schedule", number, "--yes")
    site.run("review", "execute", number, "--yes", who="jin")
    with lab.connection() as cloud:
        held = servers(cloud)["tax-old"]
    assert (held.status, held.flavor.vcpus) == ("VERIFY_RESIZE", 2)
    assert site.vm("tax-old")["vcpus"] == 2 and site.drift() == []

    site.run("review", "rollback", number, "--reason", "Slow since Sunday", "--yes", who="jin")
    with lab.connection() as cloud:
        back = servers(cloud)["tax-old"]
        assert (back.status, back.flavor.vcpus) == ("ACTIVE", 4)
        assert "revertResize" in {action.action for action in cloud.compute.server_actions(back)}
    assert site.vm("tax-old")["vcpus"] == 4 and site.drift() == []
