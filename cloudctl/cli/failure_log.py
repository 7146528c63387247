"""Keeps the traceback of an unexpected failure where the message can point to."""

import os
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

import click

from cloudctl import __version__
from cloudctl.cli.run import Run


def keep_traceback(failure: BaseException) -> Path:
    """Writes the traceback under HOME/logs, or where there is no home yet under the system's temporary folder."""
    context = click.get_current_context(silent=True)
    run = context.find_object(Run) if context else None
    has_home = run is not None and run.home.is_dir()
    folder = run.home / "logs" if run is not None and has_home else Path(tempfile.gettempdir())
    text = f"cloudctl {__version__}, Python {sys.version}\n" + "".join(traceback.format_exception(failure))
    try:
        return _written(folder, text)
    except OSError:
        return _written(Path(tempfile.gettempdir()), text)


def _written(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(".log", f"failure-{datetime.now(UTC):%Y%m%dT%H%M%S}-", folder)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return Path(name)
