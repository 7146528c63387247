"""Bad days: every failure becomes a clear Refused or Unreachable, and nothing is done twice."""

import pytest
import requests
from urllib3.exceptions import NewConnectionError

from cloudctl.core.errors import Refused, Unreachable
from cloudctl.core.quantity import Size
from provisioning.driver import StillAtWork
from provisioning.steps import create_step, delete_step, migrate_step, resize_step, shelve_step, start_step
from tests.provisioning.drivers.openstack.recorded import (
    OWN_PROJECT,
    URL,
    record_cloud,
    record_estate,
    server,
    volume,
)

SERVERS = f"{URL}/compute/v2.1/servers"
VOLUMES = f"{URL}/volume/v3/volumes"
SIZE = Size(2, 4096, {"ssd": 20})
CREATE = create_step(7, "m1", SIZE, host="a")


def record_catalogue(cloud):
    flavor = {"id": "f1", "name": "gov.2c4g", "vcpus": 2, "ram": 4096, "disk": 0}
    cloud.get(f"{URL}/compute/v2.1/flavors/detail", json={"flavors": [flavor]})
    cloud.get(f"{URL}/image/v2/images", json={"images": [{"id": "i1", "name": "debian-12"}]})
    cloud.get(f"{URL}/network/v2.0/networks", json={"networks": [{"id": "n1"}]})
    cloud.get(f"{URL}/network/v2.0/ports", json={"ports": []})
    # Without routers a cloud knows of no outside addresses.
    cloud.get(f"{URL}/network/v2.0/floatingips", status_code=404, json={})
    cloud.get(f"{URL}/identity/v3/projects/{OWN_PROJECT}", json={"project": {"tags": []}})
    cloud.get(f"{SERVERS}/detail", json={"servers": []})
    cloud.get(f"{VOLUMES}/detail", json={"volumes": []})
    ready = volume(1, status="available", metadata={"cloudctl_tier": "ssd"})
    cloud.post(VOLUMES, json={"volume": {**ready, "status": "creating"}})
    cloud.get(f"{VOLUMES}/volume-1", json={"volume": ready})


def test_a_cloud_that_clouds_yaml_does_not_know_is_refused(opened):
    with pytest.raises(Refused, match="no usable cloud") as refusal:
        opened(cloud="nowhere").observe()
    assert "nowhere" in str(refusal.value)


def test_a_cloud_that_does_not_answer_is_unreachable(opened, requests_mock):
    requests_mock.get(f"{URL}/identity/v3", exc=requests.exceptions.ConnectionError("refused"))
    requests_mock.post(f"{URL}/identity/v3/auth/tokens", exc=requests.exceptions.ConnectionError("refused"))
    with pytest.raises(Unreachable):
        opened().observe()


def test_wrong_credentials_are_named_as_such(cloud, opened):
    body = {"error": {"code": 401, "message": "The request you have made requires authentication."}}
    cloud.post(f"{URL}/identity/v3/auth/tokens", status_code=401, json=body)
    with pytest.raises(Unreachable, match="credentials"):
        opened().observe()


def test_a_certificate_that_is_not_trusted_is_no_secure_connection(cloud, opened):
    record_estate(cloud, [], [])
    cloud.get(f"{SERVERS}/detail", exc=requests.exceptions.SSLError("self-signed certificate"))
    with pytest.raises(Unreachable, match="secure connection"):
        opened().observe()


def test_a_token_that_expired_is_renewed(cloud, opened):
    record_estate(cloud, [], [])
    cloud.get(
        f"{SERVERS}/detail", [{"status_code": 401, "json": {}}, {"json": {"servers": [server(1, vm_id=1)]}}]
    )
    assert len(opened().observe().machines) == 1


def test_a_cloud_older_than_train_is_refused(requests_mock, opened):
    record_cloud(requests_mock, compute="2.60")
    with pytest.raises(Refused) as refusal:
        opened().observe()
    assert "2.79" in str(refusal.value) and "2.60" in str(refusal.value)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_cloud_is_asked_again_after_a_pause(cloud, opened, pauses, status):
    record_estate(cloud, [], [])
    busy = {"status_code": status, "json": {}, "headers": {"Retry-After": "3"}}
    cloud.get(f"{SERVERS}/detail", [busy, busy, {"json": {"servers": []}}])
    opened().observe()
    assert pauses == [3.0, 3.0]


def test_a_cloud_that_stays_busy_is_unreachable(cloud, opened, pauses):
    record_estate(cloud, [], [])
    cloud.get(f"{SERVERS}/detail", status_code=503, json={})
    with pytest.raises(Unreachable):
        opened().observe()
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0]


def test_a_lost_connection_is_made_again(cloud, opened):
    record_estate(cloud, [], [])
    lost = {"exc": requests.exceptions.ConnectionError("Connection aborted")}
    cloud.get(f"{SERVERS}/detail", [lost, {"json": {"servers": [server(1, vm_id=1)]}}])
    assert len(opened().observe().machines) == 1


def test_a_create_whose_answer_was_lost_is_looked_for_and_not_repeated(cloud, opened, monkeypatch):
    record_catalogue(cloud)
    monkeypatch.setattr("provisioning.drivers.openstack.creation.pause", lambda seconds: None)
    made = server(1, vm_id=7)
    post = cloud.post(SERVERS, exc=requests.exceptions.ConnectionError("Connection aborted"))
    nothing, found = {"json": {"servers": []}}, {"json": {"servers": [made]}}
    cloud.get(f"{SERVERS}/detail", [nothing, nothing, found])
    cloud.get(f"{SERVERS}/server-1", json={"server": made})
    applied = opened().apply(CREATE)
    assert applied.external_id == "server-1" and post.call_count == 1


def test_a_create_that_was_never_sent_is_sent_again(cloud, opened):
    record_catalogue(cloud)
    refused = requests.exceptions.ConnectionError(NewConnectionError(None, "refused"))
    post = cloud.post(SERVERS, [{"exc": refused}, {"json": {"server": {"id": "server-1"}}}])
    cloud.get(f"{SERVERS}/server-1", json={"server": server(1, vm_id=7)})
    opened().apply(CREATE)
    assert post.call_count == 2


def test_a_create_is_uncertain_when_nobody_knows(cloud, opened, monkeypatch):
    record_catalogue(cloud)
    monkeypatch.setattr("provisioning.drivers.openstack.creation.pause", lambda seconds: None)
    cloud.post(SERVERS, status_code=503, json={})
    with pytest.raises(Unreachable):
        opened().apply(CREATE)


def test_a_server_that_fails_is_refused_with_the_clouds_words_and_leaves_nothing(cloud, opened):
    record_catalogue(cloud)
    cloud.post(SERVERS, json={"server": {"id": "server-1"}})
    broken = server(1, vm_id=7, status="ERROR", fault={"message": "No valid host was found."})
    cloud.get(f"{SERVERS}/server-1", [{"json": {"server": broken}}, {"status_code": 404, "json": {}}])
    deleted = cloud.delete(f"{SERVERS}/server-1", status_code=204)
    made = volume(1, status="available", metadata={"cloudctl_vm": "7", "cloudctl_pool": "rec"})
    cloud.get(f"{VOLUMES}/detail", [{"json": {"volumes": []}}, {"json": {"volumes": [made]}}])
    removed = cloud.delete(f"{VOLUMES}/volume-1", status_code=202)
    states = [{"json": {"volume": made}}] * 3 + [{"status_code": 404, "json": {}}]
    cloud.get(f"{VOLUMES}/volume-1", states)
    with pytest.raises(Refused) as refusal:
        opened().apply(CREATE)
    assert "No valid host was found." in str(refusal.value)
    assert deleted.called and removed.called


def test_a_missing_image_is_refused_before_anything_is_made(cloud, opened):
    record_catalogue(cloud)
    cloud.get(f"{URL}/image/v2/images", json={"images": []})
    with pytest.raises(Refused, match="no active image"):
        opened().apply(CREATE)
    assert "POST" not in {call.method for call in cloud.request_history if "/volume/" in call.url}


def test_a_name_that_somebody_else_has_is_refused(cloud, opened):
    record_catalogue(cloud)
    cloud.get(f"{SERVERS}/detail", [{"json": {"servers": []}}, {"json": {"servers": [server(1)]}}])
    with pytest.raises(Refused, match="another machine"):
        opened().apply(CREATE)


def test_a_quota_that_is_full_is_refused_with_the_clouds_words(cloud, opened):
    record_catalogue(cloud)
    body = {
        "forbidden": {"code": 403, "message": "Quota exceeded for cores: Requested 2, but already used 20"}
    }
    cloud.post(SERVERS, status_code=403, json=body)
    with pytest.raises(Refused) as refusal:
        opened().apply(CREATE)
    assert "Quota exceeded for cores" in str(refusal.value)


def test_a_flavor_edited_behind_our_back_is_not_taken_for_its_name(cloud, opened):
    record_catalogue(cloud)
    edited = {"id": "f1", "name": "gov.2c4g", "vcpus": 2, "ram": 8192, "disk": 0}
    cloud.get(f"{URL}/compute/v2.1/flavors/detail", json={"flavors": [edited]})
    taken = {"status_code": 409, "json": {"conflictingRequest": {"message": "Flavor exists"}}}
    made = {"json": {"flavor": {"id": "f2", "name": "gov.2c4g-2", "vcpus": 2, "ram": 4096, "disk": 0}}}
    cloud.post(f"{URL}/compute/v2.1/flavors", [taken, made])
    post = cloud.post(SERVERS, json={"server": {"id": "server-1"}})
    cloud.get(f"{SERVERS}/server-1", json={"server": server(1, vm_id=7)})
    opened().apply(CREATE)
    assert post.last_request.json()["server"]["flavorRef"] == "f2"


def test_a_server_deleted_behind_our_back_cannot_be_changed_and_is_deleted_already(cloud, opened):
    record_catalogue(cloud)
    with pytest.raises(Refused, match="no machine"):
        opened().apply(start_step(7, "m1"))
    assert opened().apply(delete_step(7, "m1", SIZE, "a")).external_id is None


def test_a_volume_that_cannot_be_deleted_leaves_the_deletion_open(cloud, opened):
    record_catalogue(cloud)
    kept = volume(1, status="available", metadata={"cloudctl_vm": "7", "cloudctl_pool": "rec"})
    cloud.get(f"{SERVERS}/detail", json={"servers": [server(1, vm_id=7)]})
    cloud.delete(f"{SERVERS}/server-1", status_code=204)
    cloud.get(f"{SERVERS}/server-1", status_code=404, json={})
    cloud.get(f"{VOLUMES}/detail", json={"volumes": [kept]})
    states = [kept, kept, {**kept, "status": "error_deleting"}]
    cloud.get(f"{VOLUMES}/volume-1", [{"json": {"volume": state}} for state in states])
    cloud.delete(f"{VOLUMES}/volume-1", status_code=202)
    with pytest.raises(StillAtWork, match="keeps something of it") as reason:
        opened().apply(delete_step(7, "m1", SIZE, "a"))
    assert "error_deleting" in str(reason.value)


def test_an_outside_address_goes_also_where_the_pool_gives_none_any_more(cloud, opened):
    record_catalogue(cloud)
    cloud.get(f"{URL}/network/v2.0/floatingips", json={"floatingips": [{"id": "address-1"}]})
    gone = cloud.delete(f"{URL}/network/v2.0/floatingips/address-1", status_code=204)
    opened().apply(delete_step(7, "m1", SIZE, "a"))
    assert gone.called
    (asked,) = [call.qs for call in cloud.request_history if call.path.endswith("/floatingips")]
    assert asked == {"description": ["cloudctl rec/7"]}


@pytest.mark.parametrize("step", [start_step(7, "m1"), shelve_step(7, "m1"), migrate_step(7, "m1", "a", "c")])
def test_a_machine_that_is_broken_is_not_worked_with_and_says_why(cloud, opened, step):
    record_estate(cloud, [server(1, vm_id=7, status="ERROR", fault={"message": "Disk lost"})], [])
    with pytest.raises(Refused, match="Disk lost"):
        opened().apply(step)
    assert not [call for call in cloud.request_history if call.path.endswith("/action")]


def test_a_resize_that_failed_is_told_by_its_action_for_the_server_stays_active(cloud, opened):
    record_estate(cloud, [], [])
    record_catalogue(cloud)
    larger = {"id": "f9", "name": "gov.4c8g", "vcpus": 4, "ram": 8192, "disk": 0}
    cloud.get(f"{URL}/compute/v2.1/flavors/detail", json={"flavors": [larger]})
    there = server(1, vm_id=7)
    cloud.get(f"{SERVERS}/detail", json={"servers": [there]})
    cloud.get(f"{SERVERS}/server-1", json={"server": there})
    cloud.post(f"{SERVERS}/server-1/metadata", json={})
    cloud.post(f"{SERVERS}/server-1/action", status_code=202)
    cloud.get(f"{VOLUMES}/volume-1", json={"volume": volume(1)})
    action = {
        "action": "resize",
        "request_id": "req-1",
        "start_time": "2026-11-22T10:53:00.000000",
        "message": "Error",
    }
    cloud.get(f"{SERVERS}/server-1/os-instance-actions", json={"instanceActions": [action]})
    told = {**action, "events": [{"result": "Error", "details": "No valid host was found."}]}
    cloud.get(f"{SERVERS}/server-1/os-instance-actions/req-1", json={"instanceAction": told})
    with pytest.raises(Refused, match="failed in the cloud") as refusal:
        opened().apply(resize_step(7, "m1", SIZE, Size(4, 8192, {"ssd": 20})))
    assert "No valid host was found." in str(refusal.value)


def test_what_lasts_too_long_is_uncertain(cloud, opened, monkeypatch):
    record_catalogue(cloud)
    cloud.post(SERVERS, json={"server": {"id": "server-1"}})
    cloud.get(f"{SERVERS}/server-1", json={"server": server(1, vm_id=7, status="BUILD")})
    ticks = iter(range(0, 10_000, 3))
    monkeypatch.setattr("provisioning.drivers.openstack.patience.time.monotonic", lambda: next(ticks))
    with pytest.raises(Unreachable, match="still at work"):
        opened().apply(CREATE)
