"""An estate made directly in the ledger, and a cloud whose counters a test sets by hand."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from cloudctl.core.database import to_micros
from cloudctl.core.quantity import Size
from cloudctl.core.tables import SystemRow, UnitRow
from cloudctl.operations.context import Context
from metering.allocations import Holder, hold
from provisioning.model import Capability, Fault, Measurement, Reading
from provisioning.tables import PoolRow, VmRow

GIB = 1 << 30
USUAL = Size(4, 8192, {"ssd": 100})


@dataclass
class Estate:
    """Units, systems, pools and machines by code; made when first named."""

    ctx: Context
    machines: dict[str, int] = field(default_factory=dict)

    def machine(
        self,
        name: str,
        since: datetime,
        size: Size = USUAL,
        until: datetime | None = None,
        *,
        unit: str = "fin",
        system: str = "tax",
        pool: str = "lab",
        driver: str = "embedded",
    ) -> int:
        """A machine that holds `size` from `since` on; its id."""
        with self.ctx.writing() as session:
            unit_row = _one(session, UnitRow, unit, name=unit)
            system_row = _one(session, SystemRow, system, name=system, unit_id=unit_row.id, status="live")
            pool_row = _one(session, PoolRow, pool, name=pool, driver=driver, provider="", options={})
            vm = VmRow(
                uuid=f"uuid-{name}",
                name=name,
                pool_id=pool_row.id,
                system_id=system_row.id,
                state="active",
                created_at=since,
            )
            session.add(vm)
            session.flush()
            hold(session, vm.id, Holder(system_row.id, unit_row.id, pool_row.id), size, since, "test", until)
            self.machines[name] = vm.id
            return vm.id

    def resize(self, name: str, at: datetime, size: Size) -> None:
        """From `at` on it holds `size`."""
        with self.ctx.writing() as session:
            vm = session.get_one(VmRow, self.machines[name])
            unit_id = session.get_one(SystemRow, vm.system_id).unit_id
            hold(session, vm.id, Holder(vm.system_id, unit_id, vm.pool_id), size, at, "resize")


def _one(session: Any, table: Any, code: str, **columns: Any) -> Any:
    row = session.query(table).filter_by(code=code).one_or_none()
    if row is None:
        row = table(code=code, **columns)
        session.add(row)
        session.flush()
    return row


class FakeCloud:
    """A driver whose next answer a test sets: readings, faults, or an error to raise."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.capabilities = frozenset({Capability.MEASURE})
        self.readings: list[Reading] = []
        self.faults: list[Fault] = []
        self.failure: Exception | None = None

    def shows(self, *readings: Reading, faults: Iterable[Fault] = ()) -> None:
        self.readings, self.faults = list(readings), list(faults)

    def measure(self) -> Measurement:
        if self.failure:
            raise self.failure
        return Measurement(tuple(self.readings), tuple(self.faults))

    def close(self) -> None:
        pass


@pytest.fixture
def estate(ctx: Context) -> Estate:
    return Estate(ctx)


@pytest.fixture
def cloud(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> FakeCloud:
    """The cloud behind every pool."""
    fake = FakeCloud(ctx.clock)
    monkeypatch.setattr("cloudctl.operations.usage.pool_measurements.open_pool_driver", lambda *args: fake)
    return fake


@pytest.fixture
def reading(ctx: Context) -> Callable[..., Reading]:
    """reading(vm_id, cpu_ns, …): what the cloud shows of a running machine now."""

    def make(vm_id: int, cpu_ns: int | None = 0, **changed: Any) -> Reading:
        now = Reading(
            vm_id=vm_id,
            host="n1",
            at_us=to_micros(ctx.clock.now()),
            state="running",
            counter_key="n1/1",
            cpu_ns=cpu_ns,
            steal_ns=0,
            memory_used_bytes=2 * GIB,
            storage_used_bytes=30 * GIB,
            disk_written_bytes=0,
            network_bytes=0,
            vcpus=4,
            memory_mib=8192,
            storage_gib=100,
        )
        return now._replace(**changed)

    return make
