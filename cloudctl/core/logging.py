"""The daemon's log: lines on stderr for the service manager, and the same in HOME/logs, turned over by size."""

import logging
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
FILE_BYTES = 5_000_000
FILES_KEPT = 5


def start_logging(home: Path, name: str) -> Path:
    """Sends all log records to stderr and to HOME/logs/<name>.log, times in UTC; returns the file."""
    path = home / "logs" / f"{name}.log"
    path.parent.mkdir(exist_ok=True)
    formatter = logging.Formatter(FORMAT, "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    for handler in (
        logging.StreamHandler(),
        RotatingFileHandler(path, maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8"),
    ):
        handler.setFormatter(formatter)
        root.addHandler(handler)
    # The alarm clock rings every few seconds; what is worth telling our own log tells.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    return path
