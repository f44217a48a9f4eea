"""What runs while `kills` kills it: broker, store, service and the publisher."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import httpx

from benchmarks._killsite import LIMITS
from benchmarks._killtrail import BrokerKill
from benchmarks._servers import Counters, Running, influxdb, mosquitto, served

DATABASE = "kills"
DISK = "64m"


@dataclass(frozen=True, slots=True)
class Site:
    """Everything that runs, and where."""

    folder: Path
    broker: Running
    influx: Running
    service: Running
    counters: Counters
    rate: float
    broker_kills: list[BrokerKill] = field(default_factory=list)

    @property
    def published(self) -> Path:
        """What the publisher saw."""
        return self.folder / "published"

    @property
    def trail(self) -> Path:
        """What the services saw."""
        return self.folder / "trail"

    def start_service(self) -> None:
        """Start it, ready to be told where to die."""
        self.service.start(subprocess.PIPE)

    def arm(self, point: str) -> None:
        """Have the service die the next time it gets there."""
        orders = self.service.process.stdin
        assert orders is not None
        orders.write(f"{point}\n".encode())
        orders.flush()

    def down(self) -> dict[str, str]:
        """The parts of the service that are down, and why."""
        answer = httpx.get(f"http://127.0.0.1:{self.service.port}/readyz", timeout=20)
        return {} if answer.is_success else dict(answer.json()["down"])

    def faults(self) -> Counter[str]:
        """How often it died where it was told to."""
        path = self.folder / "faults"
        return Counter(path.read_text("utf-8").splitlines() if path.exists() else [])


class Load:
    """The publisher, in a process of its own; it goes on behind the `first` messages."""

    def __init__(self, site: Site, first: int) -> None:
        command = [
            sys.executable,
            "-m",
            "benchmarks._killsload",
            str(site.broker.port),
            str(site.rate),
            str(first),
            str(site.published),
        ]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def end(self) -> int:
        """Stop, wait until the broker has acknowledged everything; how many messages there were so far."""
        said, _ = self._process.communicate()
        return int(said)


@contextmanager
def running(folder: Path, rate: float, disk: bool) -> Iterator[Site]:
    """Broker, store and service; with `disk`, the service's data lie on a small file system of their own."""
    with ExitStack() as stack:
        data = folder / "data"
        data.mkdir(mode=0o700)
        if disk:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=700", "none", str(data)], check=True)
            stack.callback(subprocess.run, ["umount", str(data)], check=True)
        broker = stack.enter_context(mosquitto(folder / "mosquitto", every_change=True))
        influx = stack.enter_context(influxdb(folder / "influx"))
        limits = folder / "limits.toml"
        limits.write_text(LIMITS, "utf-8")
        variables = {
            "FOREWARN_MQTT__URL": f"mqtt://127.0.0.1:{broker.port}",
            "FOREWARN_STORE__URL": f"http://127.0.0.1:{influx.port}",
            "FOREWARN_STORE__BUCKET": DATABASE,
            "FOREWARN_LIMITS__FILE": str(limits),
            "FAULTS": str(folder / "faults"),
            "TRAIL": str(folder / "trail"),
        }
        service = served(folder, variables, (sys.executable, "-m", "benchmarks._killable"))
        counters = stack.enter_context(closing(Counters(service.port)))
        site = Site(folder, broker, influx, service, counters, rate)
        site.start_service()
        stack.callback(service.stop)
        yield site
