"""InfluxDB 1.6.7, Debian's: it knows /write, /query and /ping, and neither /api/v2/write nor Flux."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import httpx

from tests.servers.process import Server

_CONFIG = """\
reporting-enabled = false
bind-address = "127.0.0.1:0"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
[monitor]
store-enabled = false
[http]
bind-address = "127.0.0.1:{port}"
auth-enabled = {auth}
log-enabled = false
"""


class InfluxDB(Server):
    """A 1.x server; with `password`, user `admin` must give it in every request."""

    program: ClassVar[str] = "influxd"
    package: ClassVar[str] = "influxdb"

    def __init__(self, folder: Path, password: str = "") -> None:
        super().__init__(folder)
        self.password = password

    @property
    def url(self) -> str:
        """`http://127.0.0.1:port`."""
        return f"http://{self.host}:{self.port}"

    @property
    def token(self) -> str:
        """`user:password` as 1.x wants its token, empty without a password."""
        return f"admin:{self.password}" if self.password else ""

    def start(self) -> None:
        """Start, and name the administrator where a password is wanted."""
        super().start()
        if self.password:
            self.query(f"CREATE USER admin WITH PASSWORD '{self.password}' WITH ALL PRIVILEGES")

    def command(self, program: str) -> list[str]:
        """Write its own configuration: every port and folder is the test's."""
        config = self.folder / "influxdb.conf"
        auth = "true" if self.password else "false"
        config.write_text(_CONFIG.format(folder=self.folder, port=self.port, auth=auth), "utf-8")
        return [program, "-config", str(config)]

    def answers(self) -> bool:
        """Whether /ping says 204."""
        try:
            return httpx.get(f"{self.url}/ping", timeout=2).status_code == 204
        except httpx.TransportError:
            return False

    def query(self, text: str, database: str = "") -> list[dict[str, object]]:
        """Run InfluxQL; the series of the first statement, AssertionError with the server's words when it refuses."""
        credentials = ("admin", self.password) if self.password else None
        form = {"q": text, "db": database, "epoch": "ns"}
        answer = httpx.post(f"{self.url}/query", data=form, auth=credentials, timeout=20)
        assert answer.status_code == 200, answer.text
        result = answer.json()["results"][0]
        assert "error" not in result, result["error"]
        return list(result.get("series", []))

    @contextmanager
    def database(self, name: str) -> Iterator["Database"]:
        """A fresh database, dropped afterwards."""
        self.query(f'CREATE DATABASE "{name}"')
        try:
            yield Database(self.url, name, "", self.token)
        finally:
            self.query(f'DROP DATABASE "{name}"')


@dataclass(frozen=True)
class Database:
    """What `store.url`, `store.bucket`, `store.org` and `store.token` need to write to one database or bucket."""

    url: str
    bucket: str
    org: str
    token: str
