"""The door of the house: where a value belongs and how it comes into the unit of its series.

The rules (docs/stores.md tells them to users):

- The first known unit of a series fixes its canonical unit; values in other units of that quantity are converted.
- A unit of another quantity: the value is refused.
- An unknown unit: the value is kept as sent and the unit's state is UNKNOWN.
- No unit: the unit the device spelled last, else the registry's, else the value is kept as sent, state MISSING.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ingest.reading import BoolArray, FlagArray, FloatArray, IntArray, Quality
from ingest.registry import Metric, Registry, UnitState
from ingest.units import Conversion, conversion

Key = tuple[str, str, str, str | None]
"""(site, device, metric, unit as sent or None)."""

MAX_UNIT_LENGTH = 64
"""A longer text is no unit; it is not even handed to the parser."""

MAX_CACHED = 1 << 20
"""Keys remembered before the memory is cleared: ten times a large fleet, and a bound against invented names."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value belongs: canonical value = value × scale + offset."""

    series: int
    scale: float = 1.0
    offset: float = 0.0
    quality: int = 0
    """`Quality.NO_UNIT` where the value is kept as sent."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Rows after the door: columns of the length of the input; `refused` holds the reason by row."""

    series: IntArray
    value: FloatArray
    quality: FlagArray
    refused: dict[int, str]

    @property
    def good(self) -> BoolArray:
        """Rows that were taken."""
        good = np.ones(len(self.series), bool)
        good[list(self.refused)] = False
        return good


@dataclass(slots=True)
class _Known:
    """A resolved key: it holds while the registry's `version`, or at least its `record` of the metric, is the same."""

    version: int
    record: Metric | None
    place: Place | str


class _Table:
    """What the keys of a decoder's table led to, as columns by their number."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self.keys = keys
        self.reasons: dict[int, str] = {}
        self.version = np.zeros(0, np.int64)
        """The registry's, for which the row holds; -1: never looked at."""
        self.series = np.zeros(0, np.int32)
        """-1: refused, with its reason in `reasons`."""
        self.scale, self.offset, self.quality = np.zeros(0), np.zeros(0), np.zeros(0, np.uint8)

    def grow(self) -> None:
        """Have a row for every key."""
        missing = len(self.keys) - len(self.version)
        if missing > 0:
            missing = max(missing, len(self.version))  # doubled, so that growing stays cheap
            self.version = np.concatenate([self.version, np.full(missing, -1, np.int64)])
            self.series = np.concatenate([self.series, np.zeros(missing, np.int32)])
            self.scale = np.concatenate([self.scale, np.zeros(missing)])
            self.offset = np.concatenate([self.offset, np.zeros(missing)])
            self.quality = np.concatenate([self.quality, np.zeros(missing, np.uint8)])

    def put(self, number: int, place: Place | str, version: int) -> None:
        """Note where the key with that number belongs while the registry has that version."""
        self.version[number] = version
        if isinstance(place, Place):
            self.series[number], self.quality[number] = place.series, place.quality
            self.scale[number], self.offset[number] = place.scale, place.offset
        else:
            self.series[number], self.reasons[number] = -1, place


def unit_problem(unit: str) -> str | None:
    """Why a text cannot be a unit of any kind, or None if it can.

    >>> unit_problem("mm/s"), unit_problem("m" * 65)
    (None, 'unit is longer than 64 characters')
    """
    if len(unit) > MAX_UNIT_LENGTH:
        return f"unit is longer than {MAX_UNIT_LENGTH} characters"
    return None if unit.isprintable() else "unit holds a character that cannot be printed"


class Intake:
    """Finds the series and the conversion of values, and tells the registry what it learned about units."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._cache: dict[Key, _Known] = {}
        self._table = _Table(())

    def resolve(self, site: str, device: str, metric: str, unit: str | None) -> Place | str:
        """The place of such a value, or the reason why it cannot be taken."""
        key = (site, device, metric, unit)
        known = self._cache.get(key)
        version = self._registry.version
        if known is not None and (known.version == version or self._still(known)):
            known.version = version
            return known.place
        place = self._resolve(site, device, metric, unit.strip() if unit else "")
        if len(self._cache) >= MAX_CACHED:
            self._cache.clear()
        record = self._registry.metric(place.series) if isinstance(place, Place) else None
        self._cache[key] = _Known(self._registry.version, record, place)
        return place

    def _place_of(self, key: Key) -> Place | str:
        """`resolve` for a key that is usually known."""
        known = self._cache.get(key)
        return known.place if known is not None and known.version == self._registry.version else self.resolve(*key)

    def _still(self, known: _Known) -> bool:
        """Whether the registry changed elsewhere only."""
        return isinstance(known.place, Place) and self._registry.metric(known.place.series) is known.record

    def _resolve(self, site: str, device: str, metric: str, unit: str) -> Place | str:
        refused = unit_problem(unit) or self._registry.is_full_for(site, device, metric)
        if refused is not None:
            return refused
        try:
            series = self._registry.series(site, device, metric)
        except ValueError as error:
            return str(error)
        known = self._registry.metric(series)
        if unit:
            return self._with_unit(site, device, series, known, unit)
        if known.sent_unit is not None:
            return self._with_unit(site, device, series, known, known.sent_unit)
        return Place(series, quality=0 if known.unit is not None else Quality.NO_UNIT)

    def _with_unit(self, site: str, device: str, series: int, known: Metric, unit: str) -> Place | str:
        found = Conversion(unit) if unit == known.unit else conversion(unit, known.unit)
        if found is not None:
            learned = replace(known, unit=found.unit, unit_state=UnitState.KNOWN, sent_unit=unit)
        elif known.unit is not None and conversion(unit) is not None:
            return f"unit {unit!r} of metric {known.name!r} is of another quantity than {known.unit!r}"
        else:
            learned = replace(known, unit_state=UnitState.UNKNOWN, sent_unit=unit)
        if learned != known:
            self._registry.put_metric(site, device, learned)
        if found is None:
            return Place(series, quality=Quality.NO_UNIT)
        return Place(series, found.scale, found.offset)

    def place(self, keys: Sequence[Key], key: IntArray, value: FloatArray) -> Placed:
        """Place whole columns: row i is `value[i]` of `keys[key[i]]`; rows count in order, as one by one.

        Values must be finite; one that is not any more in its canonical unit is refused. Quick where nothing was
        learned since the same table `keys` was last used: a table may grow between calls, but not change.
        """
        if keys is not self._table.keys:
            self._table = _Table(keys)
        table = self._table
        table.grow()
        if not (table.version[key] == self._registry.version).all():
            used, compact = np.unique(key, return_inverse=True)
            placed = self._place_anew([keys[number] for number in used.tolist()], compact.astype(np.int32), value)
            self._note(used)
            return placed
        odd = np.flatnonzero(table.series[key] < 0).tolist()
        refused = {row: table.reasons[int(key[row])] for row in odd}
        series = table.series[key]
        series[odd] = 0
        return _finite(series, value, table.scale[key], table.offset[key], table.quality[key], refused)

    def _note(self, used: IntArray) -> None:
        """Remember in the table what the keys with these numbers led to, as far as it still holds."""
        table, version = self._table, self._registry.version
        for number in used.tolist():
            known = self._cache.get(table.keys[number])
            if known is not None and known.version == version:
                table.put(number, known.place, version)

    def _place_anew(self, keys: Sequence[Key], key: IntArray, value: FloatArray) -> Placed:
        order = _first_use(key, len(keys))
        if _mixes_units(keys, order):
            return self._place_by_row(keys, key, value)
        places = {code: self._place_of(keys[code]) for code in order}
        table = [places.get(code, "") for code in range(len(keys))]
        taken = [place if isinstance(place, Place) else Place(0) for place in table]
        series = np.array([place.series for place in taken], np.int32)[key]
        scale = np.array([place.scale for place in taken])[key]
        offset = np.array([place.offset for place in taken])[key]
        quality = np.array([place.quality for place in taken], np.uint8)[key]
        reasons = {code: place for code, place in places.items() if isinstance(place, str)}
        refused = {int(row): reasons[int(key[row])] for row in np.flatnonzero(np.isin(key, list(reasons)))}
        return _finite(series, value, scale, offset, quality, refused)

    def _place_by_row(self, keys: Sequence[Key], key: IntArray, value: FloatArray) -> Placed:
        """The same where a series changes its unit on the way, so that what is learned depends on the row."""
        places = [self.resolve(*keys[code]) for code in key.tolist()]
        taken = [place if isinstance(place, Place) else Place(0) for place in places]
        refused = {row: place for row, place in enumerate(places) if isinstance(place, str)}
        columns = np.array([(place.series, place.scale, place.offset, place.quality) for place in taken]).T
        series, quality = columns[0].astype(np.int32), columns[3].astype(np.uint8)
        return _finite(series, value, columns[1], columns[2], quality, refused)


def _first_use(key: IntArray, n_keys: int) -> list[int]:
    """The keys that occur, in order of their first row."""
    first = np.full(n_keys, len(key))
    first[key[::-1]] = np.arange(len(key) - 1, -1, -1)
    used: list[int] = np.argsort(first, kind="stable")[: np.count_nonzero(first < len(key))].tolist()
    return used


def _mixes_units(keys: Sequence[Key], order: Sequence[int]) -> bool:
    return len({keys[code][:3] for code in order}) != len(order)


def _finite(
    series: IntArray,
    value: FloatArray,
    scale: FloatArray,
    offset: FloatArray,
    quality: FlagArray,
    refused: dict[int, str],
) -> Placed:
    with np.errstate(over="ignore"):
        converted = value * scale + offset
    for row in np.flatnonzero(~np.isfinite(converted)).tolist():
        refused.setdefault(row, "value is out of range in the unit of its series")
    return Placed(series, converted, quality, refused)
