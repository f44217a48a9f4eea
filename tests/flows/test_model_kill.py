"""A service that is killed around a promotion raises what one raises that is left alone: each reading has one judge."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from alerts.alert import Kind, Opened
from alerts.model_store import ModelStore
from alerts.riskwatch import Models
from alerts.shadow_store import ShadowStore
from forewarn.cli import main
from forewarn.engine import Engine, EngineConfig
from forewarn.history.logfeed import LogFeed
from forewarn.history.modelfile import write_model
from forewarn.history.storehistory import open_to_read
from ingest.registry import Registry
from tests.failing_fleet import HOUR, METRICS, START, Fleet, fleet
from tests.live import WITHIN_S, Api, Command
from tests.small_model import small_model
from tests.waiting import wait_until

MODEL = small_model()
SITE = fleet(n_devices=4, days=30)
PROMOTED, END = 14, 30
"""Days."""


def told(begin: int, end: int, active: bool) -> set[str]:
    """Ids of the alerts that the model raises, or notes as a shadow, in those days if it is promoted meanwhile."""
    registry = Registry()
    batch, feed = SITE.batch(registry), LogFeed(SITE.entries, registry)
    engine = Engine(registry, EngineConfig(models=Models(shadow=MODEL)))
    found: set[str] = set()
    for day in range(END):
        if day == PROMOTED:
            engine.use(Models(active=MODEL))
        part = batch[day * 24 * 8 : (day + 1) * 24 * 8]
        outcome = engine.process(part, feed.before(part))
        events = outcome.events if active else outcome.noted
        opened = [event.alert for event in events if isinstance(event, Opened) and begin <= day < end]
        found |= {alert.id for alert in opened if alert.kind is Kind.FAILURE_RISK}
    return found


def post(service: Api, site: Fleet, begin: int, end: int) -> None:
    """What happened in those days, hour by hour as it would arrive."""
    for day in range(begin, end):
        hours = range(day * 24, (day + 1) * 24)
        for hour in hours:
            ms = (START + hour * HOUR) // 1_000_000
            log = [
                {"site": "plant", "device": e.device, "ts": ms, "event": str(e.event), "code": e.code}
                for e in site.entries
                if e.time == START + hour * HOUR
            ]
            if log:
                assert service.http.post("/api/v1/events", json=log).status_code == 202
            said: list[dict[str, Any]] = [
                {
                    "site": "plant",
                    "device": device,
                    "ts": ms,
                    "values": dict(zip(METRICS, site.values[number, :, hour].tolist(), strict=True)),
                }
                for number, device in enumerate(site.devices)
            ]
            assert service.http.post("/api/v1/telemetry", json=said).status_code == 202


@contextmanager
def serving(folder: Path) -> Iterator[Command]:
    service = Command(folder)
    service.start()
    try:
        yield service
    finally:
        service.stop()


def model(*arguments: str) -> None:
    with pytest.raises(SystemExit) as left:
        main(["model", *arguments])
    assert left.value.code == 0


def looks(service: Command, active: str | None, shadow: str | None) -> None:
    def last() -> dict[str, Any] | None:
        lines = [json.loads(line) for line in service.log().splitlines() if line.startswith("{")]
        return next((line for line in reversed(lines) if line["event"] == "models look from now on"), None)

    def so() -> bool:
        said = last()
        return said is not None and (said["active"], said["shadow"]) == (active, shadow)

    wait_until(so, "other models look", WITHIN_S)


def risks(service: Api) -> set[str]:
    return {item["id"] for item in service.items("alerts", kind="failure_risk")}


@pytest.mark.timeout(300)
def test_killed_around_a_promotion_each_reading_keeps_its_judge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOREWARN_DATA__DIR", str(tmp_path / "data"))
    file = tmp_path / "fleet.model"
    write_model(file, MODEL)
    noted, raised = told(0, PROMOTED, active=False), told(PROMOTED, END, active=True)
    assert noted
    assert len(raised) > 2
    with serving(tmp_path) as service:
        model("add", str(file))
        looks(service, None, MODEL.digest[:12])
        post(service, SITE, 0, PROMOTED)
        database = open_to_read(f"sqlite:///{tmp_path / 'data' / 'forewarn.db'}")
        shadow, models = ShadowStore(database), ModelStore(database)
        wait_until(lambda: {one.id for one in shadow.of(MODEL.digest)} == noted, "noted", WITHIN_S)
        assert risks(service) == set()
        since = models.get(MODEL.digest).looks_since
        assert since is not None
        assert START < since < START + 5 * 24 * HOUR
        service.kill()
        model("promote", MODEL.digest, "--force")
        service.start()
        looks(service, MODEL.digest[:12], None)
        assert risks(service) == set(), "what the shadow judged before the kill is the shadow's"
        assert {one.id for one in shadow.of(MODEL.digest)} == noted
        post(service, SITE, PROMOTED, 20)
        service.kill()
        service.start()
        post(service, SITE, 20, END)
        wait_until(lambda: risks(service) == raised, "raised as by one that was left alone", WITHIN_S)
        assert models.get(MODEL.digest).looks_since == since
        database.dispose()
