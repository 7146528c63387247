"""`cloudctl user …`: people and their roles."""

from typing import TYPE_CHECKING, Any

import click

from cloudctl.cli.command import TranslatedGroup
from cloudctl.cli.output import output_option, show_list, show_record
from cloudctl.cli.run import Run, confirm, say
from cloudctl.core.identity import Role
from cloudctl.operations.home import manage_people

if TYPE_CHECKING:
    from cloudctl.operations.context import Context

ROLES = click.Choice([str(role) for role in Role])


@click.group(cls=TranslatedGroup, examples=["cloudctl user list", "cloudctl user grant wang finance"])
def user() -> None:
    """List people and their roles."""


@user.command("list", examples=["cloudctl user list", "cloudctl user list -o json"])
@output_option
@click.pass_obj
def list_users(run: Run, output: str) -> None:
    """List people with their units and roles."""
    with run.open() as ctx:
        rows = [_labelled(ctx, row, output) for row in manage_people.list_people(ctx)]
        show_list(rows, output, ("login", "name", "unit", "roles", "founder"), ctx.site.zone)


@user.command("show", examples=["cloudctl user show wang", "cloudctl user show wang -o json"])
@click.argument("login")
@output_option
@click.pass_obj
def show_user(run: Run, login: str, output: str) -> None:
    """Show a person."""
    with run.open() as ctx:
        show_record(_labelled(ctx, manage_people.show_person(ctx, login), output), output, ctx.site.zone)


@user.command(
    examples=[
        "cloudctl user add wang --name 王某 --unit fin --role finance",
        "cloudctl user add zhao --name 赵某 --role panel --yes",
    ]
)
@click.argument("login")
@click.option("--name", required=True, help="The person's name.")
@click.option("--unit", metavar="CODE", help="The unit the person belongs to.")
@click.option("--role", "roles", type=ROLES, multiple=True, help="A role; may be given several times.")
@click.option("--yes", "-y", is_flag=True, help="Answer yes to the question.")
@click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")
@click.pass_obj
def add(
    run: Run, login: str, name: str, unit: str | None, roles: tuple[str, ...], yes: bool, dry_run: bool
) -> None:
    """Add a person who may act."""
    with run.open() as ctx:
        say("{login} ({name}) with the roles: {roles}", login=login, name=name, roles=_names(ctx, roles))
        if dry_run:
            return
        confirm("Add this person?", yes=yes)
        manage_people.add_person(ctx, login, name, unit, [Role(role) for role in roles])
        _remind()


@user.command(examples=["cloudctl user grant wang finance", "cloudctl user grant zhao panel --yes"])
@click.argument("login")
@click.argument("role", type=ROLES)
@click.option("--yes", "-y", is_flag=True, help="Answer yes to the question.")
@click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")
@click.pass_obj
def grant(run: Run, login: str, role: str, yes: bool, dry_run: bool) -> None:
    """Give a person a role."""
    with run.open() as ctx:
        manage_people.show_person(ctx, login)
        say("{login} gets the role {role}.", login=login, role=_names(ctx, (role,)))
        if dry_run:
            return
        confirm("Grant it?", yes=yes)
        manage_people.grant_role(ctx, login, Role(role))
        _remind()


@user.command(examples=["cloudctl user revoke wang finance", "cloudctl user revoke zhao panel --yes"])
@click.argument("login")
@click.argument("role", type=ROLES)
@click.option("--yes", "-y", is_flag=True, help="Answer yes to the question.")
@click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")
@click.pass_obj
def revoke(run: Run, login: str, role: str, yes: bool, dry_run: bool) -> None:
    """Take a role from a person."""
    with run.open() as ctx:
        manage_people.show_person(ctx, login)
        say("{login} loses the role {role}.", login=login, role=_names(ctx, (role,)))
        if dry_run:
            return
        confirm("Revoke it?", yes=yes)
        manage_people.revoke_role(ctx, login, Role(role))
        _remind()


def _remind() -> None:
    say("Write it into the inventory too: the next apply brings people to what the file says.")


def _names(ctx: "Context", roles: tuple[str, ...]) -> str:
    return ", ".join(ctx.texts.label("role", role) for role in roles) or "–"


def _labelled(ctx: "Context", row: dict[str, Any], output: str) -> dict[str, Any]:
    return {**row, "roles": _names(ctx, tuple(row["roles"]))} if output == "table" else row
