"""What the driver makes of a cloud's lists, and in how many calls."""

from cloudctl.core.quantity import Size
from provisioning.model import MachineState
from tests.provisioning.drivers.openstack.recorded import (
    URL,
    hypervisor,
    record_estate,
    server,
    volume,
)

HOST = "OS-EXT-SRV-ATTR:host"


def test_a_machine_is_its_flavor_and_its_volumes(cloud, opened):
    record_estate(cloud, [server(1, vm_id=7)], [volume(1)])
    (machine,) = opened().observe().machines
    assert (machine.vm_id, machine.name, machine.host) == (7, "m1", "a")
    assert machine.size == Size(2, 4096, {"ssd": 20}) and machine.state == MachineState.RUNNING
    assert machine.labels == {"project": "admin"}


def test_another_pools_mark_and_a_spoilt_one_are_nobodys(cloud, opened):
    strange = server(1, metadata={"cloudctl_vm": "7", "cloudctl_pool": "other", "owner": "tax"})
    spoilt = server(2, metadata={"cloudctl_vm": "7'", "cloudctl_pool": "rec"})
    record_estate(cloud, [strange, spoilt], [])
    machines = opened().observe().machines
    assert [machine.vm_id for machine in machines] == [None, None]
    assert machines[0].labels == {"project": "admin", "owner": "tax"}


def test_machines_of_a_host_that_is_down_are_left_out_and_it_is_a_fault(cloud, opened):
    record_estate(cloud, [server(1, vm_id=1), server(2, vm_id=2, **{HOST: "b"})], [])
    observation = opened().observe()
    assert [machine.vm_id for machine in observation.machines] == [1]
    assert [(fault.host, fault.vm_id) for fault in observation.faults] == [("b", None)]
    assert [(host.code, host.is_up) for host in observation.hosts] == [("a", True), ("b", False)]


def test_hosts_are_placements_inventories_less_what_is_reserved(cloud, opened):
    record_estate(cloud, [], [])
    host = opened().observe().hosts[0]
    assert (host.vcpus, host.memory_mib, host.storage_gib["local"]) == (64, 976, 50)
    assert host.storage_gib["ssd"] == 2**30, "a back end that does not count is full when it says so"


def test_a_disabled_host_keeps_its_machines_and_takes_none(cloud, opened):
    record_estate(cloud, [server(1, vm_id=1)], [])
    disabled = {"hypervisors": [hypervisor("a", status="disabled")]}
    cloud.get(f"{URL}/compute/v2.1/os-hypervisors/detail", json=disabled)
    observation = opened().observe()
    assert not observation.hosts[0].is_up and len(observation.machines) == 1 and observation.faults == ()


def test_a_server_that_is_put_aside_keeps_its_volumes(cloud, opened):
    aside = server(1, vm_id=1, status="SHELVED_OFFLOADED", **{HOST: None})
    record_estate(cloud, [aside], [volume(1, status="reserved", attachments=[])])
    (machine,) = opened().observe().machines
    assert (machine.state, machine.size.storage_gib, machine.host) == (
        MachineState.SHELVED,
        {"ssd": 20},
        None,
    )


def test_a_server_in_error_says_why(cloud, opened):
    broken = server(1, vm_id=1, status="ERROR", fault={"message": "Disk  lost"})
    record_estate(cloud, [broken, server(2, vm_id=2)], [])
    machines = opened().observe().machines
    assert [(machine.state, machine.fault) for machine in machines] == [
        (MachineState.UNKNOWN, "Disk lost"),
        (MachineState.RUNNING, ""),
    ]


def test_a_thousand_servers_take_a_handful_of_calls(cloud, opened):
    servers = [server(number, vm_id=number) for number in range(1000)]
    record_estate(cloud, servers, [volume(number) for number in range(1000)])
    first = f"{URL}/compute/v2.1/servers/detail"
    page = [
        {
            "json": {
                "servers": servers[:600],
                "servers_links": [{"rel": "next", "href": f"{first}?marker=server-599"}],
            }
        },
        {"json": {"servers": servers[600:]}},
    ]
    cloud.get(first, page)
    driver = opened()
    driver.observe()
    cloud.get(first, page)
    before = cloud.call_count
    assert len(driver.observe().machines) == 1000
    assert cloud.call_count - before == 9, (
        "two pages, volumes, projects, hosts, two inventories, pools, types"
    )
