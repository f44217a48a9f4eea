"""The processes that a benchmark of the whole service needs, each on a free loopback port, and what they cost.

mosquitto runs with the settings that we ship (`deploy/mosquitto.conf`); InfluxDB 1.x and the service with their own.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from ingest.errors import InputError

PLACES = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
SHIPPED = Path(__file__).parents[1] / "deploy" / "mosquitto.conf"
START_WITHIN_S = 60.0
STOP_WITHIN_S = 20.0
_OWN = {"listener", "allow_anonymous", "password_file", "acl_file", "persistence_location", "user", "log_dest"}
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_INFLUX = """\
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
log-enabled = false
"""


class Running:
    """A process on a port of its own, which can be killed and started again; what it prints goes to `folder`/log."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        port: int,
        answers: Callable[[], bool],
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.port = port
        self._command, self._folder, self._answers = list(command), folder, answers
        self._variables = os.environ | dict(variables or {})
        self.process: subprocess.Popen[Any]

    def start(self, stdin: int = subprocess.DEVNULL) -> None:
        """Start and wait until it answers."""
        with (self._folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command, cwd=self._folder, stdin=stdin, stdout=log, stderr=log, env=self._variables
            )
        wait_for(self._is_up, f"{Path(self._command[0]).name} answers", START_WITHIN_S)

    def _is_up(self) -> bool:
        if self.process.poll() is not None:
            said = (self._folder / "log").read_text("utf-8", "replace").splitlines()[-5:]
            raise InputError(f"bench: {self._command[0]} ended: {' '.join(said)}")
        return self._answers()

    def kill(self) -> None:
        """Kill -9, and return when it is gone."""
        self.process.kill()
        self._ended()

    def _ended(self) -> None:
        self.process.wait(STOP_WITHIN_S)
        if self.process.stdin is not None:
            self.process.stdin.close()

    def stop(self) -> None:
        """Ask it to end; kill it where it does not."""
        self.process.terminate()
        try:
            self._ended()
        except subprocess.TimeoutExpired:
            self.kill()

    def cpu_s(self) -> float:
        """CPU seconds of the process and its children so far, those that ended included."""
        return sum(cpu_s(pid) for pid in _family(self.process.pid))

    def threads_cpu_s(self) -> dict[str, float]:
        """CPU seconds of the threads by name; those of one name together."""
        spent: dict[str, float] = {}
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            try:
                name, fields = (task / "comm").read_text().strip(), (task / "stat").read_text("ascii")
            except FileNotFoundError:  # it ended
                continue
            used = fields.rpartition(")")[2].split()
            spent[name] = spent.get(name, 0.0) + (int(used[11]) + int(used[12])) / _TICKS
        return spent

    def rss_bytes(self) -> int:
        """Memory of the process and its children that is in RAM now."""
        return sum(_rss(pid) for pid in _family(self.process.pid))


def _family(pid: int) -> Iterator[int]:
    yield pid
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in tasks.read_text("ascii").split():
            yield from _family(int(child))


def cpu_s(pid: int) -> float:
    """User and system time of a process and of its children that ended (proc(5), fields 14 to 17 of stat)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS


def _rss(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * _PAGE
    except FileNotFoundError:
        return 0


def free_port() -> int:
    """A loopback port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(done: Callable[[], bool], what: str, timeout_s: float, every_s: float = 0.05) -> None:
    """Wait until `done`. Raises InputError naming what did not happen in time."""
    deadline = time.monotonic() + timeout_s
    while not done():
        if time.monotonic() > deadline:
            raise InputError(f"bench: not within {timeout_s:g} s: {what}")
        time.sleep(every_s)


@contextmanager
def started(running: Running) -> Iterator[Running]:
    """The process, until the end of the block."""
    try:
        running.start()
        yield running
    finally:
        running.stop()


def _program(name: str) -> str:
    path = shutil.which(name) or shutil.which(name, path=PLACES)
    if path is None:
        raise InputError(f"bench: {name} is not installed")
    return path


@contextmanager
def mosquitto(folder: Path, *, every_change: bool) -> Iterator[Running]:
    """The broker as shipped; without `every_change` it saves once a second, as the file's own comment tells."""
    if not SHIPPED.exists():
        raise InputError(f"bench: {SHIPPED} is not there: run it in a source tree")
    folder.mkdir()
    port = free_port()
    said = SHIPPED.read_text("utf-8").splitlines()
    kept = [line for line in said if line.split(" ")[0] not in _OWN]
    if not every_change:
        kept = [line.replace("autosave_on_changes true", "autosave_on_changes false") for line in kept]
    own = [f"listener {port} 127.0.0.1", "allow_anonymous true", f"persistence_location {folder}/", "log_dest stderr"]
    own += ["user root"] if os.geteuid() == 0 else []
    config = folder / "mosquitto.conf"
    config.write_text("\n".join(own + kept) + "\n", "utf-8")
    command = [_program("mosquitto"), "-c", str(config)]
    with started(Running(command, folder, port, lambda: _listens(port))) as running:
        yield running


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1.0).close()
    except OSError:
        return False
    return True


@contextmanager
def influxdb(folder: Path) -> Iterator[Running]:
    """A server of 1.x with an empty data folder."""
    folder.mkdir()
    port = free_port()
    config = folder / "influxdb.conf"
    config.write_text(_INFLUX.format(folder=folder, port=port), "utf-8")
    command = [_program("influxd"), "-config", str(config)]
    with started(Running(command, folder, port, lambda: _answers(f"http://127.0.0.1:{port}/ping"))) as running:
        yield running


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.TransportError:
        return False


SERVE = (sys.executable, "-c", "from forewarn.cli import main; main()", "serve")


def served(folder: Path, variables: Mapping[str, str], command: Sequence[str] = SERVE) -> Running:
    """`forewarn serve` over `folder`/data, not started."""
    port = free_port()
    own = {
        "FOREWARN_DATA__DIR": str(folder / "data"),
        "FOREWARN_HTTP__PORT": str(port),
        "FOREWARN_LOG__LEVEL": "warning",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    ready = f"http://127.0.0.1:{port}/readyz"
    return Running(command, folder, port, lambda: _answers(ready), own | dict(variables))


@contextmanager
def service(folder: Path, variables: Mapping[str, str]) -> Iterator[Running]:
    """`forewarn serve` over `folder`/data, ready."""
    with started(served(folder, variables)) as running:
        yield running


class Counters:
    """What a running service counts."""

    def __init__(self, port: int) -> None:
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def read(self) -> dict[str, float]:
        """Every value of /metrics that has no labels, without the `forewarn_` before its name."""
        lines = [line.split() for line in self._http.get("/metrics").text.splitlines() if line.startswith("forewarn_")]
        return {line[0].removeprefix("forewarn_"): float(line[1]) for line in lines if "{" not in line[0]}
