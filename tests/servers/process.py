"""One server process: started, proven to be the one that answers, killed, restarted on its data, ended by its id."""

import shutil
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from tests.servers.ports import free_port, listens
from tests.waiting import wait_until

_SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
_STARTS_TO_TRY = 10  # another process may take the port between finding and using it
_START_S = 60.0  # a cold start on a busy machine of two cores
_STOP_S = 20.0


class ServerError(RuntimeError):
    """A server for tests is missing or does not start; the message holds what to do or the end of its log."""


class Server(ABC):
    """A server in `folder` on a free loopback port.

    `start` returns once the process that it started listens and answers. The process dies with the test run.
    """

    program: ClassVar[str]
    package: ClassVar[str]  # the Debian package that brings `program`
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self._keeps_port = False  # from its first successful start on
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self, program: str) -> list[str]:
        """The command line for `self.port`, after writing whatever files it needs."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether the server does its work now; raises nothing while it is still starting."""

    @property
    def host(self) -> str:
        """The loopback address."""
        return "127.0.0.1"

    @property
    def pid(self) -> int:
        """The process id; ServerError when the server is not running."""
        return self._running().pid

    @property
    def log(self) -> Path:
        """Everything that the server printed, over all its starts."""
        return self.folder / "server.log"

    def log_end(self, lines: int = 20) -> str:
        """The last lines of the log."""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:]) if self.log.exists() else ""

    def start(self) -> None:
        """Start and wait until it answers: the first time on a free port, later on the same one again."""
        deadline = time.monotonic() + _START_S
        for _ in range(_STARTS_TO_TRY):
            if not self._keeps_port:
                self.port = free_port()
            self._launch()
            if self._came_up(deadline):
                self._keeps_port = True
                return
            self.kill()
            time.sleep(0.2)  # a killed PostgreSQL's children need a moment to notice
        raise ServerError(f"{self.program} does not start on port {self.port}:\n{self.log_end()}")

    def kill(self) -> None:
        """Kill -9, and return when the process is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_STOP_S)
            self._process = None

    def stop(self) -> None:
        """Ask it to end; kill it when it does not within 20 s."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(self.stop_signal)
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self.kill()
        self._process = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Within the block it answers nothing: its port still takes connections, as that of a server that hangs.

        The signal is on its way when `kill` returns: threads of a busy machine may still answer for a while.
        """
        process = self._running()
        process.send_signal(signal.SIGSTOP)
        try:
            wait_until(lambda: set(_thread_states(process.pid)) == {"T"}, f"{self.program} stands still", _STOP_S)
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def restart(self) -> None:
        """Start again on the same port and data, whether it runs, was stopped or was killed."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def find_program(self) -> str:
        """The path of the program; ServerError saying how to install it when it is missing."""
        path = shutil.which(self.program) or shutil.which(self.program, path=_SYSTEM_FOLDERS)
        if path is None:
            raise ServerError(
                f"{self.program} is missing: `make servers` installs it (Debian: apt-get install {self.package})"
            )
        return path

    def run_as(self) -> list[str]:
        """Words before the command: here only that the process ends when the test run ends, however that ends."""
        return ["setpriv", "--pdeathsig", "KILL"]

    def owns_port(self) -> bool:
        """Whether the process that was started is the one that listens."""
        return self._process is not None and listens(self._process.pid, self.port)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            raise ServerError(f"{self.program} is not running\n{self.log_end()}")
        return self._process

    def _launch(self) -> None:
        command = self.run_as() + self.command(self.find_program())
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)

    def _came_up(self, deadline: float) -> bool:
        while self._process is not None and self._process.poll() is None:
            if self.owns_port() and self.answers():
                return True
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        return False


def _thread_states(pid: int) -> list[str]:
    """The state letter of every thread (proc(5), field 3 of stat)."""
    stats = [task.joinpath("stat").read_text("ascii") for task in Path(f"/proc/{pid}/task").iterdir()]
    return [stat.rpartition(") ")[2][0] for stat in stats]
