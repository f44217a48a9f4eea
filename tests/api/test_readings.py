"""`/readings` and `/scores`."""

from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from ingest.paging import encode_cursor
from ingest.reading import ReadingBatch
from ingest.times import parse_time
from tests.api.harness import MINUTE, NOW, Site

URL = "/api/v1/readings?site=plant&device=pump-1"


def test_the_last_hour_by_default_ascending(looking: TestClient) -> None:
    page = looking.get(f"{URL}&metric=temperature").json()
    assert page == {
        "items": [
            {"time": f"2026-05-28T20:2{m}:40Z", "site": "plant", "device": "pump-1", "metric": "temperature"}
            | {"value": value, "unit": "°C"}
            for m, value in ((3, 41.0), (4, 42.0), (5, 65.0))
        ],
        "next": None,
    }


def test_start_is_inclusive_end_is_exclusive(looking: TestClient) -> None:
    span = "&metric=temperature&start=2026-05-28T20:23:40Z&end=2026-05-28T20:25:40Z"
    assert [r["value"] for r in looking.get(URL + span).json()["items"]] == [41.0, 42.0]


def test_every_way_to_write_a_time(looking: TestClient) -> None:
    ns = NOW - 3 * MINUTE
    for text in ("2026-05-29T04:23:40+08:00", ns // 10**9, ns // 10**6, ns // 10**3, ns):
        start = quote(str(text))
        assert len(looking.get(f"{URL}&metric=temperature&start={start}").json()["items"]) == 3, text


def test_all_metrics_by_time_then_name_in_pages(plant_client: TestClient) -> None:
    everything = plant_client.get("/api/v1/readings?site=plant&limit=10000").json()["items"]
    keys = [(r["time"], r["site"], r["device"], r["metric"]) for r in everything]
    assert keys == sorted(keys)
    assert len({r["device"] for r in everything}) == 5
    found, cursor = [], ""
    while cursor is not None:
        page = plant_client.get(f"/api/v1/readings?site=plant&limit=77{cursor and '&cursor=' + cursor}").json()
        found += page["items"]
        cursor = page["next"]
    assert found == everything


def test_intervals(plant_client: TestClient) -> None:
    url = "/api/v1/readings?device=pump-1&metric=vibration&start=2026-05-28T10:00:00Z&end=2026-05-28T12:00:00Z"
    raw = plant_client.get(url).json()["items"]
    buckets = plant_client.get(f"{url}&interval=1h").json()["items"]
    assert [b["time"] for b in buckets] == ["2026-05-28T10:00:00Z", "2026-05-28T11:00:00Z"]
    for bucket in buckets:
        values = [r["value"] for r in raw if r["time"][:13] == bucket["time"][:13]]
        assert bucket["count"] == len(values) == 60
        assert (bucket["min"], bucket["max"]) == (min(values), max(values))
        assert bucket["mean"] == pytest.approx(sum(values) / len(values))
        assert bucket["unit"] == "mm/s"
        assert "value" not in bucket


def test_intervals_in_pages_hold_each_reading_once(plant_client: TestClient) -> None:
    url = "/api/v1/readings?device=pump-1&start=2026-05-28T10:07:00Z&end=2026-05-28T12:00:00Z&interval=5m"
    everything = plant_client.get(url).json()["items"]
    found, cursor = [], ""
    while cursor is not None:
        page = plant_client.get(f"{url}&limit=7{cursor and '&cursor=' + cursor}").json()
        found += page["items"]
        cursor = page["next"]
    assert found == everything
    assert sum(bucket["count"] for bucket in found) == 3 * 113


def test_scores(plant_client: TestClient) -> None:
    (first, *_) = plant_client.get("/api/v1/scores?device=pump-1&metric=vibration&limit=1").json()["items"]
    assert first.keys() >= {"time", "site", "device", "metric", "score", "p_value"}
    assert 0 < first["p_value"] <= 1
    assert first["low"] < first["expected"] < first["high"]


def test_nothing_known_is_an_empty_page(looking: TestClient) -> None:
    for what in ("readings", "scores"):
        assert looking.get(f"/api/v1/{what}?device=nothing").json() == {"items": [], "next": None}
    assert looking.get(f"{URL}&metric=nothing").json()["items"] == []


@pytest.mark.parametrize(
    "query",
    [
        "start=yesterday",
        "start=2026-05-28T20:00:00",
        "start=2026-05-29T00:00:00Z&end=2026-05-28T00:00:00Z",
        "interval=5",
        "interval=0s",
        "interval=5 m",
        "interval=1w",
        "interval=367d",
        "interval=99999999d",
        "start=99999999999",
        "end=2263-01-01T00:00:00Z",
        "limit=0",
        "limit=ten",
        "cursor=%00",
        "cursor=abc",
    ],
)
def test_bad_queries(looking: TestClient, query: str) -> None:
    answer = looking.get(f"{URL}&{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_what_is_wrong_with_an_interval_is_said_in_words(looking: TestClient) -> None:
    (found,) = looking.get(f"{URL}&interval=5").json()["errors"]
    told = "should be a length such as 30s, 5m, 1h or 1d, at most 366d"
    assert found == {"where": "query.interval", "message": told}


@pytest.mark.parametrize("more", ["", "&interval=1s", "&interval=366d", f"&cursor={encode_cursor(2**63 - 1, 'a/b/c')}"])
@pytest.mark.parametrize(
    "query",
    [
        "end=1677-09-21T00:12:44Z",
        "end=-9223372036854775807",
        "start=-9223372036854775807",
        "start=9223372036854775807",
        "start=1677-09-21T00:12:44Z&end=2262-04-11T23:47:16Z",
    ],
)
def test_the_ends_of_time(looking: TestClient, query: str, more: str) -> None:
    for what in ("readings", "scores"):
        assert looking.get(f"/api/v1/{what}?{query}{more}").status_code == 200


def test_too_many_series_at_once(client: TestClient, made: Site) -> None:
    for number in range(201):
        made.registry.series("big", f"d-{number}", "m")
    answer = client.get("/api/v1/readings?site=big")
    assert answer.status_code == 422
    assert answer.json()["detail"] == "201 series match, 200 are read at once: name a site, device or metric"


def test_readings_of_one_moment_are_neither_lost_nor_repeated(client: TestClient, made: Site) -> None:
    at = made.now - MINUTE // 2
    names = [made.registry.series("plant", "gateway", f"m{n}") for n in range(5)]
    made.feed(ReadingBatch.of(names, [at] * 5, [float(n) for n in range(5)]))
    found, cursor = [], ""
    while cursor is not None:
        page = client.get(f"/api/v1/readings?device=gateway&limit=2{cursor and '&cursor=' + cursor}").json()
        found += [r["value"] for r in page["items"]]
        assert all(parse_time(r["time"]) == at for r in page["items"])
        cursor = page["next"]
    assert found == [0.0, 1.0, 2.0, 3.0, 4.0]
