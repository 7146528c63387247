"""The errors people see: a translatable message, what to do next, and the exit code of the command line."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Message:
    """An English template with its values; the catalogue turns it into the reader's language."""

    template: str
    values: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.template.format(**self.values)


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why an input was refused, with its place ("file:line:column", or "" when it has none)."""

    place: str
    message: Message

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else str(self.message)


def problem(place: str, template: str, **values: Any) -> Problem:
    return Problem(place, Message(template, values))


class CloudctlError(Exception):
    """Root of all expected failures; problems: its reasons one by one, where there are several.

    Exit code 1 unless a subclass says otherwise.
    """

    exit_code = 1

    def __init__(
        self, template: str, *, hint: Message | None = None, problems: Sequence[Problem] = (), **values: Any
    ) -> None:
        self.message = Message(template, values)
        self.hint = hint
        self.problems = tuple(problems)
        super().__init__(template)

    def __str__(self) -> str:
        return str(self.message)


class UsageError(CloudctlError):
    """The command was called in a way it does not understand."""

    exit_code = 2


class InvalidInput(CloudctlError):
    """Input refused whole: nothing changed, every reason listed."""

    exit_code = 3

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(
            "The input was refused and nothing was changed: {count} problem(s).",
            problems=problems,
            count=len(problems),
        )

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *map(str, self.problems)])


class NotFound(CloudctlError):
    """What was named does not exist."""

    exit_code = 4


class Refused(CloudctlError):
    """Not allowed: by state, policy, rights or four eyes."""

    exit_code = 5


class Unreachable(CloudctlError):
    """A back end or the database does not answer."""

    exit_code = 6


class Differences(CloudctlError):
    """A check found differences; the finding itself has gone to stdout."""

    exit_code = 7
