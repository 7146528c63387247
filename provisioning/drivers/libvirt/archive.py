"""What the driver keeps beside the hosts: last definitions, for a host that dies, and who is gone since when."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from cloudctl.core.clock import parse_instant


@dataclass(frozen=True, slots=True)
class Stone:
    """A machine that was deleted."""

    at: datetime
    external_id: str


@dataclass(frozen=True, slots=True)
class Archive:
    """folder: the pool's own, made when something is first written."""

    folder: Path

    def keep_definition(self, vm_id: int, xml: str) -> None:
        self._write(self._definition(vm_id), xml)

    def definition(self, vm_id: int) -> str | None:
        path = self._definition(vm_id)
        return path.read_text(encoding="utf-8") if path.exists() else None

    def bury(self, vm_id: int, stone: Stone) -> None:
        document = {"at": stone.at.isoformat(), "external_id": stone.external_id}
        self._write(self._stone(vm_id), json.dumps(document))
        self._definition(vm_id).unlink(missing_ok=True)

    def stone(self, vm_id: int) -> Stone | None:
        path = self._stone(vm_id)
        if not path.exists():
            return None
        document = json.loads(path.read_text(encoding="utf-8"))
        return Stone(parse_instant(document["at"]), document["external_id"])

    def dig_up(self, vm_id: int) -> None:
        """The machine is made again."""
        self._stone(vm_id).unlink(missing_ok=True)

    def leave_behind(self, vm_id: int, host: str) -> None:
        """A dead host keeps a definition of a machine that runs elsewhere now."""
        self._write(self._remnant(vm_id, host), "")

    def clear_remnant(self, vm_id: int, host: str) -> None:
        self._remnant(vm_id, host).unlink(missing_ok=True)

    def remnants(self) -> frozenset[tuple[int, str]]:
        """(machine, host) of all that was left behind and not yet cleared away."""
        folder = self.folder / "remnants"
        if not folder.exists():
            return frozenset()
        names = (path.name.partition("@") for path in folder.iterdir() if path.suffix != ".new")
        return frozenset((int(number), host) for number, _, host in names)

    @contextmanager
    def uploading(self, storage: str) -> Iterator[None]:
        """Nobody else of this home uploads into that storage meanwhile; whoever does is waited for."""
        path = self.folder / "uploads" / f"{quote(storage, safe='')}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _remnant(self, vm_id: int, host: str) -> Path:
        return self.folder / "remnants" / f"{vm_id}@{host}"

    def _definition(self, vm_id: int) -> Path:
        return self.folder / "definitions" / f"{vm_id}.xml"

    def _stone(self, vm_id: int) -> Path:
        return self.folder / "gone" / f"{vm_id}.json"

    def _write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.new")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
