"""What sets two inventories apart, record by record; machines are the planner's."""

from collections.abc import Iterator, Mapping
from typing import Any

from cloudctl.core.inventory.draft import Key, key_of
from cloudctl.core.inventory.model import SECTIONS, Inventory
from cloudctl.core.inventory.plan import MACHINES, PlanStep
from cloudctl.core.yaml_source import YamlModel

Records = dict[Key, dict[str, Any]]


def record_steps(present: Inventory, wanted: Inventory, founders: frozenset[str]) -> list[PlanStep]:
    """Adds and changes, what is referred to first; then removals, what refers first. Founders are kept."""
    sections = [section for section in SECTIONS if section != MACHINES]
    steps = list(_site_steps(present, wanted))
    for section in sections:
        steps += _added_or_changed(section, records(present, section), records(wanted, section))
    for section in reversed(sections):
        kept = {(login,) for login in founders} if section == "people" else set()
        there, after = records(present, section), records(wanted, section)
        gone = [key for key in there if key not in after and key not in kept]
        steps += [PlanStep("remove", section, key, there[key], None) for key in sorted(gone)]
    return steps


def records(inventory: Inventory, section: str) -> Records:
    """The entries of a section by key, as plain values without what is empty."""
    return {key_of(section, entry): plain(entry) for entry in getattr(inventory, section) or ()}


def plain(entry: YamlModel) -> dict[str, Any]:
    values = entry.model_dump(mode="json", by_alias=True, exclude_none=True)
    if "roles" in values:
        values["roles"] = sorted(values["roles"])
    return {key: value for key, value in values.items() if value not in ({}, [])}


def _site_steps(present: Inventory, wanted: Inventory) -> Iterator[PlanStep]:
    if wanted.site is None or present.site is None:
        return
    there, after = plain(present.site), plain(wanted.site)
    changed = [key for key in after if after[key] != there.get(key)]
    if changed:
        yield PlanStep("change", "site", (), _only(there, changed), _only(after, changed))


def _added_or_changed(section: str, there: Records, after: Records) -> Iterator[PlanStep]:
    for key, values in after.items():
        if key not in there:
            yield PlanStep("add", section, key, None, values)
        elif there[key] != values:
            names = {*there[key], *values}
            changed = sorted(name for name in names if there[key].get(name) != values.get(name))
            yield PlanStep("change", section, key, _only(there[key], changed), _only(values, changed))


def _only(values: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    return {name: values.get(name) for name in names}
