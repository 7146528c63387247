"""Readings: what the hypervisor counts, and unknown where a cloud does not say."""

import pytest

from provisioning.drivers.openstack.marks import BOOTED
from tests.conftest import START
from tests.provisioning.drivers.openstack.recorded import URL, record_estate, server

SERVERS = f"{URL}/compute/v2.1/servers"
FIGURES = {
    "cpu0_time": 5_000,
    "cpu3_time": 7_000,
    "vda_write": 100,
    "vdb_write": 20,
    "vda_write_req": 9,
    "vnet1_rx": 30,
    "vnet1_tx": 4,
    "vnet1_rx_drop": 99,
    "memory-rss": 1_000,
    "memory-available": 4_000,
    "memory-usable": 1_500,
    "memory-last_update": int(START.timestamp()) - 20,
}


def reading(cloud, opened, figures, there=None):
    record_estate(cloud, [there or server(1, vm_id=7)], [])
    answer = {"json": figures} if figures is not None else {"status_code": 409, "json": {}}
    cloud.get(f"{SERVERS}/server-1/diagnostics", **answer)
    (found,) = opened().measure().readings
    return found


def test_counters_are_added_up_over_cpus_disks_and_ports(cloud, opened):
    found = reading(cloud, opened, FIGURES)
    assert (found.vm_id, found.host, found.state) == (7, "a", "running")
    assert (found.cpu_ns, found.disk_written_bytes, found.network_bytes) == (12_000, 120, 34)
    assert found.memory_used_bytes == 2_500 * 1024
    assert (found.steal_ns, found.storage_used_bytes) == (None, None)


@pytest.mark.parametrize(
    "change",
    [
        {"memory-usable": None},
        {"memory-last_update": int(START.timestamp()) - 3600},
        {"memory-usable": 5_000},
    ],
    ids=["no balloon", "silent balloon", "nonsense"],
)
def test_memory_that_the_balloon_does_not_tell_is_unknown(cloud, opened, change):
    figures = {key: value for key, value in {**FIGURES, **change}.items() if value is not None}
    assert reading(cloud, opened, figures).memory_used_bytes is None


def test_a_negative_counter_is_unknown(cloud, opened):
    assert reading(cloud, opened, {**FIGURES, "cpu3_time": -1}).cpu_ns is None


def test_a_machine_whose_hypervisor_tells_nothing_is_known_by_its_state_alone(cloud, opened):
    found = reading(cloud, opened, None)
    assert (found.state, found.cpu_ns, found.memory_used_bytes, found.vcpus) == ("running", None, None, 2)


def test_a_machine_that_is_off_is_not_asked(cloud, opened):
    found = reading(cloud, opened, None, server(1, vm_id=7, status="SHUTOFF"))
    assert found.state == "off"
    assert not [call for call in cloud.request_history if "diagnostics" in call.url]


def test_counters_have_a_new_life_when_we_restarted_the_machine(cloud, opened):
    before = reading(cloud, opened, FIGURES)
    marks = {**server(1, vm_id=7)["metadata"], BOOTED: "2026-10-01T00:00:00+00:00"}
    after = reading(cloud, opened, FIGURES, server(1, metadata=marks))
    assert before.counter_key != after.counter_key


def test_a_machine_that_does_not_answer_is_a_fault_and_the_others_are_measured(cloud, opened):
    record_estate(cloud, [server(1, vm_id=1), server(2, vm_id=2)], [])
    cloud.get(f"{SERVERS}/server-1/diagnostics", json=FIGURES)
    cloud.get(f"{SERVERS}/server-2/diagnostics", status_code=504, json={})
    measurement = opened().measure()
    assert [each.vm_id for each in measurement.readings] == [1]
    assert [(fault.vm_id, fault.reason) for fault in measurement.faults if fault.vm_id] == [
        (2, "machine_stuck")
    ]


def test_a_few_machines_are_measured_alone(cloud, opened):
    record_estate(cloud, [server(1, vm_id=1), server(2, vm_id=2)], [])
    cloud.get(f"{SERVERS}/server-2/diagnostics", json=FIGURES)
    assert [each.vm_id for each in opened().measure_some([2]).readings] == [2]
