"""mosquitto with the durability settings that we ship."""

import os
import socket
import subprocess
from pathlib import Path
from typing import ClassVar

from tests.servers.process import Server

SHIPPED = Path(__file__).parents[2] / "deploy" / "mosquitto.conf"
# What must differ in a test: where it listens, who may come in, where it keeps its data, what it prints.
_REPLACED = {"listener", "allow_anonymous", "password_file", "acl_file", "persistence_location", "user", "log_dest"}
_SAVING = {"autosave_interval", "autosave_on_changes"}


class Mosquitto(Server):
    """A broker on loopback; with `users` (name to password) nobody comes in without one of them.

    With `saving` false it keeps its queues in memory only: for tests of many messages that never kill it.
    """

    program: ClassVar[str] = "mosquitto"
    package: ClassVar[str] = "mosquitto"

    def __init__(self, folder: Path, users: dict[str, str] | None = None, *, saving: bool = True) -> None:
        super().__init__(folder)
        self.users = users or {}
        self._left_out = _REPLACED if saving else _REPLACED | _SAVING

    @property
    def url(self) -> str:
        """`mqtt://127.0.0.1:port`, with the first user if there are any."""
        credentials = "".join(f"{name}:{password}@" for name, password in list(self.users.items())[:1])
        return f"mqtt://{credentials}{self.host}:{self.port}"

    def command(self, program: str) -> list[str]:
        """Write the shipped settings with the test's own paths."""
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        lines = [f"listener {self.port} {self.host}", f"persistence_location {data}/", "log_dest stderr"]
        lines += [self._user(), f"allow_anonymous {'false' if self.users else 'true'}", *self._password_file()]
        lines += [line for line in SHIPPED.read_text("utf-8").splitlines() if line.split(" ")[0] not in self._left_out]
        config = self.folder / "mosquitto.conf"
        config.write_text("\n".join(lines) + "\n", "utf-8")
        return [program, "-c", str(config)]

    def answers(self) -> bool:
        """Whether it takes a connection and answers a CONNECT, be it with a refusal."""
        # MQTT 3.1.1 CONNECT, clean session, empty client id; section 3.1 of the standard.
        connect = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00"
        try:
            with socket.create_connection((self.host, self.port), timeout=2) as connection:
                connection.sendall(connect)
                return connection.recv(1) == b"\x20"
        except OSError:
            return False

    def saved(self) -> bytes:
        """The file in which it keeps queued and retained messages; empty before the first save."""
        path = self.folder / "data" / "mosquitto.db"
        return path.read_bytes() if path.exists() else b""

    def _user(self) -> str:
        """As root it would give up root for a user who may not enter the temporary folder."""
        return "user root\n" if os.geteuid() == 0 else ""

    def _password_file(self) -> list[str]:
        if not self.users:
            return []
        path = self.folder / "passwords"
        path.touch(mode=0o600)
        for name, password in self.users.items():
            subprocess.run(["mosquitto_passwd", "-b", str(path), name, password], check=True, capture_output=True)
        return [f"password_file {path}"]
