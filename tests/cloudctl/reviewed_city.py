"""A small city for review tests: a simulated and an external pool, machines with samples, and everybody who acts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from cloudctl.core.database import to_micros
from cloudctl.core.quantity import Size
from cloudctl.core.tables import SystemRow, UnitRow
from cloudctl.operations.context import Context
from cloudctl.operations.machines.execute_change import change_machines
from cloudctl.operations.review.open_review import Opening, open_review
from cloudctl.operations.settlement.apply_tariffs import apply_tariffs
from metering.allocations import Holder, hold
from metering.samples.model import MEASURED, UNKNOWN, Sample
from metering.samples.store import FOLDER, SampleStore
from metering.tables import AllocationRow
from provisioning.steps import create_step
from provisioning.tables import HostRow, PoolRow, VmRow

ZONE = ZoneInfo("Asia/Shanghai")
GIB = 1 << 30
LARGE = Size(8, 16384, {"ssd": 100})
# Use that marks nothing: shares of what is held.
BUSY = {"cpu": 0.6, "memory": 0.6, "storage": 0.6}
TARIFFS = """
tariffs:
  - code: std
    pool: [lab, pub]
    valid_from: 2026-01-01
    items:
      - {item: vcpu, per: month, price: "46.00"}
      - {item: memory_gib, per: month, price: "17.00"}
      - {item: storage_gib, per: month, price: "0.70"}
"""


def at(month: int, day: int, hour: int = 0) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=ZONE)


@dataclass
class City:
    """Hands on the ledger of a test: what others do in operations is done here in a line."""

    ctx: Context
    as_person: Callable[..., Context]
    ids: dict[str, int] = field(default_factory=dict)

    def found(self, tariffs: str = TARIFFS) -> "City":
        """Units, systems (tax has a maintenance window), pools, and the people; one panel member is of unit fin."""
        with self.ctx.writing() as session:
            for code in ("fin", "edu", "data"):
                unit = UnitRow(code=code, name=code, contact=f"{code}@example.gov.cn")
                session.add(unit)
                session.flush()
                self.ids[code] = unit.id
            for code, unit_code, window in (("tax", "fin", "Sat 22:00-Sun 06:00"), ("exam", "edu", None)):
                system = SystemRow(
                    code=code, name=code, unit_id=self.ids[unit_code], window=window, status="live"
                )
                session.add(system)
                session.flush()
                self.ids[code] = system.id
            options = {"seed": 7, "overcommit": {"cpu": 4, "memory": 1}}
            for code, driver in (("lab", "embedded"), ("pub", "external")):
                pool = PoolRow(code=code, name=code, driver=driver, provider="A vendor", options=options)
                session.add(pool)
                session.flush()
                self.ids[code] = pool.id
            capacity = {"vcpus": 64, "memory_mib": 262144, "storage_gib": {"ssd": 8000}}
            session.add(HostRow(pool_id=self.ids["lab"], code="n1", accepting=True, options=capacity))
        self.operator = self.as_person(self.ctx, "olga", "operator", unit="data")
        self.other_operator = self.as_person(self.ctx, "otto", "operator", unit="data")
        self.unit_fin = self.as_person(self.ctx, "wang", "unit", unit="fin")
        self.unit_edu = self.as_person(self.ctx, "li", "unit", unit="edu")
        self.panel = [
            self.as_person(self.ctx, login, "panel", unit=unit)
            for login, unit in (("pan", "data"), ("pei", "edu"), ("pip", None), ("pfin", "fin"))
        ]
        path = self.ctx.home / "tariffs.yaml"
        path.write_text(tariffs)
        apply_tariffs(self.as_person(self.ctx, "zhao", "finance"), path)
        return self

    def machine(self, name: str, size: Size = LARGE, *, system: str = "tax", pool: str = "lab") -> int:
        """A machine made now: by the cloud, or declared in the external pool."""
        with self.ctx.writing() as session:
            is_declared = pool == "pub"
            row = VmRow(
                uuid=name,
                name=name,
                pool_id=self.ids[pool],
                system_id=self.ids[system],
                state="active" if is_declared else "planned",
            )
            session.add(row)
            session.flush()
            self.ids[name] = row.id
            if is_declared:
                unit_id = session.get_one(SystemRow, self.ids[system]).unit_id
                holder = Holder(self.ids[system], unit_id, self.ids[pool])
                hold(session, row.id, holder, size, self.ctx.clock.now(), "declared")
        if pool == "lab":
            change_machines(self.operator, [create_step(self.ids[name], name, size)], "test")
        return self.ids[name]

    def use(
        self,
        name: str,
        start: datetime,
        end: datetime,
        *,
        cpu: Sequence[float] | float | None = 0.6,
        memory: float | None = 0.6,
        storage: float | None = 0.6,
        steal: float = 0.0,
        traffic: int | None = 10_000_000_000,
        step: timedelta = timedelta(hours=1),
    ) -> None:
        """Samples with these shares of what is held; a sequence of CPU shares is walked round and round."""
        shares = [cpu] if cpu is None or isinstance(cpu, float) else list(cpu)
        with self.ctx.writing() as session:
            held = session.query(AllocationRow).filter_by(vm_id=self.ids[name]).order_by("start").all()
            rows, number, begin = [], 0, start
            while begin < end:
                stop = min(begin + step, end)
                owner = next(a for a in held if a.start < stop and (a.end is None or stop <= a.end))
                use = (shares[number % len(shares)], memory, storage)
                rows.append(_sample(owner, (to_micros(begin), to_micros(stop)), use, steal, traffic))
                begin, number = stop, number + 1
            SampleStore(self.ctx.home / FOLDER, self.ctx.clock).append(session, rows)

    def october(self, name: str, **use: object) -> None:
        self.use(name, at(10, 1), at(11, 1), **use)  # type: ignore[arg-type]

    def open(self, end: datetime | None = None, **more: object) -> Opening:
        return open_review(self.operator, end=end or at(11, 1), **more)  # type: ignore[arg-type]


def _sample(
    held: AllocationRow,
    span: tuple[int, int],
    use: tuple[float | None, float | None, float | None],
    steal: float,
    traffic: int | None,
) -> Sample:
    cpu, memory, storage = use
    span_us = span[1] - span[0]
    storage_gib = sum(held.storage_gib.values())
    return Sample(
        vm=held.vm_id,
        allocation=held.id,
        start_us=span[0],
        end_us=span[1],
        state="running",
        vcpus=held.vcpus,
        cpu_ns=None if cpu is None else round(cpu * held.vcpus * span_us * 1000),
        steal_ns=None if cpu is None else round(steal * held.vcpus * span_us * 1000),
        memory_mib=held.memory_mib,
        memory_used_bytes=None if memory is None else round(memory * held.memory_mib * (1 << 20)),
        storage_gib=storage_gib,
        storage_used_bytes=None if storage is None else round(storage * storage_gib * GIB),
        disk_written_bytes=traffic,
        network_bytes=traffic,
        cpu_quality=UNKNOWN if cpu is None else MEASURED,
        memory_quality=UNKNOWN if memory is None else MEASURED,
        storage_quality=UNKNOWN if storage is None else MEASURED,
    )
