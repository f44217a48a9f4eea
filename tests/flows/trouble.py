"""Readings of a small site where something of every kind goes wrong, and how what they raise is compared."""

import csv
from pathlib import Path

import numpy as np

from ingest.times import format_time, parse_time
from tests.live import Api

LIMITS = """
[[limit]]
metric = "temperature"
high = 60.0
severity = "high"
"""
START = parse_time("2026-01-01T00:00:00Z")
MINUTE = 60 * 10**9
ALERT = ("site", "device", "metric", "kind", "severity", "onset_at", "raised_at", "cleared_at", "explanation")


def write_limits(folder: Path) -> Path:
    """A limits file."""
    path = folder / "limits.toml"
    path.write_text(LIMITS, "utf-8")
    return path


def write_site(path: Path) -> None:
    """Sixteen hours of three devices: one drifts off, one gets too hot, one falls silent for three hours."""
    rng = np.random.default_rng(1)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("time", "site", "device", "metric", "value", "unit"))
        for n in range(960):
            at = START + n * MINUTE
            noise = rng.normal(0.0, 0.05, 4)
            drift = max(0, n - 760) * 0.02
            hot = 40.0 if 840 <= n < 880 else 0.0
            rows = [("drifter", "vibration", 2.0 + drift + noise[0], "mm/s")]
            rows += [("oven", "temperature", 35.0 + hot + noise[1], "°C"), ("oven", "humidity", 40.0 + noise[2], "%")]
            if not 600 <= n < 780:
                rows.append(("sleeper", "temperature", 20.0 + noise[3], "°C"))
            if n % 97 == 0:
                rows.append(rows[0])  # delivered twice
            for device, metric, value, unit in rows:
                writer.writerow((format_time(at), "plant-1", device, metric, f"{value:.4f}", unit))


def from_file(out: Path, name: str, *columns: str) -> dict[str, tuple[str, ...]]:
    with (out / name).open(encoding="utf-8", newline="") as file:
        return {row[columns[0]]: tuple(row[column] for column in columns[1:]) for row in csv.DictReader(file)}


ALERT = ("site", "device", "metric", "kind", "severity", "onset_at", "raised_at", "cleared_at", "explanation")


def live_alerts(running: Api) -> dict[str, tuple[str, ...]]:
    found = {}
    for item in running.items("alerts", limit="1000"):
        said = item | {"metric": item["metric"] or "*", "explanation": item["explanation"]["en"]}
        found[item["id"]] = tuple(said[column] or "" for column in ALERT)
    return found
