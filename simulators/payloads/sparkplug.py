"""Sparkplug B, the Eclipse Sparkplug specification 3.0.0, chapters 4 to 6; payload by sparkplug_b.proto there.

Topic `spBv1.0/{group}/{type}/{node}[/{device}]`: the site is the group. Each simulated device is a device behind an
edge node of its own, as each has its own session: NBIRTH with bdSeq and the rebirth control, DBIRTH with names,
aliases, types and engineering units, DDATA with aliases alone, `seq` 0-255 over all messages of the node, NDEATH as
the will with the bdSeq of its birth. A node answers NCMD `Node Control/Rebirth` with all its births. All are published
with QoS 0 but NDEATH, which has QoS 1 as a will.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from simulators.payloads.encoder import DeviceCard, Outgoing, Sample
from simulators.payloads.protobuf import bytes_field, double_field, fields, text_field, uint_field

INT64, BOOLEAN, STRING, DOUBLE = 4, 11, 12, 10
"""DataType, section 6.4.16."""
REBIRTH = b"Node Control/Rebirth"
MS = 1_000_000


@dataclass(slots=True)
class Sparkplug:
    """An edge node with one device."""

    card: DeviceCard
    births: int = 0
    sequence: int = 0
    _alias: dict[str, int] = field(default_factory=dict)
    _unit: dict[str, str] = field(default_factory=dict)

    def will(self) -> Outgoing:
        """NDEATH: the bdSeq of the birth to come, no seq."""
        payload = _metric(b"bdSeq", None, None, INT64, uint_field(11, self.births % 256))
        return Outgoing(self._topic("NDEATH"), bytes_field(2, payload))

    def hello(self, time: int) -> Iterator[Outgoing]:
        """NBIRTH and DBIRTH. The next session has the next bdSeq."""
        self.births += 1
        self._alias = {quantity.metric: number for number, quantity in enumerate(self.card.quantities, 1)}
        self._unit = {quantity.metric: quantity.unit for quantity in self.card.quantities}
        yield from self._all_births(time // MS)

    def commands(self) -> str:
        """NCMD of this node."""
        return self._topic("NCMD")

    def answer(self, command: bytes, time: int) -> Iterator[Outgoing]:
        """All births again, with the bdSeq of this session, if that is what is asked for (chapters 5 and 6, NCMD)."""
        if self.births and _asks_for_rebirth(command):
            yield from self._all_births(time // MS)

    def encode(self, sample: Sample) -> Iterator[Outgoing]:
        """DDATA: aliases and values, a backlog marked as history; what is new or in another unit is born first."""
        stamp = sample.time // MS
        changed = [metric for metric in sample.values if self._unit.get(metric) != sample.units[metric]]
        if changed:
            unknown = [metric for metric in changed if metric not in self._alias]
            self._alias |= {metric: len(self._alias) + number for number, metric in enumerate(unknown, 1)}
            self._unit |= {metric: sample.units[metric] for metric in changed}
            yield self._device_birth(stamp)
        metrics = [
            _metric(None, self._alias[metric], stamp, DOUBLE, double_field(13, value), historical=sample.backlog)
            for metric, value in sample.values.items()
        ]
        yield Outgoing(self._topic("DDATA", self.card.name), self._payload(stamp, metrics), qos=0)

    def goodbye(self, time: int) -> Iterator[Outgoing]:
        """DDEATH, then NDEATH by hand: a node that leaves politely must send it itself."""
        yield Outgoing(self._topic("DDEATH", self.card.name), self._payload(time // MS, []), qos=0)
        death = _metric(b"bdSeq", None, None, INT64, uint_field(11, (self.births - 1) % 256))
        yield Outgoing(self._topic("NDEATH"), uint_field(1, time // MS) + bytes_field(2, death), qos=0)

    def _all_births(self, stamp: int) -> Iterator[Outgoing]:
        """NBIRTH, from which `seq` counts anew, then DBIRTH."""
        self.sequence = 0
        metrics = [
            _metric(b"bdSeq", None, stamp, INT64, uint_field(11, (self.births - 1) % 256)),
            _metric(REBIRTH, None, stamp, BOOLEAN, uint_field(14, 0)),
        ]
        yield Outgoing(self._topic("NBIRTH"), self._payload(stamp, metrics), qos=0)
        yield self._device_birth(stamp)

    def _device_birth(self, stamp: int) -> Outgoing:
        born = [self._birth(metric, stamp) for metric in self._alias]
        return Outgoing(self._topic("DBIRTH", self.card.name), self._payload(stamp, born), qos=0)

    def _birth(self, metric: str, stamp: int) -> bytes:
        """Name, alias, type and unit, without a value yet (is_null)."""
        unit = uint_field(1, STRING) + text_field(8, self._unit[metric])
        properties = text_field(1, "engUnit") + bytes_field(2, unit)
        tail = bytes_field(9, properties)
        return _metric(metric.encode(), self._alias[metric], stamp, DOUBLE, uint_field(7, 1) + tail)

    def _payload(self, stamp: int, metrics: list[bytes]) -> bytes:
        body = uint_field(1, stamp) + b"".join(bytes_field(2, metric) for metric in metrics)
        body += uint_field(3, self.sequence)
        self.sequence = (self.sequence + 1) % 256
        return body

    def _topic(self, kind: str, device: str | None = None) -> str:
        node = f"spBv1.0/{self.card.site}/{kind}/edge-{self.card.name}"
        return node if device is None else f"{node}/{device}"


def _asks_for_rebirth(command: bytes) -> bool:
    """Whether an NCMD holds the rebirth control, set to true."""
    try:
        metrics = [
            dict(fields(metric)) for number, metric in fields(command) if number == 2 and isinstance(metric, bytes)
        ]
    except ValueError:
        return False
    return any(metric.get(1) == REBIRTH and metric.get(14) == 1 for metric in metrics)


def _metric(
    name: bytes | None, alias: int | None, stamp: int | None, datatype: int, rest: bytes, *, historical: bool = False
) -> bytes:
    """A Metric message, fields in order of number."""
    out = b"" if name is None else bytes_field(1, name)
    out += b"" if alias is None else uint_field(2, alias)
    out += b"" if stamp is None else uint_field(3, stamp)
    out += uint_field(4, datatype)
    return out + (uint_field(5, 1) if historical else b"") + rest
