"""What a command body works with: the home's context, the answer to "are you sure", and the language."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cloudctl.cli.command import translate
from cloudctl.core.errors import Refused

if TYPE_CHECKING:
    from cloudctl.operations.context import Context


@dataclass(frozen=True, slots=True)
class Run:
    """The global options of one call."""

    home: Path
    language: str | None
    login: str | None

    @contextmanager
    def open(self) -> "Iterator[Context]":
        from cloudctl.operations.context import open_context  # the ledger's libraries load only when it is opened

        with open_context(self.home, login=self.login, language=self.language or None) as context:
            yield context


def say(template: str, **values: Any) -> None:
    """A line for the person, in his language, on stderr."""
    click.echo(translate(template, **values), err=True)


def confirm(question: str, *, yes: bool, **values: Any) -> None:
    """Returns when the answer is yes. Refused without a terminal and without --yes, or when the answer is no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused("This needs an answer, and there is no terminal to ask at: add --yes.")
    if not click.confirm(translate(question, **values), err=True):
        raise Refused("Not confirmed; nothing was changed.")

