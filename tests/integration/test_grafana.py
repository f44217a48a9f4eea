"""The Grafana dashboard: it has the shape that Grafana loads, and asks for what a running service tells."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from forewarn.config.settings import FileSettings
from tests.flows.trouble import write_limits
from tests.live import live, make_settings, publisher
from tests.servers.victoria import VictoriaMetrics
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "grafana"
BOARD: dict[str, Any] = orjson.loads((FOLDER / "forewarn.json").read_bytes())
PANELS: list[dict[str, Any]] = BOARD["panels"]
QUERIES: list[str] = [target["expr"] for panel in PANELS for target in panel.get("targets", ())]
SHOWN = (
    "readings_received_total",
    "readings_stored_total",
    "readings_rejected_total",
    "readings_duplicate_total",
    "readings_late_total",
    "spool_entries",
    "spool_readings",
    "spool_oldest_seconds",
    "store_write_seconds_bucket",
    "ack_seconds_bucket",
    "alerts_opened_total",
    "work_orders_opened_total",
    "rejects",
)
"""What an operator must find on it."""
SELDOM = re.compile("checkpoint|notices")
"""Whether there is any depends on the time and on the settings."""


def expression(query: str) -> str:
    """A query as Grafana would send it."""
    return query.replace("$__rate_interval", "5m").replace("$instance", ".*")


# -- shape -------------------------------------------------------------------------------------------------------------


def test_the_dashboard_can_be_provisioned_and_imported() -> None:
    assert "__inputs" not in BOARD, "only an import by hand fills them in"
    assert "id" not in BOARD, "Grafana gives it"
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", BOARD["uid"])
    assert BOARD["title"]
    assert BOARD["schemaVersion"] >= 36
    names = {one["name"]: one["type"] for one in BOARD["templating"]["list"]}
    assert names == {"datasource": "datasource", "instance": "query"}


def test_panels_are_of_known_kinds_and_cover_nothing_of_each_other() -> None:
    assert {panel["type"] for panel in PANELS} == {"row", "stat", "timeseries"}
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    places = {panel["id"]: panel["gridPos"] for panel in PANELS}
    assert all(place["x"] + place["w"] <= 24 and min(place.values()) >= 0 for place in places.values())
    for (one, a), (other, b) in combinations(places.items(), 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        below = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or below, f"panels {one} and {other}"


def test_every_query_asks_the_chosen_source_for_the_chosen_services() -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    for panel in PANELS:
        targets = panel.get("targets", [])
        assert bool(targets) == (panel["type"] != "row"), panel["title"]
        assert [target["datasource"] for target in targets] == [chosen] * len(targets)
        assert len({target["refId"] for target in targets}) == len(targets)
    for query in QUERIES:
        names = re.findall(r"forewarn_\w+", query)
        assert names
        assert query.count('{instance=~"$instance"}') == len(names), query


def test_the_provider_is_of_files() -> None:
    provider = YAML(typ="safe").load((FOLDER / "provisioning.yml").read_text("utf-8"))
    assert provider["apiVersion"] == 1
    (one,) = provider["providers"]
    assert (one["type"], one["name"]) == ("file", "forewarn")
    told = (ROOT / "docs/metrics.md").read_text("utf-8")
    assert f"{one['options']['path']}/forewarn.json" in told


@pytest.mark.parametrize("metric", SHOWN)
def test_what_must_be_found_is_shown(metric: str) -> None:
    assert any(re.search(rf"forewarn_{metric}\b", query) for query in QUERIES)


# -- truth -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """/metrics of a service before and after something of everything happened."""
    folder = tmp_path_factory.mktemp("grafana")
    settings = make_settings(folder, limits=FileSettings(file=write_limits(folder)))
    with live(settings) as running, publisher(settings.mqtt.port) as publish:
        wait_until(running.ready, "ready", 60)
        before = running.http.get("/metrics").text
        topic, now_ms = "forewarn/v1/plant/pump-1/telemetry", time.time_ns() // 1_000_000
        for number in (1, 2, 3, 2, 0):
            publish(topic, {"ts": now_ms + number, "values": {"temperature": 20.0 + number}})
        publish(topic, b"{oops")
        wait_until(lambda: running.metric("messages_received_total") == 6, "received", 60)
        running.settle()
        yield before, running.http.get("/metrics").text


def test_every_metric_of_every_query_exists(snapshots: tuple[str, str]) -> None:
    families = list(text_string_to_metric_families(snapshots[1]))
    there = {sample.name for family in families for sample in family.samples} | {family.name for family in families}
    asked = {name for query in QUERIES for name in re.findall(r"forewarn_\w+", query)}
    assert asked - there == set()
    assert len(asked) > 20


@pytest.mark.integration
def test_every_query_is_answered(snapshots: tuple[str, str], own_victoria: VictoriaMetrics) -> None:
    now_s = int(time.time())
    with httpx.Client(base_url=own_victoria.url, timeout=60) as victoria:
        for text, at_s in zip((snapshots[0], *[snapshots[1]] * 2), (now_s - 240, now_s - 120, now_s - 60), strict=True):
            params = {"timestamp": str(at_s * 1000), "extra_label": "instance=127.0.0.1:8000"}
            victoria.post("/api/v1/import/prometheus", params=params, content=text).raise_for_status()
        victoria.get("/internal/force_flush").raise_for_status()
        for query in QUERIES:
            answer = victoria.get("/api/v1/query", params={"query": expression(query), "time": str(now_s - 60)})
            assert answer.status_code == 200, f"{query}: {answer.text}"
            assert answer.json()["data"]["result"] or SELDOM.search(query), query
