"""Reads payloads as the user's mappings say (`ingest.adapters.mapping`); it stands first in the table."""

from __future__ import annotations

import math
from collections.abc import Iterator
from collections.abc import Mapping as Table
from dataclasses import dataclass
from datetime import tzinfo

from ingest.adapters.adapter import NO_SEQ, NO_TIME, Adapter, Arrival, Route, Rows, Surroundings
from ingest.adapters.jsonpath import Absent, Path
from ingest.adapters.mapping import Form, Mapping, Source, TimeFormat, ValueMapping, Words
from ingest.adapters.naming import device_name, encode_metric, site_name, unit_of
from ingest.adapters.options import Options, Precision
from ingest.adapters.stamps import from_ms, from_seconds, from_text, from_ticks
from ingest.adapters.values import text_number
from ingest.payload import PayloadError, kind, parse_json

_MAX_SEQ = 2**63 - 1


def adapter(around: Surroundings) -> Adapter:
    """The formats that the user has mapped."""
    options = around.options

    def route(topic: str) -> Route | None:
        for mapping in options.mappings:
            parts = mapping.match(topic)
            if parts is not None:
                return _Reader(mapping, parts, options).read
        return None

    return Adapter(route)


@dataclass(frozen=True, slots=True)
class _Value:
    """A value's mapping with what the topic tells about it."""

    mapping: ValueMapping
    metric: str | Path
    unit: str | Path | None


class _Reader:
    """Reads payloads of one topic."""

    def __init__(self, mapping: Mapping, parts: Table[str, str], options: Options) -> None:
        self._mapping = mapping
        self._zone: tzinfo = mapping.zone or options.zone
        self._site = options.site if mapping.site is None else _told(mapping.site, parts)
        self._device = _told(mapping.device, parts)
        self._values = [
            _Value(one, _told(one.metric, parts), None if one.unit is None else _told(one.unit, parts))
            for one in mapping.values
        ]

    def read(self, payload: bytes, arrival: Arrival, rows: Rows) -> None:
        """Take every item of a payload."""
        whole = parse_json(payload) if self._mapping.form is Form.JSON else _text(payload)
        items = whole if self._mapping.items is None else self._mapping.items.find(whole, whole)
        if self._mapping.items is None:
            items = [whole]
        elif type(items) is not list:
            raise PayloadError(f"{self._mapping.items.text} should be an array, not {_kind(items)}")
        for number, item in enumerate(items):
            rows.begin(number)
            try:
                self._item(whole, item, arrival, rows)
            except PayloadError as error:
                rows.refuse(str(error))

    def _item(self, whole: object, item: object, arrival: Arrival, rows: Rows) -> None:
        site, device = site_name(_name(self._site, whole, item)), device_name(_name(self._device, whole, item))
        time, seq = self._time(whole, item, arrival, rows), self._seq(whole, item, rows)
        if time is None:
            return
        found = False
        for value in self._values:
            for name, said in _each(value.mapping.value, whole, item):
                found = True
                metric = encode_metric(_metric(value, name, whole, item))
                number = self._number(said, value.mapping.scale)
                if number is None:
                    if said is not None:
                        shown = repr(said[:40]) if type(said) is str else kind(said)
                        rows.refuse(f"value should be a finite number, not {shown}", metric)
                    continue
                unit = value.unit.find(whole, item) if isinstance(value.unit, Path) else value.unit
                key = rows.key_of(site, device, metric, unit_of(unit))
                if key is not None:
                    rows.add(key, time, number, seq)
        if not found:
            raise PayloadError("none of the mapped values is there")

    def _number(self, said: object, scale: float) -> float | None:
        if type(said) is not float and type(said) is not int:
            as_text = self._mapping.text_numbers or self._mapping.form is Form.NUMBER
            said = text_number(said) if as_text and type(said) is str else None
            if said is None:
                return None
        number = said * scale
        return number if math.isfinite(number) else None

    def _time(self, whole: object, item: object, arrival: Arrival, rows: Rows) -> int | None:
        path, written = self._mapping.time, self._mapping.time_format
        said = None if path is None else path.find(whole, item)
        if path is None or said is None or said is Absent.ABSENT:
            return NO_TIME
        if written is TimeFormat.ISO or (written is None and isinstance(said, str)):
            return from_text(said, path.text, self._zone, arrival, rows)
        if type(said) is not int and type(said) is not float:
            rows.refuse(f"{path.text} should be an epoch number, not {_kind(said)}")
            return None
        written = written or _size(said)
        if written is TimeFormat.S or written is TimeFormat.MS:
            read = from_seconds if written is TimeFormat.S else from_ms
            return read(said, path.text, arrival, rows)
        if not math.isfinite(said):
            rows.refuse(f"{path.text} should be an epoch number, not {said}")
            return None
        return from_ticks(int(said), Precision(written.value).ns, path.text, f"epoch {written}", arrival, rows)

    def _seq(self, whole: object, item: object, rows: Rows) -> int:
        path = self._mapping.seq
        said = None if path is None else path.find(whole, item)
        if path is None or said is None or said is Absent.ABSENT:
            return NO_SEQ
        if type(said) is int and 0 <= said <= _MAX_SEQ:
            return said
        rows.refuse(f"{path.text} should be a whole number from 0 up; the readings were taken without it")
        return NO_SEQ


def _size(epoch: float) -> TimeFormat:
    """The unit of an epoch number by its size: seconds up to the year 5138, then ms, µs and ns."""
    sizes = ((1e11, TimeFormat.S), (1e14, TimeFormat.MS), (1e17, TimeFormat.US))
    return next((unit for limit, unit in sizes if abs(epoch) < limit), TimeFormat.NS)


def _told(source: Source, parts: Table[str, str]) -> str | Path:
    """What a source says as far as the topic tells it."""
    return source.filled(parts) if isinstance(source, Words) else source


def _name(source: str | Path, whole: object, item: object) -> object:
    """A name that is known or stands in the payload, where a number may name something as well."""
    if isinstance(source, str):
        return source
    said = source.find(whole, item)
    if said is Absent.ABSENT or said is None:
        raise PayloadError(f"{source.text} is missing")
    return str(said) if type(said) is int else said


def _metric(value: _Value, member: str, whole: object, item: object) -> str:
    if isinstance(value.metric, str):
        return value.metric.replace("{key}", member) if value.mapping.value.each else value.metric
    said = _name(value.metric, whole, item)
    if not isinstance(said, str):
        raise PayloadError(f"{value.metric.text} should be a text, not {_kind(said)}")
    return said


def _each(path: Path, whole: object, item: object) -> Iterator[tuple[str, object]]:
    """Name and value of each member, or the one value that is there."""
    said = path.find(whole, item)
    if not path.each:
        if said is not Absent.ABSENT:
            yield "", said
    elif isinstance(said, dict):
        yield from said.items()


def _text(payload: bytes) -> str:
    try:
        return payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PayloadError(f"payload is not UTF-8: byte {error.start} is {payload[error.start]:#04x}") from error


def _kind(said: object) -> str:
    return "nothing" if said is Absent.ABSENT else kind(said)
