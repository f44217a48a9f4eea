"""Sensor Measurement Lists (SenML, RFC 8428 with RFC 9100), JSON and CBOR, on any topic that no other format claims.

[{"bn": "urn:dev:ow:10e2073a01080063:", "bt": 1.7e9, "n": "temp", "u": "Cel", "v": 23.1}, {"n": "vib", "u": "m/s", …}]

Base fields hold for the records that follow; times are seconds, below 2^28 relative to the arrival; a sum `s` is a
metric of its own, `NAME.sum`, in unit × s. The name of a record, base name included, is its identity: what stands
before the last `:` or `/` is the device. In device URNs (RFC 9039) the first four parts are, with or without metric.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any

from ingest.adapters.adapter import NO_TIME, Adapter, Arrival, Route, Rows, Surroundings
from ingest.adapters.naming import device_name, encode_metric, unit_of
from ingest.adapters.stamps import seconds_ns, taken
from ingest.measure import MAX_UNIT_LENGTH
from ingest.payload import NotFinite, PayloadError, kind, parse_json

MAX_CBOR = 256 * 1024
"""Bytes of a CBOR pack. Far more than constrained devices send; it bounds the work that crafted map keys can cause."""
RELATIVE_BELOW_S = 1 << 28
KNOWN_VERSION = 10 | 16
"""SenML version 10, and the feature of secondary units (RFC 9100)."""
UNITS = {
    "%EL": "percent",
    "%RH": "%RH",
    "count": "count",
    "m3": "m^3",
    "m2": "m^2",
    "m3/s": "m^3/s",
    "m3/h": "m^3/h",
    "W/m2": "W/m^2",
    "kg/m3": "kg/m^3",
    "g/l": "gram/liter",
    "vars": "var*s",
    "VAs": "VA*s",
    "beat/min": "1/min",
}
"""Units of SenML's registry (RFC 8428 and 8798) that `ingest.units` would read otherwise or not at all."""
LABELS = {
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs",
    0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd",
}  # fmt: skip
"""Keys of CBOR maps (RFC 8428, section 6)."""
_NO_NUMBERS = ("vs", "vb", "vd")
_BASE = frozenset({"bn", "bt", "bu", "bv", "bs"})
_ORDINARY = _BASE | {"n", "u", "v", "vs", "vb", "vd", "s", "t", "ut"}
"""Fields that need no look at what they mean for the rest of the pack, base fields apart."""
_NOBODY = "no adapter reads this topic"
_ODD_TAGS = (0, 1, 2, 3, 5, 30, 35, 36, 37, 52, 54, 100, 258, 260, 261, 1004, 43000)
"""CBOR tags that have no place in SenML: dates, patterns, addresses and numbers of any size."""
_DEEPEST = 8


def adapter(around: Surroundings) -> Adapter:
    """SenML on any topic; it stands last in the table."""

    def route(topic: str) -> Route:
        return partial(_read, around.options.site, topic)

    return Adapter(route)


def _read(site: str, topic: str, payload: bytes, arrival: Arrival, rows: Rows) -> None:
    first = payload.lstrip()[:1]
    if first == b"[":
        pack = parse_json(payload)
    elif payload and 0x80 <= payload[0] < 0xA0:
        pack = _parse_cbor(payload)
    else:
        raise PayloadError(_NOBODY)
    if type(pack) is not list or not any(_is_record(record) for record in pack[:2]):
        raise PayloadError(f"{_NOBODY}, and the payload is no SenML: it has no names")
    _Pack(site, topic, arrival, rows).take(pack)


def _is_record(record: object) -> bool:
    return type(record) is dict and ("n" in record or "bn" in record)


class _Pack:
    """Walks the records of one pack, base fields in hand."""

    def __init__(self, site: str, topic: str, arrival: Arrival, rows: Rows) -> None:
        self._site, self._topic, self._arrival, self._rows = site, topic, arrival, rows
        self._name = ""
        self._unit: object = None
        self._base: dict[str, float] = {"bt": 0, "bv": 0, "bs": 0}

    def take(self, records: Sequence[object]) -> None:
        """Rows of all records that can be taken; a base field that cannot be read ends the pack."""
        for item, record in enumerate(records):
            self._rows.begin(item)
            if type(record) is not dict:
                self._rows.refuse(f"a record should be an object, not {kind(record)}")
                continue
            problem = None if record.keys() <= _ORDINARY else _not_understood(record)
            if problem is None and not _BASE.isdisjoint(record):
                problem = self._rebase(record)
            if problem is not None:
                self._rows.refuse(f"{problem}; the rest of the pack depends on it")
                return
            try:
                self._record(record)
            except PayloadError as error:
                self._rows.refuse(str(error))

    def _rebase(self, record: Mapping[str, Any]) -> str | None:
        """Take over base fields; the reason if one is wrong."""
        name = record.get("bn", self._name)
        if not isinstance(name, str):
            return f"'bn' should be a text, not {kind(name)}"
        for field in self._base:
            if field in record:
                value = _number(record[field])
                if value is None:
                    return f"'{field}' should be a finite number, not {kind(record[field])}"
                self._base[field] = value
        self._name, self._unit = name, record.get("bu", self._unit)
        return None

    def _record(self, record: Mapping[str, Any]) -> None:
        own, value, total = record.get("n", ""), record.get("v"), record.get("s")
        if not isinstance(own, str):
            raise PayloadError(f"'n' should be a text, not {kind(own)}")
        other = None
        if value is None and total is None:
            other = next((field for field in _NO_NUMBERS if record.get(field) is not None), None)
            if other is None and not ("n" in record and "bv" in record):
                return  # base fields only
        device, metric = _identity(self._name + own, self._topic)
        unit = _unit(record.get("u", self._unit))
        if other is not None:
            self._rows.leave_out(self._site, device, metric, unit, f"value should be a number in 'v', not {other}")
            return
        time = self._time(record.get("t", 0))
        if time is None:
            return
        if total is not None:
            self._number(total, "bs", device, f"{metric}.sum", f"{unit}*s" if unit else None, time)
        if value is not None or total is None:
            self._number(0 if value is None else value, "bv", device, metric, unit, time)

    def _number(self, said: object, base: str, device: str, metric: str, unit: str | None, time: int) -> None:
        value = _number(said)
        total = math.nan if value is None else value + self._base[base]
        if not math.isfinite(total):
            self._rows.refuse(f"value should be a finite number, not {kind(said)}", metric)
            return
        key = self._rows.key_of(self._site, device, metric, unit)
        if key is not None:
            self._rows.add(key, time, total)

    def _time(self, said: object) -> int | None:
        """Ns UTC, NO_TIME for "now"; None with the reason noted."""
        own = _number(said)
        total = math.nan if own is None else own + self._base["bt"]
        if not total:
            return NO_TIME
        time = seconds_ns(total)
        if time is None:
            self._rows.refuse(f"'t' should be seconds, not {kind(said)}")
            return None
        if total < RELATIVE_BELOW_S:
            time += self._arrival.received_at
            return taken(time, "relative time", total, None, self._arrival, self._rows)
        return taken(time, "time", total, "epoch seconds", self._arrival, self._rows)


def _not_understood(record: Mapping[str, Any]) -> str | None:
    """A field that a reader must understand (RFC 8428, 4.4 and 12.3) and we do not."""
    version = record.get("bver", 10)
    if type(version) is not int or version & ~KNOWN_VERSION:
        return f"SenML version {kind(version)} is not known"
    unknown = next((field for field in record if field.endswith("_")), None)
    return None if unknown is None else f"field {unknown[:40]!r} must be understood and is not"


def _number(value: object) -> float | None:
    """A finite number as SenML may write it; None for anything else."""
    if type(value) is float or type(value) is int:
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal) and value.is_finite():
        number = float(value)
        return number if math.isfinite(number) else None
    return None


def _unit(said: object) -> str | None:
    return _known_unit(said) if isinstance(said, str) and len(said) <= MAX_UNIT_LENGTH else None


@lru_cache(maxsize=1 << 12)
def _known_unit(said: str) -> str | None:
    unit = unit_of(said)
    return UNITS.get(unit, unit) if unit else None


def _identity(name: str, topic: str) -> tuple[str, str]:
    """Device and metric of a record's whole name. Raises PayloadError if they cannot be names."""
    if len(name) > 512:
        raise PayloadError("the name of the record is longer than 512 characters")
    return _split(name, topic)


@lru_cache(maxsize=1 << 16)
def _split(name: str, topic: str) -> tuple[str, str]:
    start = 0
    if name.startswith("urn:dev:"):
        start = name.find(":", len("urn:dev:")) + 1 or len(name)
    cut = max(name.rfind(separator, start) for separator in ":/;")
    if cut < 0 and start:
        cut = name.find("_", start)
    if cut < 0:
        device, metric = (name, "") if start else (topic, name)
    else:
        device, metric = name[:cut], name[cut + 1 :]
    return device_name(device), encode_metric(metric) or "value"


def _parse_cbor(payload: bytes) -> object:
    """A pack in CBOR with the labels of the JSON form. Raises PayloadError."""
    import cbor2

    if len(payload) > MAX_CBOR:
        raise PayloadError(f"a CBOR pack of {len(payload)} bytes, allowed are {MAX_CBOR}")
    try:
        pack = cbor2.loads(payload, max_depth=_DEEPEST, semantic_decoders=dict.fromkeys(_ODD_TAGS, _odd))
    except (cbor2.CBORError, ValueError, OverflowError) as error:
        raise PayloadError(f"payload is not SenML in CBOR: {error}") from error
    return [_labelled(record) for record in pack] if type(pack) is list else pack


def _labelled(record: object) -> object:
    if type(record) is not dict:
        return record
    return {LABELS[key] if type(key) is int and key in LABELS else str(key)[:40]: record[key] for key in record}


def _odd(decoder: Any, _immutable: bool) -> NotFinite:
    """What stands for a tagged item that SenML has no use for: read over, and no number."""
    decoder.decode()
    return NotFinite("a tagged item")
