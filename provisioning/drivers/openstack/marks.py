"""How our machines are known in a cloud: metadata on servers and volumes, a tag to find servers by.

Metadata and tags go when a server is deleted; its description stays and tells whose it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

VM = "cloudctl_vm"
POOL = "cloudctl_pool"
TIER = "cloudctl_tier"
# When the machine was asked for, and when it became ours, by our clock.
ASKED = "cloudctl_asked"
ADOPTED = "cloudctl_adopted"
# The size a resize that is held came from.
CAME_FROM = "cloudctl_came_from"
# When a volume of it last grew or was added.
GREW = "cloudctl_grew"
# When it last started anew at our bidding: the hypervisor counts from there.
BOOTED = "cloudctl_booted"
OWNERS = ("system", "unit")
_PREFIX = "cloudctl_"


@dataclass(frozen=True, slots=True)
class Mark:
    """One machine of one pool."""

    pool: str
    vm_id: int

    @property
    def tag(self) -> str:
        return f"cloudctl-vm-{self.vm_id}"

    @property
    def description(self) -> str:
        return f"cloudctl {self.pool}/{self.vm_id}"

    def metadata(self, owner: Mapping[str, object] | None = None) -> dict[str, str]:
        """owner: a step's `after`, of which system and unit are kept."""
        kept = {f"{_PREFIX}{key}": str(owner[key]) for key in OWNERS if owner and owner.get(key)}
        return {VM: str(self.vm_id), POOL: self.pool, **kept}

    def is_on(self, document: Mapping[str, Any]) -> bool:
        """Whether a server or volume carries it."""
        return vm_id_of(document, self.pool) == self.vm_id


def vm_id_of(document: Mapping[str, Any], pool: str) -> int | None:
    """Our id on a server or volume of this pool; None for another's or a spoilt one."""
    metadata = document.get("metadata") or {}
    number = metadata.get(VM, "")
    return int(number) if metadata.get(POOL) == pool and number.isdecimal() else None


def labels_of(document: Mapping[str, Any], project: str | None) -> dict[str, str]:
    """What helps to find an owner: the project's name, our system and unit, and people's own metadata."""
    metadata = document.get("metadata") or {}
    labels = {"project": project} if project else {}
    labels |= {key: text for key, text in metadata.items() if not key.startswith(_PREFIX)}
    return labels | {key: metadata[_PREFIX + key] for key in OWNERS if _PREFIX + key in metadata}
