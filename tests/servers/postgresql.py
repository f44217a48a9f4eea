"""PostgreSQL in a temporary folder, under an unprivileged user when the tests run as root (it refuses root)."""

import os
import pwd
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import psycopg

from tests.servers.process import Server, ServerError

_USER, _PASSWORD = "forewarn", "for-tests-only"
_SETTINGS = {
    "fsync": "off",  # survives a killed server, which is what tests do; not a power cut
    "full_page_writes": "off",
    "listen_addresses": "127.0.0.1",
    "logging_collector": "off",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "unix_socket_directories": "",
}


class PostgreSQL(Server):
    """A cluster whose only role is a superuser with a password; each test makes its own database in it."""

    program: ClassVar[str] = "postgres"
    package: ClassVar[str] = "postgresql"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # "fast": does not wait for open connections
    password: ClassVar[str] = _PASSWORD

    @property
    def data(self) -> Path:
        """The cluster's folder."""
        return self.folder / "data"

    def url(self, database: str = "postgres") -> str:
        """A SQLAlchemy URL."""
        return f"postgresql+psycopg://{_USER}:{_PASSWORD}@{self.host}:{self.port}/{database}"

    def find_program(self) -> str:
        """Debian keeps each version apart: take the newest."""
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
        return str(found[-1]) if found else super().find_program()

    def run_as(self) -> list[str]:
        """As root: another user."""
        if os.geteuid() != 0:
            return super().run_as()
        owner = _unprivileged_user()
        return [*super().run_as(), f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]

    def command(self, program: str) -> list[str]:
        """Make the cluster the first time."""
        if not self.data.exists():
            self._init(Path(program).with_name("initdb"))
        settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        return [program, "-D", str(self.data), f"--port={self.port}", *settings]

    def answers(self) -> bool:
        """Whether it lets us in and works in our folder."""
        try:
            with self.connect(timeout_s=2) as connection:
                row = connection.execute("SHOW data_directory").fetchone()
        except psycopg.OperationalError:
            return False
        return row == (str(self.data),)

    def owns_port(self) -> bool:
        """Seen by `answers`: another user's process does not show its sockets to everyone."""
        return True

    def connect(self, database: str = "postgres", timeout_s: int = 10) -> psycopg.Connection[tuple[object, ...]]:
        """A connection of its superuser, each statement a transaction."""
        return psycopg.connect(
            host=self.host,
            port=self.port,
            user=_USER,
            password=_PASSWORD,
            dbname=database,
            connect_timeout=timeout_s,
            autocommit=True,
        )

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a fresh, empty database, dropped afterwards with whatever is still connected to it."""
        name = f"t_{uuid.uuid4().hex[:12]}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name}")
        try:
            yield self.url(name)
        finally:
            with self.connect() as connection:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _init(self, initdb: Path) -> None:
        if not initdb.exists():
            raise ServerError(f"{initdb} is missing (Debian: apt-get install {self.package})")
        password = self.folder / "password"
        password.write_text(_PASSWORD, "ascii")
        if os.geteuid() == 0:
            owner = _unprivileged_user()
            for path in (self.folder, password):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        options = ["--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--auth=scram-sha-256"]
        command = [*self.run_as(), str(initdb), "-D", str(self.data), "-U", _USER, f"--pwfile={password}", *options]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        if done.returncode:
            shutil.rmtree(self.data, ignore_errors=True)
            raise ServerError(f"initdb failed: {done.stdout}{done.stderr}")


def _unprivileged_user() -> pwd.struct_passwd:
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]
