"""An inventory as read: its entries, where each stands, and what was wrong with those that could not be read."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cloudctl.core.errors import Problem
from cloudctl.core.inventory.model import SECTIONS, Inventory
from cloudctl.core.yaml_problems import Loc, Marks, translated
from cloudctl.core.yaml_source import check_form, read_text
from cloudctl.core.yaml_tree import read_tree

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """inventory: the entries whose form is right. positions: where in the file's list each of them stands.

    problems: of form. broken: entries left out for their form, as they stand, by section and position: what they
    refer to is checked all the same, and who refers to one is not told that it doesn't exist.
    """

    inventory: Inventory
    marks: Marks
    positions: dict[str, tuple[int, ...]] = field(default_factory=dict)
    broken: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def place(self, section: str, position: int, *rest: str | int) -> str:
        """Where the entry (or a value in it) stands; of one that only the ledger holds, its name."""
        known = self.positions.get(section, ())
        if position < len(known):
            return self.marks.place((section, known[position], *rest))
        return _ledger_place(self.marks, section, getattr(self.inventory, section)[position])

    def entries(self, section: str) -> list["Entry"]:
        """All entries in the file's order, broken ones too."""
        typed = getattr(self.inventory, section) or ()
        positions = self.positions.get(section) or [-1] * len(typed)
        both = [*zip(positions, typed, strict=True), *self.broken.get(section, {}).items()]
        return [
            Entry(self.marks, section, (section, position) if position >= 0 else (), values)
            for position, values in sorted(both, key=lambda item: item[0])
        ]

    def completed(self, present: Inventory) -> "Draft":
        """With the sections the file leaves out as they are at present."""
        missing = {name: getattr(present, name) for name in SECTIONS if getattr(self.inventory, name) is None}
        return replace(self, inventory=self.inventory.model_copy(update=missing))


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry where it stands: a model, or the plain mapping of a broken one."""

    marks: Marks
    section: str
    loc: Loc
    values: Any

    def get(self, key: str) -> str | None:
        """The text it holds under a key, None when it holds none there."""
        value = self.values.get(key) if isinstance(self.values, dict) else getattr(self.values, key)
        return value if isinstance(value, str) else None

    def key(self) -> Key | None:
        """What names it, None when that is broken too."""
        parts = [self.get(name) for name in SECTIONS[self.section]]
        return None if None in parts else tuple(map(str, parts))

    def place(self, *rest: str) -> str:
        if self.loc:
            return self.marks.place((*self.loc, *rest))
        return _ledger_place(self.marks, self.section, self.values)


def load_draft(path: Path) -> Draft:
    """The file's inventory with its problems of form. NotFound; InvalidInput when it can't be read as YAML."""
    return parse_draft(read_text(path), str(path))


def parse_draft(text: str, name: str) -> Draft:
    """The same from a text; `name` stands for the file in places."""
    tree = read_tree(text, name)
    checked = check_form(tree.document, Inventory)
    if not isinstance(checked, ValidationError):
        return _draft(checked, tree.marks, {}, tree.document, tuple(tree.problems))
    problems = (*tree.problems, *translated(checked, tree.marks, tree.refused))
    bad = _bad_entries([error["loc"] for error in checked.errors(include_url=False)])
    sound = check_form(_pruned(tree.document, bad), Inventory)
    inventory = sound if isinstance(sound, Inventory) else Inventory(version=1)
    return _draft(inventory, tree.marks, bad, tree.document, problems)


def draft_of(inventory: Inventory, name: str) -> Draft:
    """A draft of an inventory that no file holds (a saved plan's, a generated city's)."""
    return Draft(inventory, Marks(name, {(): (1, 1)}))


def key_of(section: str, entry: Any) -> Key:
    """The values that name an entry of a section."""
    return tuple(str(getattr(entry, name)) for name in SECTIONS[section])


def _ledger_place(marks: Marks, section: str, entry: Any) -> str:
    """The file leaves the section out, so the entry stands in the ledger alone."""
    return f"{marks.place()} ({section}: {'/'.join(key_of(section, entry))})"


def _draft(
    inventory: Inventory, marks: Marks, bad: dict[str, set[int]], document: Any, problems: Sequence[Problem]
) -> Draft:
    positions, broken = {}, {}
    for section in SECTIONS:
        entries = document.get(section) if isinstance(document, dict) else None
        if isinstance(entries, list):
            left_out = bad.get(section, set())
            positions[section] = tuple(i for i in range(len(entries)) if i not in left_out)
            broken[section] = {i: entries[i] for i in left_out if i >= 0 and isinstance(entries[i], dict)}
    return Draft(inventory, marks, positions, broken, tuple(problems))


def _bad_entries(locs: Sequence[Loc]) -> dict[str, set[int]]:
    """The positions of broken entries by section; -1 stands for the section itself."""
    bad: dict[str, set[int]] = {}
    for loc in locs:
        if loc:
            position = loc[1] if len(loc) > 1 and isinstance(loc[1], int) else -1
            bad.setdefault(str(loc[0]), set()).add(position)
    return bad


def _pruned(document: Any, bad: dict[str, set[int]]) -> Any:
    """The document without its broken entries and without what is no section, version 1."""
    if not isinstance(document, dict):
        return {"version": 1}
    kept: dict[str, Any] = {"version": 1}
    for section in SECTIONS:
        entries = document.get(section)
        if isinstance(entries, list):
            left_out = bad.get(section, set())
            kept[section] = [entry for i, entry in enumerate(entries) if i not in left_out]
    return kept
