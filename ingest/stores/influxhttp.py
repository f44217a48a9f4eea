"""One InfluxDB over HTTP: which server it is, requests with a time limit, and answers as ours.

The transport is influxdb-client's: its pool, TLS, time limits and headers.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from ingest.errors import RejectedError, RetryableError

if TYPE_CHECKING:
    from influxdb_client.client.influxdb_client import InfluxDBClient

TIMEOUT_S = 10.0
"""How long one request may take, connecting included."""


SAID_NO = frozenset({400, 403, 404, 409, 413, 422})
"""Answers that are about this request. All others are about the server or the credentials, and may change."""


class RefusalError(RejectedError):
    """The server does not do what it was asked; `status` is its HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Kind(StrEnum):
    """Which interface a server speaks."""

    V1 = "1.x"
    V2 = "2.x"
    V3 = "3.x"
    OTHER = "another server with /api/v2/write"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said: `status` is 2xx or one of `SAID_NO`; anything else was raised."""

    status: int
    text: str

    @property
    def ok(self) -> bool:
        """Whether the server did it."""
        return 200 <= self.status < 300

    @property
    def error(self) -> str:
        """The server's reason, on one line."""
        try:
            said = orjson.loads(self.text)
            reason = said.get("error") or said.get("message") or self.text
        except (orjson.JSONDecodeError, AttributeError):
            reason = self.text
        return " ".join(str(reason).split())[:500] or f"status {self.status}"


class InfluxHttp:
    """Requests to the server at `url`; safe to use from any thread.

    Raises RetryableError, naming the server, when it is away, busy or refuses the credentials: all of that may be
    mended without losing data.
    """

    def __init__(self, url: str, token: str, org: str, ca_file: Path | None, timeout_s: float = TIMEOUT_S) -> None:
        self.url = url.rstrip("/")
        self.org = org
        self._token, self._ca_file, self._timeout_s = token, ca_file, timeout_s
        self._lock = threading.Lock()
        self._client: InfluxDBClient | None = None
        self._kind: Kind | None = None

    def kind(self) -> Kind:
        """Which interface the server speaks, asked once."""
        with self._lock:
            if self._kind is None:
                self._kind = self._ask_kind()
                self._drop_client()  # 1.x takes the credentials in another form
            return self._kind

    def _ask_kind(self) -> Kind:
        _, headers, _ = self._send("GET", "/ping", {}, None, "")
        version = next((value for name, value in headers.items() if name.lower() == "x-influxdb-version"), "")
        return {"1": Kind.V1, "2": Kind.V2, "3": Kind.V3}.get(version.lstrip("v")[:1], Kind.OTHER)

    def request(
        self, method: str, path: str, params: Mapping[str, str], body: object = None, content: str = "application/json"
    ) -> Answer:
        """Send a request: `body` is text, or for JSON anything that JSON holds."""
        self.kind()
        status, _, text = self._send(method, path, params, body, content)
        answer = Answer(status, text)
        if answer.ok or status in SAID_NO:
            return answer
        if status == 401:
            raise RetryableError(f"{self.url}: refuses the credentials in store.token: {answer.error}")
        raise RetryableError(f"{self.url}: answers {status}: {answer.error}")

    def json(self, method: str, path: str, params: Mapping[str, str], body: object = None) -> Any:
        """What the server says in JSON. Raises RefusalError if it does not do it."""
        answer = self.request(method, path, params, body)
        if not answer.ok:
            raise RefusalError(f"{self.url}: {answer.error}", answer.status)
        try:
            return orjson.loads(answer.text or "null")
        except orjson.JSONDecodeError as error:
            raise RejectedError(f"{self.url}: says no JSON: {answer.text[:100]!r}") from error

    def _send(
        self, method: str, path: str, params: Mapping[str, str], body: object, content: str
    ) -> tuple[int, Mapping[str, str], str]:
        from influxdb_client.rest import ApiException
        from urllib3.exceptions import HTTPError

        api = self._connected().api_client
        headers = {"Content-Type": content or "application/json", "Accept": "application/json"}
        try:
            response = api.request(  # type: ignore[no-untyped-call]
                method,
                self.url + path,
                query_params=dict(params),
                headers=headers | api.default_headers,
                body=body,
                _preload_content=True,
                _request_timeout=self._timeout_s * 1000,
            )
        except ApiException as error:
            if not error.status:
                raise RetryableError(f"{self.url}: {' '.join(str(error.reason).split())}") from error
            return error.status, error.headers or {}, str(error.body or "")
        except HTTPError as error:
            raise RetryableError(f"{self.url}: no answer: {error}") from error
        except UnicodeDecodeError as error:
            raise RetryableError(f"{self.url}: answers something that is no text") from error
        return response.status, response.getheaders(), response.data

    def _connected(self) -> InfluxDBClient:
        if self._client is None:
            from influxdb_client.client.influxdb_client import InfluxDBClient

            self._client = InfluxDBClient(
                self.url,
                self._token,
                org=self.org,
                timeout=round(self._timeout_s * 1000),
                ssl_ca_cert=str(self._ca_file) if self._ca_file else None,
                auth_basic=bool(self._token) and self._kind is Kind.V1,
            )
        return self._client

    def _drop_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            self._drop_client()
