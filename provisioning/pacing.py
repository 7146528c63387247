"""Which steps of a change may go on at the same time: in order on a machine, room freed before it is taken. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cloudctl.core.quantity import Size
from provisioning.model import Step, StepKind
from provisioning.steps import wanted_size


@dataclass(frozen=True, slots=True)
class Pace:
    """How many steps go on at once in all, and on one host; attempts: how often an unanswered one is asked."""

    parallel: int = 1
    per_host: int = 1
    attempts: int = 1


# Stands for a host that is not known: it could be any.
ANYWHERE = "*"


def place(pool: str, host: str | None) -> str:
    """A host as footprints name it."""
    return f"{pool}/{host or ANYWHERE}"


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a step needs and gives: the machine, the hosts it works on, where it frees room and where it takes some."""

    pool: str
    vm_id: int
    hosts: frozenset[str] = field(default_factory=frozenset)
    frees: frozenset[str] = field(default_factory=frozenset)
    takes: frozenset[str] = field(default_factory=frozenset)

    def is_in(self, places: Collection[str]) -> bool:
        """Whether the step works in one of these places."""
        return any(each in places for each in (place(self.pool, None), *self.hosts))


def footprints(steps: Sequence[tuple[str, Step]], hosts: Mapping[int, str | None]) -> list[Footprint]:
    """One per step, in order; a step is given with its pool. hosts: where each machine stands at first."""
    where = dict(hosts)
    found = []
    for pool, step in steps:
        found.append(_footprint(pool, step, where))
        if step.kind in (StepKind.CREATE, StepKind.MIGRATE, StepKind.EVACUATE):
            where[step.vm_id] = _host(step.after)
    return found


def awaited(prints: Sequence[Footprint]) -> list[frozenset[int]]:
    """Per step the earlier ones, by index, that must have ended first: its machine's, and those that free its room."""
    last_of: dict[int, int] = {}
    freeing: dict[str, list[int]] = {}
    found = []
    for index, mine in enumerate(prints):
        before = {last_of[mine.vm_id]} if mine.vm_id in last_of else set()
        for taken in mine.takes:
            before.update(*(freeing.get(key, ()) for key in _where(taken, freeing)))
        found.append(frozenset(before))
        last_of[mine.vm_id] = index
        for freed in mine.frees:
            freeing.setdefault(freed, []).append(index)
    return found


def ready(
    waiting: Sequence[int],
    running: Iterable[int],
    prints: Sequence[Footprint],
    pace: Pace,
    bears: Mapping[str, Pace],
) -> Iterator[int]:
    """Of the steps that wait for no other, by index and in order, those that may begin beside those running.

    bears: what each pool's cloud bears, whatever the pace.
    """
    on_host, in_pool = Counter[str](), Counter[str]()

    def add(mine: Footprint) -> None:
        on_host.update(mine.hosts)
        in_pool[mine.pool] += 1

    for index in running:
        add(prints[index])
    for index in waiting:
        if in_pool.total() >= pace.parallel:
            return
        mine = prints[index]
        most = bears[mine.pool]
        per_host = min(pace.per_host, most.per_host)
        if in_pool[mine.pool] < most.parallel and all(on_host[host] < per_host for host in mine.hosts):
            add(mine)
            yield index


def _where(where: str, freeing: Mapping[str, list[int]]) -> list[str]:
    """The places where room may be freed for one: itself, any host; for any host all of its pool."""
    pool, _, host = where.partition("/")
    if host == ANYWHERE:
        return [key for key in freeing if key.partition("/")[0] == pool]
    return [where, place(pool, None)]


def _footprint(pool: str, step: Step, where: Mapping[int, str | None]) -> Footprint:
    here = _host(step.before) or where.get(step.vm_id)
    there = _host(step.after)
    match step.kind:
        case StepKind.CREATE:
            return _marked(pool, step, takes=[there])
        case StepKind.DELETE:
            return _marked(pool, step, frees=[here])
        case StepKind.MIGRATE | StepKind.EVACUATE:
            return _marked(pool, step, frees=[here], takes=[there])
        case StepKind.RESIZE:
            before, after = Size.from_json(step.before or {}), wanted_size(step)
            frees, takes = not before.fits_within(after), not after.fits_within(before)
            return _marked(pool, step, [here] if frees else [], [here] if takes else [])
        case _:
            return _marked(pool, step, also=[here])


def _marked(
    pool: str,
    step: Step,
    frees: Iterable[str | None] = (),
    takes: Iterable[str | None] = (),
    also: Iterable[str | None] = (),
) -> Footprint:
    freed, taken, others = (frozenset(place(pool, host) for host in each) for each in (frees, takes, also))
    return Footprint(pool, step.vm_id, freed | taken | others, freed, taken)


def _host(side: Mapping[str, object] | None) -> str | None:
    host = (side or {}).get("host")
    return str(host) if host else None
