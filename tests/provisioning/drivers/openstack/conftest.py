"""An OpenStack driver whose cloud is recorded, and which never really waits."""

import pytest

from cloudctl.core.clock import DrivenClock
from provisioning.driver import PoolFacts, open_driver
from provisioning.drivers.openstack import endpoint, patience
from tests.conftest import START
from tests.provisioning.drivers.openstack.recorded import CLOUDS, record_cloud


@pytest.fixture
def pauses(monkeypatch):
    """How long it would have waited."""
    made = []
    for module in (endpoint, patience):
        monkeypatch.setattr(module, "pause", made.append)
    return made


@pytest.fixture
def opened(tmp_path, monkeypatch, pauses):
    """opened(**options): a driver of the recorded cloud."""
    (tmp_path / "clouds.yaml").write_text(CLOUDS)
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    drivers = []

    def open_one(cloud="rec", **options):
        known = {"cloud": cloud, "tiers": {"ssd": "fast"}, "openstack": {"deadline_s": 10, **options}}
        images = {"debian12": {"source": "debian-12"}}
        facts = PoolFacts("rec", known, {}, tmp_path, images, {"office": {}})
        drivers.append(open_driver("openstack", facts, DrivenClock(START)))
        return drivers[-1]

    yield open_one
    for driver in drivers:
        driver.close()


@pytest.fixture
def cloud(requests_mock):
    record_cloud(requests_mock)
    return requests_mock
