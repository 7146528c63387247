"""Writes the ledger's estate as an inventory.yaml that plans to nothing."""

from cloudctl.core.inventory.model import Inventory
from cloudctl.core.inventory.writer import inventory_text
from cloudctl.operations.context import Context
from cloudctl.operations.estate.read_estate import EstateState, read_estate


def export_inventory(ctx: Context) -> str:
    """The file's text. The founder is left out unless a file has given him a unit: no inventory keeps him."""
    with ctx.reading() as session:
        state = read_estate(session)
    return inventory_text(_kept(state), ctx.site.zone)


def _kept(state: EstateState) -> Inventory:
    people = [
        person
        for person in state.inventory.people or ()
        if person.login not in state.founders or person.unit is not None
    ]
    # A home that no inventory has named yet has no site to write down.
    site = state.inventory.site if state.inventory.site and state.inventory.site.name else None
    return state.inventory.model_copy(update={"people": tuple(people), "site": site})
