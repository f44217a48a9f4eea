"""How much the running service takes in for its CPU, how soon an alert is there, and whether memory stays.

    forewarn bench ingest [--seconds N] [--memory-minutes N] [--devices N] [--only PART…]

mosquitto with the settings that we ship, InfluxDB 1.x and `forewarn serve`, all of this machine, at QoS 1. Load and
probes run in processes of their own; what is counted is the CPU of the service and its children. The reference of the
same run is paho-mqtt as it comes, which only counts the messages. The full form: `--seconds 60 --memory-minutes 10`.

With the shipped settings mosquitto saves its whole state after every change and takes some hundred messages a
second; to have more than that to do, the rates above are measured with its save once a second.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks._fleet import LIMITS, METRICS, PROBES
from benchmarks._fleetpast import prepare
from benchmarks._servers import Counters, Running, cpu_s, influxdb, mosquitto, service, wait_for

PARTS = ("messages", "batches", "latency", "memory")
SHIPPED_RATE, FAST_RATE = 250.0, 4_000.0
"""Messages a second: what mosquitto takes with the shipped settings, and with a save once a second."""
BATCH, BATCH_RATE = 100, 100.0
MESSAGES_GOAL, BATCHES_GOAL, LATENCY_GOAL_S, MEMORY_GOAL = 1.0, 200_000.0, 0.5, 0.05
STORED_WITHIN_S = 300.0
LAG_S = 2.0
"""A rate is sustained if no more than that of it waits in the end."""
LOWEST_RATE, HALVINGS = 500.0, 2
PROBES_A_S = 6
WARM_UP_S = 5.0


@dataclass(frozen=True, slots=True)
class Step:
    """What one load came to."""

    messages: int
    readings: int
    seconds: float
    cpu_s: float
    shares: dict[str, float]
    """Part of the CPU time by thread."""

    def per_cpu_s(self, readings: bool = False) -> float:
        """Messages, or readings, per CPU second."""
        return (self.readings if readings else self.messages) / max(self.cpu_s, 1e-3)

    def parts(self) -> str:
        """The threads that took most."""
        most = sorted(self.shares.items(), key=lambda item: -item[1])[:6]
        return ", ".join(f"{name} {share:.0%}" for name, share in most if share >= 0.01)


@dataclass(frozen=True, slots=True)
class Site:
    """Broker, store and service of a run."""

    broker: Running
    server: Running
    counters: Counters
    devices: int


class Load:
    """A load generator in a process of its own."""

    def __init__(self, broker: Running, rate: float, seconds: float, devices: int, batch: int = 1) -> None:
        numbers = map(str, (broker.port, rate, seconds, devices, batch))
        command = [sys.executable, "-m", "benchmarks._ingestload", *numbers]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def result(self) -> dict[str, float]:
        """What was published; waits for the end."""
        said, _ = self._process.communicate()
        found: dict[str, float] = json.loads(said.splitlines()[-1])
        return found


def stock(broker: Running, version: str, rate: float, seconds: float, devices: int) -> float:
    """Messages per CPU second of a stock subscriber under that load."""
    command = [sys.executable, "-m", "benchmarks._ingeststock", str(broker.port), version]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        before = cpu_s(process.pid)
        sent = Load(broker, rate, seconds, devices).result()["messages"]

        def count() -> int:
            assert process.stdin is not None
            assert process.stdout is not None
            print(file=process.stdin, flush=True)
            return int(process.stdout.readline())

        wait_for(lambda: count() >= sent, "the reference has received everything", STORED_WITHIN_S, 0.2)
        return sent / (cpu_s(process.pid) - before)


def settle(site: Site, readings: float) -> None:
    """Wait until that many readings are judged and stored, with their scores."""
    wait_for(lambda: _stored(site) >= readings, "every reading is stored", STORED_WITHIN_S, 0.25)
    wait_for(lambda: site.counters.read()["spool_unstored_entries"] == 0, "every score is stored", 60.0, 0.1)


def _stored(site: Site) -> float:
    return site.counters.read()["readings_stored_total"]


def step(site: Site, rate: float, seconds: float, batch: int = 1) -> Step:
    """The service under that load, until everything is judged and stored; each device spoke once before."""
    Load(site.broker, rate, max(WARM_UP_S, site.devices / batch / rate), site.devices, batch).result()
    settle(site, site.counters.read()["readings_received_total"])
    before, used_s, threads = _stored(site), site.server.cpu_s(), site.server.threads_cpu_s()
    sent = Load(site.broker, rate, seconds, site.devices, batch).result()
    settle(site, before + sent["readings"])
    spent_s = site.server.cpu_s() - used_s
    shares = {name: (s - threads.get(name, 0.0)) / spent_s for name, s in site.server.threads_cpu_s().items()}
    return Step(int(sent["messages"]), int(sent["readings"]), sent["seconds"], spent_s, shares)


@contextmanager
def running_site(folder: Path, broker: Running, influx: Running, devices: int) -> Iterator[Site]:
    """A service that knows the fleet."""
    folder.mkdir()
    prepare(folder / "data", devices)
    limits = folder / "limits.toml"
    limits.write_text(LIMITS, "utf-8")
    variables = {
        "FOREWARN_MQTT__URL": f"mqtt://127.0.0.1:{broker.port}",
        "FOREWARN_MQTT__CLIENT_ID": folder.name,
        "FOREWARN_STORE__URL": f"http://127.0.0.1:{influx.port}",
        "FOREWARN_STORE__BUCKET": folder.name,
        "FOREWARN_LIMITS__FILE": str(limits),
    }
    with service(folder, variables) as server:
        yield Site(broker, server, Counters(server.port), devices)


def messages_figures(site: Site, rate: float, seconds: float, title: str, console: Console) -> bool:
    """A message for each device reading, beside the reference; whether the goal is met."""
    ours = step(site, rate, seconds)
    table = Table(
        "", "messages/CPU s", "ratio", title=f"{title}, {rate:,.0f} messages/s asked for", title_justify="left"
    )
    plain = {version: stock(site.broker, version, rate, seconds, site.devices) for version in ("3", "5")}
    table.add_row("paho-mqtt that counts, MQTT 3.1.1", f"{plain['3']:,.0f}", "1.00")
    table.add_row("paho-mqtt that counts, MQTT 5", f"{plain['5']:,.0f}", f"{plain['5'] / plain['3']:.2f}")
    ratio = ours.per_cpu_s() / plain["3"]
    table.add_row(
        "forewarn: durable, judged, stored", f"{ours.per_cpu_s():,.0f}", f"{ratio:.2f} (goal {MESSAGES_GOAL})"
    )
    console.print(table)
    console.print(f"  {ours.messages / ours.seconds:,.0f} messages/s; CPU by thread: {ours.parts()}\n")
    return ratio >= MESSAGES_GOAL


def batches_figures(site: Site, seconds: float, console: Console) -> bool:
    """Gateway messages of 100 devices; whether the goal is met."""
    ours = step(site, BATCH_RATE, seconds, BATCH)
    rate = ours.per_cpu_s(readings=True)
    console.print(
        f"gateway batches of {BATCH} devices x {len(METRICS)} metrics: {rate:,.0f} readings/CPU s "
        f"(goal {BATCHES_GOAL:,.0f}) at {ours.readings / ours.seconds:,.0f} readings/s; CPU by thread: {ours.parts()}\n"
    )
    return rate >= BATCHES_GOAL


def is_sustained(site: Site, rate: float, seconds: float) -> bool:
    """Whether broker and service keep up with that rate."""
    before = _stored(site)
    sent = Load(site.broker, rate, seconds, site.devices).result()
    waiting = sent["readings"] + before - _stored(site)
    settle(site, before + sent["readings"])
    return sent["rate"] > 0.95 * rate and waiting <= LAG_S * rate * len(METRICS)


def highest_rate(site: Site, seconds: float, console: Console) -> float:
    """The highest rate that is sustained for so long: doubled until it is not, then halved in between."""
    good, rate = 0.0, LOWEST_RATE
    while is_sustained(site, rate, seconds):
        good, rate = rate, 2 * rate
    bad, halvings = rate, HALVINGS
    while not good or halvings:
        rate = (good + bad) / 2
        good, bad = (rate, bad) if is_sustained(site, rate, seconds) else (good, rate)
        halvings -= bool(good)
    console.print(f"highest rate that is sustained for {seconds:g} s: {good:,.0f} messages/s")
    return good


def delays(site: Site, first: int, rate: float, seconds: float) -> list[float]:
    """Seconds from publish to the alert answered by the API, ascending, under that load."""
    count = min(int(seconds * PROBES_A_S), PROBES - first)
    load = Load(site.broker, rate, seconds + 2, site.devices)
    time.sleep(1.0)
    numbers = map(str, (site.broker.port, site.server.port, first, count, seconds))
    command = [sys.executable, "-m", "benchmarks._ingestprobe", *numbers]
    found: list[float] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    load.result()
    return found


def latency_figures(site: Site, first: int, rate: float, seconds: float, console: Console) -> bool:
    """Delays at a rate; whether the goal is met."""
    found = delays(site, first, rate, seconds)
    p50, p99 = found[len(found) // 2], found[min(len(found) - 1, int(0.99 * len(found)))]
    console.print(
        f"publish to alert in the API at {rate:,.0f} messages/s: median {p50 * 1000:.0f} ms, "
        f"p99 {p99 * 1000:.0f} ms (goal {LATENCY_GOAL_S * 1000:.0f}), {len(found)} alerts\n"
    )
    return p99 < LATENCY_GOAL_S


def memory_figures(site: Site, rate: float, minutes: float, console: Console) -> bool:
    """Memory while the load goes on; whether it grew less than the goal in the second half."""
    load = Load(site.broker, rate, minutes * 60, site.devices)
    sizes = []
    for _ in range(20):
        time.sleep(minutes * 60 / 20)
        sizes.append(site.server.rss_bytes() / 2**20)
    load.result()
    grown = max(sizes[15:]) / max(sizes[5:10]) - 1
    shown = " ".join(f"{size:.0f}" for size in sizes)
    console.print(f"memory over {minutes:g} min at {rate:,.0f} messages/s, MiB: {shown}")
    console.print(f"  second and fourth quarter: {grown:+.1%} (goal below {MEMORY_GOAL:.0%})\n")
    return grown < MEMORY_GOAL


def main(arguments: Sequence[str]) -> int:
    """Measure and print; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(prog="forewarn bench ingest", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=6.0, help="length of each load")
    parser.add_argument("--memory-minutes", type=float, default=0.5)
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--rate", type=float, help="messages/s for latency and memory, instead of half the highest")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    given = parser.parse_args(arguments)
    console = Console()
    with tempfile.TemporaryDirectory(prefix="forewarn-bench-", dir=os.curdir) as name, ExitStack() as stack:
        folder = Path(name).absolute()
        influx = stack.enter_context(influxdb(folder / "influx"))
        met = list(_shipped(folder, influx, given, console)) + list(_fast(folder, influx, given, console))
    return 0 if all(met) else 1


def _shipped(folder: Path, influx: Running, given: argparse.Namespace, console: Console) -> Iterator[bool]:
    """What is measured with the broker as we ship it."""
    if not {"messages", "latency"} & set(given.only):
        return
    with (
        mosquitto(folder / "mosquitto", every_change=True) as broker,
        _site(folder, "shipped", broker, influx, given) as site,
    ):
        if "messages" in given.only:
            yield messages_figures(site, SHIPPED_RATE, given.seconds, "broker as shipped", console)
        if "latency" in given.only:
            yield latency_figures(site, 0, SHIPPED_RATE / 2, given.seconds, console)


def _fast(folder: Path, influx: Running, given: argparse.Namespace, console: Console) -> Iterator[bool]:
    """What is measured with a broker that saves once a second."""
    with mosquitto(folder / "fast", every_change=False) as broker, _site(folder, "once", broker, influx, given) as site:
        if "messages" in given.only:
            yield messages_figures(site, FAST_RATE, given.seconds, "broker saves once a second", console)
        if "batches" in given.only:
            yield batches_figures(site, given.seconds, console)
        rate = given.rate
        if rate is None and {"latency", "memory"} & set(given.only):
            rate = highest_rate(site, given.seconds, console) / 2
        if "latency" in given.only:
            yield latency_figures(site, PROBES // 2, rate, given.seconds, console)
        if "memory" in given.only:
            yield memory_figures(site, rate, given.memory_minutes, console)


@contextmanager
def _site(folder: Path, name: str, broker: Running, influx: Running, given: argparse.Namespace) -> Iterator[Site]:
    with running_site(folder / f"bench-{name}", broker, influx, given.devices) as site:
        yield site
