"""Readings and scores as InfluxDB line protocol, by string formatting (docs: InfluxDB line protocol reference).

telemetry,site=plant,device=pump-1 temperature=21.5,vibration=1.23 1767225600000000000
scores,site=plant,device=pump-1,metric=vibration score=3.2,p_value=0.001,expected=1.1,low=0.9,high=1.3 1767…
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

import numpy as np
import orjson
from numpy.typing import NDArray

from ingest.columns import SeriesName
from ingest.keyed import KeyedBatch
from ingest.keyedscores import KeyedScores

TELEMETRY, SCORES = "telemetry", "scores"

SCORE_FIELDS = ("score", "p_value", "expected", "low", "high")

MAX_REMEMBERED = 1 << 17
"""Beginnings of lines that are remembered, of a fleet of that many series."""

Rows = NDArray[np.intp]

_SPECIAL = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ "})


def stored_name(name: str) -> str:
    """The name as InfluxDB keeps it: as it is, but with backslashes percent-encoded.

    Line protocol cannot say a backslash before a comma, an equals sign, a space or the end of a name. No two names
    become the same.

    >>> stored_name("pump 1"), stored_name(chr(92)), stored_name("%5C")
    ('pump 1', '%5C', '%255C')
    """
    if "\\" in name or "%5C" in name or "%25" in name:
        return name.replace("%", "%25").replace("\\", "%5C")
    return name


def escaped(name: str) -> str:
    r"""A tag value or field key as line protocol spells it.

    >>> print(escaped("a b,c=d"))
    a\ b\,c\=d
    """
    return stored_name(name).translate(_SPECIAL)


def last_values(key: NDArray[np.int32], time: NDArray[np.int64]) -> Rows:
    """Rows that no later row of the same series and time replaces, ordered so that a device's rows lie together."""
    order = np.lexsort((time, key))
    same = (key[order[1:]] == key[order[:-1]]) & (time[order[1:]] == time[order[:-1]])
    kept: Rows = order[np.r_[~same, True][: len(order)]]
    return kept


def reading_lines(readings: KeyedBatch, rows: Rows) -> str:
    """Those rows, a line for each (site, device, time) with all its metrics; they must name no reading twice."""
    device, heads, fields = _devices(readings.names)
    owner, time = device[readings.key[rows]], readings.time[rows]
    order = np.lexsort((time, owner))
    rows, owner, time = rows[order], owner[order], time[order]
    first = np.r_[True, (owner[1:] != owner[:-1]) | (time[1:] != time[:-1])][: len(rows)]
    last = np.r_[first[1:], True][: len(rows)]
    starts = [heads[one] if begins else "," for one, begins in zip(owner.tolist(), first.tolist(), strict=True)]
    keys = [fields[one] for one in readings.key[rows].tolist()]
    ends = [f" {at}\n" if done else "" for at, done in zip(_texts(time), last.tolist(), strict=True)]
    return "".join(chain.from_iterable(zip(starts, keys, _texts(readings.value[rows]), ends, strict=True)))


def single_lines(readings: KeyedBatch, rows: Rows) -> str:
    """Those rows in their order, a line for each, so that a server can refuse one without its neighbours."""
    device, heads, fields = _devices(readings.names)
    prefixes = [heads[owner] + field for owner, field in zip(device.tolist(), fields, strict=True)]
    keys, values, times = readings.key[rows].tolist(), _texts(readings.value[rows]), _texts(readings.time[rows])
    return "".join(f"{prefixes[k]}{value} {at}\n" for k, value, at in zip(keys, values, times, strict=True))


def _texts(column: NDArray[np.float64] | NDArray[np.int64]) -> list[str]:
    """Numbers as the shortest texts that mean them exactly; `null` for what is no number."""
    if not len(column):
        return []
    written = orjson.dumps(np.ascontiguousarray(column), option=orjson.OPT_SERIALIZE_NUMPY)
    return written[1:-1].decode("ascii").split(",")


def _devices(names: Sequence[SeriesName]) -> tuple[NDArray[np.int32], list[str], list[str]]:
    """The device of every series, the beginning of a line for every device, and `metric=` for every series."""
    numbers: dict[tuple[str, str], int] = {}
    device = np.array([numbers.setdefault(name[:2], len(numbers)) for name in names], np.int32)
    heads = [_reading_head(site, name) for site, name in numbers]
    return device, heads, [_field(metric) for _, _, metric in names]


@lru_cache(MAX_REMEMBERED)
def _reading_head(site: str, device: str) -> str:
    return f"{TELEMETRY},site={escaped(site)},device={escaped(device)} "


@lru_cache(MAX_REMEMBERED)
def _field(metric: str) -> str:
    return f"{escaped(metric)}="


@lru_cache(MAX_REMEMBERED)
def _score_head(site: str, device: str, metric: str) -> str:
    return f"{SCORES},site={escaped(site)},device={escaped(device)},metric={escaped(metric)} "


def score_lines(scores: KeyedScores, rows: Rows) -> str:
    """Those rows, a line for each; what is unknown of the expected band is left out."""
    heads = [_score_head(*name) for name in scores.names]
    keys, times = scores.key[rows].tolist(), _texts(scores.time[rows])
    columns = [_texts(column[rows]) for column in scores.floats()]
    lines = []
    for key, at, score, p_value, expected, low, high in zip(keys, times, *columns, strict=True):
        said = f"score={score},p_value={p_value},expected={expected},low={low},high={high}"
        if "null" in said:
            said = ",".join(part for part in said.split(",") if not part.endswith("=null"))
        lines.append(f"{heads[key]}{said} {at}\n")
    return "".join(lines)
