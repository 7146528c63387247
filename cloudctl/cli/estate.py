"""`cloudctl unit|system|pool|host|image|equipment list|show`."""

from typing import TYPE_CHECKING, Any

import click

from cloudctl.cli.command import TranslatedGroup
from cloudctl.cli.output import output_option, show_list, show_record
from cloudctl.cli.run import Run
from cloudctl.operations.estate import show_estate

if TYPE_CHECKING:
    from cloudctl.operations.context import Context

Row = dict[str, Any]
UNITS = ("code", "name", "contact", "systems", "machines", "vcpus", "memory_mib", "storage_gib")
SYSTEMS = (
    "code",
    "name",
    "unit",
    "level",
    "window",
    "status",
    "machines",
    "vcpus",
    "memory_mib",
    "storage_gib",
)
POOLS = (
    "code",
    "name",
    "driver",
    "provider",
    "hosts",
    "machines",
    "vcpus",
    "memory_mib",
    "storage_gib",
)
EQUIPMENT = ("code", "unit", "kind", "condition", "bought", "yearly_total", "currency")


@click.group(cls=TranslatedGroup, examples=["cloudctl unit list", "cloudctl unit show fin -o json"])
def unit() -> None:
    """List and show units."""


@unit.command("list", examples=["cloudctl unit list", "cloudctl unit list -o csv"])
@output_option
@click.pass_obj
def list_units(run: Run, output: str) -> None:
    """List units with what they hold."""
    with run.open() as ctx:
        show_list(show_estate.list_units(ctx), output, UNITS, ctx.site.zone)


@unit.command("show", examples=["cloudctl unit show fin", "cloudctl unit show fin -o json"])
@click.argument("code")
@output_option
@click.pass_obj
def show_unit(run: Run, code: str, output: str) -> None:
    """Show a unit: its systems, people, equipment, and what it holds."""
    with run.open() as ctx:
        show_record(show_estate.show_unit(ctx, code), output, ctx.site.zone)


@click.group(cls=TranslatedGroup, examples=["cloudctl system list", "cloudctl system show tax -o json"])
def system() -> None:
    """List and show business systems."""


@system.command("list", examples=["cloudctl system list", "cloudctl system list -o csv"])
@output_option
@click.pass_obj
def list_systems(run: Run, output: str) -> None:
    """List business systems with what they hold."""
    with run.open() as ctx:
        rows = show_estate.list_systems(ctx)
        show_list(_labelled(ctx, rows, output, status="system_status"), output, SYSTEMS, ctx.site.zone)


@system.command("show", examples=["cloudctl system show tax", "cloudctl system show tax -o json"])
@click.argument("code")
@output_option
@click.pass_obj
def show_system(run: Run, code: str, output: str) -> None:
    """Show a business system and its machines."""
    with run.open() as ctx:
        row = show_estate.show_system(ctx, code)
        show_record(_labelled(ctx, [row], output, status="system_status")[0], output, ctx.site.zone)


@click.group(cls=TranslatedGroup, examples=["cloudctl pool list", "cloudctl pool show gov -o json"])
def pool() -> None:
    """List and show resource pools."""


@pool.command("list", examples=["cloudctl pool list", "cloudctl pool list -o csv"])
@output_option
@click.pass_obj
def list_pools(run: Run, output: str) -> None:
    """List resource pools with what is held in them."""
    with run.open() as ctx:
        show_list(show_estate.list_pools(ctx), output, POOLS, ctx.site.zone)


@pool.command("show", examples=["cloudctl pool show gov", "cloudctl pool show gov -o json"])
@click.argument("code")
@output_option
@click.pass_obj
def show_pool(run: Run, code: str, output: str) -> None:
    """Show a resource pool and its options."""
    with run.open() as ctx:
        show_record(show_estate.show_pool(ctx, code), output, ctx.site.zone)


@click.group(cls=TranslatedGroup, examples=["cloudctl image list", "cloudctl image show gov/debian12"])
def image() -> None:
    """List and show images."""


@image.command("list", examples=["cloudctl image list", "cloudctl image list -o csv"])
@output_option
@click.pass_obj
def list_images(run: Run, output: str) -> None:
    """List images."""
    with run.open() as ctx:
        show_list(show_estate.list_images(ctx), output, ("pool", "code", "source", "sha256"), ctx.site.zone)


@image.command("show", examples=["cloudctl image show gov/debian12", "cloudctl image show debian12 -o json"])
@click.argument("code")
@output_option
@click.pass_obj
def show_image(run: Run, code: str, output: str) -> None:
    """Show an image."""
    with run.open() as ctx:
        show_record(show_estate.show_image(ctx, code), output, ctx.site.zone)


@click.group(cls=TranslatedGroup, examples=["cloudctl equipment list", "cloudctl equipment show fin-srv-3"])
def equipment() -> None:
    """List and show equipment from before the cloud."""


@equipment.command("list", examples=["cloudctl equipment list", "cloudctl equipment list -o csv"])
@output_option
@click.pass_obj
def list_equipment(run: Run, output: str) -> None:
    """List equipment from before the cloud with its yearly cost."""
    with run.open() as ctx:
        rows = _equipment(ctx, show_estate.list_equipment(ctx), output)
        show_list(rows, output, EQUIPMENT, ctx.site.zone)


@equipment.command(
    "show", examples=["cloudctl equipment show fin-srv-3", "cloudctl equipment show fin-srv-3 -o json"]
)
@click.argument("code")
@output_option
@click.pass_obj
def show_equipment(run: Run, code: str, output: str) -> None:
    """Show a piece of equipment and what it costs a year."""
    with run.open() as ctx:
        row = _equipment(ctx, [show_estate.show_equipment(ctx, code)], output)[0]
        show_record(row, output, ctx.site.zone)


def _equipment(ctx: "Context", rows: list[Row], output: str) -> list[Row]:
    if output != "table":
        return rows
    named = [
        {
            **row,
            "yearly_cost": {
                ctx.texts.label("cost_item", item): yuan for item, yuan in row["yearly_cost"].items()
            },
        }
        for row in rows
    ]
    return _labelled(ctx, named, output, kind="equipment_kind", condition="condition")


def _labelled(ctx: "Context", rows: list[Row], output: str, **kinds: str) -> list[Row]:
    """For people: codes by their names; programs get the codes."""
    if output != "table":
        return rows
    return [{**row, **{key: ctx.texts.label(kind, row[key]) for key, kind in kinds.items()}} for row in rows]
