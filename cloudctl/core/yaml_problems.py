"""Where things stand in a YAML file, and pydantic's errors about them in our own words."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from cloudctl.core.errors import Message, Problem, problem

Loc = tuple[str | int, ...]

_NOT_WHOLE = Message("{key}: {value} is not a whole number.")
_NOT_NUMBER = Message("{key}: {value} is not a number.")
_NOT_BOOLEAN = Message("{key}: {value} is neither true nor false.")
_NOT_LIST = Message("{key}: a list is wanted here.")
_NOT_MAPPING = Message("{key}: a mapping (key: value) is wanted here.")
_NOT_CHOICE = Message("{key}: {value} is none of {expected}.")
_NOT_TIME = Message("{key}: “{value}” is not a time like 2026-10-01T00:00:00+08:00.")
_TOO_SHORT = Message("{key}: at least {min_length} wanted.")
_TOO_LONG = Message("{key}: at most {max_length} allowed.")
_WORDS = {
    "missing": Message("“{name}” is missing."),
    "extra_forbidden": Message("The key “{name}” is not known here."),
    "timezone_aware": Message("{key}: “{value}” has no offset; write 2026-10-01T00:00:00+08:00."),
    "int_type": _NOT_WHOLE,
    "int_parsing": _NOT_WHOLE,
    "int_parsing_size": _NOT_WHOLE,
    "int_from_float": _NOT_WHOLE,
    "float_type": _NOT_NUMBER,
    "float_parsing": _NOT_NUMBER,
    "finite_number": _NOT_NUMBER,
    "decimal_type": _NOT_NUMBER,
    "decimal_parsing": _NOT_NUMBER,
    "bool_type": _NOT_BOOLEAN,
    "bool_parsing": _NOT_BOOLEAN,
    "string_type": Message("{key}: {value} is not text; put it in quotes if it is meant as text."),
    "list_type": _NOT_LIST,
    "tuple_type": _NOT_LIST,
    "dict_type": _NOT_MAPPING,
    "model_type": _NOT_MAPPING,
    "dataclass_type": _NOT_MAPPING,
    "literal_error": _NOT_CHOICE,
    "enum": _NOT_CHOICE,
    "greater_than_equal": Message("{key}: {value} is less than {ge}."),
    "greater_than": Message("{key}: {value} is not above {gt}."),
    "less_than_equal": Message("{key}: {value} is more than {le}."),
    "less_than": Message("{key}: {value} is not below {lt}."),
    "too_short": _TOO_SHORT,
    "too_long": _TOO_LONG,
    "string_too_short": _TOO_SHORT,
    "string_too_long": _TOO_LONG,
    "string_pattern_mismatch": Message("{key}: “{value}” does not have the form {pattern}."),
    "datetime_type": _NOT_TIME,
    "datetime_parsing": _NOT_TIME,
    "datetime_from_date_parsing": _NOT_TIME,
    "datetime_object_invalid": _NOT_TIME,
    "date_type": Message("{key}: “{value}” is not a date like 2026-10-01."),
    "date_parsing": Message("{key}: “{value}” is not a date like 2026-10-01."),
    "date_from_datetime_parsing": Message("{key}: “{value}” is not a date like 2026-10-01."),
}


@dataclass(slots=True)
class Marks:
    """Where each value, and each key, of a document stands; paths are tuples of keys and list positions."""

    file: str
    values: dict[Loc, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Loc, tuple[int, int]] = field(default_factory=dict)

    def place(self, loc: Loc = ()) -> str:
        """ "file:line:column" of the value at loc, or of the nearest one around it that was written down."""
        return self._place(self.values, loc)

    def key_place(self, loc: Loc) -> str:
        """ "file:line:column" of the key at loc."""
        return self._place(self.keys if loc in self.keys else self.values, loc)

    def known(self, loc: Loc) -> Loc:
        """The longest beginning of loc that stands in the document."""
        while loc and loc not in self.values:
            loc = loc[:-1]
        return loc

    def _place(self, marks: dict[Loc, tuple[int, int]], loc: Loc) -> str:
        line, column = marks.get(loc) or self.values.get(self.known(loc), (1, 1))
        return f"{self.file}:{line}:{column}"


def translated(failure: ValidationError, marks: Marks, refused: Collection[Loc]) -> Iterator[Problem]:
    """Every error with its place; values refused before (aliases, tags) are not spoken of again."""
    for error in failure.errors(include_url=False):
        loc = marks.known(error["loc"])
        if not any(loc[: len(bad)] == bad for bad in refused):
            yield _translated(error, loc, marks)


def _translated(error: Any, loc: Loc, marks: Marks) -> Problem:
    kind, ctx = error["type"], error.get("ctx", {})
    place = marks.key_place(loc) if kind == "extra_forbidden" else marks.place(loc)
    if kind == "cloudctl":
        return problem(place, ctx["template"], **ctx["values"])
    if kind == "model_type" and not loc:
        return problem(place, "The file must hold a mapping (key: value).")
    key = next((part for part in reversed(loc) if isinstance(part, str)), "")
    if kind not in _WORDS:
        return problem(place, "{key}: {reason}", key=key, reason=error["msg"])
    if "expected" in ctx:
        ctx["expected"] = ctx["expected"].replace("'", "").replace(" or ", ", ")
    ctx = {name: f"{limit:g}" if isinstance(limit, float) else limit for name, limit in ctx.items()}
    name = error["loc"][-1] if error["loc"] else ""
    return problem(place, _WORDS[kind].template, **ctx, key=key, name=name, value=_shown(error["input"]))


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "{…}" if isinstance(value, dict) else "[…]"
    text = str(value).lower() if isinstance(value, bool) or value is None else str(value)
    text = "null" if value is None else text
    return text if len(text) <= 60 else text[:57] + "…"
