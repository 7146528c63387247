"""Where the demonstration plays: a home and a reports folder of its own, never in place of anybody else's."""

import json
import shutil
from datetime import datetime
from pathlib import Path

from cloudctl.core.clock import FileClock
from cloudctl.core.errors import Message, Refused
from cloudctl.core.settings import FILE_NAME
from cloudctl.operations.context import CLOCK_FILE
from cloudctl.operations.home.initialise import initialise

# Says that a folder was made by a demonstration, and so may be replaced by the next one.
MARK = "demonstration.json"

# A driven clock, because the city's clouds are simulated; terms short enough for a story of one month.
SETTINGS = """\
# The home of a demonstration: its city is fictitious, its clouds and workloads are simulated.
[clock]
mode = "driven"

[review]
answer_workdays = 5
watch_days = 14
"""


def make_stage(home: Path, reports: Path, seed: int, language: str, start: datetime) -> None:
    """An initialised home whose clock stands at `start`, and an empty reports folder. Refused over other things."""
    require_stage(home, reports)
    for folder in (home, reports):
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        (folder / MARK).write_text(json.dumps({"seed": seed, "is_simulated": True}) + "\n")
    (home / FILE_NAME).write_text(SETTINGS)
    FileClock(home / CLOCK_FILE).move_to(start)
    initialise(home, language=language)


def require_stage(home: Path, reports: Path) -> None:
    """Refused when one of the folders holds what no demonstration made."""
    for folder in (home, reports):
        _require_ours(folder)


def _require_ours(folder: Path) -> None:
    """Refused when something stands there that no demonstration made."""
    if not folder.exists() or (folder / MARK).is_file():
        return
    if not folder.is_dir() or any(folder.iterdir()):
        raise Refused(
            "{folder} holds something that is not a demonstration's; nothing was changed.",
            folder=str(folder),
            hint=Message("Name another folder with --home or --reports."),
        )
