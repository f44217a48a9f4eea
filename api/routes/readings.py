"""`/readings` and `/scores`: what the store keeps."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from api.deps import Deps, Parts
from api.history import Read, Rows, matching, page
from api.items import ItemPage, Time
from api.params import (
    LIMIT,
    Cursor,
    DeviceName,
    IntervalText,
    Limit,
    MetricName,
    SiteName,
    TimeText,
    interval_ns,
    time_range,
)
from ingest.registry import SeriesKey

router = APIRouter(tags=["readings"])


class ReadingItem(BaseModel):
    """A reading; with `interval`, a bucket of readings that begins at `time`."""

    time: Time
    site: str
    device: str
    metric: str
    unit: str | None
    value: float | None = Field(None, description="Without `interval`")
    min: float | None = Field(None, description="With `interval`, like `mean`, `max` and `count`")
    mean: float | None = None
    max: float | None = None
    count: int | None = None


class ScoreItem(BaseModel):
    """What the models said of a reading: a higher score is more anomalous, the p-value is calibrated."""

    time: Time
    site: str
    device: str
    metric: str
    score: float | None
    p_value: float | None
    expected: float | None = Field(description="The band in which the reading was expected, as far as known")
    low: float | None
    high: float | None


@router.get("/readings", response_model=ItemPage[ReadingItem])
def list_readings(
    deps: Parts,
    site: SiteName = None,
    device: DeviceName = None,
    metric: MetricName = None,
    start: TimeText = None,
    end: TimeText = None,
    interval: IntervalText = None,
    limit: Limit = LIMIT,
    cursor: Cursor = None,
) -> Any:
    """Stored readings, ascending: `start` inclusive, `end` exclusive, the last hour by default."""
    since, until = time_range(start, end, deps.clock())
    keys = matching(deps.registry, site, device, metric)
    step = interval_ns(interval) if interval else 1
    read = _buckets(deps, step) if interval else _readings(deps)
    items, following = page(keys, read, since, until, limit, cursor, step)
    units = {key: _unit(deps, key) for key in keys}
    for item in items:
        item["unit"] = units[item["site"], item["device"], item["metric"]]
        if interval:
            item["count"] = int(item["count"])
    return _json(items, following)


@router.get("/scores", response_model=ItemPage[ScoreItem])
def list_scores(
    deps: Parts,
    site: SiteName = None,
    device: DeviceName = None,
    metric: MetricName = None,
    start: TimeText = None,
    end: TimeText = None,
    limit: Limit = LIMIT,
    cursor: Cursor = None,
) -> Any:
    """Scores of judged readings, ascending: `start` inclusive, `end` exclusive, the last hour by default."""
    since, until = time_range(start, end, deps.clock())
    keys = matching(deps.registry, site, device, metric)
    return _json(*page(keys, _scores(deps), since, until, limit, cursor))


def _readings(deps: Deps) -> Read:
    def read(key: SeriesKey, start: int, end: int, limit: int) -> Rows:
        found = deps.telemetry.readings(*key, start, end, limit)
        return Rows(found.time, {"value": found.value})

    return read


def _buckets(deps: Deps, interval: int) -> Read:
    def read(key: SeriesKey, start: int, end: int, limit: int) -> Rows:
        found = deps.telemetry.aggregate(*key, start, end, interval, limit)
        columns = {"min": found.low, "mean": found.mean, "max": found.high, "count": found.count.astype(np.float64)}
        return Rows(found.time, columns)

    return read


def _scores(deps: Deps) -> Read:
    def read(key: SeriesKey, start: int, end: int, limit: int) -> Rows:
        found = deps.telemetry.scores(*key, start, end, limit)
        names = ("score", "p_value", "expected", "low", "high")
        return Rows(found.time, {name: getattr(found, name) for name in names})

    return read


def _unit(deps: Deps, key: SeriesKey) -> str | None:
    number = deps.registry.find(*key)
    return None if number is None else deps.registry.metric(number).unit


def _json(items: list[dict[str, Any]], following: str | None) -> Response:
    """Straight to bytes: up to 10 000 items of known shape are not checked one by one."""
    return Response(orjson.dumps({"items": items, "next": following}), media_type="application/json")
