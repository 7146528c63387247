"""`--yes` and `--dry-run`: a command that asks first shows the outcome of its operation, run without keeping it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cloudctl.operations.context import Context


def answers(function: Callable[..., Any]) -> Callable[..., Any]:
    """--yes and --dry-run, for everything that changes something."""
    function = click.option("--dry-run", is_flag=True, help="Show what would happen and change nothing.")(
        function
    )
    return click.option("--yes", is_flag=True, help="Answer yes to the question.")(function)


def rehearsed(ctx: "Context") -> "Context":
    """The context in which nothing lasts."""
    from cloudctl.operations.rehearsal import rehearsal

    return rehearsal(ctx)
