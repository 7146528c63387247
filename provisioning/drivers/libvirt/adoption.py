"""Takes over a machine that stands already: our marks, and a balloon that tells of memory. Nothing else changes."""

from dataclasses import replace
from typing import Any

from cloudctl.core.errors import Refused
from provisioning.drivers.libvirt.definition import Found, found
from provisioning.drivers.libvirt.failures import is_missing
from provisioning.drivers.libvirt.marks import OFF, RUNNING, Marks, write_marks
from provisioning.drivers.libvirt.sdk import sdk
from provisioning.drivers.libvirt.workplace import Workplace
from provisioning.model import Applied, Step
from provisioning.steps import wanted_size


def candidate(place: Workplace, step: Step) -> Found | None:
    """The domain of that UUID, else of that name, if it carries no marks or ours."""
    wanted = (step.after or {}).get("external_id")
    domain = _by_uuid(place, str(wanted)) if wanted else place.named(step.name)
    if domain is None:
        return None
    there = found(domain)
    return there if there.marks is None or there.marks.vm_id == step.vm_id else None


def _by_uuid(place: Workplace, uuid: str) -> Any:
    libvirt = sdk()
    try:
        return place.connection.lookupByUUIDString(uuid)
    except libvirt.libvirtError as error:
        if is_missing(error) or error.get_error_code() == libvirt.VIR_ERR_INVALID_ARG:
            return None
        raise


def adopt(place: Workplace, there: Found, step: Step) -> Applied:
    after = step.after or {}
    owner = {key: str(after[key]) for key in ("system", "unit") if after.get(key)}
    if there.marks is not None:
        if not there.marks.labels.items() >= owner.items():
            place.note(there, **owner)
        return place.applied(there, there.marks.adopted_at or there.marks.created_at)
    size, is_active = place.size_of(there), bool(there.domain.isActive())
    if is_active:
        # As it was seen: somebody may have plugged processors in until the next start.
        size = replace(size, vcpus=there.domain.vcpusFlags(sdk().VIR_DOMAIN_VCPU_LIVE))
    if size != wanted_size(step):
        raise Refused("The cloud has a machine {name} of another size.", name=step.name)
    _ask_balloon(place, there)
    now = place.clock.now()
    marks = Marks(
        step.vm_id,
        there.definition.name,
        RUNNING if is_active else OFF,
        place.host,
        size,
        system=owner.get("system", ""),
        unit=owner.get("unit", ""),
        adopted_at=now,
    )
    write_marks(there.domain, marks)
    place.archive.keep_definition(step.vm_id, found(there.domain).definition.xml)
    return place.applied(there, now)


def _ask_balloon(place: Workplace, there: Found) -> None:
    """So that the guest tells of its memory from now on. One without a balloon stays unknown."""
    libvirt = sdk()
    where = libvirt.VIR_DOMAIN_AFFECT_CONFIG
    if there.domain.isActive():
        where |= libvirt.VIR_DOMAIN_AFFECT_LIVE
    try:
        there.domain.setMemoryStatsPeriod(place.settings.stats_seconds, where)
    except libvirt.libvirtError as error:
        refused = (
            libvirt.VIR_ERR_OPERATION_INVALID,
            libvirt.VIR_ERR_CONFIG_UNSUPPORTED,
            libvirt.VIR_ERR_NO_SUPPORT,
            libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
        )
        if error.get_error_code() not in refused:
            raise
