"""What the demonstration did, in figures, for the person who ran it."""

from typing import Any

from sqlalchemy.orm import Session

from cloudctl.core.clock import month_bounds
from cloudctl.core.money import yuan_text
from cloudctl.operations.context import Context
from cloudctl.operations.demo.settling import PERIOD, Settling
from cloudctl.operations.review.show_cases import list_cases
from cloudctl.operations.usage.home_samples import sample_store
from metering.settlement.store import price_book
from metering.store import live_files
from metering.utilisation import utilisation
from policies.funding.savings import savings
from policies.panel import CaseState
from provisioning.store import hosts, vms

# Entries of the list that ask nothing of anybody.
ENTRIES = (CaseState.LISTED, CaseState.EXEMPT, CaseState.SUPERSEDED)


def estate_figures(ctx: Context) -> dict[str, Any]:
    """What was run and metered in October; shares from 0 to 1."""
    start, end = month_bounds(PERIOD, ctx.site.zone)
    with ctx.reading() as session:
        (cloud,) = utilisation(sample_store(ctx), session, start, end, "cloud")
        return {
            "machines": cloud.machines,
            "hosts": len(hosts(session)),
            "samples": sum(file.rows for file in live_files(session, start, end)),
            "coverage": round(cloud.meters["cpu"].coverage, 6),
            **{f"{meter}_mean": round(use.mean or 0.0, 6) for meter, use in cloud.meters.items()},
        }


def settlement_figures(settling: Settling) -> dict[str, Any]:
    """The month as it was closed, and what the recomputation found."""
    assert settling.drafted is not None and settling.closed is not None and settling.verified is not None
    return {
        "period": PERIOD,
        "statements": settling.closed.statements,
        "lines": settling.verified.lines,
        "deemed": len(settling.deemed),
        "total": yuan_text(settling.closed.total_fen),
        "verified": settling.verified.ok,
        "seal": settling.closed.seal,
    }


def review_figures(ctx: Context) -> dict[str, Any]:
    """Cases of September by what became of them, and what was saved in October by those carried out."""
    cases = [case for case in list_cases(ctx) if case["state"] not in ENTRIES]
    states = [case["state"] for case in cases]
    with ctx.reading() as session:
        monthly, saved = _savings(ctx, session)
    return {
        "cases": len(cases),
        "carried_out": sum(case["state"] in ("executing", "watching", "done") for case in cases),
        "rolled_back": states.count("rolled_back"),
        "waiting": states.count("marked"),
        "monthly_saving": yuan_text(monthly),
        "saved": yuan_text(saved),
        "retired": sum(vm.state in ("shelved", "retired") for vm in _machines(ctx)),
    }


def _savings(ctx: Context, session: Session) -> tuple[int, int]:
    """In fen: a whole month's saving of what is carried out, and what October's part of it came to."""
    start, end = month_bounds(PERIOD, ctx.site.zone)
    found = savings(session, price_book(session, ctx.site.zone), start, end)
    return sum(one.monthly_fen for one in found if one.end == end), sum(one.amount_fen for one in found)


def _machines(ctx: Context) -> list[Any]:
    with ctx.reading() as session:
        return list(vms(session))
