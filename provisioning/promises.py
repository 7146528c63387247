"""What is promised on each host: the machines it has, and those that changes under way will put there. Pure."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cloudctl.core.errors import Problem, Refused
from cloudctl.core.quantity import Size, total
from provisioning.model import HostFacts, Step, StepKind
from provisioning.placement import HostLoad, Overcommit, Wish, no_room, place, why_not
from provisioning.steps import wanted_size

NOTHING = Size(0, 0)


@dataclass(frozen=True, slots=True)
class Promise:
    """Room taken on a host: by a machine of ours (vm_id), or one the cloud has and we don't know (None)."""

    vm_id: int | None
    host: str
    system: int
    size: Size


@dataclass(slots=True)
class Promises:
    """The hosts of one pool and what is promised there, kept up to date while a plan is laid out."""

    hosts: Sequence[HostFacts]
    draining: Collection[str]
    overcommit: Overcommit
    taken: list[Promise] = field(default_factory=list)

    def loads(self, without: int | None = None) -> list[HostLoad]:
        """Per host what is promised, one machine left out if it is to be seen elsewhere or in another size.

        Of storage that all hosts share, what is promised anywhere is promised on each.
        """
        by_host: dict[str, list[Promise]] = {}
        for promise in self.taken:
            if without is None or promise.vm_id != without:
                by_host.setdefault(promise.host, []).append(promise)
        sizes = {host: total(promise.size for promise in promises) for host, promises in by_host.items()}
        anywhere = total(sizes.values())
        return [self._load(facts, by_host.get(facts.code, []), sizes, anywhere) for facts in self.hosts]

    def _load(
        self, facts: HostFacts, promises: Sequence[Promise], sizes: Mapping[str, Size], anywhere: Size
    ) -> HostLoad:
        systems = Counter(promise.system for promise in promises)
        size = sizes.get(facts.code, NOTHING)
        if facts.shared_tiers:
            shared = {tier: anywhere.storage_gib.get(tier, 0) for tier in facts.shared_tiers}
            size = replace(size, storage_gib={**size.storage_gib, **shared})
        return HostLoad(facts, facts.code in self.draining, size, systems)

    def lay_out(self, steps: Sequence[Step], systems: dict[int, int]) -> list[Step]:
        """The steps with a host for every machine to be made or moved; room is taken as they go.

        systems: each machine's system. Refused when something fits nowhere, or not where it is asked for.
        """
        laid: list[Step] = []
        unplaced: list[Step] = []
        for step in steps:
            if step.kind == StepKind.CREATE and not (step.after or {}).get("host"):
                unplaced.append(step)
                continue
            laid += self._place(unplaced, systems)
            unplaced = []
            laid.append(self._follow(step, systems))
        return laid + self._place(unplaced, systems)

    def _place(self, creates: Sequence[Step], systems: dict[int, int]) -> list[Step]:
        if not creates:
            return []
        wishes = [Wish(step.name, systems[step.vm_id], wanted_size(step)) for step in creates]
        codes = place(wishes, self.loads(), self.overcommit)
        placed = [
            replace(step, after={**(step.after or {}), "host": code})
            for step, code in zip(creates, codes, strict=True)
        ]
        for step, wish in zip(placed, wishes, strict=True):
            self.taken.append(Promise(step.vm_id, str((step.after or {})["host"]), wish.system, wish.size))
        return placed

    def _follow(self, step: Step, systems: dict[int, int]) -> Step:
        """A step whose host is known or plays no part, checked and counted."""
        match step.kind:
            case StepKind.CREATE:
                wish = Wish(step.name, systems[step.vm_id], wanted_size(step))
                host = str((step.after or {})["host"])
                self._require(wish, host, None)
                self.taken.append(Promise(step.vm_id, host, wish.system, wish.size))
            case StepKind.RESIZE:
                self._resize(step)
            case StepKind.MIGRATE | StepKind.EVACUATE:
                return self._migrate(step)
            case StepKind.DELETE:
                self.taken = [promise for promise in self.taken if promise.vm_id != step.vm_id]
            case _:
                pass
        return step

    def _resize(self, step: Step) -> None:
        present = self._promise(step.vm_id)
        if present is None:
            return
        size = wanted_size(step)
        if not size.fits_within(present.size):
            self._require(Wish(step.name, present.system, size), present.host, step.vm_id)
        self.taken = [replace(p, size=size) if p.vm_id == step.vm_id else p for p in self.taken]

    def _migrate(self, step: Step) -> Step:
        present = self._promise(step.vm_id)
        if present is None:
            raise Refused("{name}: on which host it stands is not known.", name=step.name)
        wish = Wish(step.name, present.system, present.size)
        asked = (step.after or {}).get("host")
        if asked == present.host:
            return step
        if asked is not None:
            host = str(asked)
            self._require(wish, host, step.vm_id)
        else:
            elsewhere = [load for load in self.loads(step.vm_id) if load.facts.code != present.host]
            if not elsewhere:
                raise Refused("There is no other host that {name} could go to.", name=step.name)
            host = place([wish], elsewhere, self.overcommit)[0]
        self.taken = [replace(p, host=host) if p.vm_id == step.vm_id else p for p in self.taken]
        return replace(step, before={"host": present.host}, after={"host": host})

    def _require(self, wish: Wish, host: str, without: int | None) -> None:
        load = next((load for load in self.loads(without) if load.facts.code == host), None)
        if load is None:
            raise Refused("There is no host “{code}” in this pool.", code=host)
        reason: Problem | None = why_not(wish.size, load, self.overcommit)
        if reason is not None:
            raise no_room(wish, [reason])

    def _promise(self, vm_id: int) -> Promise | None:
        return next((promise for promise in self.taken if promise.vm_id == vm_id), None)
