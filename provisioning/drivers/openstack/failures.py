"""What a cloud's refusals and silences become: our errors, with the cloud's own words in them."""

from typing import Any

from keystoneauth1 import exceptions as ksa

from cloudctl.core.errors import CloudctlError, Message, Refused, Unreachable


class Rejected(Refused):
    """The cloud answered 4xx: it did nothing. status: of HTTP; reason: the cloud's words."""

    def __init__(self, pool: str, status: int, reason: str) -> None:
        super().__init__("Pool {pool}: the cloud refused: {reason}", pool=pool, reason=reason)
        self.status = status
        self.reason = reason


class Lost(Unreachable):
    """A request that creates something went out and its answer did not come back: it may have been done."""


def rejection(pool: str, response: Any) -> Rejected:
    """Of a response of 400 to 499."""
    return Rejected(pool, response.status_code, reason_of(response))


def reason_of(response: Any) -> str:
    """The cloud's words in an error's body; every service wraps them otherwise."""
    try:
        document = response.json()
    except ValueError:
        return f"HTTP {response.status_code}"
    return _words(document) or f"HTTP {response.status_code}"


def _words(document: Any) -> str:
    if isinstance(document, str):
        return document
    if isinstance(document, list):
        return "; ".join(filter(None, map(_words, document)))
    if isinstance(document, dict):
        for key in ("message", "detail", "faultstring"):
            if isinstance(document.get(key), str):
                return str(document[key])
        return "; ".join(filter(None, (_words(value) for value in document.values() if value)))
    return ""


def silence(pool: str, error: Exception) -> CloudctlError:
    """Of an exception of the SDK that is no answer of the service asked."""
    reason = " ".join(str(error).split())[:300]
    if isinstance(error, ksa.Unauthorized):
        return Unreachable(
            "Pool {pool}: the cloud does not accept the credentials of clouds.yaml.", pool=pool
        )
    if isinstance(error, ksa.SSLError):
        return Unreachable("Pool {pool}: no secure connection: {reason}", pool=pool, reason=reason)
    if isinstance(error, ksa.EndpointNotFound | ksa.CatalogException):
        return Refused("Pool {pool}: the cloud lacks a service: {reason}", pool=pool, reason=reason)
    return Unreachable(
        "Pool {pool} does not answer: {reason}",
        pool=pool,
        reason=reason,
        hint=Message("Look at auth_url and the network between here and the cloud."),
    )


def never_sent(error: BaseException) -> bool:
    """Whether the connection was not even made, so that nothing can have been done."""
    seen: list[BaseException] = []
    todo: list[BaseException | None] = [error]
    while todo:
        current = todo.pop()
        if current is None or current in seen:
            continue
        seen.append(current)
        if type(current).__name__ in ("NewConnectionError", "ConnectTimeoutError", "NameResolutionError"):
            return True
        todo += [current.__cause__, current.__context__, getattr(current, "reason", None)]
        todo += [argument for argument in current.args if isinstance(argument, BaseException)]
    return False
