"""Failures on demand: what is broken in a simulated cloud, by a file faults.json beside its state.

    {"pool_down": false,
     "hosts_down": ["n1"],
     "stuck": ["tax-db-1"],
     "steps": [{"name": "tax-db-1", "kind": "resize", "does": "refuse"},
               {"name": "tax-db-2", "kind": "create", "does": "drop"},
               {"name": "tax-db-3", "kind": "stop", "does": "late", "seconds": 60}]}

A step that is refused is not done, and says so; one that is dropped is done, but the answer is lost; a late
one is not done before it is asked for again so many seconds after the first time ("kind": "*" is any).
Hosts that are down run their machines on, but nobody can see or change them; stuck machines do not answer a
sweep. Every key may be missing. The file is read anew at each call: it takes effect and goes away by editing it.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from cloudctl.core.errors import InvalidInput, problem

FILE_NAME = "faults.json"


@dataclass(frozen=True, slots=True)
class StepFault:
    """What happens to a machine's step of one kind ("*": any)."""

    name: str
    kind: str
    does: Literal["refuse", "drop", "late"]
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class Faults:
    pool_down: bool = False
    hosts_down: tuple[str, ...] = ()
    stuck: tuple[str, ...] = ()
    steps: tuple[StepFault, ...] = field(default=())

    def of_step(self, name: str, kind: str) -> StepFault | None:
        return next((step for step in self.steps if step.name == name and step.kind in (kind, "*")), None)


NONE = Faults()
_READER = TypeAdapter(Faults)


def read_faults(folder: Path) -> Faults:
    """The faults in force. InvalidInput when the file is none of ours."""
    path = folder / FILE_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return NONE
    try:
        return _READER.validate_json(text)
    except ValidationError as failure:
        raise InvalidInput(
            [
                problem(
                    str(path), "{key}: {reason}", key=".".join(map(str, error["loc"])), reason=error["msg"]
                )
                for error in failure.errors()
            ]
        ) from None


def write_faults(folder: Path, faults: Faults) -> None:
    """Puts faults in force; Faults() mends everything."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE_NAME
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(faults), ensure_ascii=False, indent=1), encoding="utf-8")
    fresh.replace(path)
