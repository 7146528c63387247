"""The whole way on real guests with the real command: made, metered, resized, stopped, lost, moved, retired."""

import time

import pytest

from provisioning.drivers.libvirt.marks import NAMESPACE
from tests.integration.libvirt_site import SMALL, awaited, site_of, volumes
from tests.integration.site import (
    asked_and_granted_less,
    assert_export_plans_to_nothing,
    lost_and_rebuilt,
)


@pytest.fixture
def site(lab, tmp_path):
    lab.clear()
    return site_of(lab, tmp_path)


def test_a_machine_lives_its_life_by_the_command(lab, site):
    site.apply({"name": "tax-1", **SMALL}, cmdline="console=ttyS0 quiet panic=-1 load=60 eat=40")
    shown = site.vm("tax-1")
    assert (shown["state"], shown["power"]) == ("active", "running")
    host = shown["host"]
    lab.wait_for_guest(host, "tax-1")
    assert site.run("inventory", "plan", site.file, "--check")
    began = time.time()
    site.run("meter", "sweep")
    awaited(lambda: works_visibly(site, began))

    # Live up: vCPUs and memory within the maximum, a larger disk; the same QEMU process goes on.
    process = lab.hosts[host].guest_pid("tax-1")
    site.run("vm", "resize", "tax-1", "--vcpus", 2, "--memory-mib", 256, "--storage", "ssd=2", "--yes")
    assert lab.hosts[host].guest_pid("tax-1") == process
    assert size_of(site) == (2, 256, {"ssd": 2})
    # A further tier, and down: fewer vCPUs take a power cycle.
    site.run("vm", "resize", "tax-1", "--storage", "hdd=1", "--yes")
    site.run("vm", "resize", "tax-1", "--vcpus", 1, "--memory-mib", 160, "--yes")
    assert lab.hosts[host].guest_pid("tax-1") != process
    assert size_of(site) == (1, 160, {"hdd": 1, "ssd": 2})
    assert "a disk cannot shrink" in site.run(
        "vm", "resize", "tax-1", "--storage", "ssd=1", "--yes", wanted=5
    )

    lab.wait_for_guest(host, "tax-1")
    site.run("vm", "stop", "tax-1", "--yes")
    assert site.vm("tax-1")["power"] == "off"
    site.run("vm", "start", "tax-1", "--yes")
    assert site.vm("tax-1")["power"] == "running"
    assert site.drift() == []

    # Behind our back it is gone: a finding, and every verb says so.
    connection = lab.connect(host)
    domain = connection.lookupByName("tax-1")
    xml = domain.XMLDesc(2)
    domain.destroy()
    domain.undefine()
    assert [row["kind"] for row in site.drift()] == ["not_seen"]
    assert "has no machine tax-1" in site.run("vm", "start", "tax-1", "--yes", wanted=5)
    connection.defineXML(xml)
    connection.close()
    assert site.drift() == []

    site.run("vm", "retire", "tax-1", "--now", "--yes")
    assert volumes(lab) == []
    assert all(lab.connect(code).listAllDomains() == [] for code in lab.hosts)


def works_visibly(site, began):
    """Whether one more sweep finds it computing, and keeping the memory it was told to eat."""
    site.run("meter", "sweep")
    rows = site.json("usage", "show", "--by", "vm", "--from", int(began) - 5, "--to", int(time.time()) + 1)
    usage = next(row for row in rows if row["vm"] == "tax-1")
    return (usage["cpu_used"] or 0) > 0 and (usage["memory_used"] or 0) > 20


def size_of(site):
    shown = site.vm("tax-1")
    return shown["vcpus"], shown["memory_mib"], shown["storage_gib"]


def test_what_is_asked_for_is_granted_less_runs_and_outlives_the_ledger(lab, site, tmp_path):
    site.apply()
    name = asked_and_granted_less(site, "vcpus=1,memory-gib=1,storage=ssd:1")
    shown = site.vm(name)
    assert (shown["power"], shown["vcpus"], shown["memory_mib"]) == ("running", 1, 1024)
    lost_and_rebuilt(site, tmp_path / "second", name)

    # Somebody else's machine: its name proposes the owner, a person decides, and the file written plans to nothing.
    connection = lab.connect(shown["host"])
    strip_metadata(connection.lookupByName(name))
    third = site.another(tmp_path / "third")
    third.apply()
    (orphan,) = third.json("vm", "adopt")
    assert (orphan["vm"], orphan["system"], orphan["rule"]) == (name, "tax", "name")
    third.run("vm", "adopt", name, "--system", "tax", "--yes")
    assert_export_plans_to_nothing(third)
    third.run("vm", "retire", name, "--now", "--yes")
    assert volumes(lab) == [] and connection.listAllDomains() == []
    connection.close()


def strip_metadata(domain):
    """As if a person had made it: the definition without a word of ours."""
    import libvirt

    for where in (libvirt.VIR_DOMAIN_AFFECT_LIVE, libvirt.VIR_DOMAIN_AFFECT_CONFIG):
        domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, None, None, NAMESPACE, where)


def test_a_host_is_emptied_dies_and_its_machines_start_elsewhere(lab, site):
    site.apply({"name": "tax-1", **SMALL}, {"name": "tax-2", **SMALL})
    for name in ("tax-1", "tax-2"):
        host = site.vm(name)["host"]
        lab.wait_for_guest(host, name)
    site.run("host", "drain", "gov/b", "--yes")
    assert [site.vm(name)["host"] for name in ("tax-1", "tax-2")] == ["a", "a"]
    assert lab.connect("b").listAllDomains() == []
    site.run("host", "undrain", "gov/b", "--yes")
    site.run("vm", "migrate", "tax-2", "--to", "b", "--yes")
    assert site.vm("tax-2")["host"] == "b" and site.vm("tax-2")["power"] == "running"
    assert site.drift() == []

    lab.hosts["b"].die()
    site.run("host", "evacuate", "gov/b", "--fenced", "killed by this test", "--yes")
    assert site.vm("tax-2")["host"] == "a" and site.vm("tax-2")["power"] == "running"
    lab.mend()
    (double,) = site.drift()
    assert (double["kind"], double["vm"], double["found"]["host"]) == ("seen_twice", "tax-2", "b")
    assert lab.connect("b").lookupByName("tax-2").isActive() == 0
    site.run("host", "undrain", "gov/b", "--yes")
    assert site.drift() == [] and lab.connect("b").listAllDomains() == []
    assert site.vm("tax-2")["host"] == "a" and site.vm("tax-2")["power"] == "running"
    for name in ("tax-1", "tax-2"):
        site.run("vm", "retire", name, "--now", "--yes")
    assert volumes(lab) == []
    assert all(lab.connect(code).listAllDomains() == [] for code in lab.hosts)


def test_a_request_of_bad_hosts_and_images_is_told_in_words(lab, site):
    told = site.run("host", "probe", "gov/none", wanted=4)
    assert "none" in told
    site.apply({"name": "tax-1", **SMALL})
    image = {"code": "tiny", "pool": "gov", "source": "nowhere.qcow2", "sha256": "0" * 64}
    with pytest.raises(AssertionError) as failure:
        site.apply({"name": "tax-1", **SMALL}, {"name": "tax-3", "image": "tiny", **SMALL}, images=[image])
    assert "nowhere.qcow2 cannot be read" in str(failure.value)
    assert volumes(lab) == ["tax-1-1-seed.iso", "tax-1-1-ssd.qcow2"]
