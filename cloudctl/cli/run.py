"""What a command body works with: the home's context, the answer to "are you sure", and the language."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cloudctl.cli.command import SITE_LANGUAGE, translate
from cloudctl.cli.visible import visible
from cloudctl.core.errors import Refused
from cloudctl.core.i18n import LANGUAGES

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
        # The ledger's libraries load only when it is opened.
        from cloudctl.operations.context import open_context

        asked = self.language or os.environ.get("CLOUDCTL_LANG")
        with open_context(
            self.home, login=self.login, language=asked if asked in LANGUAGES else None
        ) as context:
            _speak(context.texts.language)
            yield context


def _speak(language: str) -> None:
    """From here on this call speaks the home's language, unless the person asked for another."""
    current = click.get_current_context(silent=True)
    if current:
        current.find_root().meta[SITE_LANGUAGE] = language


def say(template: str, **values: Any) -> None:
    """A line for the person, in his language, on stderr."""
    click.echo(visible(translate(template, **values)), err=True)


def confirm(question: str, *, yes: bool, **values: Any) -> None:
    """Returns when the answer is yes. Refused without a terminal and without --yes, or when the answer is no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused("This needs an answer, and there is no terminal to ask at: add --yes.")
    if not click.confirm(translate(question, **values), err=True):
        raise Refused("Not confirmed; nothing was changed.")
