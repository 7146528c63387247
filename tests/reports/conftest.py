"""Hand-made figures for the reports' tests: a small unit, a month with a resize, an adjustment and a dispute."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cloudctl.core.capitals import capitals
from cloudctl.core.i18n import Catalogue
from cloudctl.core.quantity import Size
from reports.datasets.shared import Imprint, MeterUse, Named, Use
from reports.datasets.statement import (
    BudgetUse,
    ChargeLine,
    EquipmentCost,
    Evidence,
    Hold,
    MachineCharge,
    MonthAmount,
    Objection,
    Saving,
    Signing,
    StatementReport,
    SystemCharge,
)
from reports.layouts.wording import Reader

ZONE = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 10, 1, tzinfo=ZONE).astimezone(UTC)
END = datetime(2026, 11, 1, tzinfo=ZONE).astimezone(UTC)
RESIZE = datetime(2026, 10, 15, 22, tzinfo=ZONE).astimezone(UTC)
GENERATED = datetime(2026, 11, 9, 10, 30, tzinfo=ZONE).astimezone(UTC)
MONTH_S = Decimal(31 * 86_400)

TAX = Named("tax", "非税收入收缴管理系统")
PAY = Named("pay", "国库集中支付系统")
GOV, PUB = Named("gov", "专有云"), Named("pub", "公有云")
PRICES = {"vcpu": Decimal("46.00"), "memory_gib": Decimal("17.00"), "storage_gib": Decimal("0.70")}


@pytest.fixture(params=["zh_CN", "en"])
def reader(request: pytest.FixtureRequest) -> Reader:
    return Reader(Catalogue(request.param), ZONE)


@pytest.fixture
def chinese() -> Reader:
    return Reader(Catalogue("zh_CN"), ZONE)


@pytest.fixture
def statement() -> StatementReport:
    return make_statement()


def charge(
    position: int,
    system: Named,
    vm: str,
    item: str,
    quantity: str,
    start: datetime = START,
    end: datetime = END,
) -> ChargeLine:
    """A line at the example prices, rounded half up to the fen."""
    seconds = Decimal((end - start) // timedelta(seconds=1))
    exact = Decimal(quantity) * PRICES[item] * seconds / MONTH_S
    return ChargeLine(
        position=position,
        kind="charge",
        system=system,
        vm=vm,
        pool=GOV,
        item=item,
        tier="ssd" if item == "storage_gib" else None,
        tariff="std-2026",
        basis="held",
        per="month",
        start=start,
        end=end,
        hours=seconds / 3600,
        quantity=Decimal(quantity),
        held_quantity=Decimal(quantity),
        used_quantity=None,
        unit_price=PRICES[item],
        amount_fen=int((exact * 100).quantize(Decimal(1), "ROUND_HALF_UP")),
        measured_hours=seconds / 3600 - Decimal("1.5"),
        missing_hours=Decimal("1.5"),
        estimated_hours=Decimal(0),
        is_held_back=False,
        is_waived=False,
        charge_period="2026-10",
        corrects=None,
        reason=None,
    )


def make_lines() -> tuple[ChargeLine, ...]:
    sizes = [
        (TAX, "tax-db-1", "8", "32", "500"),
        (TAX, "tax-web-1", "4", "8", "100"),
        (PAY, "pay-app-1", "4", "16", "200"),
    ]
    lines: list[ChargeLine] = []
    for system, vm, vcpus, memory, storage in sizes:
        spans = [(START, RESIZE, vcpus), (RESIZE, END, "2")] if vm == "tax-web-1" else [(START, END, vcpus)]
        lines += [charge(0, system, vm, "vcpu", amount, a, b) for a, b, amount in spans]
        lines += [charge(0, system, vm, "memory_gib", memory), charge(0, system, vm, "storage_gib", storage)]
    wrong = replace(
        charge(0, PAY, "pay-app-1", "vcpu", "4"),
        kind="reversal",
        amount_fen=-18400,
        charge_period="2026-09",
        corrects="2026-浪潮-000031/7",
        reason="上月多计一台",
    )
    right = replace(wrong, kind="correction", quantity=Decimal(2), amount_fen=9200)
    return tuple(replace(line, position=at) for at, line in enumerate([*lines, wrong, right], 1))


def make_use(vcpus: float, share: float | None) -> Use:
    used = None if share is None else vcpus * share
    return Use(
        MeterUse(
            vcpus, used, share, share and min(share * 1.8, 1.0), share and min(share * 2.2, 1.03), 0.998
        ),
        MeterUse(
            vcpus * 4096,
            share and vcpus * 4096 * share * 1.2,
            share and share * 1.2,
            share and share * 1.4,
            0.9,
            0.998,
        ),
        MeterUse(vcpus * 50, None, None, None, None, 0.0),
    )


def make_month(period: str, vcpu_fen: int, adjustments_fen: int) -> MonthAmount:
    by_item = {"vcpu": vcpu_fen, "memory_gib": 95_200, "storage_gib": 56_000}
    return MonthAmount(period, by_item, adjustments_fen, sum(by_item.values()) + adjustments_fen)


def make_statement(lines: tuple[ChargeLine, ...] | None = None) -> StatementReport:
    lines = lines or make_lines()
    systems = tuple(
        SystemCharge(
            system=system,
            machines=len({line.vm for line in lines if line.system == system}),
            by_item_fen={
                item: sum(
                    x.amount_fen
                    for x in lines
                    if x.system == system and x.item == item and x.kind == "charge"
                )
                for item in PRICES
            },
            adjustments_fen=sum(x.amount_fen for x in lines if x.system == system and x.kind != "charge"),
            amount_fen=sum(x.amount_fen for x in lines if x.system == system),
            previous_fen=previous,
            use=make_use(12, 0.31),
        )
        for system, previous in ((TAX, 160_000), (PAY, None))
    )
    machines = tuple(
        MachineCharge(
            system=system,
            vm=vm,
            pool=GOV,
            size=Size(vcpus, memory * 1024, {"ssd": storage}),
            use=make_use(vcpus, share),
            amount_fen=sum(line.amount_fen for line in lines if line.vm == vm),
        )
        for system, vm, vcpus, memory, storage, share in (
            (TAX, "tax-db-1", 8, 32, 500, 0.42),
            (TAX, "tax-web-1", 2, 8, 100, 0.11),
            (PAY, "pay-app-1", 4, 16, 200, None),
        )
    )
    total = sum(line.amount_fen for line in lines)
    return StatementReport(
        imprint=Imprint("焦作市政务云（示例）", "CNY", GENERATED, "wang", ("演示云",)),
        period="2026-10",
        start=START,
        end=END,
        unit=Named("fin", "市财政局"),
        provider="浪潮",
        number="2026-浪潮-000042",
        revision=2,
        state="closed",
        issued_at=datetime(2026, 11, 2, 9, tzinfo=ZONE),
        deadline=datetime(2026, 11, 9, 0, tzinfo=ZONE),
        amount_fen=total,
        capitals=capitals(total),
        previous_fen=170_000,
        unit_amount_fen=total,
        unit_previous_fen=170_000,
        use=make_use(24, 0.31),
        systems=systems,
        machines=machines,
        lines=lines,
        adjustments=tuple(line for line in lines if line.kind != "charge"),
        months=(
            *(make_month(f"2026-{m:02d}", 60_000 + m * 1500, 0) for m in range(1, 10)),
            make_month("2026-10", 66_000, -9_200),
        ),
        budgets=(
            BudgetUse("cloud", 2026, 3_000_000, 2_050_000, total),
            BudgetUse("migration", 2026, 500_000, 120_000, 0),
        ),
        savings=(
            Saving(
                "17",
                "tax-web-1",
                TAX,
                Size(4, 8192, {"ssd": 100}),
                Size(2, 8192, {"ssd": 100}),
                RESIZE,
                None,
                9_200,
                4_848,
            ),
        ),
        equipment=(
            EquipmentCost(
                "fin-srv-3",
                "server",
                "working",
                {"upkeep": 800_000, "power": 350_000, "room": 120_000},
                105_833,
            ),
        ),
        holds=(Hold("failed_equipment", "机房老旧服务器两台故障未迁移", START),),
        disputes=(
            Objection(
                3,
                "内存实际已于九月下调",
                "张某",
                datetime(2026, 11, 4, 11, tzinfo=ZONE),
                "uphold",
                "台账显示该虚拟机整月持有 32 GiB",
                "李某",
                datetime(2026, 11, 5, 16, tzinfo=ZONE),
            ),
        ),
        signings=(
            Signing("draft", "李某", "operator", datetime(2026, 11, 1, 9, tzinfo=ZONE), None),
            Signing("issue", "李某", "operator", datetime(2026, 11, 2, 9, tzinfo=ZONE), None),
            Signing("deem", "job:deadlines", "operator", datetime(2026, 11, 9, 0, tzinfo=ZONE), "逾期未反馈"),
            Signing("approve", "王某", "finance", datetime(2026, 11, 9, 10, tzinfo=ZONE), None),
            Signing("close", "王某", "finance", datetime(2026, 11, 9, 10, 20, tzinfo=ZONE), None),
        ),
        evidence=(
            Evidence("tariff", "std-2026"),
            Evidence("statement", "2026-浪潮-000042/2", "ab" * 32),
            Evidence("seal", "2026-10", "cd" * 32),
        ),
    )


@pytest.fixture
def hostile_statement() -> Callable[[str], StatementReport]:
    """A statement in which every name and free text is the given one."""

    def make(text: str) -> StatementReport:
        report = make_statement()
        system = Named("tax", text)
        lines = tuple(
            replace(line, system=system, vm=text, reason=text, tariff=text) for line in report.lines
        )
        return replace(
            report,
            imprint=replace(report.imprint, site=text, generated_by=text, simulated_pools=(text,)),
            unit=Named("fin", text),
            provider=text,
            number=text,
            lines=lines,
            systems=(replace(report.systems[0], system=system, amount_fen=report.amount_fen),),
            machines=(replace(report.machines[0], system=system, vm=text, amount_fen=report.amount_fen),),
            holds=(Hold(text, text, START),),
            disputes=(replace(report.disputes[0], reason=text, answer_reason=text, raised_by=text),),
            savings=(replace(report.savings[0], vm=text, before=Size(4, 8192, {text: 100})),),
            signings=(replace(report.signings[0], name=text, reason=text),),
            evidence=(Evidence(text, text, text),),
        )

    return make


GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, bytes], None]:
    """golden(name, content): the same bytes as the file kept; a missing file fails. --update-golden writes it."""

    def compare(name: str, content: bytes) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        assert path.exists(), (
            f"there is no golden file {name}: look at what was made, then run with --update-golden"
        )
        assert content.decode() == path.read_bytes().decode()

    return compare
