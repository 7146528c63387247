"""Quotas of a unit's project: exactly what it holds and is being given."""

from collections import Counter

import pytest

from cloudctl.core.errors import Refused
from cloudctl.core.quantity import Size
from provisioning.drivers.openstack.quotas import Quotas, asked_by

FULL = Refused("{name} failed in the cloud: {reason}", name="m", reason="Quota exceeded for cores")


class Service:
    """One service's quotas, kept in memory."""

    def __init__(self, **in_use):
        self.quotas = {name: {"in_use": used, "limit": 10, "reserved": 0} for name, used in in_use.items()}

    def get(self, path, **asked):
        return {"quota_set": self.quotas}

    def put(self, path, body):
        for name, limit in body["quota_set"].items():
            if name in self.quotas:
                self.quotas[name]["limit"] = limit

    def limits(self):
        return {name: kept["limit"] for name, kept in self.quotas.items()}


class Project:
    project_id = "p1"

    def __init__(self):
        self.compute = Service(instances=1, cores=2, ram=4096)
        self.volumes = Service(volumes=1, gigabytes=20)


@pytest.fixture
def cloud():
    return Project()


def test_there_is_room_for_what_is_asked_and_no_more(cloud):
    quotas = Quotas(cloud, keeps=True)
    seen = quotas.within(Project(), asked_by(Size(4, 8192, {"ssd": 50}), volumes=1), cloud.compute.limits)
    assert seen == {"instances": 2, "cores": 6, "ram": 12288}
    assert cloud.volumes.limits() == {"volumes": 2, "gigabytes": 70}


def test_what_goes_takes_its_quota_along(cloud):
    Quotas(cloud, keeps=True).settle("p1")
    assert cloud.compute.limits() == {"instances": 1, "cores": 2, "ram": 4096}


def test_an_unlimited_quota_stays_so(cloud):
    cloud.compute.quotas["cores"]["limit"] = -1
    Quotas(cloud, keeps=True).settle("p1")
    assert cloud.compute.limits()["cores"] == -1


def test_a_quota_that_another_took_is_made_again(cloud):
    tries = []

    def ask():
        tries.append(1)
        if len(tries) < 3:
            raise FULL
        return "made"

    assert Quotas(cloud, keeps=True).within(Project(), Counter(cores=1), ask) == "made"


def test_a_quota_that_stays_full_is_told(cloud):
    def ask():
        raise FULL

    with pytest.raises(Refused, match="Quota exceeded"):
        Quotas(cloud, keeps=True).within(Project(), Counter(cores=1), ask)


def test_our_own_project_and_a_site_that_keeps_its_quotas_are_left_alone(cloud):
    Quotas(cloud, keeps=True).within(cloud, Counter(cores=5), lambda: None)
    Quotas(cloud, keeps=False).within(Project(), Counter(cores=5), lambda: None)
    assert cloud.compute.limits() == {"instances": 10, "cores": 10, "ram": 10}


def test_a_resize_asks_for_the_difference_alone():
    before, after = Size(2, 4096, {"ssd": 20}), Size(4, 2048, {"ssd": 30})
    assert +asked_by(after, before) == Counter(cores=2, gigabytes=10)
