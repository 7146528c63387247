"""Networks: found in the cloud; one of a VLAN is made where missing; one of another VLAN is refused."""

import pytest

from cloudctl.core.errors import Refused
from provisioning.driver import PoolFacts
from provisioning.drivers.openstack.failures import Rejected
from provisioning.drivers.openstack.networks import Networks

WHOLE = {"vlan": 120, "physical_network": "provider", "cidr": "10.9.0.0/24", "gateway": "10.9.0.254"}


class Neutron:
    """As far as the driver asks it. refuses: path -> what it answers there."""

    def __init__(self, *networks, refuses=None):
        self.networks, self.subnets, self.refuses = list(networks), [], dict(refuses or {})

    def get(self, path, **asked):
        return {
            "networks": [
                each for each in self.networks if all(each[key] == value for key, value in asked.items())
            ]
        }

    def post(self, path, body):
        if path in self.refuses:
            raise self.refuses[path]
        if path == "/subnets":
            self.subnets.append(body["subnet"])
            self.networks[-1]["subnets"] = ["s1"]
            return body
        self.networks.append({**body["network"], "id": f"n{len(self.networks) + 1}", "subnets": []})
        return {"network": self.networks[-1]}

    def delete(self, path):
        self.networks = [each for each in self.networks if f"/networks/{each['id']}" != path]


class Cloud:
    def __init__(self, neutron):
        self.networks = neutron


def found(neutron, tmp_path, **options):
    return Networks(Cloud(neutron), PoolFacts("rec", {}, {}, tmp_path, networks={"office": options})).id_for(
        "office"
    )


def network(**more):
    return {"id": "n1", "name": "office", "description": "", "subnets": ["s"], **more}


def vlan(number):
    return {"provider:network_type": "vlan", "provider:segmentation_id": number}


def test_a_missing_network_of_a_vlan_is_made_once_with_its_subnet(tmp_path):
    neutron = Neutron()
    assert found(neutron, tmp_path, **WHOLE) == found(neutron, tmp_path, **WHOLE) == "n1"
    (made,) = neutron.networks
    assert made["shared"] and made["description"] == "cloudctl rec/office"
    assert (made["provider:physical_network"], made["provider:segmentation_id"]) == ("provider", 120)
    (subnet,) = neutron.subnets
    assert (subnet["cidr"], subnet["gateway_ip"], subnet["ip_version"]) == ("10.9.0.0/24", "10.9.0.254", 4)


def test_a_network_whose_making_was_cut_off_gets_its_subnet(tmp_path):
    neutron = Neutron(network(description="cloudctl rec/office", subnets=[], **vlan(120)))
    found(neutron, tmp_path, **WHOLE)
    assert len(neutron.networks) == len(neutron.subnets) == 1


def test_somebody_elses_network_gets_no_subnet(tmp_path):
    neutron = Neutron(network(subnets=[], **vlan(120)))
    assert found(neutron, tmp_path, **WHOLE) == "n1" and neutron.subnets == []


def test_what_is_missing_to_make_it_is_named(tmp_path):
    with pytest.raises(Refused) as refusal:
        found(Neutron(), tmp_path, vlan=120)
    assert "120" in str(refusal.value) and "physical_network, cidr" in str(refusal.value)


def test_a_missing_network_without_a_vlan_is_refused(tmp_path):
    with pytest.raises(Refused, match="0 networks"):
        found(Neutron(), tmp_path, cidr="10.9.0.0/24")


@pytest.mark.parametrize(
    ("there", "told"), [(vlan(130), "vlan 130"), ({"provider:network_type": "flat"}, "flat")]
)
def test_a_network_of_another_vlan_is_refused_with_both(tmp_path, there, told):
    with pytest.raises(Refused) as refusal:
        found(Neutron(network(**there)), tmp_path, vlan=120)
    assert told in str(refusal.value) and "not vlan 120" in str(refusal.value)


@pytest.mark.parametrize("there", [{}, {"provider:network_type": None}, vlan(120)])
def test_a_network_of_this_vlan_or_of_unknown_make_is_taken(tmp_path, there):
    assert found(Neutron(network(**there)), tmp_path, vlan=120) == "n1"


def test_one_that_another_process_made_meanwhile_is_taken(tmp_path):
    class Raced(Neutron):
        def post(self, path, body):
            if path == "/networks":
                self.networks.append(network(**vlan(120)))
                raise Rejected("rec", 409, "The VLAN 120 on physical network provider is in use.")
            return super().post(path, body)

    assert found(Raced(), tmp_path, **WHOLE) == "n1"


def test_a_vlan_in_use_and_a_subnet_refused_leave_no_network(tmp_path):
    for path, status in (("/networks", 409), ("/subnets", 400)):
        neutron = Neutron(refuses={path: Rejected("rec", status, "The VLAN 120 is in use.")})
        with pytest.raises(Refused, match="in use"):
            found(neutron, tmp_path, **WHOLE)
        assert neutron.networks == []
