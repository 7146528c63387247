"""Quotas of a unit's project, kept in step with what it holds and is about to hold."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import TypeVar

from cloudctl.core.errors import Refused, Unreachable
from cloudctl.core.quantity import Size
from provisioning.drivers.openstack.cloud import Cloud

Done = TypeVar("Done")

_COMPUTE = ("instances", "cores", "ram")
_VOLUME = ("volumes", "gigabytes")
# Counted, but nothing a unit holds: the cloud's own defaults would stop a large one.
_COUNTED = ("server_groups", "server_group_members")
UNLIMITED = -1
OVER_LIMIT = 413
# Two that raise a quota at once may undo each other's; the loser is refused and asks again.
TRIES = 4


class Quotas:
    def __init__(self, cloud: Cloud, *, keeps: bool) -> None:
        self._cloud = cloud
        self._keeps = keeps
        self._lock = Lock()
        self._asked: dict[str, Counter[str]] = {}

    def within(self, project: Cloud, more: Counter[str], ask: Callable[[], Done]) -> Done:
        """Does `ask` with room for `more`; where the cloud still says no for want of quota, makes room again."""
        if not self._is_kept(project):
            return ask()
        with self._lock:
            waiting = self._asked.setdefault(project.project_id, Counter())
            waiting.update(more)
        is_known = True
        try:
            return self._insisted(project.project_id, ask)
        except Unreachable:
            # It may come yet, and needs its room.
            is_known = False
            raise
        finally:
            with self._lock:
                waiting.subtract(more)
                is_last = not +waiting
            if is_last and is_known:
                self.settle(project.project_id)

    def settle(self, project_id: str) -> None:
        """Exactly what the project has, and what is being asked for. No reason to fail: what was asked is done."""
        if self._keeps:
            with self._lock, suppress(Refused, Unreachable):
                self._set(project_id)

    def _insisted(self, project_id: str, ask: Callable[[], Done]) -> Done:
        for number in range(TRIES):
            with self._lock:
                self._set(project_id)
            try:
                return ask()
            except Refused as refusal:
                if number == TRIES - 1 or not _is_for_quota(refusal):
                    raise
        raise AssertionError("the last try returns or raises")

    def _is_kept(self, project: Cloud) -> bool:
        return self._keeps and project is not self._cloud

    def _set(self, project_id: str) -> None:
        waiting = self._asked.get(project_id, Counter())
        compute = self._cloud.compute.get(f"/os-quota-sets/{project_id}/detail")["quota_set"]
        wanted = _limits(compute, waiting, _COMPUTE)
        wanted |= {name: UNLIMITED for name in _COUNTED if compute.get(name, {}).get("limit") != UNLIMITED}
        if wanted:
            self._cloud.compute.put(f"/os-quota-sets/{project_id}", {"quota_set": {**wanted, "force": True}})
        volume = self._cloud.volumes.get(f"/os-quota-sets/{project_id}", usage="true")["quota_set"]
        wanted = _limits(volume, waiting, _VOLUME)
        if wanted:
            self._cloud.volumes.put(f"/os-quota-sets/{project_id}", {"quota_set": wanted})


def _is_for_quota(refusal: Refused) -> bool:
    """Nova says so at once, or by a server in ERROR; Cinder by the status alone."""
    return getattr(refusal, "status", None) == OVER_LIMIT or "uota exceeded" in str(refusal)


def _limits(
    quotas: dict[str, dict[str, int]], waiting: Counter[str], names: tuple[str, ...]
) -> dict[str, int]:
    """What has to change. One without limit was set so by somebody, and stays."""
    changed = {}
    for name in names:
        kept = quotas[name]
        wanted = kept["in_use"] + kept.get("reserved", 0) + waiting[name]
        if kept["limit"] not in (UNLIMITED, wanted):
            changed[name] = wanted
    return changed


def asked_by(size: Size, before: Size | None = None, *, volumes: int = 0) -> Counter[str]:
    """What a machine takes beyond what it had; before None: it is new."""
    had = before or Size(0, 0)
    return Counter(
        {
            "instances": 0 if before else 1,
            "cores": max(size.vcpus - had.vcpus, 0),
            "ram": max(size.memory_mib - had.memory_mib, 0),
            "volumes": volumes,
            "gigabytes": max(size.storage_total_gib - had.storage_total_gib, 0),
        }
    )
