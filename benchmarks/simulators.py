"""How fast the simulators are: readings to memory, messages to a real broker, simultaneous sessions.

    forewarn bench simulators [--mqtt URL] [--seconds N] [--sessions N]

Without `--mqtt`, a mosquitto of its own is started on a free loopback port. Each figure stands beside its target and,
as the reference of the same run, what plain numpy needs for the random numbers alone, and paho for the messages.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simulators.bulk import BulkSessions
from simulators.duration import NS
from simulators.limits import allow_files
from simulators.payloads.encoder import Outgoing
from simulators.publish import MAX, publish
from simulators.scenario import load_scenario
from simulators.sessions import Broker, Identity, Sessions
from simulators.simulation import Simulation

READINGS_TARGET = 2_000_000
FLEET_TARGET = 1_000_000
"""Five thousand devices of three readings a minute: a block holds few samples of each."""
MESSAGES_TARGET = 20_000
PLAYED_TARGET = 10_000
"""With thousands of sessions every message is a packet and an acknowledgement of its own to the system."""
SESSIONS_TARGET = 5_000
PAYLOAD = b'{"ts":1764000000000,"values":{"temperature":41.5,"vibration":1.13},"units":{"vibration":"mm/s"}}'
CLIENTS = 8


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured rate beside its target and reference."""

    name: str
    value: float
    target: float
    reference: float
    reference_name: str

    def __str__(self) -> str:
        verdict = "ok" if self.value >= self.target else "BELOW TARGET"
        ratio = self.value / self.reference if self.reference else float("nan")
        return (
            f"{self.name:<34}{self.value:>14,.0f}   target {self.target:>12,.0f}   {verdict:<13}"
            f"{ratio:6.2f} x {self.reference_name} ({self.reference:,.0f})"
        )


def readings_per_cpu_second(seconds: float) -> Figure:
    """History of the demo site to memory, by process time: one core, whatever else the machine does."""

    def once() -> int:
        return sum(len(block) for block in Simulation(load_scenario("demo")).history())

    def numbers() -> int:
        return len(np.random.default_rng(0).standard_normal(1_000_000))

    once()
    rate = _rate(once, seconds, time.process_time)
    return Figure("readings/s per core to memory", rate, READINGS_TARGET, _rate(numbers, 0.5, time.process_time), "rng")


def _rate(work: Callable[[], int], seconds: float, clock: Callable[[], float]) -> float:
    begun, done = clock(), 0
    while (spent := clock() - begun) < seconds or not done:
        done += work()
    return done / spent if spent else float(done)


def messages_per_second(broker: Broker, qos: int, seconds: float) -> Figure:
    """Telemetry-sized messages from eight clients until all are acknowledged, by wall clock."""
    identities = [Identity(f"bench-{qos}-{number}") for number in range(CLIENTS)]
    rate = _publish(BulkSessions(broker, identities), qos, seconds)
    reference = _publish(Sessions(broker, identities), qos, min(seconds, 1.0))
    return Figure(f"messages/s to the broker, QoS {qos}", rate, MESSAGES_TARGET, reference, "paho")


def _publish(sessions: Sessions | BulkSessions, qos: int, seconds: float) -> float:
    sessions.connect()
    begun, sent = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        for _ in range(1000):
            sessions.publish(sent % CLIENTS, "forewarn/v1/bench/device/telemetry", PAYLOAD, qos)
            sent += 1
    sessions.drain()
    rate = sent / (time.perf_counter() - begun)
    sessions.close()
    return rate


def played_fleet(broker: Broker) -> Figure:
    """Five thousand devices, each with its session, from the model to the acknowledged message; by process time."""
    sim = Simulation(load_scenario("fleet"))
    sim.block(sim.start, sim.start + 60 * NS)
    begun, wall = time.process_time(), time.perf_counter()
    played = publish(sim, str(broker), speed=MAX, until=sim.start + 1200 * NS, clients=len(sim.devices))
    rate = played.messages / (time.process_time() - begun)
    reference = played.messages / (time.perf_counter() - wall)
    return Figure("messages/s per core, 5,000 played", rate, PLAYED_TARGET, reference, "by wall clock")


def simultaneous_sessions(broker: Broker, wanted: int) -> Figure:
    """Sessions open at the same time, each with its will, each having published one acknowledged message."""
    allow_files(wanted + 100)
    identities = [
        Identity(f"bench-session-{number}", Outgoing(f"bench/{number}/status", b"offline", retain=False))
        for number in range(wanted)
    ]
    sessions = BulkSessions(broker, identities)
    sessions.connect()
    for number in range(wanted):
        sessions.publish(number, f"forewarn/v1/bench/{number}/telemetry", PAYLOAD)
    sessions.drain()
    figure = Figure("simultaneous sessions", sessions.connected, SESSIONS_TARGET, wanted, "asked for")
    sessions.close()
    return figure


def fleet(name: str, seconds: float, target: float) -> Figure:
    """A fleet's scenario to memory, from its second block on, by process time; its own pace is the reference."""
    sim = Simulation(load_scenario(name))
    blocks = sim.blocks(until=sim.start + 30 * 86400 * NS)
    next(blocks)
    rows, begun = 0, time.process_time()
    for block in blocks:
        rows += len(block)
        if time.process_time() - begun >= seconds:
            break
    rate = rows / (time.process_time() - begun)
    pace = sum(len(placed.device.channels) * NS / placed.live.interval for placed in sim.devices)
    return Figure(f"readings/s per core, {len(sim.devices):,} devices", rate, target, pace, "real time")


@contextmanager
def own_broker() -> Iterator[Broker]:
    """A mosquitto with default settings on a free loopback port."""
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        raise SystemExit("bench simulators: no mosquitto here; install it, or name a broker with --mqtt")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory(prefix="forewarn-bench-") as folder:
        config = Path(folder) / "mosquitto.conf"
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_connections -1\nlog_dest none\n")
        allow_files(SESSIONS_TARGET + 1000)  # the broker inherits it
        process = subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL)
        try:
            _wait_for(port)
            yield Broker("127.0.0.1", port, tls=False, user=None, password=None)
        finally:
            process.terminate()
            process.wait(10)


def _wait_for(port: int, timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise SystemExit("bench simulators: mosquitto did not start") from None
            time.sleep(0.05)


def measure(broker: Broker, seconds: float, sessions: int) -> Iterator[Figure]:
    """Every figure, one after the other."""
    yield readings_per_cpu_second(seconds)
    yield fleet("soak", seconds, READINGS_TARGET)
    yield fleet("fleet", seconds, FLEET_TARGET)
    yield messages_per_second(broker, 0, seconds)
    yield messages_per_second(broker, 1, seconds)
    yield played_fleet(broker)
    yield simultaneous_sessions(broker, sessions)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print every figure; 1 if one is below its target."""
    parser = argparse.ArgumentParser(prog="forewarn bench simulators")
    parser.add_argument("--mqtt", help="a broker to load, instead of a mosquitto of its own")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of each measurement")
    parser.add_argument("--sessions", type=int, default=SESSIONS_TARGET, help="simultaneous sessions to open")
    options = parser.parse_args(arguments)
    missed = False
    with _broker(options.mqtt) as broker:
        for figure in measure(broker, options.seconds, options.sessions):
            print(figure, flush=True)
            missed |= figure.value < figure.target
    return int(missed)


@contextmanager
def _broker(url: str | None) -> Iterator[Broker]:
    if url is not None:
        yield Broker.of(url)
    else:
        with own_broker() as broker:
            yield broker
