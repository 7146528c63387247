"""Settings of one home: HOME/cloudctl.toml, each overridable by CLOUDCTL_<SECTION>_<KEY>; unknown keys are errors."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cloudctl.core.errors import InvalidInput, Problem, problem

FILE_NAME = "cloudctl.toml"


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Ledger(Section):
    """url: SQLAlchemy URL; empty means HOME/ledger.sqlite."""

    url: str = ""


class ClockSettings(Section):
    """driven: time stands in HOME/clock and is moved by hand; for homes whose clouds are all simulated."""

    mode: Literal["system", "driven"] = "system"


class IdentitySettings(Section):
    """bound: on a shared install --as is refused and the OS login alone says who acts."""

    bound: bool = False


class InventorySettings(Section):
    """plan_limit: the share of machines a plan may remove or shrink without --force."""

    plan_limit: float = Field(0.10, ge=0, le=1)


class MachinesSettings(Section):
    """keep_days: how long a retired machine is kept aside; per_host, parallel: steps at once on a host, in all;
    retries: how often an unanswered step is asked again before it is left uncertain."""

    keep_days: int = Field(14, ge=0)
    per_host: int = Field(2, ge=1, le=64)
    parallel: int = Field(8, ge=1, le=256)
    retries: int = Field(2, ge=0, le=20)


class MeteringSettings(Section):
    """interval_s: the sweep grid; deadline_s: what one host may take; raw_days: how long raw samples are kept."""

    interval_s: int = Field(300, ge=10, le=3600)
    deadline_s: int = Field(60, ge=1)
    raw_days: int = Field(400, ge=90)


class ReviewSettings(Section):
    """Times in days, workdays where said; quorum in votes. reminder_workdays: a last term after a reminder; 0: none."""

    answer_workdays: int = Field(10, ge=0)
    reminder_workdays: int = Field(0, ge=0)
    accept_skips_panel: bool = True
    quorum: int = Field(3, ge=1)
    secret_ballot: bool = False
    watch_days: int = Field(14, ge=1)
    recent_decision_days: int = Field(30, ge=0)


class SettlementSettings(Section):
    """confirm_workdays: a unit's time to answer; coverage_threshold: below it a line billed by use is held back."""

    confirm_workdays: int = Field(5, ge=0)
    coverage_threshold: float = Field(0.95, ge=0, le=1)


class RequestSettings(Section):
    """grant_days: how long a grant keeps its capacity and budget before it lapses. notice_days: how long before the
    end of a machine's term its unit is told."""

    grant_days: int = Field(60, ge=1)
    notice_days: int = Field(30, ge=0)


class DaemonSettings(Section):
    """Where /metrics listens; port 0 turns it off."""

    metrics_address: str = "127.0.0.1"
    metrics_port: int = Field(9465, ge=0, le=65535)


class Settings(Section):
    ledger: Ledger = Ledger()
    clock: ClockSettings = ClockSettings()
    identity: IdentitySettings = IdentitySettings()
    inventory: InventorySettings = InventorySettings()
    machines: MachinesSettings = MachinesSettings()
    metering: MeteringSettings = MeteringSettings()
    review: ReviewSettings = ReviewSettings()
    settlement: SettlementSettings = SettlementSettings()
    requests: RequestSettings = RequestSettings()
    daemon: DaemonSettings = DaemonSettings()


def load_settings(home: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """The home's settings. InvalidInput with every wrong key at once, each with its file and line or its variable."""
    path = home / FILE_NAME
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    try:
        document: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as failure:
        raise InvalidInput([problem(str(path), "This is not TOML: {reason}", reason=str(failure))]) from None
    _override(document, environment)
    try:
        return Settings.model_validate(document)
    except ValidationError as failure:
        raise InvalidInput([_problem(path, text, environment, error) for error in failure.errors()]) from None


def _override(document: dict[str, Any], environment: Mapping[str, str]) -> None:
    for name, section in Settings.model_fields.items():
        keys = section.annotation.model_fields if section.annotation else {}
        for key in keys:
            value = environment.get(_variable(name, key))
            if value is not None:
                document.setdefault(name, {})[key] = value


def _variable(section: str, key: str) -> str:
    return f"CLOUDCTL_{section}_{key}".upper()


def _problem(path: Path, text: str, environment: Mapping[str, str], error: Any) -> Problem:
    section, key = str(error["loc"][0]), str(error["loc"][-1])
    lines = (n for n, line in enumerate(text.splitlines(), 1) if line.strip(" [").startswith(key))
    place = f"{path}:{next(lines, 1)}:1"
    if (variable := _variable(section, key)) in environment:
        place = variable
    return problem(place, "{key}: {reason}", key=".".join(map(str, error["loc"])), reason=error["msg"])
