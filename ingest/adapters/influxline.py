"""InfluxDB line protocol, as Telegraf and other agents send it over MQTT.

https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/

telemetry,site=plant-1,device=pump-1 temperature=21.5,starts=17i 1764000000000000000

The tags `site` and `device` (else `host`) name site and device, `unit` the unit; without a device the topic stands for
it. A metric is `measurement.field`; in the measurement `telemetry` the field alone, and for a field called `value` the
measurement alone. Other tags tell series of a device apart and follow: `cpu.usage_idle,cpu=cpu0`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache, partial

from ingest.adapters.adapter import NO_TIME, Adapter, Arrival, Route, Rows, Surroundings
from ingest.adapters.naming import device_name, encode_metric, site_name, unit_of
from ingest.adapters.options import Options
from ingest.adapters.stamps import from_ticks
from ingest.payload import PayloadError
from ingest.topics import covers

DEVICE_TAGS = ("device", "host")
OWN_MEASUREMENT = "telemetry"
"""The measurement whose fields are metrics as they are: the one Forewarn itself writes."""
_BOOLEANS = frozenset({"t", "T", "true", "True", "TRUE", "f", "F", "false", "False", "FALSE"})
_LONGEST_HEAD = 1024
_ESCAPED = re.compile(r"\\([,= ])")
_CUTS = {separator: re.compile(rf'\\.|"|{separator}', re.DOTALL) for separator in (" ", ",", "=")}


@dataclass(frozen=True, slots=True)
class _Series:
    """What measurement and tags of a line say."""

    site: str
    device: str
    unit: str | None
    measurement: str
    tags: str
    """Those that tell series apart, as the end of the metric's name."""

    def metric(self, field: str) -> str:
        """The name of a field's metric."""
        if self.measurement == OWN_MEASUREMENT:
            return encode_metric(field + self.tags)
        return encode_metric(self.measurement + ("" if field == "value" else f".{field}") + self.tags)


def adapter(around: Surroundings) -> Adapter:
    """Line protocol on the topics that the options name."""
    options = around.options

    def route(topic: str) -> Route | None:
        known = any(covers(one, topic) for one in options.line_protocol_topics)
        return partial(_read, options, topic) if known else None

    return Adapter(route)


def _read(options: Options, topic: str, payload: bytes, arrival: Arrival, rows: Rows) -> None:
    read = False
    for item, raw in enumerate(payload.split(b"\n")):
        line = raw.strip()
        if not line or line[:1] == b"#":
            continue
        read = True
        rows.begin(item)
        try:
            _line(options, topic, line.decode("utf-8"), arrival, rows)
        except UnicodeDecodeError as error:
            rows.refuse(f"the line is not UTF-8: byte {error.start} is {line[error.start]:#04x}")
        except PayloadError as error:
            rows.refuse(str(error))
    if not read:
        raise PayloadError("payload is empty")


def _line(options: Options, topic: str, line: str, arrival: Arrival, rows: Rows) -> None:
    """One point: its fields become readings."""
    plain = "\\" not in line and '"' not in line
    parts = [part for part in (line.split(" ") if plain else _cut(line, " ")) if part]
    if len(parts) not in {2, 3}:
        raise PayloadError("a line should be 'measurement,tags fields timestamp'")
    series = _series(options.site, topic, parts[0])
    time = NO_TIME if len(parts) == 2 else _time(options, parts[2], arrival, rows)
    if time is None:
        return
    for field in parts[1].split(",") if plain else _cut(parts[1], ","):
        name, _, text = field.partition("=") if plain else _named(field)
        if not name or not text:
            rows.refuse("a field should be 'name=value'", series.metric(name))
            continue
        _field(series, name, text, time, rows)


def _field(series: _Series, name: str, text: str, time: int, rows: Rows) -> None:
    value, metric = _number(text), series.metric(name)
    if value is None:
        if text[0] == '"' or text in _BOOLEANS:
            said = text if text in _BOOLEANS else "a text"
            rows.leave_out(series.site, series.device, metric, series.unit, f"value should be a number, not {said}")
        else:
            rows.refuse(f"value {text[:40]!r} should be a finite number", metric)
        return
    key = rows.key_of(series.site, series.device, metric, series.unit)
    if key is not None:
        rows.add(key, time, value)


def _number(text: str) -> float | None:
    """A float, or an integer with its `i` or `u`; None for anything else."""
    if text[0] not in "+-.0123456789" or "_" in text or not text.isascii():
        return None
    try:
        value = float(int(text[:-1])) if text[-1] in "iu" and len(text) <= 21 else float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _time(options: Options, text: str, arrival: Arrival, rows: Rows) -> int | None:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 20):
        rows.refuse(f"timestamp {text[:40]!r} should be a whole number")
        return None
    precision = options.line_protocol_precision
    return from_ticks(int(text), precision.ns, "timestamp", f"epoch {precision}", arrival, rows)


def _series(site: str, topic: str, head: str) -> _Series:
    """What measurement and tags say. Raises PayloadError."""
    return _known_series(site, topic, head) if len(head) <= _LONGEST_HEAD else _new_series(site, topic, head)


def _new_series(site: str, topic: str, head: str) -> _Series:
    measurement, *pairs = [*_cut(head, ",")]
    tags: dict[str, str] = {}
    for pair in pairs:
        name, _, value = _named(pair)
        if not name or not value:
            raise PayloadError("a tag should be 'name=value'")
        tags[name] = _ESCAPED.sub(r"\1", value)
    if not measurement:
        raise PayloadError("measurement is empty")
    known_as = next((tags.pop(name) for name in DEVICE_TAGS if name in tags), topic)
    said_site, unit = tags.pop("site", None), unit_of(tags.pop("unit", None))
    return _Series(
        site if said_site is None else site_name(said_site),
        device_name(known_as),
        unit,
        _ESCAPED.sub(r"\1", measurement),
        "".join(f",{name}={value}" for name, value in sorted(tags.items())),
    )


_known_series = lru_cache(maxsize=1 << 15)(_new_series)


def _named(pair: str) -> tuple[str, str, str]:
    """Name, `=` and value of a tag or a field, the name without its escapes."""
    name, *rest = _cut(pair, "=", 1)
    return _ESCAPED.sub(r"\1", name), "=", rest[0] if rest else ""


def _cut(text: str, separator: str, most: int = -1) -> list[str]:
    """Parts between separators that are neither escaped nor within quotes; at most `most` cuts."""
    parts: list[str] = []
    start, quoted = 0, False
    for found in _CUTS[separator].finditer(text):
        mark = found[0]
        if mark == '"':
            quoted = not quoted
        elif mark == separator and not quoted and len(parts) != most:
            parts.append(text[start : found.start()])
            start = found.end()
    parts.append(text[start:])
    return parts
