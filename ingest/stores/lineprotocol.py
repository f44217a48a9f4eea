"""Readings and scores as InfluxDB line protocol, by string formatting (docs: InfluxDB line protocol reference).

telemetry,site=plant,device=pump-1 temperature=21.5,vibration=1.23 1767225600000000000
scores,site=plant,device=pump-1,metric=vibration score=3.2,p_value=0.001,expected=1.1,low=0.9,high=1.3 1767…
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

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
    beginnings = [_beginning(name) for name in readings.names]
    owner, time = _owners(beginnings)[readings.key[rows]], readings.time[rows]
    order = np.lexsort((time, owner))
    rows, owner, time = rows[order], owner[order], time[order]
    first = np.r_[True, (owner[1:] != owner[:-1]) | (time[1:] != time[:-1])][: len(rows)]
    last = np.r_[first[1:], True][: len(rows)]
    prefixes = [one.line for one in beginnings] + [one.further for one in beginnings]
    starts = [prefixes[one] for one in (readings.key[rows] + np.where(first, 0, len(beginnings))).tolist()]
    ends = np.full(len(rows), "", object)
    ends[last] = [f" {at}\n" for at in _texts(time[last])]
    return "".join(chain.from_iterable(zip(starts, _texts(readings.value[rows]), ends.tolist(), strict=True)))


def single_lines(readings: KeyedBatch, rows: Rows) -> str:
    """Those rows in their order, a line for each, so that a server can refuse one without its neighbours."""
    prefixes = [_beginning(name).line for name in readings.names]
    keys, values, times = readings.key[rows].tolist(), _texts(readings.value[rows]), _texts(readings.time[rows])
    return "".join([f"{prefixes[k]}{value} {at}\n" for k, value, at in zip(keys, values, times, strict=True)])


def score_lines(scores: KeyedScores, rows: Rows) -> str:
    """Those rows, a line for each; what is unknown of the expected band is left out."""
    heads = [_score_head(name) for name in scores.names]
    starts = [heads[key] for key in scores.key[rows].tolist()]
    columns = [column[rows] for column in scores.floats()]
    texts = zip(starts, *map(_texts, columns), _texts(scores.time[rows]), strict=True)
    lines = [
        f"{start}score={score},p_value={p_value},expected={expected},low={low},high={high} {at}\n"
        for start, score, p_value, expected, low, high, at in texts
    ]
    for row in np.flatnonzero(~np.isfinite(columns).all(axis=0)).tolist():
        lines[row] = _known(lines[row], starts[row])
    return "".join(lines)


def _known(line: str, start: str) -> str:
    """A line of scores without the fields that are `null`; `start` is its beginning up to the fields."""
    fields, at = line[len(start) :].split(" ")
    return f"{start}{','.join(part for part in fields.split(',') if not part.endswith('=null'))} {at}"


def _texts(column: NDArray[np.float64] | NDArray[np.int64]) -> list[str]:
    """Numbers as the shortest texts that mean them exactly; `null` for what is no number."""
    if not len(column):
        return []
    written = orjson.dumps(np.ascontiguousarray(column), option=orjson.OPT_SERIALIZE_NUMPY)
    return written[1:-1].decode("ascii").split(",")


class _Beginning(NamedTuple):
    """What stands before the value of a series: where it begins a line, and where it goes on with one."""

    device: str
    line: str
    further: str


@lru_cache(MAX_REMEMBERED)
def _beginning(name: SeriesName) -> _Beginning:
    site, device, metric = name
    head, field = _reading_head(site, device), f"{escaped(metric)}="
    return _Beginning(head, head + field, f",{field}")


@lru_cache(MAX_REMEMBERED)
def _reading_head(site: str, device: str) -> str:
    return f"{TELEMETRY},site={escaped(site)},device={escaped(device)} "


@lru_cache(MAX_REMEMBERED)
def _score_head(name: SeriesName) -> str:
    site, device, metric = name
    return f"{SCORES},site={escaped(site)},device={escaped(device)},metric={escaped(metric)} "


def _owners(beginnings: Sequence[_Beginning]) -> NDArray[np.int32]:
    """A number for the device of every series."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(one.device, len(numbers)) for one in beginnings], np.int32)
