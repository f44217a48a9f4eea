"""Sensor Measurement Lists, RFC 8428: a pack of records with base name, base time and SI units; JSON or CBOR.

Units are those of the registry the RFC founds (section 12.1): Celsius is `Cel`, speeds are m/s, pressure is Pa.
Times are seconds; names may hold letters, digits and `- : . / _` only (section 4.5.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from simulators.payloads.cbor import Value, encode_cbor
from simulators.payloads.encoder import DeviceCard, Outgoing, Sample
from simulators.payloads.quantities import UNITS, converted

SENML_UNITS = {
    "temperature": ("Cel", "°C"),
    "velocity": ("m/s", "m/s"),
    "pressure": ("Pa", "Pa"),
    "current": ("A", "A"),
    "power": ("W", "W"),
    "voltage": ("V", "V"),
    "flow": ("m3/s", "m³/s"),
    "frequency": ("1/s", "1/s"),
}
"""Quantity → SenML's unit, and how we spell the same."""

LABELS = {"bn": -2, "bt": -3, "n": 0, "u": 1, "v": 2}
"""CBOR map keys, RFC 8428 section 6, table 4."""
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9\-:._]")


def _in_senml(value: float, unit: str) -> tuple[str, float]:
    """SenML's unit of that quantity, and the value in it."""
    if unit == "%":
        return "%RH", value
    if unit not in UNITS:
        return unit, value
    name, ours = SENML_UNITS[UNITS[unit][0]]
    return name, converted(value, unit, ours)


@dataclass(slots=True)
class SenML:
    """A device that sends a pack per sample to `senml/{site}/{device}`."""

    card: DeviceCard
    cbor: bool = False

    def will(self) -> None:
        """The format knows none."""

    def hello(self, time: int) -> Iterator[Outgoing]:
        """Nothing."""
        del time
        yield from ()

    def encode(self, sample: Sample) -> Iterator[Outgoing]:
        """A pack: the first record carries base name and base time."""
        records: list[dict[str, str | float]] = []
        for metric, value in sample.values.items():
            name, number = _in_senml(value, sample.units[metric])
            record: dict[str, str | float] = {"n": metric, "u": name, "v": number}
            records.append(record)
        records[0] = {"bn": self._base_name(), "bt": sample.time / 10**9, **records[0]}
        yield Outgoing(f"senml/{self.card.site}/{self.card.name}", self._packed(records))

    def goodbye(self, time: int) -> Iterator[Outgoing]:
        """Nothing."""
        del time
        yield from ()

    def _packed(self, records: list[dict[str, str | float]]) -> bytes:
        if not self.cbor:
            return orjson.dumps(records)
        pack: list[Value] = [{LABELS[key]: item for key, item in record.items()} for record in records]
        return encode_cbor(pack)

    def _base_name(self) -> str:
        """A URN of the `ops` kind of RFC 9039: organisation (32473 is the example number), product, serial."""
        name = _NOT_IN_NAMES.sub("-", f"{self.card.site}-{self.card.name}")
        return f"urn:dev:ops:32473-forewarn-{name}:"
