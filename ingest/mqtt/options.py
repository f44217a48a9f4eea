"""Which broker to listen to, and as whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class MqttOptions:
    """Which broker, and as whom."""

    host: str
    port: int
    client_id: str
    topics: tuple[str, ...]
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    @classmethod
    def from_url(cls, url: str, **rest: Any) -> MqttOptions:
        """The options of `mqtt://user:password@host:port` or `mqtts://…`; `rest` are the other fields.

        >>> MqttOptions.from_url("mqtts://host", client_id="a", topics=("#",)).port
        8883
        """
        parts = urlsplit(url)
        username = unquote(parts.username) if parts.username else rest.pop("username", None)
        password = unquote(parts.password) if parts.password else rest.pop("password", None)
        rest = {key: value for key, value in rest.items() if key not in {"username", "password"}}
        assert parts.hostname is not None
        port = parts.port or _PORTS[parts.scheme]
        tls = parts.scheme == "mqtts"
        return cls(parts.hostname, port, tls=tls, username=username, password=password, **rest)
