"""What is there after `kills`, beside what should be: readings, alerts and orders."""

from __future__ import annotations

import csv
from collections.abc import Container, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from benchmarks._killrun import DATABASE, Site
from benchmarks._killsite import METRICS, SITE, Said, payload, said, write_csv
from benchmarks._killtrail import BrokerKill, Seen, lost_by_broker, trail_of
from forewarn.config.configured import engine_config, registry
from forewarn.config.settings import FileSettings, Settings
from forewarn.history.backtest import run_backtest

ALERT = ("site", "device", "metric", "kind", "severity", "onset_at", "raised_at", "cleared_at", "explanation")
TOLD = 20
"""Missing messages and differing alerts that are told one by one."""


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


def undisturbed(folder: Path, messages: Sequence[Said]) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
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
    sent, found = list(islice(said(), messages)), stored(site)
    broker_lost = tell_missing(site, sent, found, console)
    kept = [one for number, one in enumerate(sent) if number not in broker_lost]
    wanted = {(device, metric, at): value for device, at, values in kept for metric, value in values.items()}
    missing, odd = len(wanted.keys() - found.keys()), len(found.items() - wanted.items())
    console.print(f"{len(wanted):,} readings acknowledged by the broker: {missing} missing, {odd} that were never sent")
    alerts, orders = undisturbed(site.folder, kept)
    told: dict[str, tuple[str, ...]] = {}
    for item in items(site, "alerts"):
        row = item | {"metric": item["metric"] or "*", "explanation": item["explanation"]["en"]}
        told[item["id"]] = tuple(row[column] or "" for column in ALERT)
    opened = {item["number"]: " ".join(item["alerts"]) for item in items(site, "work-orders")}
    console.print(
        f"{len(alerts)} alerts, {len(orders)} orders undisturbed; the same: {told == alerts}, {opened == orders}"
    )
    for alert in sorted(set(alerts.items()) ^ set(told.items()))[:TOLD]:
        console.print(f"{'undisturbed' if alert in alerts.items() else 'told'} only: {', '.join(alert[1])}")
    return not missing and not odd and bool(alerts) and told == alerts and opened == orders


def tell_missing(
    site: Site, sent: Sequence[Said], found: Container[tuple[str, str, int]], console: Console
) -> set[int]:
    """Tell where each message was seen that is not whole in the store; the numbers of those the broker itself lost."""
    seen = Seen.of(site.published, site.trail)
    broker_lost: dict[int, BrokerKill] = {}
    others = []
    for number, (device, at, values) in enumerate(sent):
        if all((device, metric, at) in found for metric in values):
            continue
        known = number, (device, at), payload(at, values), seen, site.broker_kills
        kill = lost_by_broker(*known)
        if kill is None:
            others.append(trail_of(*known))
        else:
            broker_lost[number] = kill
    for line in others[:TOLD]:
        console.print(f"missing: {line}")
    for listening, when in ((True, "while the service listened"), (False, "while it was away")):
        number = sum(kill.listening == listening for kill in site.broker_kills)
        lost = sum(kill.listening == listening for kill in broker_lost.values())
        console.print(
            f"broker killed {number} x {when}: it lost {lost} messages that it had acknowledged, neither saved nor sent"
        )
    return set(broker_lost)
