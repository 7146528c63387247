"""Commands whose help is read in the chosen language and ends with examples."""

import os
from collections.abc import Sequence
from typing import Any

import click

from cloudctl.core.i18n import DEFAULT_LANGUAGE, LANGUAGES, Catalogue


def chosen_language() -> str:
    """--lang where click has read it, else CLOUDCTL_LANG, else the locale's, else Chinese."""
    context = click.get_current_context(silent=True)
    root = context.find_root() if context else None
    picked = (root.params.get("lang") if root else None) or os.environ.get("CLOUDCTL_LANG")
    if picked in LANGUAGES:
        return str(picked)
    return "en" if os.environ.get("LC_ALL", os.environ.get("LANG", "")).startswith("en") else DEFAULT_LANGUAGE


def translate(template: str, **values: Any) -> str:
    return Catalogue(chosen_language()).text(template, **values)


class TranslatedCommand(click.Command):
    """A command with examples; summary, options and headings come from the catalogue."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def get_short_help_str(self, limit: int = 45) -> str:
        return translate(" ".join((self.help or "").split()))

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(translate(" ".join((self.help or "").split())))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        records = []
        for parameter in self.get_params(ctx):
            if isinstance(parameter, click.Option) and parameter.help:
                parameter.help = translate(parameter.help)
            record = parameter.get_help_record(ctx)
            if record:
                records.append(record)
        if records:
            with formatter.section(translate("Options")):
                formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section(translate("Examples")):
                for example in self.examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{example}\n")


class TranslatedGroup(TranslatedCommand, click.Group):
    """A group of such commands; a mistyped subcommand is answered with near ones."""

    command_class = TranslatedCommand
    group_class = type

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        TranslatedCommand.format_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section(translate("Commands")):
            formatter.write_dl(
                [(name, self.commands[name].get_short_help_str()) for name in self.list_commands(ctx)]
            )
