"""Facts of a baseline alert: which metric leads and how far it is off, how rare that is, and what moved first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from alerts.alert import Fact
from alerts.limits import MOST
from ingest.registry import Registry
from models.calibration import MEMORY
from models.detectors.shift import BAND
from models.moves import Moves, Stretch

REMEMBERED = MEMORY
"""Readings that p-values rest on."""
BEYOND = 10.0
"""Rarity is told up to one in so many times the readings that it rests on: further out nobody knows."""
STILL = 10.0
"""Usual intervals before the onset of an alert in which a metric was last unusual, to have moved with it."""
SAME = 0.5
"""Metrics that begin within this share of a usual interval begin together."""
MOST_NAMED = 3


def rarity(p_value: float, rows: int) -> Mapping[str, Fact]:
    """`one_in`, with one significant digit, and whether it is `rarer` than `rows` readings can tell.

    >>> rarity(1 / 4_321, 4_000)
    {'one_in': 4000.0, 'rarer': False}
    >>> rarity(1e-9, 256)
    {'one_in': 2000.0, 'rarer': True}
    """
    most, exact = BEYOND * min(max(rows, 1), REMEMBERED), 1.0 / p_value
    rarer = exact >= most
    digit = 10.0 ** math.floor(math.log10(min(exact, most)))
    return {"one_in": (math.floor(most / digit) if rarer else round(exact / digit)) * digit, "rarer": rarer}


def deviation(facts: Sequence[float]) -> Mapping[str, Fact]:
    """How far the leading metric is off; `facts` as a row of `models.bank.Verdicts.facts`.

    A reading outside its band speaks for itself; where it is inside, it is the average of the last 30 that is off.
    `distances` counts the metric's own usual distances of what is told, `side` is where that is. What is beyond the
    largest number counts as that: a fact has to find room in a database.
    """
    value, expected, low, high, average, usual = (min(max(fact, -MOST), MOST) for fact in facts)
    known: dict[str, Fact] = {"value": value, "expected": expected, "low": low, "high": high}
    if not all(map(math.isfinite, facts)):
        return known | {"side": "high" if value >= expected else "low"}
    lasting = low <= value <= high
    off = average - expected if lasting else value - expected
    distance = usual if lasting else (high - low) / (2 * BAND)
    distances = round(min(abs(off) / distance, MOST), 1) if distance > 0 else None
    told = {"average": average} if lasting else {}
    return known | told | {"side": "high" if off >= 0 else "low", "distances": distances}


def moved(
    registry: Registry,
    moves: Moves,
    device: int,
    row: int,
    at: int,
    onset_at: int,
    interval_ns: float,
    leader: int | None = None,
) -> Mapping[str, Fact]:
    """What moved first of a device's metrics, and since when the leader did, if they did.

    As known with row `row` of the batch at time `at` (ns); nothing for a device with a single metric.
    """
    series = registry.series_of(device)
    if len(series) < 2:
        return {}
    interval_ns = 0.0 if math.isnan(interval_ns) else interval_ns
    found = [one for one in moves.of(series, row, at) if one.last >= onset_at - STILL * interval_ns]
    known = in_order(found, {one.series: registry.metric(one.series).name for one in found}, SAME * interval_ns)
    if leader is None:
        return known
    return {"metric_since_at": next((one.since for one in found if one.series == leader), None)} | known


def in_order(stretches: Sequence[Stretch], names: Mapping[int, str], same_ns: float) -> dict[str, Fact]:
    """`moved_first` and since when, who moved with it, and who after it; those within `same_ns` moved together.

    >>> in_order([Stretch(0, 900, 990), Stretch(1, 300, 990)], {0: "vibration", 1: "current"}, 60)
    {'moved_first': 'current', 'moved_first_at': 300, 'moved_with': None, 'moved_then': 'vibration'}
    """
    if not stretches:
        return {}
    ordered = sorted(stretches, key=lambda one: (one.since, names[one.series]))
    first = ordered[0]
    beside = [names[one.series] for one in ordered[1:] if one.since - first.since <= same_ns]
    after = [names[one.series] for one in ordered[1 + len(beside) :]]
    return {
        "moved_first": names[first.series],
        "moved_first_at": first.since,
        "moved_with": ", ".join(beside[:MOST_NAMED]) or None,
        "moved_then": ", ".join(after[:MOST_NAMED]) or None,
    }


def names_in(listed: Fact) -> list[str]:
    """The metrics that one of these facts names.

    >>> names_in("current, vibration"), names_in(None)
    (['current', 'vibration'], [])
    """
    return str(listed).split(", ") if listed else []
