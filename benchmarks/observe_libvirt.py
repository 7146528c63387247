"""Looks at 1,000 libvirt domains on one host and on ten, by libvirt's in-process mock: calls counted, time taken.

python benchmarks/observe_libvirt.py [MACHINES]
"""

import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import UUID

from cloudctl.core.clock import SystemClock
from cloudctl.core.quantity import Size
from provisioning.driver import PoolFacts, open_driver
from provisioning.drivers.libvirt.marks import RUNNING, Marks, namespaced

LIMIT_SECONDS = 2.0


def main(machines: int) -> int:
    worst, calls = 0.0, counted()
    for hosts in (1, 10):
        with tempfile.TemporaryDirectory() as folder:
            worst = max(worst, look(Path(folder), machines, hosts, calls))
    return 0 if worst < LIMIT_SECONDS else 1


def look(folder: Path, machines: int, hosts: int, calls: Counter[str]) -> float:
    """Seconds of the second look: the first one opens the connections, which reads the mock's file."""
    each = machines // hosts
    options = {f"n{number}": {"uri": mock(folder, number, each)} for number in range(hosts)}
    facts = PoolFacts("gov", {"tiers": {"ssd": "default"}}, options, folder / "state")
    driver = open_driver("libvirt", facts, SystemClock())
    try:
        driver.observe()
        calls.clear()
        began = perf_counter()
        observation = driver.observe()
        taken = perf_counter() - began
        told = ", ".join(f"{count} {name}" for name, count in sorted(calls.items()))
        print(f"{len(observation.machines)} machines on {hosts} host(s): observe {taken:.2f} s; {told}")
        calls.clear()
        began = perf_counter()
        readings = driver.measure().readings
        print(
            f"  measure: {len(readings)} readings in {perf_counter() - began:.2f} s; {sum(calls.values())} calls"
        )
    finally:
        driver.close()
    assert len(observation.machines) == machines and observation.machines[0].vm_id is not None
    return taken


def mock(folder: Path, number: int, machines: int) -> str:
    """The URI of a host that libvirt's test driver makes up from a file."""
    node = ET.Element("node")
    network = ET.SubElement(node, "network")
    ET.SubElement(network, "name").text = "office"
    ET.SubElement(network, "bridge", name="br-office")
    for index in range(machines):
        vm_id = number * machines + index + 1
        domain = ET.SubElement(node, "domain", type="test")
        ET.SubElement(domain, "name").text = f"vm-{vm_id}"
        ET.SubElement(domain, "uuid").text = str(UUID(int=vm_id))
        ET.SubElement(domain, "memory", unit="MiB").text = "4096"
        ET.SubElement(domain, "vcpu").text = "2"
        ET.SubElement(ET.SubElement(domain, "os"), "type").text = "hvm"
        marks = Marks(vm_id, f"vm-{vm_id}", RUNNING, f"n{number}", Size(2, 4096, {"ssd": 40}))
        ET.SubElement(domain, "metadata").append(namespaced(marks))
        port = ET.SubElement(ET.SubElement(domain, "devices"), "interface", type="network")
        ET.SubElement(port, "source", network="office")
    path = folder / f"n{number}.xml"
    ET.ElementTree(node).write(path)
    return f"test://{path}"


def counted() -> Counter[str]:
    """Counts every method that the driver calls on a connection or a domain."""
    import libvirt

    calls: Counter[str] = Counter()
    for kind in (libvirt.virConnect, libvirt.virDomain, libvirt.virStoragePool, libvirt.virNetwork):
        for name in (
            "getAllDomainStats",
            "XMLDesc",
            "getInfo",
            "getCapabilities",
            "listAllStoragePools",
            "listAllNetworks",
            "DHCPLeases",
            "info",
        ):
            if hasattr(kind, name):
                setattr(kind, name, counting(getattr(kind, name), name, calls))
    return calls


def counting(method: Any, name: str, calls: Counter[str]) -> Any:
    def call(*arguments: Any, **named: Any) -> Any:
        calls[name] += 1
        return method(*arguments, **named)

    return call


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
