"""Takes the silence of units as acceptance once their time to answer has run out."""

from cloudctl.operations.context import Context
from cloudctl.operations.settlement.settlement_acts import deem_overdue
from metering.settlement import store as ledger


def deem_statements(ctx: Context) -> list[str]:
    """Numbers of the statements that became deemed accepted now; time acts here, whoever calls."""
    with ctx.reading() as session:
        if not ledger.overdue_statements(session, ctx.clock.now()):
            return []
    with ctx.writing() as session:
        return deem_overdue(ctx, session)
