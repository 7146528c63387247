"""Errors become one clear message and the contract's exit code; never a traceback."""

import errno
import os
import sys
from collections.abc import Sequence
from itertools import pairwise

import click

from cloudctl.cli.command import translate
from cloudctl.cli.visible import visible
from cloudctl.cli.wrong_usage import tell_usage
from cloudctl.core.errors import CloudctlError, Message, NotFound, Unreachable

# What a shell expects of a process that was interrupted.
INTERRUPTED = 130
REFUSED = 5
FULL = (errno.ENOSPC, errno.EDQUOT)


def run_guarded(command: click.Command, arguments: Sequence[str]) -> int:
    """Runs a click command; returns its exit code after telling on stderr what went wrong."""
    try:
        with command.make_context("cloudctl", list(arguments)) as context:
            # Told inside the context, which knows the language and the home.
            try:
                result = command.invoke(context)
                sys.stdout.flush()
                return result if isinstance(result, int) else 0
            except BaseException as failure:
                return explain(failure)
    except click.UsageError as failure:
        # Wrong before the words were taken in: the language asked for stands among them.
        if failure.ctx is not None:
            failure.ctx.params.setdefault("lang", _language_in(arguments))
        return explain(failure)
    except BaseException as failure:
        return explain(failure)


def _language_in(arguments: Sequence[str]) -> str | None:
    """The value of --lang, wherever it stands."""
    words = " ".join(arguments).replace("--lang=", "--lang ").split()
    return next((value for word, value in pairwise(words) if word == "--lang"), None)


def explain(failure: BaseException) -> int:
    """Tells what went wrong, and gives the exit code for it."""
    match failure:
        case click.exceptions.Exit():
            return failure.exit_code
        case click.UsageError():
            tell_usage(failure)
            return failure.exit_code
        case click.ClickException():
            click.echo(translate("Error: {message}", message=failure.format_message()), err=True)
            return 2
        case click.Abort():
            click.echo("\n" + translate("Not confirmed; nothing was changed."), err=True)
            return REFUSED
        case KeyboardInterrupt():
            click.echo("\n" + translate("Interrupted."), err=True)
            return INTERRUPTED
        case CloudctlError():
            tell(failure)
            return failure.exit_code
        case OSError() if isinstance(failure, BrokenPipeError) and _reader_is_gone():
            return 0
        case OSError() if (known := _known_trouble(failure)) is not None:
            tell(known)
            return known.exit_code
        case SystemExit():
            raise failure
        case _:
            from cloudctl.cli.failure_log import keep_traceback

            path = keep_traceback(failure)
            click.echo(translate("Something unexpected went wrong; the log is {path}.", path=path), err=True)
            return 1


def tell(failure: CloudctlError) -> None:
    """Message, reasons with their places, and what to do next, on stderr."""
    click.echo(visible(translate("Error: {message}", message=failure.message)), err=True)
    # Any error may have several reasons: of a file its lines, of a placement its hosts.
    for reason in failure.problems:
        place = f"{reason.place}: " if reason.place else ""
        click.echo(visible(f"  {place}{_text(reason.message)}"), err=True)
    if failure.hint:
        click.echo(visible(_text(failure.hint)), err=True)


def _text(message: Message) -> str:
    return translate(message.template, **message.values)


def _reader_is_gone() -> bool:
    """Whether the reader of our output has left (`| head`); then nothing more is written to it, not even at exit."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def _known_trouble(failure: OSError) -> CloudctlError | None:
    """Files that cannot be read or written are no fault of the program."""
    path, reason = failure.filename, failure.strerror or str(failure)
    if failure.errno in FULL:
        return Unreachable(
            "The disk is full: {path}", path=path or "", hint=Message("Check with “cloudctl doctor”.")
        )
    if path is None:
        return None
    if isinstance(failure, FileNotFoundError):
        return NotFound("There is no file {path}.", path=path)
    return Unreachable("{path} cannot be read or written: {reason}", path=path, reason=reason)
