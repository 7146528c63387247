"""The form of a migration survey: a line per kind of equipment that a system runs on before the cloud."""

from cloudctl.core.errors import Message
from reports.forms.model import Field, Form

_LIST = Message("Choose from the list.")
_WHOLE = Message("Of one piece: a whole number.")

SURVEY_FORM = Form(
    kind="survey",
    title=Message("Migration survey"),
    guidance=Message(
        "Fill in the next sheet: a line per kind of equipment of a system, quantities of one piece. No formulas; "
        "hide, merge and add nothing."
    ),
    table_title=Message("Equipment before the cloud"),
    fields=(),
    columns=(
        Field("system", Message("Business system"), "choice", _LIST, True, "systems", width=26),
        Field(
            "equipment",
            Message("Name of the equipment"),
            "text",
            Message("As the unit calls it."),
            True,
            width=22,
        ),
        Field("kind", Message("Kind of equipment"), "choice", _LIST, True, "equipment_kinds"),
        Field(
            "count",
            Message("Count"),
            "whole",
            Message("How many alike; empty: one."),
            at_least=1,
            at_most=10000,
        ),
        Field("vcpus", Message("vCPUs"), "whole", _WHOLE, True, at_most=4096),
        Field("memory_gib", Message("Memory, GiB"), "whole", _WHOLE, True, at_most=65536),
        Field("storage_gib", Message("Storage, GiB"), "whole", _WHOLE, True),
        Field("bandwidth_mbps", Message("Bandwidth, Mbit/s"), "whole", _WHOLE),
        Field("pool", Message("Planned pool"), "choice", _LIST, True, "pools", width=20),
        Field("tier", Message("Storage tier"), "choice", _LIST, choices="tiers"),
        Field("planned_for", Message("Planned for"), "date", Message("A day, like 2026-12-01."), True),
    ),
    rows=500,
)
