"""What a host says of itself when it is looked at closely: for people, not for placement."""

from dataclasses import dataclass

from provisioning.model import HostFacts


@dataclass(frozen=True, slots=True)
class NumaCell:
    """huge_pages_mib: of its memory what is set aside in huge pages, which plain machines cannot have."""

    number: int
    cpus: int
    memory_mib: int
    huge_pages_mib: int


@dataclass(frozen=True, slots=True)
class StoragePlace:
    """A place for volumes. tier: of the pool's inventory, None: no tier is kept there."""

    name: str
    kind: str
    is_active: bool
    tier: str | None
    capacity_gib: int
    free_gib: int


@dataclass(frozen=True, slots=True)
class NetworkPlace:
    """A network that machines can be plugged into. bridge: under which the host carries it, if it says so."""

    name: str
    is_active: bool
    bridge: str | None


@dataclass(frozen=True, slots=True)
class HostDetails:
    """hypervisor: its kind and version; manager: what we talk to, with its version; processor: its architecture."""

    facts: HostFacts
    hypervisor: str
    manager: str
    processor: str = ""
    cells: tuple[NumaCell, ...] = ()
    storage: tuple[StoragePlace, ...] = ()
    networks: tuple[NetworkPlace, ...] = ()
