"""Writes the ledger's estate as an inventory.yaml that plans to nothing."""

from cloudctl.core.inventory.model import Inventory
from cloudctl.core.inventory.writer import inventory_text
from cloudctl.operations.context import Context
from cloudctl.operations.read_estate import EstateState, read_estate


def export_inventory(ctx: Context) -> str:
    """The file's text. The founder is left out unless a file has given him a unit: no inventory keeps him."""
    with ctx.reading() as session:
        state = read_estate(session)
    return inventory_text(_without_founders(state), ctx.site.zone)


def _without_founders(state: EstateState) -> Inventory:
    people = [
        person
        for person in state.inventory.people or ()
        if person.login not in state.founders or person.unit is not None
    ]
    return state.inventory.model_copy(update={"people": tuple(people)})
