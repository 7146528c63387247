"""Commands whose help and errors are read in the chosen language, with near ones named for a mistyped word."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

import click

from cloudctl.cli.layout import TranslatedContext
from cloudctl.core.i18n import DEFAULT_LANGUAGE, LANGUAGES, Catalogue

# An option with its choices may be so long; `--output [table|json|yaml|csv]` is.
LONGEST_NAMES = 60
# Where a call keeps the language of the home it has opened.
SITE_LANGUAGE = "cloudctl.site_language"


def chosen_language() -> str:
    """--lang, else CLOUDCTL_LANG, else the opened home's, else the locale's, else Chinese."""
    context = click.get_current_context(silent=True)
    root = context.find_root() if context else None
    asked = (root.params.get("lang"), root.meta.get(SITE_LANGUAGE)) if root else (None, None)
    for language in (asked[0], os.environ.get("CLOUDCTL_LANG"), asked[1]):
        if language in LANGUAGES:
            return str(language)
    locale = os.environ.get("LC_ALL") or os.environ.get("LANG") or ""
    return "en" if locale.startswith("en") else DEFAULT_LANGUAGE


def translate(template: str, **values: Any) -> str:
    return Catalogue(chosen_language()).text(template, **values)


def near_ones(name: str, known: Sequence[str]) -> str:
    """“ Did you mean: …?”, or nothing."""
    near = get_close_matches(name, known)
    return translate("Did you mean: {names}?", names=", ".join(near)) if near else ""


@contextmanager
def knowing_where(ctx: click.Context) -> Iterator[None]:
    """click's parser does not say at which command an option was wrong; here it is known."""
    try:
        yield
    except click.UsageError as failure:
        failure.ctx = failure.ctx or ctx
        raise


class TranslatedCommand(click.Command):
    """A command with examples; summary, options and headings come from the catalogue."""

    context_class = TranslatedContext

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    @property
    def summary(self) -> str:
        """The command's one sentence, in the reader's language."""
        return translate(" ".join((self.help or "").split())) if self.help else ""

    def get_short_help_str(self, limit: int = 45) -> str:
        return self.summary

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """What is too much is told in the reader's language, which click's own check would not."""
        takes_rest = ctx.allow_extra_args
        ctx.allow_extra_args = True
        with knowing_where(ctx):
            rest = super().parse_args(ctx, args)
        if rest and not takes_rest and not ctx.resilient_parsing:
            ctx.fail(translate("This is one word too many: {words}", words=" ".join(rest)))
        return rest

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        given = self.collect_usage_pieces(ctx)
        pieces = [translate(piece) if piece == self.options_metavar else piece for piece in given]
        formatter.write_usage(ctx.command_path, " ".join(pieces), prefix=translate("Usage:") + " ")

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(self.summary)

    def format_arguments(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [
            (parameter.make_metavar(ctx), translate(text))
            for parameter in self.get_params(ctx)
            if isinstance(parameter, click.Argument) and (text := getattr(parameter, "help", None))
        ]
        if rows:
            with formatter.section(translate("Arguments:")):
                formatter.write_dl(rows)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section(translate("Options:")):
            formatter.write_dl(list(self._option_rows(ctx)))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section(translate("Examples:")):
                for example in self.examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{example}\n")

    def _option_rows(self, ctx: click.Context) -> Iterator[tuple[str, str]]:
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None or not isinstance(parameter, click.Option):
                continue
            names, choices = record[0], ""
            if isinstance(parameter.type, click.Choice) and len(names) > LONGEST_NAMES:
                # So many choices read better as words than as a name.
                names = ", ".join(parameter.opts) + " " + translate("WORD")
                choices = translate("One of: {choices}.", choices=", ".join(map(str, parameter.type.choices)))
            extra = parameter.get_help_extra(ctx)
            notes = [translate("default: {default}", default=extra["default"])] if "default" in extra else []
            notes += [extra["range"]] if "range" in extra else []
            notes += [translate("required")] if "required" in extra else []
            text = translate(" ".join(parameter.help.split())) if parameter.help else ""
            yield names, " ".join(filter(None, [text, choices, f"[{'; '.join(notes)}]" if notes else ""]))


class TranslatedGroup(TranslatedCommand, click.Group):
    """A group of such commands; a mistyped subcommand is answered with near ones."""

    command_class = TranslatedCommand
    group_class = type

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        with knowing_where(ctx):
            return click.Group.parse_args(self, ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-") and not ctx.resilient_parsing:
            told = translate("There is no command “{name}”.", name=args[0])
            ctx.fail(" ".join(filter(None, [told, near_ones(args[0], known)])))
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        TranslatedCommand.format_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section(translate("Commands:")):
            formatter.write_dl(self.command_rows(ctx))

    def command_rows(self, ctx: click.Context) -> list[tuple[str, str]]:
        """(name, summary) of the commands below."""
        commands = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        return [(name, command.get_short_help_str()) for name, command in commands if command]
