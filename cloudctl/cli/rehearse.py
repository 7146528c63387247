"""`--yes` and `--dry-run`: a command that asks first shows the outcome of its operation, run without keeping it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from cloudctl.operations.context import Context

T = TypeVar("T")


def answers(function: Callable[..., Any]) -> Callable[..., Any]:
    """--yes and --dry-run, for everything that changes something."""
    function = click.option("--dry-run", is_flag=True, help="Show what would happen and change nothing.")(
        function
    )
    return click.option("--yes", "-y", is_flag=True, help="Answer yes to the question.")(function)


def rehearsed(ctx: "Context") -> "Context":
    """The context in which nothing lasts."""
    from cloudctl.operations.rehearsal import rehearsal

    return rehearsal(ctx)


def decide(
    ctx: "Context",
    act: "Callable[[Context], T]",
    show: "Callable[[T], None]",
    ask: Callable[[], None],
    *,
    yes: bool,
    dry_run: bool,
) -> bool:
    """Shows what the act comes to, asks, and does it; True when it was done. With --yes it is done once, at once."""
    if yes and not dry_run:
        show(act(ctx))
        return True
    show(act(rehearsed(ctx)))
    if dry_run:
        return False
    ask()
    act(ctx)
    return True
