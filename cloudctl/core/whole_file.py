"""Writes a file that a person has named: whole, or what stood there stays."""

from contextlib import suppress
from pathlib import Path

from cloudctl.core.errors import Unreachable


def write_whole(path: Path, text: str) -> None:
    """Unreachable when it cannot be written. A link stays a link; what is no plain file is written in place."""
    target = path.resolve()
    in_place = target.exists() and not target.is_file()
    fresh = target if in_place else Path(f"{target}.new")
    try:
        fresh.write_text(text, encoding="utf-8")
        if not in_place:
            fresh.replace(target)
    except OSError as failure:
        if not in_place:
            with suppress(OSError):
                fresh.unlink()
        reason = failure.strerror or str(failure)
        raise Unreachable(
            "{path} cannot be read or written: {reason}", path=str(path), reason=reason
        ) from None
