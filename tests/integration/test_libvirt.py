"""The whole way on real guests with the real command: made, metered, resized, stopped, lost, moved, retired."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from provisioning.drivers.libvirt.marks import NAMESPACE
from tests.integration.labs.libvirt_lab import guest_files, libvirt_lab, require_lab


@pytest.fixture(scope="module")
def lab():
    require_lab()
    with libvirt_lab("ab") as lab:
        yield lab


class Site:
    """A home with an inventory of one libvirt pool, and the installed command on it."""

    def __init__(self, lab, folder: Path) -> None:
        self.lab, self.home, self.file = lab, folder / "home", folder / "inventory.yaml"
        self.run("init")

    def run(self, *arguments, wanted=0, who=None):
        command = [str(Path(sys.executable).with_name("cloudctl")), "--home", str(self.home), "--lang", "en"]
        command += ["--as", who] if who else []
        done = subprocess.run(
            [*command, *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == wanted, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + (done.stderr if wanted else "")

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "-o", "json"))

    def apply(self, *vms, images=(), **settings):
        libvirt = {
            **guest_files(),
            "answer_seconds": 5,
            "stop_seconds": 40,
            "shared_storage": True,
            "headroom_vcpus": 2,
            "headroom_memory": 2,
            **settings,
        }
        document = {
            "version": 1,
            "units": [{"code": "fin", "name": "Finance"}],
            "people": [
                {"login": "zhao", "name": "Zhao", "unit": "fin", "roles": ["unit"]},
                {"login": "jin", "name": "Jin", "roles": ["operator"]},
                {"login": "lei", "name": "Lei", "roles": ["approver"]},
            ],
            "systems": [{"code": "tax", "name": "Tax", "unit": "fin"}],
            "pools": [
                {
                    "code": "gov",
                    "name": "Government",
                    "driver": "libvirt",
                    "overcommit": {"cpu": 16, "memory": 4},
                    "tiers": {"ssd": "default", "hdd": "bulk"},
                    "ssh_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 someone@example"],
                    "libvirt": libvirt,
                }
            ],
            "hosts": [
                {
                    "code": code,
                    "pool": "gov",
                    "uri": self.lab.uri(code),
                    "domain_type": "qemu",
                    "migrate_uri": "tcp://127.0.0.1",
                }
                for code in self.lab.hosts
            ],
            "images": list(images),
            "vms": [{"system": "tax", "pool": "gov", **vm} for vm in vms],
        }
        # JSON is YAML.
        self.file.write_text(json.dumps(document))
        return self.run("inventory", "apply", self.file, "--yes", "--force")

    def vm(self, name):
        return self.json("vm", "show", name)


@pytest.fixture
def site(lab, tmp_path):
    lab.clear()
    return Site(lab, tmp_path)


SMALL = {"vcpus": 1, "memory_mib": 160, "storage_gib": {"ssd": 1}}


def volumes(lab):
    return sorted(path.name for folder in ("default", "bulk") for path in (lab.base / folder).iterdir())


def test_a_machine_lives_its_life_by_the_command(lab, site):
    site.apply({"name": "tax-1", **SMALL}, cmdline="console=ttyS0 quiet panic=-1 load=60 eat=40")
    shown = site.vm("tax-1")
    assert (shown["state"], shown["power"]) == ("active", "running")
    host = shown["host"]
    lab.wait_for_guest(host, "tax-1")
    assert site.run("inventory", "plan", site.file, "--check")
    began = time.time()
    site.run("meter", "sweep")
    time.sleep(6)
    site.run("meter", "sweep")
    usage = used(site, began)
    assert usage["cpu_used"] > 0 and usage["memory_used"] > 20

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
    assert json.loads(site.run("inventory", "drift", "-o", "json")) == []

    # Behind our back it is gone: a finding, and every verb says so.
    connection = lab.connect(host)
    domain = connection.lookupByName("tax-1")
    xml = domain.XMLDesc(2)
    domain.destroy()
    domain.undefine()
    assert [row["kind"] for row in drift(site)] == ["not_seen"]
    assert "has no machine tax-1" in site.run("vm", "start", "tax-1", "--yes", wanted=5)
    connection.defineXML(xml)
    connection.close()
    assert drift(site) == []

    site.run("vm", "retire", "tax-1", "--now", "--yes")
    assert volumes(lab) == []
    assert all(lab.connect(code).listAllDomains() == [] for code in lab.hosts)


def used(site, began):
    rows = site.json("usage", "show", "--by", "vm", "--from", int(began) - 5, "--to", int(time.time()) + 1)
    return next(row for row in rows if row["vm"] == "tax-1")


def size_of(site):
    shown = site.vm("tax-1")
    return shown["vcpus"], shown["memory_mib"], shown["storage_gib"]


def drift(site):
    return site.json("inventory", "drift")


def test_what_is_asked_for_is_granted_less_runs_and_outlives_the_ledger(lab, site, tmp_path):
    site.apply()
    words = [
        "new",
        "--system",
        "tax",
        "--purpose",
        "Filing",
        "--load",
        "200 users",
        "--needed-by",
        "2099-12-01",
    ]
    wanted = "tax-web,count=2,pool=gov,vcpus=1,memory-gib=1,storage=ssd:1"
    site.run("request", "submit", *words, "--machine", wanted, "--yes", who="zhao")
    site.run("request", "check", 1, "--yes", who="jin")
    grant = ["--grant", "tax-web,count=1", "--reason", "One will do", "--yes"]
    site.run("request", "approve", 1, *grant, wanted=5, who="jin")
    site.run("request", "approve", 1, *grant, who="lei")
    site.run("request", "execute", 1, "--yes", who="jin")
    (made,) = site.json("vm", "list")
    shown = site.vm(made["vm"])
    assert (shown["power"], shown["vcpus"], shown["memory_mib"]) == ("running", 1, 1024)
    assert drift(site) == []

    # The ledger is lost: what our metadata says of the machine brings it back, under its old id.
    second = Site(lab, tmp_path / "second")
    second.apply()
    assert [row["kind"] for row in drift(second)] == ["not_allocated"]
    second.run("vm", "adopt", "--rebuild", "--yes")
    assert second.vm(made["vm"])["system"] == "tax" and drift(second) == []

    # Somebody else's machine: its name proposes the owner, a person decides, and the file written plans to nothing.
    connection = lab.connect(shown["host"])
    strip_metadata(connection.lookupByName(made["vm"]))
    third = Site(lab, tmp_path / "third")
    third.apply()
    (orphan,) = third.json("vm", "adopt")
    assert (orphan["vm"], orphan["system"], orphan["rule"]) == (made["vm"], "tax", "name")
    third.run("vm", "adopt", made["vm"], "--system", "tax", "--yes")
    third.file.write_text(third.run("inventory", "export"))
    third.run("inventory", "plan", third.file, "--check")
    third.run("vm", "retire", made["vm"], "--now", "--yes")
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
    assert drift(site) == []

    lab.hosts["b"].die()
    site.run("host", "evacuate", "gov/b", "--fenced", "killed by this test", "--yes")
    assert site.vm("tax-2")["host"] == "a" and site.vm("tax-2")["power"] == "running"
    lab.mend()
    (double,) = drift(site)
    assert (double["kind"], double["vm"], double["found"]["host"]) == ("seen_twice", "tax-2", "b")
    assert lab.connect("b").lookupByName("tax-2").isActive() == 0
    site.run("host", "undrain", "gov/b", "--yes")
    assert drift(site) == [] and lab.connect("b").listAllDomains() == []
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
