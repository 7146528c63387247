"""Quotas of a unit's project: exactly what it holds and is being given."""

from collections import Counter

import pytest

from cloudctl.core.errors import Refused, Unreachable
from cloudctl.core.quantity import Size
from provisioning.drivers.openstack.failures import Rejected
from provisioning.drivers.openstack.quotas import Quotas, asked_by

FULL = Refused("{name} failed in the cloud: {reason}", name="m", reason="Quota exceeded for cores")

OVER = Rejected("rec", 413, "Maximum number of volumes allowed (1) exceeded for quota 'volumes'.")


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
    more = asked_by(Size(4, 8192, {"ssd": 50}), volumes=1)
    seen = quotas.within(Project(), more, lambda: (cloud.compute.limits(), cloud.volumes.limits()))
    assert seen == ({"instances": 2, "cores": 6, "ram": 12288}, {"volumes": 2, "gigabytes": 70})


def test_what_was_refused_or_freed_leaves_no_room_behind(cloud):
    def refuse():
        raise Refused("No valid host was found.")

    with pytest.raises(Refused):
        Quotas(cloud, keeps=True).within(Project(), Counter(cores=4), refuse)
    assert cloud.compute.limits()["cores"] == 2


def test_what_may_come_yet_keeps_its_room(cloud):
    def vanish():
        raise Unreachable("Nobody knows.")

    with pytest.raises(Unreachable):
        Quotas(cloud, keeps=True).within(Project(), Counter(cores=4), vanish)
    assert cloud.compute.limits()["cores"] == 6


def test_what_goes_takes_its_quota_along(cloud):
    Quotas(cloud, keeps=True).settle("p1")
    assert cloud.compute.limits() == {"instances": 1, "cores": 2, "ram": 4096}


def test_an_unlimited_quota_stays_so(cloud):
    cloud.compute.quotas["cores"]["limit"] = -1
    Quotas(cloud, keeps=True).settle("p1")
    assert cloud.compute.limits()["cores"] == -1


@pytest.mark.parametrize("full", [FULL, OVER])
def test_a_quota_that_another_took_is_made_again(cloud, full):
    tries = []

    def ask():
        tries.append(1)
        if len(tries) < 3:
            raise full
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
    Quotas(cloud, keeps=False).settle("p1")
    assert cloud.compute.limits() == {"instances": 10, "cores": 10, "ram": 10}


def test_a_resize_asks_for_the_difference_alone():
    before, after = Size(2, 4096, {"ssd": 20}), Size(4, 2048, {"ssd": 30})
    assert +asked_by(after, before) == Counter(cores=2, gigabytes=10)
