"""What a client of the event stream gets to see."""

import asyncio
from typing import Any

import numpy as np

from api.hub import Hub, Topic, Wish
from api.publish import MOST_READINGS, publish_readings
from ingest.registry import Registry
from models.score import Scores


def scores(registry: Registry, rows: list[tuple[str, str, int, float]]) -> Scores:
    """Scores of (device, metric, time, value)."""
    series = [registry.series("plant", device, metric) for device, metric, _, _ in rows]
    times, values = [row[2] for row in rows], [row[3] for row in rows]
    column = np.array(values)
    nothing = np.full(len(rows), np.nan)
    return Scores(
        np.arange(len(rows), dtype=np.int32),
        np.array(series, np.int32),
        np.array(times, np.int64),
        *(column, nothing, column / 100, column, column - 1, column + 1),
    )


def seen(wish: Wish, registry: Registry, judged: Scores) -> list[dict[str, Any]]:
    """What a client with that wish gets."""

    async def story() -> list[dict[str, Any]]:
        hub = Hub()
        client = hub.join(wish)
        publish_readings(hub, registry, judged)
        events = await client.next(1.0) or []
        return [data for event in events for data in event.render(wish)]

    return asyncio.run(story())


READING = frozenset({Topic.READING})


def test_the_newest_of_each_series() -> None:
    registry = Registry()
    judged = scores(registry, [("a", "m", 10, 1.0), ("b", "m", 10, 2.0), ("a", "m", 20, 3.0)])
    found = seen(Wish(READING), registry, judged)
    assert [(r["device"], r["value"], r["time"][-4:]) for r in found] == [("a", 3.0, "020Z"), ("b", 2.0, "010Z")]
    assert found[0]["score"] is None
    assert (found[0]["low"], found[0]["p_value"], found[0]["unit"]) == (2.0, 0.03, None)


def test_of_the_device_that_is_looked_at() -> None:
    registry = Registry()
    judged = scores(registry, [(f"d{n}", "m", 10, 1.0) for n in range(MOST_READINGS + 5)])
    assert len(seen(Wish(READING), registry, judged)) == MOST_READINGS
    last = f"d{MOST_READINGS + 4}"
    assert [r["device"] for r in seen(Wish(READING, "plant", last), registry, judged)] == [last]
    assert [r["device"] for r in seen(Wish(READING, None, last), registry, judged)] == [last]
    assert seen(Wish(READING, "elsewhere", last), registry, judged) == []


def test_nothing_is_made_while_nobody_looks() -> None:
    hub, registry = Hub(), Registry()
    publish_readings(hub, registry, scores(registry, [("a", "m", 10, 1.0)]))
    publish_readings(hub, registry, Scores.empty())
    assert hub.clients == 0
