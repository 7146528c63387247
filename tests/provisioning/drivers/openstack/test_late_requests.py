"""What an earlier try asked for and what reaches the cloud late: it is waited for, never asked twice nor refused."""

from unittest.mock import ANY

import pytest

from cloudctl.core.errors import Refused
from cloudctl.core.quantity import Size
from provisioning.driver import HostUnreachable
from provisioning.steps import (
    create_step,
    delete_step,
    evacuate_step,
    resize_step,
    shelve_step,
    start_step,
    stop_step,
)
from tests.provisioning.drivers.openstack.recorded import URL, record_estate, server, volume
from tests.provisioning.drivers.openstack.test_failures import SERVERS, SIZE, VOLUMES, record_catalogue

HOST, TASK = "OS-EXT-SRV-ATTR:host", "OS-EXT-STS:task_state"
LARGER = Size(2, 4096, {"ssd": 30})
MINE = {"metadata": {"cloudctl_vm": "7", "cloudctl_pool": "rec", "cloudctl_tier": "ssd"}}
BUSY = {
    "status_code": 409,
    "json": {"conflictingRequest": {"message": "Cannot 'x' instance while it is in task_state y"}},
}


def m1(**more):
    return server(1, vm_id=7, **more)


def listed(*states):
    return [{"json": {"servers": [state]}} for state in states]


def shown(*states):
    return [{"json": {"server": state}} for state in states]


@pytest.fixture
def nova(cloud):
    record_estate(cloud, [], [])
    record_catalogue(cloud)
    cloud.get(f"{SERVERS}/server-1/os-instance-actions", json={"instanceActions": []})
    cloud.get(f"{VOLUMES}/volume-1", json={"volume": volume(1, **MINE)})
    cloud.get(f"{URL}/compute/v2.1/os-migrations", json={"migrations": []})
    return cloud


@pytest.mark.parametrize(
    ("step", "task", "before", "after"),
    [
        (stop_step(7, "m1"), "powering-off", "ACTIVE", "SHUTOFF"),
        (start_step(7, "m1"), "powering-on", "SHUTOFF", "ACTIVE"),
        (shelve_step(7, "m1"), "shelving", "ACTIVE", "SHELVED_OFFLOADED"),
    ],
)
def test_what_is_under_way_by_the_time_we_ask_is_waited_for(nova, opened, step, task, before, after):
    busy, done = m1(status=before, **{TASK: task}), m1(status=after)
    # Looked at for its host and for its state, then once more each.
    nova.get(f"{SERVERS}/detail", listed(*[m1(status=before)] * 2, busy))
    nova.get(f"{SERVERS}/server-1", shown(busy, done))
    asked = nova.post(f"{SERVERS}/server-1/action", [BUSY, {"status_code": 500, "json": {}}])
    assert opened().apply(step).external_id == "server-1"
    assert asked.call_count == 1


def test_what_the_cloud_goes_on_refusing_is_told_after_the_second_time(nova, opened):
    nova.get(f"{SERVERS}/detail", listed(m1()))
    asked = nova.post(f"{SERVERS}/server-1/action", [BUSY])
    with pytest.raises(Refused, match="task_state y"):
        opened().apply(stop_step(7, "m1"))
    assert asked.call_count == 2


def test_what_is_wrong_for_another_reason_is_not_asked_twice(nova, opened):
    nova.get(f"{SERVERS}/detail", listed(m1()))
    asked = nova.post(f"{SERVERS}/server-1/action", status_code=400, json={"badRequest": {"message": "No"}})
    with pytest.raises(Refused, match="No"):
        opened().apply(stop_step(7, "m1"))
    assert asked.call_count == 1


def test_an_instant_is_the_same_before_and_after_the_cloud_has_written_the_end(nova, opened):
    nova.get(f"{SERVERS}/detail", listed(m1(status="SHUTOFF")))
    began = {"action": "stop", "message": None, "start_time": "2026-11-22T10:53:00.000000"}
    ends = ({**began, "updated_at": f"2026-11-22T10:53:0{second}.000000"} for second in (0, 4))
    nova.get(
        f"{SERVERS}/server-1/os-instance-actions", [{"json": {"instanceActions": [end]}} for end in ends]
    )
    driver = opened()
    assert driver.apply(stop_step(7, "m1")).at == driver.apply(stop_step(7, "m1")).at


def test_a_machine_of_a_host_that_is_down_is_not_worked_with(nova, opened):
    nova.get(f"{SERVERS}/detail", listed(m1(**{HOST: "b"})))
    with pytest.raises(HostUnreachable):
        opened().apply(stop_step(7, "m1"))


@pytest.mark.parametrize("status", ["accepted", "pre-migrating", "done"])
def test_an_evacuation_that_ended_but_names_its_host_a_moment_later_is_no_second_one(nova, opened, status):
    nova.get(f"{SERVERS}/detail", listed(m1(**{HOST: "b"})))
    nova.get(f"{SERVERS}/server-1", shown(m1(**{HOST: "b"}), m1()))
    begun = {"id": 3, "migration_type": "evacuation", "source_compute": "b", "status": status}
    nova.get(f"{URL}/compute/v2.1/os-migrations?instance_uuid=server-1", json={"migrations": [begun]})
    asked = nova.post(f"{SERVERS}/server-1/action", status_code=400, json={})
    assert opened().apply(evacuate_step(7, "m1", "b", "a")).host == "a"
    assert not asked.called


@pytest.mark.parametrize("status", ["failed", "error", "completed"])
def test_an_evacuation_that_failed_or_is_history_is_asked_for_anew(nova, opened, status):
    nova.get(f"{SERVERS}/detail", listed(m1(**{HOST: "b"})))
    nova.get(f"{SERVERS}/server-1", shown(m1()))
    over = {"id": 3, "migration_type": "evacuation", "source_compute": "b", "status": status}
    nova.get(f"{URL}/compute/v2.1/os-migrations", json={"migrations": [over]})
    nova.put(f"{URL}/compute/v2.1/os-services/service-b", json={})
    asked = nova.post(f"{SERVERS}/server-1/action", status_code=202)
    assert opened().apply(evacuate_step(7, "m1", "b", "a")).host == "a"
    assert asked.last_request.json() == {"evacuate": {"host": "a"}}


def test_a_confirmation_under_way_is_waited_for(nova, opened):
    nova.get(f"{SERVERS}/detail", listed(m1(status="VERIFY_RESIZE")))
    nova.get(f"{SERVERS}/server-1", shown(m1(status="VERIFY_RESIZE"), m1()))
    old = {"id": 1, "migration_type": "resize", "source_compute": "b", "status": "error"}
    nova.get(
        f"{URL}/compute/v2.1/os-migrations",
        json={"migrations": [old, {**old, "id": 2, "status": "confirming"}]},
    )
    body = {"badRequest": {"message": "Instance has not been resized."}}
    nova.post(f"{SERVERS}/server-1/action", status_code=400, json=body)
    assert opened().apply(resize_step(7, "m1", SIZE, SIZE)).external_id == "server-1"


def test_a_confirmation_that_the_cloud_refuses_is_told(nova, opened):
    nova.get(f"{SERVERS}/detail", listed(m1(status="VERIFY_RESIZE")))
    body = {"badRequest": {"message": "Instance has not been resized."}}
    nova.post(f"{SERVERS}/server-1/action", status_code=400, json=body)
    with pytest.raises(Refused, match="not been resized"):
        opened().apply(resize_step(7, "m1", SIZE, SIZE))


def test_a_volume_that_grows_already_is_waited_for(nova, opened):
    nova.get(f"{SERVERS}/detail", listed(m1()))
    there = volume(1, **MINE)
    states = [
        there,
        {**there, "status": "extending"},
        {**there, "status": "extending"},
        {**there, "size": 30},
    ]
    nova.get(f"{VOLUMES}/volume-1", [{"json": {"volume": state}} for state in states])
    body = {"badRequest": {"message": "Volume status must be available to extend, currently extending."}}
    nova.post(f"{VOLUMES}/volume-1/action", status_code=400, json=body)
    nova.post(f"{VOLUMES}/volume-1/metadata", json={})
    nova.get(f"{SERVERS}/server-1", shown(m1()))
    assert opened().apply(resize_step(7, "m1", SIZE, LARGER)).external_id == "server-1"


def test_a_volume_that_is_being_deleted_already_is_waited_for(nova, opened):
    nova.get(f"{SERVERS}/detail", json={"servers": []})
    there = volume(1, status="deleting", **MINE)
    nova.get(f"{VOLUMES}/detail", json={"volumes": [there]})
    nova.get(f"{VOLUMES}/volume-1", [{"json": {"volume": there}}] * 4 + [{"status_code": 404, "json": {}}])
    body = {"badRequest": {"message": "Volume status must be available or error."}}
    nova.delete(f"{VOLUMES}/volume-1", status_code=400, json=body)
    nova.get(f"{URL}/compute/v2.1/os-server-groups", json={"server_groups": []})
    assert opened().apply(delete_step(7, "m1", SIZE, "a")).external_id is None


@pytest.mark.parametrize("status", ["available", "reserved", "in-use"])
def test_a_server_whose_request_came_late_is_taken_and_its_volumes_are_left_alone(nova, opened, status):
    late = m1(status="BUILD")
    nova.get(f"{SERVERS}/detail", [{"json": {"servers": []}}] * 2 + listed(late))
    nova.get(f"{SERVERS}/server-1", shown(late, m1()))
    nova.get(f"{VOLUMES}/volume-1", json={"volume": volume(1, status=status, **MINE)})
    body = {"badRequest": {"message": "Invalid volume: status must be available"}}
    asked = nova.post(SERVERS, status_code=400, json=body)
    removed = nova.delete(f"{VOLUMES}/volume-1", status_code=202)
    assert opened().apply(create_step(7, "m1", SIZE, host="a")).external_id == "server-1"
    assert asked.call_count == 1 and not removed.called


def test_a_cloud_that_keeps_deleted_servers_for_a_while_is_told_not_to(nova, opened):
    nova.get(f"{SERVERS}/detail", [*listed(m1()), {"json": {"servers": []}}])
    kept = m1(status="SOFT_DELETED")
    nova.get(
        f"{SERVERS}/server-1", [*shown(kept, {**kept, TASK: "deleting"}), {"status_code": 404, "json": {}}]
    )
    nova.delete(f"{SERVERS}/server-1", status_code=204)
    asked = nova.post(f"{SERVERS}/server-1/action", status_code=202)
    opened().apply(delete_step(7, "m1", SIZE, "a"))
    assert asked.call_count == 1 and asked.last_request.json() == {"forceDelete": ANY}


@pytest.mark.parametrize("is_taken_up", [False, True], ids=["at once", "taken up"])
def test_a_flavor_goes_back_when_the_volume_fails_to_grow(nova, opened, is_taken_up):
    larger = {"id": "f9", "name": "gov.4c8g", "vcpus": 4, "ram": 8192, "disk": 0}
    nova.get(f"{URL}/compute/v2.1/flavors/detail", json={"flavors": [larger]})
    shape = {"vcpus": 4, "ram": 8192, "disk": 0}
    resized = m1(status="VERIFY_RESIZE", flavor=shape)
    resized["metadata"] = {**resized["metadata"], "cloudctl_came_from": "2c4096m0d"}
    nova.get(f"{SERVERS}/detail", listed(resized if is_taken_up else m1()))
    nova.get(f"{SERVERS}/server-1", shown(*([] if is_taken_up else [resized]), m1()))
    nova.post(f"{SERVERS}/server-1/metadata", json={})
    nova.post(f"{VOLUMES}/volume-1/metadata", json={})
    asked = nova.post(f"{SERVERS}/server-1/action", status_code=202)
    there = volume(1, **MINE)
    states = [there, {**there, "status": "error_extending"}]
    nova.get(f"{VOLUMES}/volume-1", [{"json": {"volume": state}} for state in states])
    nova.post(f"{VOLUMES}/volume-1/action", status_code=202)
    with pytest.raises(Refused, match="error_extending"):
        opened().apply(resize_step(7, "m1", SIZE, Size(4, 8192, {"ssd": 30})))
    assert asked.last_request.json() == {"revertResize": None}


def test_growth_is_dated_before_it_is_asked_for(nova, opened):
    nova.get(f"{SERVERS}/detail", listed(m1()))
    there = volume(1, **MINE)
    grown = {**there, "size": 30}
    nova.get(f"{VOLUMES}/volume-1", [{"json": {"volume": state}} for state in (there, grown)])
    nova.post(f"{VOLUMES}/volume-1/action", status_code=202)
    nova.post(f"{VOLUMES}/volume-1/metadata", json={})
    nova.get(f"{SERVERS}/server-1", shown(m1()))
    opened().apply(resize_step(7, "m1", SIZE, LARGER))
    posts = [call.path.rpartition("/")[2] for call in nova.request_history if "volume-1/" in call.path]
    assert posts == ["metadata", "action"]
