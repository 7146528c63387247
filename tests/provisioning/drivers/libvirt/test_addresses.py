"""Addresses: by the leases of the host's networks, a question per network; by the guests only when somebody asks."""

import pytest

from cloudctl.core.clock import SystemClock
from provisioning.driver import PoolFacts, open_driver
from provisioning.drivers.libvirt import addresses, survey
from provisioning.drivers.libvirt.addresses import leased, leases, listen_to_guests
from provisioning.drivers.libvirt.definition import Interface, read_definition

libvirt = pytest.importorskip("libvirt")
MAC, OTHER = "52:54:00:00:00:01", "52:54:00:00:00:02"


class Said(libvirt.libvirtError):
    def __init__(self, code, domain=libvirt.VIR_FROM_NETWORK):
        self.err = (code, domain, "said", 2, "", None, None, 0, 0)
        Exception.__init__(self, "said")


class Network:
    def __init__(self, name, answer):
        self._name, self._answer, self.asked = name, answer, 0

    def name(self):
        return self._name

    def DHCPLeases(self):
        self.asked += 1
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def lease(mac, address):
    return {"mac": mac, "ipaddr": address, "prefix": 24}


class Host:
    def __init__(self, *networks, domains=()):
        self.networks, self.domains = networks, domains

    def listAllNetworks(self, _flags):
        return list(self.networks)

    def listAllDomains(self, flags):
        lasting = flags & libvirt.VIR_CONNECT_LIST_DOMAINS_PERSISTENT
        return [each for each in self.domains if each.is_lasting or not lasting]


def test_each_network_in_use_is_asked_once_and_no_other():
    used, idle = Network("office", [lease(MAC.upper(), "10.0.0.5")]), Network("idle", [])
    assert leases(Host(used, idle), "a", {"office"}) == {MAC: ("10.0.0.5",)}
    assert (used.asked, idle.asked) == (1, 0)


def test_where_no_machine_is_on_a_libvirt_network_nothing_is_asked():
    assert leases(None, "a", set()) == {}


def test_a_network_without_leases_costs_the_others_nothing():
    broken = Network("office", Said(libvirt.VIR_ERR_OPERATION_INVALID))
    good = Network("lab", [lease(MAC, "10.0.1.5")])
    assert leases(Host(broken, good), "a", {"office", "lab"}) == {MAC: ("10.0.1.5",)}


def test_a_line_that_breaks_is_no_network_without_leases():
    broken = Network("office", Said(libvirt.VIR_ERR_RPC, libvirt.VIR_FROM_RPC))
    with pytest.raises(libvirt.libvirtError):
        leases(Host(broken), "a", {"office"})


def test_addresses_stand_by_port_ipv4_first_without_those_of_the_wire():
    told = [lease(MAC, each) for each in ("fe80::1", "fd00::5", "10.0.0.5", "169.254.1.1", "10.0.0.5")]
    given = leases(Host(Network("office", told)), "a", {"office"})
    assert leased([Interface(OTHER, "lab"), Interface(MAC, "office")], given) == ("10.0.0.5", "fd00::5")


class Guest:
    """A running domain of ours. answers: by source, what libvirt says or raises."""

    def __init__(self, answers, *, is_lasting=True):
        self._answers, self.asked, self.is_lasting = answers, [], is_lasting

    def metadata(self, *_):
        if not self.is_lasting:
            raise Said(libvirt.VIR_ERR_OPERATION_INVALID, libvirt.VIR_FROM_QEMU)
        return "<machine vm_id='7' name='m' state='running' host='a' vcpus='1' memory_mib='64'/>"

    def XMLDesc(self, _flags=0):
        port = f"<interface type='bridge'><mac address='{MAC}'/><source bridge='br'/></interface>"
        return f"<domain><name>m</name><devices>{port}</devices></domain>"

    def interfaceAddresses(self, source, _flags):
        self.asked.append(source)
        answer = self._answers.get(source)
        if isinstance(answer, Exception):
            raise answer
        return answer


AGENT, ARP = libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT, libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP


def told_by_guests(host, *vm_ids):
    told = {}
    listen_to_guests(host, "a", vm_ids, told)
    return told


def port(mac, *told):
    return {"hwaddr": mac, "addrs": [{"addr": each, "prefix": 24, "type": 0} for each in told] or None}


def test_a_guest_tells_of_its_own_ports_not_of_bridges_within_itself():
    ports = {"lo": port("00:00:00:00:00:00", "127.0.0.1"), "eth0": port(MAC, "10.0.0.9", "fe80::2")}
    guest = Guest({AGENT: {**ports, "docker0": port(OTHER, "172.17.0.1")}})
    assert told_by_guests(Host(domains=[guest]), 7) == {7: ("10.0.0.9",)}


@pytest.mark.parametrize(
    "answer",
    [
        Said(libvirt.VIR_ERR_AGENT_UNRESPONSIVE, libvirt.VIR_FROM_QEMU),
        Said(libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED, libvirt.VIR_FROM_QEMU),
        {"eth0": port(MAC)},
        None,
    ],
    ids=["hangs", "absent", "no address", "nothing"],
)
def test_what_the_host_overheard_is_the_last_resort(answer):
    guest = Guest({AGENT: answer, ARP: {"vnet0": port(MAC, "10.0.0.9")}})
    assert told_by_guests(Host(domains=[guest]), 7) == {7: ("10.0.0.9",)}
    assert guest.asked == [ARP, AGENT]


def test_a_guest_knows_better_than_what_was_overheard():
    ports = {AGENT: {"eth0": port(MAC, "10.0.0.9")}, ARP: {"vnet0": port(MAC, "10.0.0.1")}}
    assert told_by_guests(Host(domains=[Guest(ports)]), 7) == {7: ("10.0.0.9",)}


def test_hanging_agents_are_not_waited_for_one_after_the_other(monkeypatch):
    now = iter([0.0, 1.0, addresses.AGENTS_SECONDS])
    monkeypatch.setattr(addresses, "monotonic", lambda: next(now))
    guest = Guest({AGENT: {"eth0": port(MAC, "10.0.0.9")}, ARP: {"vnet0": port(MAC, "10.0.0.1")}})
    assert told_by_guests(Host(domains=[guest]), 7) == {7: ("10.0.0.1",)}
    assert guest.asked == [ARP]


def test_a_passing_guest_of_somebody_else_costs_the_others_nothing():
    stranger = Guest({}, is_lasting=False)
    guest = Guest({AGENT: {"eth0": port(MAC, "10.0.0.9")}})
    assert told_by_guests(Host(domains=[stranger, guest]), 7) == {7: ("10.0.0.9",)}


def test_machines_nobody_asked_about_are_left_alone():
    guest = Guest({})
    assert told_by_guests(Host(domains=[guest]), 8) == {} and guest.asked == []


def test_the_ports_of_a_definition_are_read():
    found = read_definition(
        "<domain><name>m</name><devices>"
        f"<interface type='network'><mac address='{MAC.upper()}'/><source network='office'/></interface>"
        "<interface type='user'/></devices></domain>"
    )
    assert found.interfaces == (Interface(MAC, "office"), Interface("", None))


def test_observing_tells_the_addresses_of_leases(tmp_path, monkeypatch):
    asked = []

    def given(_connection, host, networks):
        asked.append((host, networks))
        return {"aa:bb:cc:dd:ee:ff": ("192.168.122.3",)}

    monkeypatch.setattr(survey, "leases", given)
    driver = open_driver(
        "libvirt", PoolFacts("mock", {}, {"n1": {"uri": "test:///default"}}, tmp_path), SystemClock()
    )
    (machine,) = driver.observe().machines
    driver.close()
    assert machine.addresses == ("192.168.122.3",) and asked == [("n1", {"default"})]
