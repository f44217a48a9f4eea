"""Kills service, broker and store under load, and looks whether anything was lost, doubled or told otherwise.

    forewarn bench kills [--kills N] [--broker-kills N] [--influx-kills N] [--away S] [--full S] [--rate N] [--seed N]

mosquitto with the settings that we ship, InfluxDB 1.x and `forewarn serve`. A publisher sends the readings of a small
site at a rate that the broker sustains, and again what was not acknowledged. Part of the kills hit the service in the
middle of a commit, between commit and acknowledgement, between the store's answer and the mark, and in a checkpoint.
Then InfluxDB is away for a while, and (as root, on a small file system of its own) the disk of the spool is full.

In the end every reading must be in the store once, and alerts and orders those of the same readings undisturbed.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Self

import httpx
from rich.console import Console

from benchmarks._killsite import LIMITS, SITE, expected, write_csv
from benchmarks._servers import Counters, Running, influxdb, mosquitto, served, wait_for
from forewarn.backtest import run_backtest
from forewarn.configured import engine_config, registry
from forewarn.settings import FileSettings, Settings
from ingest.spool import FaultPoint

ANY, BROKER, INFLUX = "service: at any moment", "broker", "InfluxDB"
POINTS = (*FaultPoint, ANY)
DATABASE = "kills"
BETWEEN_S = (0.3, 2.5)
DOWN_S = (0.1, 1.0)
POINT_WITHIN_S = 20.0
SETTLED_WITHIN_S, FULL_WITHIN_S = 300.0, 300.0
BEHIND_S = 3.0
"""Caught up: no more waits for the store than arrives in that time."""
DISK = "64m"
METRICS = ("vibration", "temperature", "humidity")
ALERT = ("site", "device", "metric", "kind", "severity", "onset_at", "raised_at", "cleared_at", "explanation")


@dataclass(frozen=True, slots=True)
class Site:
    """Everything that runs, and where."""

    folder: Path
    broker: Running
    influx: Running
    service: Running
    counters: Counters
    rate: float

    def start_service(self) -> None:
        """Start it, ready to be told where to die."""
        self.service.start(subprocess.PIPE)

    def arm(self, point: str) -> None:
        """Have the service die the next time it gets there."""
        orders = self.service.process.stdin
        assert orders is not None
        orders.write(f"{point}\n".encode())
        orders.flush()

    def faults(self) -> Counter[str]:
        """How often it died where it was told to."""
        path = self.folder / "faults"
        return Counter(path.read_text("utf-8").splitlines() if path.exists() else [])


class Load:
    """The publisher, in a process of its own; it goes on behind the `first` messages."""

    def __init__(self, site: Site, first: int) -> None:
        command = [sys.executable, "-m", "benchmarks._killsload", str(site.broker.port), str(site.rate), str(first)]
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
        }
        service = served(folder, variables, (sys.executable, "-m", "benchmarks._killable"))
        counters = stack.enter_context(closing(Counters(service.port)))
        site = Site(folder, broker, influx, service, counters, rate)
        site.start_service()
        stack.callback(service.stop)
        yield site


def kill_around(site: Site, given: argparse.Namespace, console: Console) -> Counter[str]:
    """Kill one part after the other at random moments; how often what was killed, and where."""
    rng = Random(given.seed)
    plan = [POINTS[n % len(POINTS)] for n in range(given.kills)]
    plan += [BROKER] * given.broker_kills + [INFLUX] * given.influx_kills
    rng.shuffle(plan)
    killed: Counter[str] = Counter()
    for number, target in enumerate(plan, 1):
        time.sleep(rng.uniform(*BETWEEN_S))
        if target in {BROKER, INFLUX}:
            server = site.broker if target == BROKER else site.influx
            server.kill()
            time.sleep(rng.uniform(*DOWN_S))
            server.start()
            killed[target] += 1
        else:
            _kill_service(site, target, killed)
        if console.is_terminal:
            console.print(f"{number} of {len(plan)}", end="\r")
    return killed + site.faults()


def _kill_service(site: Site, point: str, killed: Counter[str]) -> None:
    before = site.faults()
    if point != ANY:
        site.arm(point)
        deadline = time.monotonic() + POINT_WITHIN_S
        while site.service.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
    site.service.kill()
    if site.faults() == before:
        killed[ANY] += 1
    site.start_service()


def settle(site: Site) -> None:
    """Wait until everything that was published is stored."""
    seen = [-1.0]

    def quiet() -> bool:
        now = site.counters.read()
        unchanged, seen[0] = now["readings_received_total"] == seen[0], now["readings_received_total"]
        return unchanged and now["spool_unstored_entries"] == 0 and now["handover_messages"] == 0

    wait_for(quiet, "everything is stored", SETTLED_WITHIN_S, 1.0)


def away(site: Site, seconds: float, console: Console) -> bool:
    """InfluxDB is away for so long; whether the store caught up faster than real time."""
    settled = _ahead(site)  # of all that a service received some was stored by the one after it
    site.influx.stop()
    time.sleep(seconds)
    site.influx.start()
    back = time.monotonic()
    waiting = _ahead(site) - settled
    wait_for(lambda: _ahead(site) - settled < 0.9 * waiting, "the store is written again", 90.0, 0.05)
    began, little = time.monotonic(), BEHIND_S * site.rate * len(METRICS)
    wait_for(lambda: _ahead(site) - settled <= little, "the store caught up", SETTLED_WITHIN_S, 0.1)
    took_s = max(time.monotonic() - began, 0.1)
    console.print(
        f"InfluxDB away for {seconds:g} s, {waiting:,.0f} readings waited: written again after {began - back:.1f} s, "
        f"caught up in another {took_s:.1f} s ({seconds / took_s:,.0f} x real time)"
    )
    return took_s < seconds


def _ahead(site: Site) -> float:
    """Readings received before those that are stored, since this service started."""
    now = site.counters.read()
    return now["readings_received_total"] - now["readings_stored_total"]


def fill_disk(site: Site, seconds: float, console: Console) -> None:
    """The disk of spool and database is full for so long; readiness has to say so, and all to go on afterwards."""
    ballast = site.folder / "data" / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(1 << 16)):
                pass
        except OSError:
            pass
    ready = f"http://127.0.0.1:{site.service.port}/readyz"
    wait_for(lambda: "full" in httpx.get(ready, timeout=20).text, "readiness says that it is full", FULL_WITHIN_S, 0.2)
    named = ", ".join(httpx.get(ready, timeout=20).json()["down"])
    time.sleep(seconds)
    ballast.unlink()
    wait_for(lambda: httpx.get(ready, timeout=20).status_code == 200, "the service is ready again", 90.0, 0.2)
    console.print(f"disk full for {seconds:g} s: readiness named {named}; then it went on")


def stored(site: Site) -> dict[tuple[str, str, int], float]:
    """Everything that InfluxDB holds."""
    found: dict[tuple[str, str, int], float] = {}
    for metric in METRICS:
        statement = f'SELECT "{metric}"::field FROM telemetry WHERE "site"::tag = \'{SITE}\' GROUP BY device'  # noqa: S608
        params = {"q": statement, "db": DATABASE, "epoch": "ns"}
        answer = httpx.get(f"http://127.0.0.1:{site.influx.port}/query", params=params, timeout=60).json()
        for series in answer["results"][0].get("series", []):
            found |= {
                (series["tags"]["device"], metric, at): value for at, value in series["values"] if value is not None
            }
    return found


def items(site: Site, resource: str) -> list[dict[str, Any]]:
    """Everything in a list of the API."""
    found: list[dict[str, Any]] = []
    params = {"limit": "1000"}
    while True:
        page = httpx.get(f"http://127.0.0.1:{site.service.port}/api/v1/{resource}", params=params, timeout=60).json()
        found += page["items"]
        if page["next"] is None:
            return found
        params["cursor"] = page["next"]


def undisturbed(folder: Path, messages: int) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """Alerts and orders (number to alert ids) of the same readings without any trouble."""
    file, out = folder / "readings.csv", folder / "out"
    write_csv(file, messages)
    settings = Settings(limits=FileSettings(file=folder / "limits.toml"))
    run_backtest([file], out, registry(Settings()), engine_config(settings))
    alerts: dict[str, tuple[str, ...]] = {}
    for name in ("alerts.csv", "site_alerts.csv"):
        alerts |= {row["alert_id"]: tuple(row[column] for column in ALERT) for row in _rows(out / name)}
    return alerts, {row["number"]: row["alert_ids"] for row in _rows(out / "work_orders.csv")}


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def compare(site: Site, messages: int, console: Console) -> bool:
    """Whether store, alerts and orders are what they should be."""
    wanted, found = expected(messages), stored(site)
    missing, odd = len(wanted.keys() - found.keys()), len(found.items() - wanted.items())
    alerts, orders = undisturbed(site.folder, messages)
    told = {}
    for item in items(site, "alerts"):
        row = item | {"metric": item["metric"] or "*", "explanation": item["explanation"]["en"]}
        told[item["id"]] = tuple(row[column] or "" for column in ALERT)
    opened = {item["number"]: " ".join(item["alerts"]) for item in items(site, "work-orders")}
    console.print(f"{len(wanted):,} readings acknowledged by the broker: {missing} missing, {odd} that were never sent")
    console.print(
        f"{len(alerts)} alerts, {len(orders)} orders undisturbed; the same: {told == alerts}, {opened == orders}"
    )
    return not missing and not odd and bool(alerts) and told == alerts and opened == orders


def main(arguments: Sequence[str]) -> int:
    """Do all of it; 0 if nothing was lost, doubled or told otherwise."""
    parser = argparse.ArgumentParser(prog="forewarn bench kills", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=50, help="of the service")
    parser.add_argument("--broker-kills", type=int, default=5)
    parser.add_argument("--influx-kills", type=int, default=5)
    parser.add_argument("--away", type=float, default=60.0, help="seconds without InfluxDB")
    parser.add_argument("--full", type=float, default=15.0, help="seconds with a full disk; 0 leaves that out")
    parser.add_argument("--rate", type=float, default=60.0, help="messages a second, of three readings each")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    console = Console(soft_wrap=True)
    disk = given.full > 0 and os.geteuid() == 0
    with (
        tempfile.TemporaryDirectory(prefix="forewarn-bench-", dir=os.curdir) as name,
        running(Path(name).absolute(), given.rate, disk) as site,
    ):
        return 0 if _all_of_it(site, given, disk, console) else 1


def _all_of_it(site: Site, given: argparse.Namespace, disk: bool, console: Console) -> bool:
    with Load(site, 0) as load:
        began = time.monotonic()
        killed = kill_around(site, given, console)
        told = ", ".join(f"{number} x {what}" for what, number in sorted(killed.items()))
        console.print(f"killed in {time.monotonic() - began:.0f} s: {told}")
        first = load.end()
    settle(site)
    before = site.counters.read()
    with Load(site, first) as load:
        good = away(site, given.away, console)
        if disk:
            fill_disk(site, given.full, console)
        else:
            console.print("the disk was not filled: that takes root and --full")
        messages = load.end()
    settle(site)
    written = site.counters.read()["readings_stored_total"] - before["readings_stored_total"]
    sent = (messages - first) * len(METRICS)
    console.print(
        f"{sent:,} readings sent since then, {written:,.0f} confirmed by the store, {written - sent:,.0f} again"
    )
    return compare(site, messages, console) and good and written == sent
