"""Pools that could not be asked, each with why: none of them keeps the others from answering."""

from collections.abc import Mapping

from cloudctl.core.errors import CloudctlError, Problem, Unreachable


def require_answers(unasked: Mapping[str, CloudctlError]) -> None:
    """Unreachable, with every pool's reasons, when there is any."""
    if unasked:
        raise Unreachable(
            "{count} pool(s) could not be asked.", count=len(unasked), problems=reasons_of(unasked)
        )


def reasons_of(unasked: Mapping[str, CloudctlError]) -> list[Problem]:
    """By pool: why, of which hosts, and what to do about it."""
    return [
        reason
        for code, failure in unasked.items()
        for reason in (
            Problem(code, failure.message),
            *failure.problems,
            *([Problem(code, failure.hint)] if failure.hint else []),
        )
    ]
