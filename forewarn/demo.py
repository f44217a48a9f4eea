"""`forewarn demo`: the whole service with a simulated site, its quiet past first, then faults developing.

    scenario ─▶ registry, limits, settings ─▶ Service ◀── MQTT ── the site's history, as fast as it goes
                                                      ◀── MQTT ── the site from now on, at the speed of the clock

The service knows nothing of all that: it is configured and fed like any other.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from forewarn.config.settings import DataSettings, FileSettings, HttpSettings, LogSettings, MqttSettings, Settings
from forewarn.live.ports import free_port
from forewarn.live.service import Service
from forewarn.live.serving import asked_to_stop, stop_in_time
from ingest.errors import InputError, said_by
from simulators.errors import SimulatorError
from simulators.publish import MAX, publish
from simulators.registry import write_registry
from simulators.scenario import Scenario, load_scenario
from simulators.simulation import DEFAULT_START, Simulation

HOST = "127.0.0.1"
HTTP_PORT, MQTT_PORT = 8000, 1883
SCENARIO = "demo"
SEED = 1
MARK = "demo.toml"
"""The registry file of the simulated site; a folder that holds it is an earlier demo's."""
ZONES = '[[limit]]\nmetric = "vibration"\nzones = "ISO 10816-3"\n'
"""Its limits: vibration zones, where power and support of a machine are such that the standard has one."""
HISTORY_WITHIN_S = 600.0
CLOSE_ENOUGH_NS = 3 * 1_000_000_000
"""While the past was sent, time went on: what became of it is sent as well, until the site is this close to now."""

log = structlog.get_logger(__name__)


@contextmanager
def demo_folder(data: Path | None) -> Iterator[Path]:
    """Where the demo keeps its data: `data`, made anew, or a folder that goes with it.

    Raises InputError if `data` holds anything but an earlier demo.
    """
    if data is None:
        folder = Path(tempfile.mkdtemp(prefix="forewarn-demo-"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    if data.exists() and not data.is_dir():
        raise InputError(f"--data {data}: is not a folder")
    try:
        data.mkdir(parents=True, exist_ok=True)
        foreign = any(data.iterdir()) and not (data / MARK).exists()
    except OSError as error:
        raise InputError(f"--data {data}: cannot be used: {said_by(error)}") from error
    if foreign:
        raise InputError(f"--data {data}: holds something else than an earlier demo; allowed is a new or empty folder")
    _clear(data)
    yield data


def _clear(data: Path) -> None:
    """Take away an earlier demo, unless it still runs."""
    from forewarn.live.folder import DataFolder

    with DataFolder(data):
        for path in data.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def demo_settings(folder: Path, port: int, registry: Path, limits: Path) -> Settings:
    """The shipped configuration, on loopback ports that are free."""
    http = free_port(HOST, port)
    mqtt = free_port(HOST, MQTT_PORT, frozenset({http}))
    return Settings(
        data=DataSettings(dir=folder),
        http=HttpSettings(host=HOST, port=http),
        mqtt=MqttSettings(host=HOST, port=mqtt),
        registry=FileSettings(file=registry),
        limits=FileSettings(file=limits),
        log=LogSettings(level="warning"),
    )


class Demo:
    """A service and the site that feeds it.

    The site lives the same days in every demo, only their stamps differ: a budget of one false alarm per device and
    month leaves some to chance in the quiet past of six devices, and a demo is to begin with none.
    """

    def __init__(self, folder: Path, port: int, scenario: Scenario, seed: int = SEED) -> None:
        self._ahead = time.time_ns() - DEFAULT_START
        self.simulation = Simulation(scenario, seed, DEFAULT_START)
        folder.mkdir(parents=True, exist_ok=True)
        registry, limits = folder / MARK, folder / "limits.toml"
        write_registry(self.simulation, registry)
        limits.write_text(ZONES, "utf-8")
        self.settings = demo_settings(folder, port, registry, limits)
        self.service = Service(self.settings)
        self._stop = threading.Event()
        self._site = threading.Thread(target=self._live, name="site", daemon=True)

    @property
    def console_url(self) -> str:
        """Where the console is."""
        return f"http://{HOST}:{self.settings.http.port}/"

    @property
    def mqtt_url(self) -> str:
        """Where the broker is."""
        return f"mqtt://{HOST}:{self.settings.mqtt.port}"

    def start(self, stop: threading.Event, progress: Callable[[float], None] | None = None) -> None:
        """Start the service and let the site's past pass through it; returns once all of it is judged and stored."""
        self.service.start()
        self._pass(None, stop, progress)
        while (sent := self.simulation.start) < self._now() - CLOSE_ENOUGH_NS and not stop.is_set():
            self.simulation = Simulation(self.simulation.scenario, self.simulation.seed, self._now())
            self._pass(sent, stop, None)

    def _now(self) -> int:
        """The site's own time, ns."""
        return time.time_ns() - self._ahead

    def _pass(self, since: int | None, stop: threading.Event, progress: Callable[[float], None] | None) -> None:
        """Let the site's past from `since` on pass through the service, up to the start of the simulation."""
        simulation = self.simulation
        publish(
            simulation,
            self.mqtt_url,
            speed=MAX,
            until=simulation.start,
            since=since,
            ahead=self._ahead,
            clients=1,
            stop=stop,
            progress=progress,
        )
        deadline = time.monotonic() + HISTORY_WITHIN_S
        while not self.service.pipeline.idle and not stop.is_set():
            if time.monotonic() > deadline:
                raise TimeoutError(f"the history was not judged within {HISTORY_WITHIN_S:.0f} s")
            stop.wait(0.05)

    def go_live(self) -> None:
        """Let the site run on at the speed of the clock."""
        self._site.start()

    def _live(self) -> None:
        try:
            publish(self.simulation, self.mqtt_url, history=False, ahead=self._ahead, stop=self._stop)
        except SimulatorError as error:
            if not self._stop.is_set():
                log.warning("the simulated site ended", reason=str(error))

    def stop(self) -> None:
        """End the site, then the service."""
        self._stop.set()
        if self._site.is_alive():
            self._site.join(1.0)
        stop_in_time(self.service)


def run_demo(port: int, data: Path | None, browser: bool, say: Callable[[str], None], faults: bool = True) -> None:
    """Run the demo until somebody asks for its end."""
    from forewarn.progress import sharing

    with asked_to_stop() as stop, demo_folder(data) as folder:
        demo = Demo(folder, port, load_scenario(SCENARIO, faults=faults))
        say("forewarn demo: 15 days of a simulated plant pass through the service first …")
        try:
            with sharing("history") as progress:
                demo.start(stop, progress)
            if not stop.is_set():
                demo.go_live()
                say(f"console  {demo.console_url}\nmqtt     {demo.mqtt_url}\nCtrl-C ends it.")
                if browser:
                    _show(demo.console_url)
            while not stop.wait(3600):
                pass
        finally:
            demo.stop()


def _show(url: str) -> None:
    """Open the console where there is a screen to show it on."""
    import sys
    import webbrowser

    if sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(url)
