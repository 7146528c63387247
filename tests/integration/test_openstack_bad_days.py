"""Bad days of a real OpenStack: one clear error, the right exit code, nothing changed, and who it is about."""

import hashlib
import http.client
import json
import time
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
import yaml

from cloudctl.core.clock import SystemClock
from cloudctl.core.errors import Refused, Unreachable
from cloudctl.core.quantity import Size
from provisioning.driver import open_driver
from provisioning.drivers.openstack.endpoint import Endpoint
from provisioning.steps import create_step
from tests.integration.labs.openstack_lab import running_lab, wait_for
from tests.integration.self_signed import secured, write_certificate
from tests.integration.test_openstack import machine, servers, site_of

SIZE = Size(2, 4096, {"ssd": 20})
REFUSED, UNREACHABLE = 5, 6


@pytest.fixture
def lab():
    lab = running_lab()
    with lab.taken():
        lab.clear()
        yield lab


@pytest.fixture
def site(lab, tmp_path):
    site = site_of(tmp_path)
    site.apply()
    return site


def wanted(site, *vms, **settings):
    """The inventory with these machines, not applied yet."""
    document = yaml.safe_load(site.file.read_text())
    document["vms"] = [{"pool": "os1", **vm} for vm in vms]
    document["pools"][0]["openstack"] |= settings
    site.file.write_text(json.dumps(document))


def refused(site, code=REFUSED):
    return site.run("inventory", "apply", site.file, "--yes", wanted=code)


def everything(lab):
    with lab.connection() as cloud:
        return (
            sorted(server.id for server in cloud.compute.servers(all_projects=True)),
            sorted(volume.id for volume in cloud.block_storage.volumes(all_projects=True)),
            sorted(port.id for port in cloud.network.ports()),
            sorted(image.id for image in cloud.image.images()),
            sorted(flavor.id for flavor in cloud.compute.flavors()),
            sorted(project.id for project in cloud.identity.projects()),
        )


@pytest.fixture
def clouds(lab, tmp_path, monkeypatch):
    """clouds(auth_url=…, cacert=…): the lab's clouds.yaml with something else in it."""

    def changed(cacert=None, **auth):
        document = yaml.safe_load(lab.clouds_yaml.read_text())
        document["clouds"]["fake"]["auth"] |= auth
        if cacert:
            document["clouds"]["fake"]["cacert"] = str(cacert)
        (tmp_path / "clouds.yaml").write_text(yaml.safe_dump(document))
        monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))

    return changed


def test_wrong_credentials_silence_and_a_strange_certificate_are_told_apart(lab, site, clouds, tmp_path):
    wanted(site, machine("tax-1", "tax"))
    before = everything(lab)

    clouds(password="wrong")
    assert "os1: the cloud does not accept the credentials" in refused(site, UNREACHABLE)
    clouds(auth_url="http://127.0.0.1:9/v3")
    told = refused(site, UNREACHABLE)
    assert "os1 does not answer" in told and "auth_url" in told

    keystone = yaml.safe_load(lab.clouds_yaml.read_text())["clouds"]["fake"]["auth"]["auth_url"]
    own, strange = (write_certificate(tmp_path / name) for name in ("own.pem", "strange.pem"))
    with secured(keystone.removesuffix("/v3"), own) as door:
        clouds(auth_url=f"{door}/v3")
        assert "os1: no secure connection" in refused(site, UNREACHABLE)
        clouds(auth_url=f"{door}/v3", cacert=strange)
        assert "os1: no secure connection" in refused(site, UNREACHABLE)
        assert everything(lab) == before and site.json("vm", "list") == []
        clouds(auth_url=f"{door}/v3", cacert=own)
        site.run("inventory", "plan", site.file)


def test_a_token_that_was_revoked_in_the_middle_is_replaced(lab, tmp_path):
    driver = open_driver("openstack", lab.facts("token", tmp_path), SystemClock())
    try:
        driver.apply(create_step(1, "token-1", SIZE, host="a", unit="fin"))
        cloud = driver._site.cloud
        token = cloud.identity.adapter.get_token()
        with lab.connection() as admin:
            revoked = admin.identity.delete("/auth/tokens", headers={"X-Subject-Token": token})
        assert revoked.status_code == 204
        driver.apply(create_step(2, "token-2", SIZE, host="b", unit="hr"))
        assert cloud.identity.adapter.get_token() != token
        assert len(driver.observe().machines) == 2
    finally:
        driver.close()


def test_a_quota_exceeded_in_mid_plan_undoes_what_was_made(lab, site, monkeypatch):
    monkeypatch.setenv("CLOUDCTL_MACHINES_PARALLEL", "1")
    with lab.connection() as cloud:
        project = cloud.identity.create_project(name="gov-fin")
        body = {"quota_set": {"instances": 2, "force": True}}
        cloud.compute.put(f"/os-quota-sets/{project.id}", json=body, microversion="2.79")
    wanted(site, *(machine(f"tax-{number}", "tax") for number in (1, 2, 3)), keeps_quotas=False)
    told = refused(site)
    assert "os1" in told and "Quota exceeded" in told
    ids, volumes, *_ = everything(lab)
    assert (ids, volumes) == ([], [])
    assert {row["state"] for row in site.json("vm", "list")} == {"planned"}
    assert told.index("create tax-2: undone") < told.index("create tax-1: undone")


def test_a_cloud_that_is_late_leaves_a_step_uncertain_and_resuming_ends_it(lab, site, monkeypatch):
    monkeypatch.setenv("CLOUDCTL_MACHINES_RETRIES", "0")
    wanted(site, machine("tax-1", "tax"), deadline_s=10)
    with lab.stuck_computes():
        assert "still at work on tax-1" in refused(site, UNREACHABLE)
        (change,) = [row["change"] for row in site.json("change", "list", "--open")]
        (step,) = site.json("change", "show", change)["steps"]
        assert step["state"] == "running", "nobody knows whether it was done"
    monkeypatch.setenv("CLOUDCTL_MACHINES_RETRIES", "20")
    site.run("change", "resume", change, "--yes")
    assert [server.status for server in servers_of(lab).values()] == ["ACTIVE"]
    assert site.drift() == []


def test_an_image_that_is_missing_or_another_is_refused_before_anything_is_made(lab, site, tmp_path):
    folder = tmp_path / "home" / "clouds" / "os1"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "own.img").write_bytes(b"\1" * 4096)
    before = everything(lab)
    for options, said in (
        ({"source": "nowhere.img"}, "nowhere.img"),
        ({"source": "own.img", "sha256": "0" * 64}, "0" * 64),
        # Others brought it, and Glance keeps another kind of sum: it is read.
        ({"source": "tiny", "sha256": "0" * 64}, hashlib.sha256(b"\0" * 4096).hexdigest()),
    ):
        told = site_with_image(site, options)
        assert "debian12" in told or "os1" in told
        assert said in told
        assert everything(lab) == before

    site_with_image(site, {"source": "own.img", "sha256": hashlib.sha256(b"\1" * 4096).hexdigest()}, 0)
    with lab.connection() as cloud:
        (uploaded,) = [image for image in cloud.image.images() if image.name == "own.img"]
        assert (uploaded.status, uploaded.size, uploaded.disk_format) == ("active", 4096, "raw")


def site_with_image(site, options, code=REFUSED):
    wanted(site, machine("tax-1", "tax"))
    document = yaml.safe_load(site.file.read_text())
    document["images"] = [{"code": "debian12", "pool": "os1", **options}]
    site.file.write_text(json.dumps(document))
    return refused(site, code)


def test_an_upload_that_was_cut_off_is_begun_anew_in_its_place(lab, tmp_path, monkeypatch):
    (tmp_path / "own.img").write_bytes(b"\1" * 2**21)
    facts = replace(lab.facts("upload", tmp_path), images={"own": {"source": "own.img"}})
    driver = open_driver("openstack", facts, SystemClock())
    images = driver._site.images
    try:
        with monkeypatch.context() as cut:
            cut.setattr(Endpoint, "send", half_sent)
            with pytest.raises(Unreachable):
                images.id_for("own")
        with lab.connection() as cloud:
            wait_for(
                "queued", lambda: {each.status for each in cloud.image.images(name="own.img")} == {"queued"}
            )
            number = images.id_for("own")
            (uploaded,) = cloud.image.images(name="own.img")
        assert (uploaded.id, uploaded.size) == (number, 2**21)
    finally:
        driver.close()


def half_sent(endpoint, path, file):
    """As by a process that is killed: the connection is closed before all that was announced is sent."""
    url = urlsplit(endpoint.adapter.get_endpoint())
    connection = http.client.HTTPConnection(url.hostname, url.port)
    connection.putrequest("PUT", "/v2" + path)
    connection.putheader("X-Auth-Token", endpoint.adapter.get_token())
    connection.putheader("Content-Type", "application/octet-stream")
    connection.putheader("Content-Length", str(file.stat().st_size))
    connection.endheaders(file.read_bytes()[: 2**20])
    time.sleep(1)
    connection.close()
    raise Unreachable("killed")


def test_a_missing_network_of_a_vlan_is_made_and_one_of_another_vlan_refused(lab, site):
    def with_network(**options):
        document = yaml.safe_load(site.file.read_text())
        document["networks"] = [{"code": "hall", "pool": "os1", **options}]
        document["vms"] = [{"pool": "os1", **machine("tax-1", "tax"), "network": "hall"}]
        site.file.write_text(json.dumps(document))

    with_network(vlan=120)
    told = refused(site)
    assert "hall" in told and "physical_network, cidr" in told
    with_network(vlan=120, physical_network="provider", cidr="10.20.0.0/24", gateway="10.20.0.254")
    refused(site, 0)
    with lab.connection() as cloud:
        (made,) = cloud.network.networks(name="hall")
        assert (made.provider_network_type, made.provider_segmentation_id) == ("vlan", 120)
        address = next(iter(servers(cloud)["tax-1"].addresses["hall"]))["addr"]
    assert address.startswith("10.20.0.")
    site.run("inventory", "plan", site.file, "--check")
    site.run("inventory", "drift", "--check")
    document = yaml.safe_load(site.file.read_text())
    document["networks"][0]["vlan"] = 130
    document["vms"].append({**document["vms"][0], "name": "tax-2"})
    site.file.write_text(json.dumps(document))
    told = refused(site)
    assert "vlan 120" in told and "vlan 130" in told


def test_what_others_did_behind_our_back_is_seen_and_touched_by_nothing(lab, site):
    refused_twin(lab, site)
    wanted(site, machine("tax-1", "tax"))
    refused(site, 0)
    with lab.connection() as cloud:
        flavor = next(each for each in cloud.compute.flavors() if each.name == "gov.2c4g")
        cloud.compute.delete_flavor(flavor)
        cloud.compute.create_flavor(name="gov.2c4g", vcpus=2, ram=16384, disk=0)
    wanted(site, machine("tax-1", "tax"), machine("tax-2", "tax"))
    refused(site, 0)
    with lab.connection() as cloud:
        made = servers(cloud)
        assert (made["tax-2"].flavor.name, made["tax-2"].flavor.ram) == ("gov.2c4g-2", 4096)
    assert site.drift() == []
    with lab.connection() as cloud:
        cloud.compute.delete_server(made["tax-2"].id)
    wait_for("tax-2 gone", lambda: "tax-2" not in servers_of(lab))
    assert [(row["kind"], row["vm"]) for row in site.drift()] == [("not_seen", "tax-2")]
    assert "tax-2" in site.run("vm", "stop", "tax-2", "--yes", wanted=REFUSED)
    with lab.connection() as cloud:
        cloud.compute.reset_server_state(made["tax-1"].id, "error")
    (failed, _) = site.drift()
    assert (failed["kind"], failed["vm"], failed["found"]["fault"]) == ("failed", "tax-1", "ERROR")
    assert "failed in the cloud" in site.run("vm", "reboot", "tax-1", "--yes", wanted=REFUSED)


def refused_twin(lab, site):
    """Two strangers of the wanted name: neither is taken, and no third made."""
    with lab.connection() as cloud:
        flavor = cloud.compute.create_flavor(name="strange", vcpus=1, ram=512, disk=1)
        network = cloud.network.find_network("office")
        image = cloud.image.find_image("tiny")
        for _ in range(2):
            cloud.compute.create_server(
                name="twin-1", flavor_id=flavor.id, image_id=image.id, networks=[{"uuid": network.id}]
            )
        wait_for("twins", lambda: {s.status for s in cloud.compute.servers(all_projects=True)} == {"ACTIVE"})
    wanted(site, machine("twin-1", "tax"))
    told = refused(site)
    assert "twin-1" in told
    with lab.connection() as cloud:
        strangers = list(cloud.compute.servers(all_projects=True))
        assert [server.status for server in strangers] == ["ACTIVE"] * 2
        assert all("cloudctl_vm" not in server.metadata for server in strangers)
        for server in strangers:
            cloud.compute.delete_server(server)
        wait_for("no twins", lambda: not list(cloud.compute.servers(all_projects=True)))


def servers_of(lab):
    with lab.connection() as cloud:
        return servers(cloud)


def test_the_fault_of_a_server_in_error_reaches_the_operator(lab, tmp_path):
    driver = open_driver("openstack", lab.facts("fault", tmp_path), SystemClock())
    try:
        with pytest.raises(Refused) as refusal:
            driver.apply(create_step(1, "fault-1", Size(4000, 4096, {"ssd": 20}), host="a", unit="fin"))
        assert "fault-1" in str(refusal.value) and "No valid host" in str(refusal.value)
        ids, volumes, *_ = everything(lab)
        assert (ids, volumes) == ([], [])
    finally:
        driver.close()
