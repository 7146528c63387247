"""The plan of an inventory: its steps as data, their checksum, how much they touch, and the saved form."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cloudctl.core.audit import digest
from cloudctl.core.database import canonical_json
from cloudctl.core.errors import InvalidInput, problem
from cloudctl.core.inventory.model import Inventory
from cloudctl.core.whole_file import write_whole
from cloudctl.core.yaml_source import read_text

FORMAT = "cloudctl-plan-1"
MACHINES = "vms"
# What a record of a section is called in a step's target.
NOUNS = {
    "site": "site",
    "units": "unit",
    "people": "person",
    "systems": "system",
    "pools": "pool",
    "hosts": "host",
    "images": "image",
    "networks": "network",
    "equipment": "equipment",
}


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One step. before, after: what it changes, as JSON values; is_live: a machine goes on running meanwhile.

    kind: add, change, remove for records; create, adopt, resize, transfer, retire for machines, and for those
    of external pools declare, correct, transfer, retire.
    """

    kind: str
    section: str
    key: tuple[str, ...]
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    is_live: bool = True

    @property
    def target(self) -> str:
        """A machine's name; of a record "unit:fin", "host:gov/n1"."""
        name = "/".join(self.key)
        if self.section == MACHINES:
            return name
        return f"{NOUNS[self.section]}:{name}" if name else NOUNS[self.section]

    def as_json(self, number: int) -> dict[str, Any]:
        return {
            "step": number,
            "kind": self.kind,
            "target": self.target,
            "before": None if self.before is None else dict(self.before),
            "after": None if self.after is None else dict(self.after),
            "live": self.is_live,
        }


@dataclass(frozen=True, slots=True)
class Reach:
    """How many of what is there a plan removes or shrinks."""

    machines: int
    machines_there: int
    records: int
    records_there: int

    def exceeds(self, limit: float) -> bool:
        """Whether either share lies above `limit`; compared without division, 10 of 100 is not above 0.1."""
        # A limit is a setting with few decimals; six places make it exact.
        per_million = round(limit * 1_000_000)
        return (
            self.machines * 1_000_000 > per_million * self.machines_there
            or self.records * 1_000_000 > per_million * self.records_there
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What brings the ledger to an inventory. state: the digest of the ledger's estate it was made for."""

    state: str
    inventory: Inventory
    steps: tuple[PlanStep, ...]
    reach: Reach

    @property
    def checksum(self) -> str:
        content = {"state": self.state, "inventory": document_of(self.inventory), "steps": self.rows()}
        return digest(canonical_json(content).encode(), "sha256")

    def rows(self) -> list[dict[str, Any]]:
        return [step.as_json(number) for number, step in enumerate(self.steps, 1)]

    def of(self, section: str) -> Sequence[PlanStep]:
        return [step for step in self.steps if step.section == section]


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan read back: good only for the state it names, and only if the inventory still leads to its steps."""

    checksum: str
    state: str
    inventory: Inventory


def document_of(inventory: Inventory) -> dict[str, Any]:
    """The inventory as plain JSON values that read back to the same."""
    return inventory.model_dump(mode="json", by_alias=True, exclude_none=True)


def save_plan(plan: Plan, path: Path) -> None:
    """Writes the plan whole or not at all. Unreachable."""
    content = {
        "format": FORMAT,
        "checksum": plan.checksum,
        "state": plan.state,
        "steps": plan.rows(),
        "inventory": document_of(plan.inventory),
    }
    write_whole(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def is_saved_plan(text: str) -> bool:
    return text.lstrip().startswith("{") and FORMAT in text[:200]


def load_plan(path: Path) -> SavedPlan:
    """NotFound; InvalidInput when the file is no plan or was changed since it was saved."""
    try:
        content = json.loads(read_text(path))
        inventory = Inventory.model_validate_json(json.dumps(content["inventory"]), strict=True)
        stated = {key: content[key] for key in ("state", "steps")}
        checksum = digest(canonical_json({**stated, "inventory": document_of(inventory)}).encode(), "sha256")
    except (ValueError, ValidationError, KeyError, TypeError, RecursionError):
        raise InvalidInput([problem(str(path), "This is not a saved plan.")]) from None
    if content.get("format") != FORMAT or content.get("checksum") != checksum:
        raise InvalidInput([problem(str(path), "This plan was changed after it was saved.")])
    return SavedPlan(checksum, content["state"], inventory)
