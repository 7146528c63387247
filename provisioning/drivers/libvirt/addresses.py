"""Where machines are reached: by the leases their host's networks gave out, and on demand by the guests' own word.

Leases cost one question per network, so every look has them. A guest is asked only when somebody wants to know: an
agent that hangs makes its asker wait. What the host overheard on its wires (ARP) is the last resort.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, MutableMapping
from ipaddress import ip_address
from time import monotonic
from typing import Any

from cloudctl.core.errors import Refused
from provisioning.drivers.libvirt.definition import Found, Interface, found
from provisioning.drivers.libvirt.failures import is_missing, translated
from provisioning.drivers.libvirt.marks import marks_of
from provisioning.drivers.libvirt.sdk import sdk

# By MAC.
Leases = Mapping[str, tuple[str, ...]]
# A hanging agent costs 5 s before libvirt gives up on it; after so long no further agent of a host is asked.
AGENTS_SECONDS = 8.0
# What an agent still owes after this is not waited for.
LISTENING_SECONDS = 15.0


def leases(connection: Any, host: str, networks: Collection[str]) -> Leases:
    """What these networks have given out; nothing where libvirt serves no DHCP itself."""
    if not networks:
        return {}
    given: dict[str, list[str]] = {}
    for network in connection.listAllNetworks(sdk().VIR_CONNECT_LIST_NETWORKS_ACTIVE):
        if network.name() not in networks:
            continue
        for lease in _leases_of(network, host):
            given.setdefault(str(lease["mac"]).lower(), []).append(str(lease["ipaddr"]))
    return {mac: _usable(addresses) for mac, addresses in given.items()}


def _leases_of(network: Any, host: str) -> list[dict[str, Any]]:
    libvirt = sdk()
    try:
        return list(network.DHCPLeases())
    except libvirt.libvirtError as error:
        if isinstance(translated(error, host), Refused):
            # It went while we looked, or knows nothing of leases.
            return []
        raise


def leased(interfaces: Iterable[Interface], given: Leases) -> tuple[str, ...]:
    """A machine's addresses, port by port."""
    return tuple(address for each in interfaces for address in given.get(each.mac, ()))


def listen_to_guests(
    connection: Any, host: str, vm_ids: Collection[int], told: MutableMapping[int, tuple[str, ...]]
) -> None:
    """Puts into `told` what these machines say that run here; before, for it costs nothing, what the host overheard."""
    libvirt, until = sdk(), monotonic() + AGENTS_SECONDS
    here = dict(_running(connection, vm_ids))
    for source in (
        libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP,
        libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT,
    ):
        for vm_id, there in here.items():
            if monotonic() < until and (addresses := _asked(there, host, source)):
                told[vm_id] = addresses


def _running(connection: Any, vm_ids: Collection[int]) -> Iterator[tuple[int, Found]]:
    """Without those on their way here, and strangers' passing ones: they have no definition to carry our marks."""
    libvirt = sdk()
    lasting = libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE | libvirt.VIR_CONNECT_LIST_DOMAINS_PERSISTENT
    for domain in connection.listAllDomains(lasting):
        try:
            marks = marks_of(domain)
            if marks is not None and marks.vm_id in vm_ids:
                yield marks.vm_id, found(domain)
        except libvirt.libvirtError as error:
            if not is_missing(error):
                raise


def _asked(there: Found, host: str, source: int) -> tuple[str, ...]:
    """On the machine's own ports: a guest also has bridges and tunnels within itself, where nobody reaches it."""
    libvirt = sdk()
    try:
        ports = there.domain.interfaceAddresses(source, 0) or {}
    except libvirt.libvirtError as error:
        code = error.get_error_code()
        # Late: an agent that hangs, not the host.
        if code in (libvirt.VIR_ERR_AGENT_UNRESPONSIVE, libvirt.VIR_ERR_AGENT_UNSYNCED) or isinstance(
            translated(error, host), Refused
        ):
            return ()
        raise
    own = {each.mac for each in there.definition.interfaces} - {""}
    return _usable(
        str(each["addr"])
        for port in ports.values()
        if str(port.get("hwaddr") or "").lower() in own
        for each in port.get("addrs") or ()
    )


def _usable(addresses: Iterable[str]) -> tuple[str, ...]:
    """Each once, IPv4 first, without those that nobody beyond the wire can use."""
    parsed = {ip_address(each) for each in addresses if _is_address(each)}
    reachable = [each for each in parsed if not (each.is_loopback or each.is_link_local)]
    return tuple(str(each) for each in sorted(reachable, key=lambda each: (each.version, int(each))))


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
