"""The under-use rule as data: what a file of it may hold, and the version that comes with cloudctl."""

from datetime import date
from decimal import Decimal
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer

from cloudctl.core.audit import digest
from cloudctl.core.database import canonical_json
from cloudctl.core.yaml_source import ExactText, YamlModel, load_document

PACKAGED_VERSION = 1

Share = Annotated[ExactText, Field(ge=0, le=1), PlainSerializer(str, when_used="json")]
Positive = Annotated[int, Field(ge=1)]
MeterName = Literal["cpu", "memory", "storage"]


class Mark(YamlModel):
    """What marks a machine: the mean of a meter over the window, on enough evidence."""

    meters: Annotated[tuple[MeterName, ...], Field(min_length=1)]
    mean_below: Share
    window_days: Annotated[int, Field(ge=1, le=366)]
    coverage_at_least: Share


class Target(YamlModel):
    """What a proposed size must hold: p95 of use and steal together, and the window's maximum.

    evidence_hours: what must have been measured since the last resize.
    """

    evidence_hours: Annotated[int, Field(ge=1)]
    p95_at_most: Share
    max_below: Annotated[ExactText, Field(gt=0, le=10), PlainSerializer(str, when_used="json")]


class Steps(YamlModel):
    """Steps of sizes, or their floors."""

    vcpus: Positive
    memory_mib: Positive
    storage_gib: Positive


class Idle(YamlModel):
    """What nobody uses; rates are means over the days."""

    days: Annotated[int, Field(ge=1, le=366)]
    cpu_p95_below: Share
    network_bytes_per_s_below: Positive
    disk_written_bytes_per_s_below: Positive


class Starved(YamlModel):
    p95_above: Share
    steal_above: Share


class Watch(YamlModel):
    """What proposes a rollback, once so many hours have been measured at the new size."""

    p95_above: Share
    steal_above: Share
    after_hours: Annotated[int, Field(ge=0)]


class Rule(YamlModel):
    """The rule whole; valid_from is a date in the site's zone."""

    valid_from: date
    mark: Mark
    target: Target
    steps: Steps
    floors: Steps
    idle: Idle
    starved: Starved
    watch: Watch

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json")


def load_rule(path: Path) -> Rule:
    """The rule of a file. NotFound, or InvalidInput with every problem."""
    rule, _ = load_document(path, Rule)
    return rule


def packaged_rule() -> Rule:
    """Version 1: the file that comes with cloudctl."""
    with as_file(files("policies").joinpath("underuse.yaml")) as path:
        return load_rule(path)


def rule_from_json(document: dict[str, Any]) -> Rule:
    """A version as the ledger keeps it."""
    return Rule.model_validate_json(canonical_json(document))


def rule_hash(document: dict[str, Any]) -> str:
    return digest(canonical_json(document).encode())


def as_float(share: Decimal) -> float:
    """For comparison with measured figures, which are floats; never for money."""
    return float(share)
