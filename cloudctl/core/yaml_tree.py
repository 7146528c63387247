"""A YAML text as plain values with the place of each: bounded, without aliases, tags or duplicate keys."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import yaml

from cloudctl.core.errors import InvalidInput, Message, Problem
from cloudctl.core.yaml_problems import Loc, Marks

MAX_DEPTH = 32
MAX_NODES = 3_000_000

# The plain scalars of YAML 1.2's core schema, without octal, hexadecimal and infinity: those stay text,
# and so does a number with leading zeros. YAML 1.1's traps (no = false, 22:00 = 1320) are not ours.
_NULL = frozenset({"", "~", "null"})
_BOOL = {"true": True, "false": False}
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")


def read_tree(text: str, name: str) -> "Tree":
    """The text's one document. InvalidInput at once where nothing sensible can follow."""
    tree = Tree(name)
    tree.read(text)
    return tree


class Tree:
    """Builds the document from the parser's events: no recursion, no aliases, no tags, no duplicate keys."""

    def __init__(self, name: str) -> None:
        self.document: Any = None
        self.marks = Marks(name)
        self.problems: list[Problem] = []
        self.refused: set[Loc] = set()
        self._open: list[_Branch] = []
        self._nodes = 0
        self._documents = 0

    def read(self, text: str) -> None:
        """Takes in the whole text; InvalidInput at once where nothing sensible can follow."""
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            for event in _events(text, loader):
                self._take(event)
        except yaml.MarkedYAMLError as failure:
            self._stop(_position(failure.problem_mark), _not_yaml(failure.problem or ""))
        except yaml.YAMLError as failure:
            self._stop((1, 1), _not_yaml(str(failure).splitlines()[0]))
        if not self._documents:
            self._stop((1, 1), Message("The file is empty."))

    def _take(self, event: yaml.Event) -> None:
        at = _position(event.start_mark)
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._stop(at, Message("A second document begins here; the file may hold only one."))
        elif isinstance(event, yaml.AliasEvent):
            self._place_value(
                None, at, Message("Aliases (*{anchor}) are not allowed.", {"anchor": event.anchor})
            )
        elif isinstance(event, yaml.ScalarEvent):
            self._scalar(event, at)
        elif isinstance(event, yaml.MappingStartEvent):
            self._begin({}, event, at)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._begin([], event, at)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._open.pop()

    def _scalar(self, event: yaml.ScalarEvent, at: tuple[int, int]) -> None:
        refusal = _tag_refusal(event.tag)
        branch = self._open[-1] if self._open else None
        if branch and branch.wants_key:
            self._key(branch, event.value, at)
        elif "\\" in repr(event.value) and not _is_unicode(event.value):
            self._place_value(None, at, Message("This text is not Unicode."))
        else:
            value = _plain(event.value) if event.implicit[0] and not event.style else event.value
            self._place_value(value, at, refusal)

    def _key(self, branch: "_Branch", key: str, at: tuple[int, int]) -> None:
        branch.key = key
        branch.is_duplicate = key in branch.value
        if branch.is_duplicate:
            first = self.marks.keys[(*branch.loc, key)][0]
            values = {"key": key, "line": first}
            message = Message(
                "The key “{key}” stands here a second time; the first is in line {line}.", values
            )
            self._note(at, message)
        else:
            self.marks.keys.setdefault((*branch.loc, key), at)

    def _begin(self, value: Any, event: Any, at: tuple[int, int]) -> None:
        if self._open and self._open[-1].wants_key:
            self._stop(at, Message("A key must be plain text."))
        if len(self._open) >= MAX_DEPTH:
            self._stop(at, Message("The file is nested deeper than {limit} levels.", {"limit": MAX_DEPTH}))
        loc = self._place_value(value, at, _tag_refusal(event.tag))
        self._open.append(_Branch(value, loc))

    def _place_value(self, value: Any, at: tuple[int, int], refusal: Message | None = None) -> Loc:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self._stop(at, Message("The file holds more than {limit} values.", {"limit": MAX_NODES}))
        loc: Loc = ()
        if not self._open:
            self.document = value
        else:
            branch = self._open[-1]
            if refusal and branch.wants_key:
                self._stop(at, Message("A key must be plain text."))
            loc = branch.put(value)
        self.marks.values.setdefault(loc, at)
        if refusal:
            self.refused.add(loc)
            self._note(at, refusal)
        return loc

    def _note(self, at: tuple[int, int], message: Message) -> None:
        self.problems.append(Problem(f"{self.marks.file}:{at[0]}:{at[1]}", message))

    def _stop(self, at: tuple[int, int], message: Message) -> NoReturn:
        self._note(at, message)
        raise InvalidInput(self.problems)


@dataclass(slots=True)
class _Branch:
    """A mapping or list being filled."""

    value: Any
    loc: Loc
    key: str | None = None
    is_duplicate: bool = False

    @property
    def wants_key(self) -> bool:
        return isinstance(self.value, dict) and self.key is None

    def put(self, value: Any) -> Loc:
        """Adds the value; a second value of the same key is checked for form and dropped."""
        if isinstance(self.value, list):
            self.value.append(value)
            return (*self.loc, len(self.value) - 1)
        key = self.key or ""
        self.key = None
        if not self.is_duplicate:
            self.value[key] = value
        return (*self.loc, key)


def _events(text: str, loader: Any) -> Iterator[yaml.Event]:
    yield from yaml.parse(text, Loader=loader)


def _position(mark: Any) -> tuple[int, int]:
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _tag_refusal(tag: str | None) -> Message | None:
    return None if tag in (None, "!") else Message("Tags ({tag}) are not allowed.", {"tag": tag})


def _not_yaml(reason: str) -> Message:
    return Message("This is not YAML: {reason}", {"reason": reason})


def _plain(text: str) -> Any:
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text):
        return int(text)
    if (
        _FLOAT.fullmatch(text)
        and not re.match(r"[-+]?0[0-9]", text)
        and not re.fullmatch(r"[-+]?[0-9]+", text)
    ):
        number = float(text)
        return number if math.isfinite(number) else text
    return text


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
