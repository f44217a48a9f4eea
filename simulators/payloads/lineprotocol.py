"""InfluxDB line protocol, as agents send it over MQTT.

https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/ (read 2025): measurement, tags, fields, time in
ns; commas, equals signs and spaces of names are escaped by a backslash. Topic `telegraf/{site}/{device}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from simulators.payloads.encoder import DeviceCard, Outgoing, Sample

_ESCAPED = re.compile(r"([,= ])")


def line(site: str, device: str, sample: Sample) -> str:
    """A sample as one line of measurement `telemetry`, values as floats."""
    fields = ",".join(f"{_escape(metric)}={value!r}" for metric, value in sample.values.items())
    return f"telemetry,device={_escape(device)},site={_escape(site)} {fields} {sample.time}"


def _escape(text: str) -> str:
    return _ESCAPED.sub(r"\\\1", text)


@dataclass(slots=True)
class LineProtocol:
    """A device whose agent writes line protocol."""

    card: DeviceCard

    def will(self) -> None:
        """The format knows none."""

    def hello(self, time: int) -> Iterator[Outgoing]:
        """Nothing."""
        del time
        yield from ()

    def encode(self, sample: Sample) -> Iterator[Outgoing]:
        """One line."""
        text = line(self.card.site, self.card.name, sample)
        yield Outgoing(f"telegraf/{self.card.site}/{self.card.name}", f"{text}\n".encode())

    def goodbye(self, time: int) -> Iterator[Outgoing]:
        """Nothing."""
        del time
        yield from ()
