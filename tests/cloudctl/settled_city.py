"""A small city for settlement tests: units, systems, pools, machines with samples, and everybody who signs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from cloudctl.core.database import to_micros
from cloudctl.core.quantity import Size
from cloudctl.core.tables import SystemRow, UnitRow
from cloudctl.operations.context import Context
from cloudctl.operations.settlement.apply_tariffs import apply_tariffs
from cloudctl.operations.settlement.approve_statements import approve_statements
from cloudctl.operations.settlement.close_period import close_period
from cloudctl.operations.settlement.draft_settlement import draft_settlement
from cloudctl.operations.settlement.issue_statements import issue_statements
from metering.allocations import Holder, hold, release
from metering.samples.model import MEASURED, UNKNOWN, Sample
from metering.samples.store import FOLDER, SampleStore
from metering.tables import AllocationRow
from provisioning.tables import PoolRow, VmRow

ZONE = ZoneInfo("Asia/Shanghai")
MINUTES = 300 * 10**6
STANDARD = """
tariffs:
  - code: std
    pool: [gov, pub]
    valid_from: 2026-01-01
    items:
      - {item: vcpu, per: month, price: "46.00"}
      - {item: memory_gib, per: month, price: "17.00"}
      - {item: storage_gib, tier: ssd, per: month, price: "0.70"}
"""


def at(month: int, day: int, hour: int = 0) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=ZONE)


@dataclass
class City:
    """Hands on the ledger of a test: what others do in operations is done here in a line."""

    ctx: Context
    as_person: Callable[..., Context]
    folder: Path
    ids: dict[str, int] = field(default_factory=dict)

    def found(self) -> "City":
        """Two units with a system each, two pools of two providers, and the people who sign."""
        with self.ctx.writing() as session:
            for code, name in (("fin", "市财政局"), ("edu", "市教育局")):
                unit = UnitRow(code=code, name=name, contact=f"{code}@example.gov.cn")
                session.add(unit)
                session.flush()
                system = SystemRow(code=f"{code}-sys", name=f"{name}系统", unit_id=unit.id, status="live")
                session.add(system)
                session.flush()
                self.ids |= {code: unit.id, f"{code}-sys": system.id}
            for code, provider in (("gov", "浪潮"), ("pub", "移动")):
                pool = PoolRow(code=code, name=code, driver="external", provider=provider, options={})
                session.add(pool)
                session.flush()
                self.ids[code] = pool.id
        self.operator = self.as_person(self.ctx, "op", "operator")
        self.finance = self.as_person(self.ctx, "zhao", "finance")
        self.unit_fin = self.as_person(self.ctx, "wang", "unit", unit="fin")
        self.unit_edu = self.as_person(self.ctx, "li", "unit", unit="edu")
        return self

    def machine(self, name: str, unit: str, size: Size, since: datetime, pool: str = "gov") -> int:
        with self.ctx.writing() as session:
            system = self.ids[f"{unit}-sys"]
            row = VmRow(uuid=name, name=name, pool_id=self.ids[pool], system_id=system, state="active")
            session.add(row)
            session.flush()
            self.ids[name] = row.id
            hold(session, row.id, Holder(system, self.ids[unit], self.ids[pool]), size, since, "test")
            return row.id

    def resize(self, name: str, unit: str, size: Size, when: datetime, pool: str = "gov") -> None:
        with self.ctx.writing() as session:
            holder = Holder(self.ids[f"{unit}-sys"], self.ids[unit], self.ids[pool])
            hold(session, self.ids[name], holder, size, when, "test")

    def retire(self, name: str, when: datetime) -> None:
        with self.ctx.writing() as session:
            release(session, self.ids[name], when)

    def tariffs(self, text: str = STANDARD) -> None:
        path = self.folder / "tariffs.yaml"
        path.write_text(text)
        apply_tariffs(self.operator, path)

    def samples(
        self, name: str, start: datetime, end: datetime, *, cpu: float | None = 0.5, step: int = MINUTES
    ) -> None:
        """One sample per step; cpu: the share of its vCPUs it used, None: unknown."""
        with self.ctx.writing() as session:
            store = SampleStore(self.ctx.home / FOLDER, self.ctx.clock)
            held = session.query(AllocationRow).filter_by(vm_id=self.ids[name]).order_by("start").all()
            rows = []
            us = to_micros(start)
            while us < to_micros(end):
                stop = min(us + step, to_micros(end))
                owner = next(
                    (
                        row
                        for row in held
                        if to_micros(row.start) < stop and (row.end is None or stop <= to_micros(row.end))
                    ),
                    None,
                )
                if owner is not None:
                    rows.append(_sample(owner, us, stop, cpu))
                us = stop
            store.append(session, rows)

    def until(self, when: datetime) -> None:
        self.ctx.clock.move_to(when)  # type: ignore[attr-defined]


def _sample(owner: AllocationRow, start_us: int, end_us: int, cpu: float | None) -> Sample:
    gib = sum(owner.storage_gib.values())
    known = cpu is not None
    return Sample(
        vm=owner.vm_id,
        allocation=owner.id,
        start_us=start_us,
        end_us=end_us,
        state="running",
        vcpus=owner.vcpus,
        cpu_ns=int(cpu * owner.vcpus * (end_us - start_us) * 1000) if cpu is not None else None,
        steal_ns=0 if known else None,
        memory_mib=owner.memory_mib,
        memory_used_bytes=owner.memory_mib * 2**19 if known else None,
        storage_gib=gib,
        storage_used_bytes=gib * 2**28 if known else None,
        disk_written_bytes=None,
        network_bytes=None,
        cpu_quality=MEASURED if known else UNKNOWN,
        memory_quality=MEASURED if known else UNKNOWN,
        storage_quality=MEASURED if known else UNKNOWN,
    )


def close_month(city: City, period: str = "2026-10", answered: datetime | None = None) -> None:
    """Drafts, issues, waits for the deadline, approves and closes."""
    draft_settlement(city.operator, period)
    issue_statements(city.operator, period)
    city.until(answered or at(11, 10))
    approve_statements(city.finance, period)
    close_period(city.finance, period)
