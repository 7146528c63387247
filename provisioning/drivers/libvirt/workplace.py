"""One host while a step is carried out there: its connection, the pool's settings, the clock, the archive."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cloudctl.core.clock import Clock
from cloudctl.core.errors import Refused
from cloudctl.core.quantity import Size, total
from provisioning.drivers.libvirt.archive import Archive
from provisioning.drivers.libvirt.definition import Found, found
from provisioning.drivers.libvirt.failures import is_missing
from provisioning.drivers.libvirt.interrupted import is_arriving
from provisioning.drivers.libvirt.marks import Marks, marks_of, write_marks
from provisioning.drivers.libvirt.options import HostSettings, Settings
from provisioning.drivers.libvirt.sdk import sdk
from provisioning.drivers.libvirt.storage import GIB, Tiers, read_tiers, volume_bytes
from provisioning.drivers.libvirt.survey import look
from provisioning.model import Applied
from provisioning.placement import HostLoad, why_not


@dataclass(frozen=True, slots=True)
class Workplace:
    """Passed to every verb; made anew for each question to a host's thread."""

    connection: Any
    host: str
    host_settings: HostSettings
    settings: Settings
    clock: Clock
    archive: Archive

    def tiers(self) -> Tiers:
        return read_tiers(self.connection, self.settings.tiers, self.host)

    def find(self, vm_id: int, name: str) -> Found | None:
        return self.find_named(vm_id, name) or self.find_renamed(vm_id)

    def find_named(self, vm_id: int, name: str) -> Found | None:
        """Our machine on this host by its name, which is one question."""
        domain = self.named(name)
        return _ours(domain, vm_id) if domain is not None else None

    def find_renamed(self, vm_id: int) -> Found | None:
        """A question per domain: for a machine that somebody gave another name."""
        lasting = self.connection.listAllDomains(sdk().VIR_CONNECT_LIST_DOMAINS_PERSISTENT)
        return next((there for domain in lasting if (there := _ours(domain, vm_id)) is not None), None)

    def named(self, name: str) -> Any:
        """The domain of that name, whosever it is; None when there is none."""
        try:
            return self.connection.lookupByName(name)
        except sdk().libvirtError as error:
            if is_missing(error):
                return None
            raise

    def again(self, there: Found) -> Found:
        """The same machine as it is now: it was found on another connection, and waited for its turn since."""
        return found(self.connection.lookupByUUIDString(there.definition.uuid))

    def size_of(self, there: Found) -> Size:
        """As the definition and the volumes have it."""
        definition, tiers, storage = there.definition, self.tiers(), dict[str, int]()
        for disk in definition.storage:
            held = volume_bytes(self.connection, disk)
            if held is not None:
                tier = tiers.tier_of(disk)
                storage[tier] = storage.get(tier, 0) + -(-held[0] // GIB)
        return Size(definition.vcpus, definition.memory_mib, storage)

    def require_room(self, name: str, size: Size, without: str | None = None) -> None:
        """The host keeps its own promises, whoever placed the machine. without: the UUID of one that moves or grows."""
        view = look(self.connection, self.host, self.settings.tiers)
        others = [each.machine.size for each in view.sightings if each.machine.external_id != without]
        reason = why_not(size, HostLoad(view.facts, promised=total(others)), self.settings.overcommit)
        if reason is not None:
            raise Refused("Host {host} has no room for {name}.", host=self.host, name=name, problems=[reason])

    def note(self, there: Found, **changes: Any) -> Marks:
        """Writes marks anew, and keeps the definition for the day this host dies."""
        assert there.marks is not None
        fresh = replace(there.marks, **changes)
        write_marks(there.domain, fresh)
        self.archive.keep_definition(fresh.vm_id, found(there.domain).definition.xml)
        return fresh

    def applied(self, there: Found, at: datetime | None) -> Applied:
        return Applied(at or self.clock.now(), there.definition.uuid, self.host)


def _ours(domain: Any, vm_id: int) -> Found | None:
    """None also for one that is still on its way here, for it stands elsewhere; and one that went while we looked."""
    try:
        marks = None if is_arriving(domain) else marks_of(domain)
        return found(domain) if marks is not None and marks.vm_id == vm_id else None
    except sdk().libvirtError as error:
        if is_missing(error):
            return None
        raise
