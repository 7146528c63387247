"""One service of a cloud: requests with a pinned microversion, retried where that is safe, errors made ours."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from keystoneauth1 import exceptions as ksa
from keystoneauth1.adapter import Adapter

from cloudctl.core.errors import Refused, Unreachable
from provisioning.drivers.openstack.failures import Lost, never_sent, reason_of, rejection, silence
from provisioning.drivers.openstack.patience import LONGEST_PAUSE, REQUEST_SECONDS, RETRY_PAUSES, pause

JsonMap = dict[str, Any]
# A cloud gives no more at once (osapi_max_limit, query_limit).
PAGE = 1000
# Bytes of a file read at a time.
BLOCK = 1 << 20
# A proxy's or a server's trouble that passes; of these only 429 says that nothing was done.
PASSING = (429, 500, 502, 503, 504)


@dataclass(slots=True)
class Endpoint:
    """adapter: of keystoneauth, authenticated in one project. microversion: what every request asks for."""

    adapter: Adapter
    pool: str
    service: str
    microversion: str | None = None

    def get(self, path: str, *, microversion: str | None = None, **params: Any) -> JsonMap:
        return self.request("GET", path, params=params, microversion=microversion)

    def post(self, path: str, body: Mapping[str, Any], *, is_repeatable: bool = False) -> JsonMap:
        return self.request("POST", path, body=body, is_repeatable=is_repeatable)

    def put(self, path: str, body: Mapping[str, Any] | None = None) -> JsonMap:
        return self.request("PUT", path, body=body)

    def send(self, path: str, file: Path) -> None:
        """A file's content."""
        with file.open("rb") as content:
            self._once("PUT", path, "application/octet-stream", data=content, log=False)

    def received(self, path: str) -> Iterator[bytes]:
        """A file's content, in pieces."""
        response = self._once("GET", path, stream=True, log=False)
        try:
            yield from response.iter_content(BLOCK)
        except OSError as error:
            raise silence(self.pool, error) from None
        finally:
            response.close()

    def patch(self, path: str, kind: str, changes: Sequence[Mapping[str, Any]]) -> None:
        """kind: what the service calls such a list of changes."""
        self._once("PATCH", path, kind, json=changes)

    def delete(self, path: str) -> None:
        """Gone already is gone."""
        try:
            self.request("DELETE", path)
        except Refused as error:
            if getattr(error, "status", None) != 404:
                raise

    def find(self, path: str) -> JsonMap | None:
        """What stands there, or None."""
        try:
            return self.get(path)
        except Refused as error:
            if getattr(error, "status", None) == 404:
                return None
            raise

    def pages(self, path: str, key: str, **params: Any) -> Iterator[JsonMap]:
        """Every entry of a list, page by page, by the links the cloud gives."""
        asked: dict[str, Any] = {"limit": PAGE, **params}
        while True:
            document = self.get(path, **asked)
            yield from document[key]
            link = _next_link(document, key)
            if link is None or not document[key]:
                return
            asked = {**asked, **dict(parse_qsl(urlsplit(link).query))}

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        microversion: str | None = None,
        is_repeatable: bool = False,
    ) -> JsonMap:
        """The answer's document. Rejected on 4xx; Unreachable on silence, Lost when it may have been done."""
        may_repeat = is_repeatable or method != "POST"
        for wait in (*RETRY_PAUSES, None):
            try:
                response = self._send(method, path, body, params, microversion)
            except ksa.ConnectionError as error:
                sent = not never_sent(error)
                if wait is None or isinstance(error, ksa.SSLError) or (sent and not may_repeat):
                    raise self._lost(error, sent and not may_repeat) from None
            except ksa.ClientException as error:
                raise silence(self.pool, error) from None
            else:
                if response.status_code not in PASSING:
                    return self._document(response)
                if wait is None or not (may_repeat or response.status_code == 429):
                    raise self._ailing(response, may_repeat)
                pause(_pause_asked(response, wait))
                continue
            pause(wait)
        raise AssertionError("the last try returns or raises")

    def _once(self, method: str, path: str, kind: str | None = None, **options: Any) -> Any:
        """In one try: what became of it when that fails is the caller's to find out."""
        headers = {"Content-Type": kind} if kind else {}
        try:
            response = self._asked(method, path, headers=headers, **options)
        except ksa.ClientException as error:
            raise silence(self.pool, error) from None
        if response.status_code in PASSING:
            raise self._ailing(response, True)
        if response.status_code >= 400:
            self._document(response)
        return response

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        params: Mapping[str, Any] | None,
        microversion: str | None,
    ) -> Any:
        extra: JsonMap = {"json": body} if body is not None else {}
        asked = microversion or self.microversion
        return self._asked(method, path, params=dict(params or {}), microversion=asked, **extra)

    def _asked(self, method: str, path: str, **options: Any) -> Any:
        return self.adapter.request(
            path, method, raise_exc=False, connect_retries=0, timeout=REQUEST_SECONDS, **options
        )

    def _document(self, response: Any) -> JsonMap:
        if response.status_code == 401:
            raise silence(self.pool, ksa.Unauthorized(reason_of(response)))
        if response.status_code >= 400:
            raise rejection(self.pool, response)
        return response.json() if response.content else {}

    def _lost(self, error: Exception, is_uncertain: bool) -> Exception:
        told = silence(self.pool, error)
        if not is_uncertain:
            return told
        return Lost("Pool {pool} does not answer: {reason}", **told.message.values)

    def _ailing(self, response: Any, may_repeat: bool) -> Unreachable:
        kind = Unreachable if may_repeat or response.status_code == 429 else Lost
        return kind(
            "Pool {pool}: {service} is in trouble: {reason}",
            pool=self.pool,
            service=self.service,
            reason=reason_of(response),
        )


def _next_link(document: JsonMap, key: str) -> str | None:
    links = document.get(f"{key}_links") or []
    if isinstance(document.get("links"), dict):
        link: str | None = document["links"].get("next")
        return link
    return next((str(link["href"]) for link in links if link.get("rel") == "next"), None)


def _pause_asked(response: Any, otherwise: float) -> float:
    asked = response.headers.get("Retry-After", "")
    return min(float(asked), LONGEST_PAUSE) if asked.isdecimal() else otherwise
