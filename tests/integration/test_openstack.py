"""The whole way on a real OpenStack with the real command: projects, life, loss, evacuation, nothing left."""

import re

import pytest

from cloudctl.core.clock import SystemClock
from cloudctl.core.quantity import Size
from provisioning.driver import StillAtWork, open_driver
from provisioning.steps import create_step, delete_step, resize_step
from tests.integration.labs.openstack_lab import PATIENCE_SECONDS, running_lab, wait_for
from tests.integration.site import Site, asked_and_granted_less, lost_and_rebuilt

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE7wq0hJmH1Xy7C0xL5o1Rk5dQ0m1z0mW7Cq6c5l5p2K someone@example"


@pytest.fixture
def lab():
    lab = running_lab()
    with lab.taken():
        lab.clear()
        try:
            yield lab
        finally:
            lab.mend_computes()


def site_of(folder):
    pool = {
        "code": "os1",
        "name": "Cloud",
        "driver": "openstack",
        "cloud": "fake",
        "tiers": {"ssd": "fake", "sata": "bulk"},
        "ssh_keys": [KEY],
        "openstack": {"project_prefix": "gov-", "deadline_s": PATIENCE_SECONDS},
    }
    return Site(
        folder,
        pool,
        hosts=[{"code": code, "pool": "os1"} for code in "ab"],
        images=[{"code": "debian12", "pool": "os1", "source": "tiny"}],
        networks=[{"code": "office", "pool": "os1"}],
    )


def machine(name, system, vcpus=2, **storage):
    storage_gib = {"ssd": 20, **storage}
    return {
        "name": name,
        "system": system,
        "vcpus": vcpus,
        "memory_mib": vcpus * 2048,
        "storage_gib": storage_gib,
    }


def projects(cloud):
    return {project.id: project.name for project in cloud.identity.projects()}


def servers(cloud):
    return {server.name: server for server in cloud.compute.servers(all_projects=True)}


def test_two_units_machines_live_and_go_by_the_command_alone(lab, tmp_path):
    site = site_of(tmp_path)
    site.apply(
        machine("tax-1", "tax", sata=30),
        machine("tax-2", "tax"),
        machine("jobs-1", "jobs"),
        floating="outside",
    )
    with lab.connection() as cloud:
        names, made = projects(cloud), servers(cloud)
        assert {name: names[server.project_id] for name, server in made.items()} == {
            "tax-1": "gov-fin",
            "tax-2": "gov-fin",
            "jobs-1": "gov-hr",
        }
        assert made["tax-1"].compute_host != made["tax-2"].compute_host, "a system's machines stay apart"
        assert made["tax-1"].flavor.name == "gov.2c4g" and made["tax-1"].metadata["cloudctl_system"] == "tax"
        assert len(list(cloud.network.ips())) == 3
        assert quota_of_cores(cloud, made["tax-1"]) == 4
    assert site.drift() == []

    site.run("vm", "resize", "tax-1", "--vcpus", 4, "--storage", "sata=40", "--yes")
    assert site.vm("tax-1")["vcpus"] == 4
    site.run("vm", "resize", "tax-1", "--vcpus", 2, "--yes")
    site.run("vm", "stop", "tax-2", "--yes")
    assert site.vm("tax-2")["power"] == "off"
    site.run("vm", "start", "tax-2", "--yes")
    site.run("vm", "migrate", "jobs-1", "--yes")
    assert site.run("vm", "console", "jobs-1").startswith("http")
    assert site.drift() == []
    site.run("meter", "sweep")

    with lab.connection() as cloud:
        cloud.compute.delete_server(servers(cloud)["jobs-1"].id)
        wait_for("jobs-1 gone", lambda: "jobs-1" not in servers(cloud))
    found = site.drift()
    assert [(each["kind"], each["vm"]) for each in found] == [("not_seen", "jobs-1")]

    site.run("vm", "retire", "tax-2", "--yes")
    assert servers_states(lab)["tax-2"].startswith("SHELVED")
    site.run("vm", "restore", "tax-2", "--yes")
    for name in ("tax-1", "tax-2", "jobs-1"):
        site.run("vm", "retire", name, "--now", "--yes")
    assert_nothing_is_left(lab)


def servers_states(lab):
    with lab.connection() as cloud:
        return {name: server.status for name, server in servers(cloud).items()}


def quota_of_cores(cloud, server):
    """Of the server's project."""
    quota = cloud.compute.get(f"/os-quota-sets/{server.project_id}", microversion="2.79").json()
    return quota["quota_set"]["cores"]


def state_and_quota(lab, name):
    with lab.connection() as cloud:
        server = servers(cloud)[name]
        return server.status, quota_of_cores(cloud, server)


def assert_nothing_is_left(lab):
    with lab.connection() as cloud:
        assert servers(cloud) == {}
        assert [volume.metadata for volume in cloud.block_storage.volumes(all_projects=True)] == []
        assert list(cloud.network.ips()) == []
        assert [port for port in cloud.network.ports() if port.device_owner.startswith("compute")] == []
        groups = cloud.compute.get("/os-server-groups", params={"all_projects": "True"}).json()[
            "server_groups"
        ]
        assert groups == []


def test_what_is_asked_for_is_granted_less_runs_and_outlives_the_ledger(lab, tmp_path):
    site = site_of(tmp_path)
    site.apply(floating="outside")
    name = asked_and_granted_less(site, "vcpus=2,memory-gib=4,storage=ssd:20,image=debian12,network=office")
    assert servers_states(lab) == {name: "ACTIVE"}
    site.run("report", "build", "handover", "--request", 1, "--output-dir", tmp_path / "sheets")
    (sheet,) = (tmp_path / "sheets").glob("*.html")
    assert re.search(r"\b10\.9\.\d+\.\d+\b", sheet.read_text()), "its own address"
    assert re.search(r"\b203\.0\.113\.\d+\b", sheet.read_text()), "and the outside one"

    # Emptied, the host has none of it left; a drain is journalled like any other change.
    host = site.vm(name)["host"]
    site.run("host", "drain", f"os1/{host}", "--yes")
    assert site.vm(name)["host"] != host
    site.run("host", "undrain", f"os1/{host}", "--yes")

    second = lost_and_rebuilt(site, tmp_path / "second", name)
    second.run("vm", "retire", name, "--now", "--yes")
    assert_nothing_is_left(lab)


def test_a_dead_hosts_machines_start_elsewhere_and_once(lab, tmp_path):
    site = site_of(tmp_path)
    site.apply(machine("tax-1", "tax"), machine("jobs-1", "jobs"))
    with lab.connection() as cloud:
        dead = servers(cloud)["tax-1"].compute_host
    (other,) = {"a", "b"} - {dead}
    there = lab.instances(dead)
    lab.kill_compute(dead)
    site.run("host", "evacuate", f"os1/{dead}", "--fenced", "killed by the test", "--yes")
    assert there and lab.instances(dead) == there, "what it had it has as long as it is away"

    # Back, it cleans up before the cloud lets it be opened again.
    lab.start_compute(dead)
    wait_for("its clean-up", lambda: lab.instances(dead) == [] and is_opened(site, f"os1/{dead}"))
    lab.mend_computes()
    with lab.connection() as cloud:
        now = servers(cloud)
    assert {server.compute_host for server in now.values()} == {other}
    assert {server.status for server in now.values()} == {"ACTIVE"}
    assert lab.instances(other) == sorted(server.id for server in now.values())
    assert site.drift() == []


def test_a_machine_whose_host_died_in_a_step_starts_elsewhere(lab, tmp_path, monkeypatch):
    site = site_of(tmp_path)
    site.apply(machine("tax-1", "tax"))
    site.apply(machine("tax-1", "tax"), deadline_s=10)
    dead = site.vm("tax-1")["host"]
    lab.halt_compute(dead)
    with monkeypatch.context() as impatient:
        impatient.setenv("CLOUDCTL_MACHINES_RETRIES", "0")
        site.run("vm", "stop", "tax-1", "--yes", wanted=6)
    (uncertain,) = site.json("change", "list", "--state", "uncertain")
    lab.kill_compute(dead)
    site.apply(machine("tax-1", "tax"))
    site.run("host", "evacuate", f"os1/{dead}", "--fenced", "killed by the test", "--yes")
    assert site.json("change", "show", uncertain["change"])["state"] == "failed"
    with lab.connection() as cloud:
        (server,) = servers(cloud).values()
    assert (server.compute_host != dead, server.status, server.task_state) == (True, "ACTIVE", None)
    assert site.drift() == []


def is_opened(site, host):
    try:
        site.run("host", "undrain", host, "--yes")
    except AssertionError:
        return False
    return True


def test_a_held_resize_waits_and_goes_back_when_asked(lab, tmp_path):
    driver = open_driver("openstack", lab.facts("held", tmp_path), SystemClock())
    impatient = open_driver("openstack", lab.facts("held", tmp_path, deadline_s=3), SystemClock())
    small, large = Size(2, 4096, {"ssd": 20}), Size(4, 8192, {"ssd": 20})
    try:
        driver.apply(create_step(7, "held-1", small, host="a", system="tax", unit="fin"))
        held = driver.apply(resize_step(7, "held-1", small, large, hold=True))
        assert servers_states(lab) == {"held-1": "VERIFY_RESIZE"}
        assert driver.apply(resize_step(7, "held-1", small, large, hold=True)) == held
        driver.apply(resize_step(7, "held-1", large, small))
        assert servers_states(lab) == {"held-1": "ACTIVE"}
        assert [each.size for each in driver.observe().machines] == [small]
        driver.apply(resize_step(7, "held-1", small, large, hold=True))
        # The cloud refuses to confirm what it is confirming, and shows that nowhere on the server.
        with lab.stuck_computes():
            for _ in range(2):
                with pytest.raises(StillAtWork):
                    impatient.apply(resize_step(7, "held-1", small, large))
        driver.apply(resize_step(7, "held-1", small, large))
        assert servers_states(lab) == {"held-1": "ACTIVE"}
        assert [each.size for each in driver.observe().machines] == [large]
        # A cut gives its quota back, and takes it again when it is taken back.
        driver.apply(resize_step(7, "held-1", large, small, hold=True))
        assert state_and_quota(lab, "held-1") == ("VERIFY_RESIZE", 2)
        driver.apply(resize_step(7, "held-1", small, large))
        assert state_and_quota(lab, "held-1") == ("ACTIVE", 4)
        assert [each.size for each in driver.observe().machines] == [large]
        driver.apply(delete_step(7, "held-1", large, "a"))
        assert_nothing_is_left(lab)
    finally:
        driver.close()
        impatient.close()
