"""Kills service, broker and store under load, and looks whether anything was lost, doubled or told otherwise.

    forewarn bench kills [--kills N] [--broker-kills N] [--both-kills N] [--influx-kills N] [--away S] [--full S]
        [--rate N] [--seed N]

mosquitto with the settings that we ship, InfluxDB 1.x and `forewarn serve`. A publisher sends the readings of a small
site at a rate that the broker sustains, and again what was not acknowledged. Part of the kills hit the service in the
middle of a commit, between commit and acknowledgement, between the store's answer and the mark, and in a checkpoint.
The broker is killed while the service listens, and while the service is away, having been killed before. Then InfluxDB
is away for a while, and (as root, on a small file system of its own) the disk of the spool is full.

In the end every reading that the broker acknowledged must be in the store once, and alerts and orders those of the same
readings undisturbed. What a killed broker had acknowledged and then lost itself is left out of both and counted apart;
what is evidence of that is written in `_killtrail`.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

from rich.console import Console

from benchmarks._killcheck import compare
from benchmarks._killrun import Load, Site, running
from benchmarks._killsite import METRICS
from benchmarks._killtrail import BrokerKill
from benchmarks._servers import wait_for
from ingest.errors import InputError
from ingest.spool import FaultPoint

ANY, BROKER, INFLUX = "service: at any moment", "broker", "InfluxDB"
BOTH = "service, and broker while it was away"
POINTS = (*FaultPoint, ANY)
BETWEEN_S = (0.3, 2.5)
DOWN_S = (0.1, 1.0)
POINT_WITHIN_S = 20.0
SETTLED_WITHIN_S, FULL_WITHIN_S, LISTENS_WITHIN_S, READY_WITHIN_S = 300.0, 300.0, 120.0, 90.0
QUIET_S = 10.0
"""A broker that was killed with much to send on may take that long to begin."""
BEHIND_S = 3.0
"""Caught up: no more waits for the store than arrives in that time."""


def kill_around(site: Site, given: argparse.Namespace, console: Console) -> Counter[str]:
    """Kill one part after the other at random moments; how often what was killed, and where."""
    rng = Random(given.seed)
    plan = [POINTS[n % len(POINTS)] for n in range(given.kills)]
    plan += [BROKER] * given.broker_kills + [BOTH] * given.both_kills + [INFLUX] * given.influx_kills
    rng.shuffle(plan)
    killed: Counter[str] = Counter()
    for number, target in enumerate(plan, 1):
        time.sleep(rng.uniform(*BETWEEN_S))
        killed[_kill(site, target, rng)] += 1
        if console.is_terminal:
            console.print(f"{number} of {len(plan)}", end="\r")
    return killed


def _kill(site: Site, target: str, rng: Random) -> str:
    """Kill that and start it again; what was hit in the end."""
    if target == BROKER:
        _listens(site)
        _kill_broker(site, rng.uniform(*DOWN_S), listening=True)
    elif target == BOTH:
        site.service.kill()
        time.sleep(rng.uniform(*DOWN_S))
        _kill_broker(site, rng.uniform(*DOWN_S), listening=False)
    elif target == INFLUX:
        site.influx.kill()
        time.sleep(rng.uniform(*DOWN_S))
        site.influx.start()
    else:
        return _kill_service(site, target)
    return target


def _kill_broker(site: Site, down_s: float, *, listening: bool) -> None:
    at = time.monotonic()
    site.broker.kill()
    file = site.folder / "mosquitto" / "mosquitto.db"
    left = file.read_bytes() if file.exists() else b""
    time.sleep(down_s)
    site.broker.start()
    up_at = time.monotonic()
    if not listening:
        site.start_service()
    _listens(site)
    site.broker_kills.append(BrokerKill(at, up_at, listening, time.monotonic(), left))


def _listens(site: Site) -> None:
    """Wait until readings come from the publisher to the service, and everything that did is durable."""
    first = site.counters.read()["readings_received_total"]

    def comes() -> bool:
        now = site.counters.read()
        return not site.down() and now["readings_received_total"] > first and not now["handover_messages"]

    wait_for(comes, "the service listens and readings come", LISTENS_WITHIN_S)


def _kill_service(site: Site, point: str) -> str:
    """Have it die at that point, or kill it where it is if it does not get there."""
    before = site.faults()
    if point != ANY:
        site.arm(point)
        deadline = time.monotonic() + POINT_WITHIN_S
        while site.service.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
    site.service.kill()
    hit = point if site.faults() != before else ANY
    site.start_service()
    return hit


def settle(site: Site) -> None:
    """Wait until everything that was published is stored."""
    last, since = -1.0, time.monotonic()

    def quiet() -> bool:
        nonlocal last, since
        now = site.counters.read()
        if now["readings_received_total"] != last or not now["mqtt_connected"] or now["handover_messages"]:
            last, since = now["readings_received_total"], time.monotonic()
        return now["spool_unstored_entries"] == 0 and time.monotonic() - since > QUIET_S

    wait_for(quiet, "everything is stored", SETTLED_WITHIN_S, 1.0)


def away(site: Site, seconds: float, console: Console) -> bool:
    """InfluxDB is away for so long; whether the store caught up faster than real time."""
    settled = _ahead(site)  # of all that a service received some was stored by the one after it
    site.influx.stop()
    stored = site.counters.read()["readings_stored_total"]
    time.sleep(seconds)
    site.influx.start()
    back = time.monotonic()
    waiting = _ahead(site) - settled
    wait_for(
        lambda: site.counters.read()["readings_stored_total"] > stored, "the store is written again", READY_WITHIN_S
    )
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
    wait_for(lambda: "full" in str(site.down()), "readiness says that it is full", FULL_WITHIN_S, 0.2)
    named = ", ".join(site.down())
    time.sleep(seconds)
    ballast.unlink()
    try:
        wait_for(lambda: not site.down(), "the service is ready again", READY_WITHIN_S, 0.2)
    except InputError as error:
        raise InputError(f"{error}: {site.down()}") from error
    console.print(f"disk full for {seconds:g} s: readiness named {named}; then it went on")


def main(arguments: Sequence[str]) -> int:
    """Do all of it; 0 if nothing was lost, doubled or told otherwise."""
    parser = argparse.ArgumentParser(prog="forewarn bench kills", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=50, help="of the service")
    parser.add_argument("--broker-kills", type=int, default=5, help="while the service listens")
    parser.add_argument("--both-kills", type=int, default=5, help="of the broker while the service is away")
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
