"""Readings and scores as InfluxDB line protocol, by string formatting (docs: InfluxDB line protocol reference).

telemetry,site=plant,device=pump-1 temperature=21.5,vibration=1.23 1767225600000000000
scores,site=plant,device=pump-1,metric=vibration score=3.2,p_value=0.001,expected=1.1,low=0.9,high=1.3 1767…
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import numpy as np
import orjson
from numpy.typing import NDArray

from ingest.bynumber import ByNumber, Renumbered
from ingest.columns import SeriesName
from ingest.keyed import KeyedBatch
from ingest.keyedscores import KeyedScores

TELEMETRY, SCORES = "telemetry", "scores"

SCORE_FIELDS = ("score", "p_value", "expected", "low", "high")

MAX_REMEMBERED = 1 << 19
"""Series whose beginnings of lines are remembered, before the memory is cleared."""

STRETCH = 512

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
    heads, number = _known(readings.names)
    number, time = number[readings.key[rows]], readings.time[rows]
    owner = heads.device[number]
    order = np.lexsort((time, owner))
    number, owner, time, value = number[order], owner[order], time[order], readings.value[rows[order]]
    first = np.r_[True, (owner[1:] != owner[:-1]) | (time[1:] != time[:-1])][: len(rows)]
    last = np.r_[first[1:], True][: len(rows)]
    starts, ends = heads.further[number], np.full(len(rows), "", object)
    starts[first] = heads.line[number[first]]
    ends[last] = [f" {at}\n" for at in _texts(time[last])]
    return "".join(
        [_woven(starts[some].tolist(), _texts(value[some]), ends[some].tolist()) for some in _some(len(rows))]
    )


def single_lines(readings: KeyedBatch, rows: Rows) -> str:
    """Those rows in their order, a line for each, so that a server can refuse one without its neighbours."""
    heads, number = _known(readings.names)
    starts, value, time = heads.line[number[readings.key[rows]]], readings.value[rows], readings.time[rows]
    lines = [
        _woven(starts[some].tolist(), _texts(value[some]), " ", _texts(time[some]), "\n") for some in _some(len(rows))
    ]
    return "".join(lines)


def score_lines(scores: KeyedScores, rows: Rows) -> str:
    """Those rows, a line for each, those that know the same fields together; a field that is no number is left out."""
    heads, number = _known(scores.names)
    starts, time = heads.score[number[scores.key[rows]]], scores.time[rows]
    columns = np.array([column[rows] for column in scores.floats()])
    known = np.packbits(np.isfinite(columns), axis=0, bitorder="little")[0]
    lines = []
    for pattern in np.flatnonzero(np.bincount(known)).tolist():
        there = [field for field in range(len(columns)) if pattern >> field & 1]
        fields = [f"{',' * bool(place)}{SCORE_FIELDS[field]}=" for place, field in enumerate(there)]
        alike = np.flatnonzero(known == pattern)
        for some in _some(len(alike)):
            those = alike[some]
            pieces: list[list[str] | str] = [starts[those].tolist()]
            for name, field in zip(fields, there, strict=True):
                pieces += [name, _texts(columns[field][those])]
            lines.append(_woven(*pieces, " ", _texts(time[those]), "\n"))
    return "".join(lines)


def _some(rows: int) -> Iterator[slice]:
    """A few rows at a time: their texts are made and joined while they are in the processor's cache."""
    return (slice(first, first + STRETCH) for first in range(0, rows, STRETCH))


def _woven(*pieces: list[str] | str) -> str:
    """The first of every piece, then the second, and so on, in one text; a text stands for one that is always the same.

    Half the time of a formatted text for each line.

    >>> _woven(["a", "b"], "=", ["1", "2"], ";")
    'a=1;b=2;'
    """
    lines = next(len(piece) for piece in pieces if isinstance(piece, list))
    parts = [""] * (lines * len(pieces))
    for place, piece in enumerate(pieces):
        parts[place :: len(pieces)] = [piece] * lines if isinstance(piece, str) else piece
    return "".join(parts)


def _texts(column: NDArray[np.float64] | NDArray[np.int64]) -> list[str]:
    """Numbers as the shortest texts that mean them exactly; `null` for what is no number."""
    if not len(column):
        return []
    written = orjson.dumps(np.ascontiguousarray(column), option=orjson.OPT_SERIALIZE_NUMPY)
    return written[1:-1].decode("ascii").split(",")


class _Heads:
    """What stands before the values of series, by a number for each name; arrays with room to grow."""

    def __init__(self) -> None:
        self._numbers: dict[SeriesName, int] = {}
        self._renumbered = Renumbered()
        self._devices: dict[tuple[str, str], int] = {}
        self.device = np.zeros(1024, np.int32)
        """A number for the series' device."""
        self.line, self.further, self.score = (np.full(1024, "", object) for _ in range(3))
        """What begins a line of readings, goes on with one, and begins a line of scores."""

    def __len__(self) -> int:
        return len(self._numbers)

    def of(self, names: Sequence[SeriesName]) -> NDArray[np.int64]:
        """A number for each of these."""
        if not isinstance(names, ByNumber):
            return np.array([self._number(name) for name in names], np.int64)
        return self._renumbered.of(names, lambda place: self._number(names.every[place]))

    def _number(self, name: SeriesName) -> int:
        number = self._numbers.get(name)
        if number is None:
            number = len(self._numbers)
            self._put(number, *name)
            self._numbers[name] = number
        return number

    def _put(self, number: int, site: str, device: str, metric: str) -> None:
        if number == len(self.device):
            self.device = np.resize(self.device, 2 * number)
            self.line, self.further, self.score = (
                np.resize(a, 2 * number) for a in (self.line, self.further, self.score)
            )
        tags, field = f"site={escaped(site)},device={escaped(device)}", f"{escaped(metric)}="
        self.device[number] = self._devices.setdefault((site, device), len(self._devices))
        self.line[number], self.further[number] = f"{TELEMETRY},{tags} {field}", f",{field}"
        self.score[number] = f"{SCORES},{tags},metric={escaped(metric)} "


_memory = threading.local()
"""The heads that this thread knows: one thread writes to a store."""


def _known(names: Sequence[SeriesName]) -> tuple[_Heads, NDArray[np.int64]]:
    """The heads, and the number of each of these names in them."""
    heads: _Heads | None = getattr(_memory, "heads", None)
    if heads is None or len(heads) > MAX_REMEMBERED:
        heads = _memory.heads = _Heads()
    return heads, heads.of(names)
