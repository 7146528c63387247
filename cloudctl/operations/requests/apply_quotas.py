"""Puts units' quotas in force from a file: planned, shown, then applied."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy.orm import Session

from cloudctl.core.errors import InvalidInput, Problem, problem
from cloudctl.core.estate import find_unit, units
from cloudctl.core.identity import Role
from cloudctl.core.quantity import total
from cloudctl.core.yaml_problems import Marks
from cloudctl.core.yaml_source import YamlModel, load_document
from cloudctl.operations.context import Context
from cloudctl.operations.requests.request_steps import may_see_all
from metering.allocations import current_allocations, size_of
from policies.requests.quota import Quota, Use
from policies.requests.store import find_quota, quota_of, quota_rows
from policies.requests.tables import QuotaRow

Limit = Annotated[int, Field(ge=0, le=2**31)] | None


class QuotaEntry(YamlModel):
    """A limit left out is none."""

    unit: str
    machines: Limit = None
    vcpus: Limit = None
    memory_gib: Limit = None
    storage_gib: Limit = None

    def quota(self) -> Quota:
        memory = None if self.memory_gib is None else self.memory_gib * 1024
        return Quota(self.machines, self.vcpus, memory, self.storage_gib)


class QuotaFile(YamlModel):
    quotas: tuple[QuotaEntry, ...]


@dataclass(frozen=True, slots=True)
class QuotaStep:
    """One unit's quota set; before None: there was none."""

    unit: str
    before: Quota | None
    after: Quota


def plan_quotas(ctx: Context, path: Path) -> list[QuotaStep]:
    """What the file changes; units it does not name keep theirs. InvalidInput for every fault."""
    ctx.actor.require(Role.OPERATOR, Role.FINANCE)
    with ctx.reading() as session:
        return _planned(session, path)


def apply_quotas(ctx: Context, path: Path) -> list[QuotaStep]:
    """Refused for all but operators and finance."""
    ctx.actor.require(Role.OPERATOR, Role.FINANCE)
    with ctx.writing() as session:
        steps = _planned(session, path)
        for step in steps:
            unit = find_unit(session, step.unit)
            row = find_quota(session, unit.id) or QuotaRow(unit_id=unit.id)
            for meter, limit in step.after.as_json().items():
                setattr(row, meter, limit)
            row.applied_by, row.applied_at = ctx.actor.login, ctx.clock.now()
            session.add(row)
            before = step.before.as_json() if step.before else None
            ctx.record(session, "quota.apply", step.unit, before=before, after=step.after.as_json())
        session.flush()
        return steps


def list_quotas(ctx: Context) -> list[dict[str, Any]]:
    """Quotas beside what is held; a unit's own people see theirs alone."""
    with ctx.reading() as session:
        held = list(current_allocations(session).values())
        rows = []
        for row, unit in quota_rows(session):
            if may_see_all(ctx) or ctx.actor.unit == unit.code:
                sizes = [size_of(one) for one in held if one.unit_id == unit.id]
                use, quota = Use(len(sizes), total(sizes)), quota_of(session, unit.id) or Quota()
                rows.append(
                    {
                        "unit": unit.code,
                        **{
                            key: value
                            for meter, limit in quota.as_json().items()
                            for key, value in ((f"{meter}_limit", limit), (f"{meter}_held", use.of(meter)))
                        },
                        "applied_by": row.applied_by,
                        "applied_at": row.applied_at,
                    }
                )
        return rows


def _planned(session: Session, path: Path) -> list[QuotaStep]:
    document, marks = load_document(path, QuotaFile)
    ids = {unit.code: unit.id for unit in units(session)}
    problems = list(_faults(document, marks, set(ids)))
    if problems:
        raise InvalidInput(problems)
    steps = [QuotaStep(e.unit, quota_of(session, ids[e.unit]), e.quota()) for e in document.quotas]
    return [step for step in steps if step.before != step.after]


def _faults(document: QuotaFile, marks: Marks, known: set[str]) -> Iterator[Problem]:
    seen = set()
    if not document.quotas:
        yield problem(marks.place(("quotas",)), "At least one entry is needed here.")
    for index, entry in enumerate(document.quotas):
        if entry.unit not in known:
            place = marks.place(("quotas", index, "unit"))
            yield problem(place, "There is no unit “{code}”.", code=entry.unit)
        if entry.unit in seen:
            yield problem(marks.place(("quotas", index)), "This unit stands here twice.")
        seen.add(entry.unit)
