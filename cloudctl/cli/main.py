"""The command's entry: global options, lazily loaded groups, and errors turned into messages and exit codes."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from cloudctl import __version__
from cloudctl.cli.lazy import LazyGroup
from cloudctl.cli.run import Run

DEFAULT_HOME = "~/.local/share/cloudctl"
# Set by the completion scripts while a word is being completed.
COMPLETING = "_CLOUDCTL_COMPLETE"


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    examples=["cloudctl init", "cloudctl --lang en usage show --from 2026-10-01 --to 2026-11-01"],
)
@click.version_option(__version__, message="cloudctl %(version)s", help="Show the version and exit.")
@click.option("--home", metavar="DIR", help="Where the ledger, samples and settings lie.")
@click.option("--lang", type=click.Choice(["zh_CN", "en"]), is_eager=True, help="Language of texts.")
@click.option("--as", "login", metavar="USER", help="The acting person.")
@click.pass_context
def cli(context: click.Context, home: str | None, lang: str | None, login: str | None) -> None:
    """Resource manager and meter of a government private cloud."""
    chosen = home or os.environ.get("CLOUDCTL_HOME") or DEFAULT_HOME
    context.obj = Run(Path(chosen).expanduser(), lang, login)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits with the contract's codes."""
    if COMPLETING in os.environ:
        from click.shell_completion import shell_complete

        sys.exit(shell_complete(cli, {}, "cloudctl", COMPLETING, os.environ[COMPLETING]))
    from cloudctl.cli.failures import run_guarded

    sys.exit(run_guarded(cli, sys.argv[1:] if arguments is None else arguments))
