"""A unit asks for the machines of its new system in the middle of the month: checked, granted in part, handed over."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from cloudctl.core.errors import Message
from cloudctl.operations.build_report import BuiltFile, ReportRequest, build_report
from cloudctl.operations.context import Context
from cloudctl.operations.demo.machines import Machine
from cloudctl.operations.demo.places import System, Unit
from cloudctl.operations.demo.troupe import Troupe
from cloudctl.operations.requests.approve_request import Grant, approve_request
from cloudctl.operations.requests.check_request import check_request
from cloudctl.operations.requests.execute_request import execute_request
from cloudctl.operations.requests.show_requests import request_totals
from cloudctl.operations.requests.submit_request import submit_request
from policies.requests.amounts import Cut
from policies.requests.model import Draft, RequestKind
from policies.requests.wishes import Wish

PURPOSE = Message("The new system goes live in the middle of October.")
LOAD = Message("Two thousand users, most of them on workdays.")
ENOUGH = Message("One machine of each kind less will do at first; ask again when the load is there.")
NEEDED_BY, UNTIL = date(2026, 10, 15), date(2027, 12, 31)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request under way, and whose it is. wanted: what will be granted of it."""

    number: int
    unit: Unit
    wanted: tuple[Machine, ...]


def ask(troupe: Troupe) -> Asked | None:
    """The unit wants one machine of each kind more than it gets; an operator checks it. None without a late system."""
    found = _late_system(troupe)
    if found is None:
        return None
    unit, system = found
    wanted = tuple(machine for machine in troupe.city.machines if machine.system == system.code)
    ctx = troupe.unit_member(unit.code)
    draft = Draft(
        RequestKind.NEW,
        system.code,
        ctx.texts.message(PURPOSE),
        system.level,
        ctx.texts.message(LOAD),
        NEEDED_BY,
        (),
        UNTIL,
    )
    number = submit_request(ctx, draft, _wishes(wanted), lambda fault: fault.field).request
    check_request(troupe.acting(troupe.cast.operators[0]), number)
    return Asked(number, unit, wanted)


def grant(troupe: Troupe, asked: Asked) -> None:
    """A member of the panel who is not of the asking unit grants less, and says why."""
    ctx = next(
        panellist
        for panellist in map(troupe.acting, troupe.cast.panel)
        if panellist.actor.unit != asked.unit.code
    )
    cuts = tuple(Cut(name, count=count) for name, count in _counts(asked.wanted).items())
    approve_request(ctx, asked.number, Grant(cuts, None, ctx.texts.message(ENOUGH)))


def carry_out_and_hand_over(troupe: Troupe, asked: Asked, folder: Path) -> None:
    """The second operator makes the machines; the unit gets its sheet."""
    execute_request(troupe.acting(troupe.cast.operators[1]), asked.number)
    sheet = ReportRequest("handover", request=asked.number, formats=("html", "xlsx"))
    build_report(troupe.unit_member(asked.unit.code), sheet, folder)


def build_year(ctx: Context, folder: Path) -> list[BuiltFile]:
    """What the year's requests asked and were granted."""
    return build_report(ctx, ReportRequest("requests", year=NEEDED_BY.year, formats=("html", "xlsx")), folder)


def request_figures(ctx: Context) -> dict[str, object]:
    """The year's requests: yuan a month asked and granted, and the reduction rate from 0 to 1."""
    rows = request_totals(ctx, NEEDED_BY.year)
    if not rows:
        return {"requests": 0}
    (row,) = rows
    return {
        "requests": row["requests"],
        "asked_monthly": row["asked_monthly"],
        "granted_monthly": row["granted_monthly"],
        "reduction_rate": row["reduction_rate"],
    }


def _late_system(troupe: Troupe) -> tuple[Unit, System] | None:
    late = troupe.city.late
    owned = ((unit, system) for unit in troupe.city.units for system in unit.systems)
    return next(((unit, system) for unit, system in owned if system.code in late), None)


def _counts(machines: Sequence[Machine]) -> Counter[str]:
    """Machines alike by their name without its number, in the order in which they come."""
    return Counter(machine.name.rpartition("-")[0] for machine in machines)


def _wishes(wanted: Sequence[Machine]) -> list[Wish]:
    one_of = {machine.name.rpartition("-")[0]: machine for machine in wanted}
    return [
        Wish(
            name,
            count + 1,
            one_of[name].pool,
            one_of[name].size.vcpus,
            one_of[name].size.memory_mib,
            one_of[name].size.storage_gib,
            "linux",
        )
        for name, count in _counts(wanted).items()
    ]
