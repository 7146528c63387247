"""Two people's word that a machine's item is billed on less evidence than the threshold asks."""

from dataclasses import dataclass

from cloudctl.core.errors import InvalidInput, Refused, problem
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.settlement.settlement_acts import acting_role, month, require_period
from metering.settlement import store as ledger
from metering.settlement.acts_store import waiver_rows
from metering.settlement.model import PeriodState
from metering.settlement.tables import WaiverRow
from metering.tariffs import Item
from provisioning.store import find_vm


@dataclass(frozen=True, slots=True)
class Waived:
    """people: how many have signed; from two on the next draft bills what was measured."""

    period: str
    vm: str
    item: str
    people: int

    @property
    def is_in_force(self) -> bool:
        return self.people > 1


def waive_coverage(ctx: Context, period: str, vm: str, item: Item, reason: str) -> Waived:
    """Adds this person's waiver for one machine's item in a month not closed. Refused the second time."""
    acting_role(ctx, Role.OPERATOR, Role.FINANCE)
    month(ctx, period)
    if not reason.strip():
        raise InvalidInput([problem("", "A reason is needed.")])
    with ctx.writing() as session:
        row = ledger.find_period(session, period)
        if row is not None:
            require_period(session, row, PeriodState.DRAFTED, PeriodState.ISSUED)
        machine = find_vm(session, vm)
        signed = {w.login for w in waiver_rows(session, period) if (w.vm_id, w.item) == (machine.id, item)}
        if ctx.actor.login in signed:
            raise Refused("{login} has waived this already; a second person must.", login=ctx.actor.login)
        session.add(
            WaiverRow(
                period=period,
                vm_id=machine.id,
                item=str(item),
                reason=reason,
                login=ctx.actor.login,
                at=ctx.clock.now(),
            )
        )
        ctx.record(session, "settle.waive", f"{period} {vm}", item=str(item), reason=reason)
        return Waived(period, vm, str(item), len(signed) + 1)
