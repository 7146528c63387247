"""The form of a request: what it is for, and a line per machine."""

from cloudctl.core.errors import Message
from reports.forms.model import Field, Form

REQUEST_FORM = Form(
    kind="request",
    title=Message("Request for cloud resources"),
    guidance=Message(
        "Fill in the framed cells here and on the next sheet; what has a star is needed. No formulas; "
        "hide, merge and add nothing."
    ),
    table_title=Message("Machines asked for"),
    fields=(
        Field("kind", Message("Kind of request"), "choice", Message("Choose from the list."), True, "kinds"),
        Field(
            "system", Message("Business system"), "choice", Message("Choose from the list."), True, "systems"
        ),
        Field("purpose", Message("Purpose"), "text", Message("What the machines are for."), True),
        Field(
            "level",
            Message("Level of protection"),
            "whole",
            Message("A number from 1 to 5."),
            True,
            at_least=1,
            at_most=5,
        ),
        Field(
            "expected_load",
            Message("Expected load"),
            "text",
            Message("Users, requests a second, data: for new machines and resizes."),
        ),
        Field("needed_by", Message("Needed by"), "date", Message("A day, like 2026-12-01."), True),
        Field(
            "until",
            Message("Term until"),
            "date",
            Message("The last day; empty: no end. An extension says until when."),
        ),
        Field(
            "equipment",
            Message("Equipment before the cloud"),
            "text",
            Message("For a migration: codes of the registered equipment, with commas between."),
        ),
        Field(
            "bandwidth_mbps",
            Message("Bandwidth before the cloud, Mbit/s"),
            "whole",
            Message("For a migration: a whole number."),
        ),
        Field(
            "storage_gib",
            Message("Storage before the cloud, GiB"),
            "whole",
            Message("For a migration: a whole number."),
        ),
        Field(
            "reason",
            Message("Why equipment is given up"),
            "text",
            Message("Needed where equipment still works."),
        ),
    ),
    columns=(
        Field(
            "name",
            Message("Machine"),
            "text",
            Message("Name of the machine; letters, digits, dot and dash."),
            True,
            width=20,
        ),
        Field(
            "count",
            Message("Count"),
            "whole",
            Message("How many alike; empty: one."),
            at_least=1,
            at_most=100,
            width=8,
        ),
        Field(
            "pool",
            Message("Pool"),
            "choice",
            Message("For new machines: choose from the list."),
            choices="pools",
            width=20,
        ),
        Field(
            "vcpus",
            Message("vCPUs"),
            "whole",
            Message("A whole number of vCPUs."),
            at_least=1,
            at_most=4096,
            width=8,
        ),
        Field(
            "memory_gib",
            Message("Memory, GiB"),
            "whole",
            Message("A whole number of GiB."),
            at_least=1,
            at_most=65536,
            width=12,
        ),
        Field("tier", Message("Storage tier"), "choice", Message("Choose from the list."), choices="tiers"),
        Field(
            "storage",
            Message("Storage, GiB"),
            "whole",
            Message("A whole number of GiB."),
            at_least=1,
            width=12,
        ),
        Field(
            "tier_2",
            Message("Second storage tier"),
            "choice",
            Message("Choose from the list."),
            choices="tiers",
        ),
        Field(
            "storage_2",
            Message("Second storage, GiB"),
            "whole",
            Message("A whole number of GiB."),
            at_least=1,
            width=12,
        ),
        Field(
            "image",
            Message("Image"),
            "choice",
            Message("For new machines: choose from the list."),
            choices="images",
            width=18,
        ),
        Field(
            "network",
            Message("Network"),
            "choice",
            Message("For new machines: choose from the list."),
            choices="networks",
            width=18,
        ),
    ),
)
