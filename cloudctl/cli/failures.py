"""Errors become one clear message and the contract's exit code; never a traceback."""

import logging
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from cloudctl.cli.command import translate
from cloudctl.core.errors import CloudctlError, Message
from cloudctl.core.i18n import Catalogue


def run_guarded(command: click.Command, arguments: Sequence[str] | None = None) -> int:
    """Runs a click command; returns its exit code after telling on stderr what went wrong."""
    try:
        result = command.main(args=arguments, standalone_mode=False, prog_name="cloudctl")
        return result if isinstance(result, int) else 0
    except click.ClickException as failure:
        failure.show()
        return 2
    except click.Abort:
        click.echo(translate("Aborted."), err=True)
        return 5
    except CloudctlError as failure:
        tell(failure)
        return failure.exit_code
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): nothing to tell, nobody to tell it to.
        sys.stderr.close()
        return 0
    except Exception:
        click.echo(translate("Something unexpected went wrong; the log is {path}.", path=_keep_traceback()), err=True)
        return 1


def tell(failure: CloudctlError) -> None:
    """Message, reasons with their places, and what to do next, on stderr."""
    click.echo(translate("Error: {message}", message=failure.message), err=True)
    for reason in failure.problems:
        place = f"{reason.place}: " if reason.place else ""
        click.echo(f"  {place}{_text(reason.message)}", err=True)
    if failure.hint:
        click.echo(_text(failure.hint), err=True)


def _text(message: Message) -> str:
    from cloudctl.cli.command import chosen_language

    return Catalogue(chosen_language()).message(message)


def _keep_traceback() -> Path:
    folder = Path(click.get_app_dir("cloudctl")) / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"failure-{datetime.now(UTC):%Y%m%dT%H%M%S}.log"
    path.write_text(traceback.format_exc())
    logging.getLogger(__name__).debug("kept %s", path)
    return path
