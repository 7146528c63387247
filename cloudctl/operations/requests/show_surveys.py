"""Migration surveys as people and programs read them: lines, totals, and when which pool will be full."""

from typing import Any

from sqlalchemy.orm import Session

from cloudctl.core.errors import Unreachable
from cloudctl.operations.context import Context
from cloudctl.operations.machines.plan_change import opened_drivers
from cloudctl.operations.machines.promised_room import promises
from cloudctl.operations.requests.free_room import free_room
from cloudctl.operations.requests.request_steps import may_see_all
from cloudctl.operations.requests.reserved_room import reserve_granted
from policies.requests.store import surveys
from policies.requests.survey import ANY_TIER, Amounts, Forecast, SurveyLine, forecast, survey_totals
from policies.requests.tables import SurveyRow
from provisioning.model import Capability
from provisioning.store import pool_codes, pools
from provisioning.tables import PoolRow

GROUPS = ("unit", "system", "pool")


def list_surveys(ctx: Context) -> list[dict[str, Any]]:
    """Lines by the day planned; a unit's own people see theirs alone."""
    with ctx.reading() as session:
        codes = pool_codes(session)
        return [
            {
                "system": system.code,
                "unit": unit.code,
                "equipment": row.equipment,
                "kind": row.kind,
                "count": row.count,
                "vcpus": row.vcpus,
                "memory_mib": row.memory_mib,
                "storage_gib": row.storage_gib,
                "bandwidth_mbps": row.bandwidth_mbps,
                "pool": codes[row.pool_id],
                "tier": row.tier,
                "planned_for": row.planned_for.isoformat(),
                "imported_by": row.imported_by,
                "imported_at": row.imported_at,
            }
            for row, system, unit in surveys(session)
            if may_see_all(ctx) or ctx.actor.unit == unit.code
        ]


def total_surveys(ctx: Context, by: str) -> list[dict[str, Any]]:
    """Per unit, system or pool; a unit's own people see theirs alone."""
    with ctx.reading() as session:
        lines = [line for line in _lines(session) if may_see_all(ctx) or ctx.actor.unit == line.unit]
    return [
        {
            by: row.key,
            "lines": row.lines,
            "machines": row.machines,
            **row.amounts.as_json(),
            "bandwidth_mbps": row.bandwidth_mbps,
            "unknown_bandwidth": row.unknown_bandwidth,
        }
        for row in survey_totals(lines, by)
    ]


def forecast_pools(ctx: Context) -> list[dict[str, Any]]:
    """Every pool's free room now, less what is planned for it; unknown in pools that others run or do not answer."""
    with ctx.reading() as session:
        lines = _lines(session)
        found = [forecast(pool.code, _free(ctx, session, pool), lines) for pool in pools(session)]
    return [_forecast_row(row) for row in found]


def _forecast_row(row: Forecast) -> dict[str, Any]:
    return {
        "pool": row.pool,
        "free": row.free.as_json() if row.free else None,
        "planned": row.planned.as_json(),
        "full_in": row.full_in,
        "short_of": list(row.meters),
        "months": [
            {
                "month": month.month,
                "planned": month.planned.as_json(),
                "left": month.left.as_json() if month.left else None,
            }
            for month in row.months
        ],
    }


def _lines(session: Session) -> list[SurveyLine]:
    codes = pool_codes(session)
    return [_line(row, system.code, unit.code, codes[row.pool_id]) for row, system, unit in surveys(session)]


def _line(row: SurveyRow, system: str, unit: str, pool: str) -> SurveyLine:
    storage = {row.tier or ANY_TIER: row.storage_gib} if row.storage_gib else {}
    each = Amounts(row.vcpus, row.memory_mib, storage)
    return SurveyLine(unit, system, pool, row.count, each, row.bandwidth_mbps, row.planned_for)


def _free(ctx: Context, session: Session, pool: PoolRow) -> Amounts | None:
    """Over the hosts that take machines: what may be promised, less what is, grants included."""
    try:
        with opened_drivers(ctx, [pool.id]) as drivers:
            if Capability.ORDER in drivers[pool.id].capabilities:
                return None
            observation = drivers[pool.id].observe()
    except Unreachable:
        return None
    promised = promises(session, pool, observation)
    reserve_granted(session, pool, promised, ctx.clock.now())
    return free_room(promised)
