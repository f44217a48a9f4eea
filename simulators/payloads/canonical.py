"""The project's own format: topic `forewarn/v1/{site}/{device}/telemetry`, JSON (contract, section 5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from simulators.payloads.encoder import DeviceCard, Outgoing, Sample, Wave

MS = 1_000_000


def telemetry_topic(site: str, device: str) -> str:
    """Where a device reports."""
    return f"forewarn/v1/{site}/{device}/telemetry"


def gateway_topic(site: str) -> str:
    """Where a gateway reports for several devices."""
    return f"forewarn/v1/{site}/telemetry"


def waveform_topic(site: str, device: str) -> str:
    """Where a device sends recordings."""
    return f"forewarn/v1/{site}/{device}/waveform"


def status_topic(site: str, device: str) -> str:
    """Where a device says that it is online; also its will."""
    return f"forewarn/v1/{site}/{device}/status"


def stamp_ms(time_ns: int) -> int | float:
    """Epoch ms of a stamp, whole where it is whole."""
    return time_ns // MS if time_ns % MS == 0 else time_ns / MS


@dataclass(slots=True)
class Canonical:
    """A device that speaks the project's format."""

    card: DeviceCard

    def will(self) -> Outgoing:
        """`offline`, retained."""
        return Outgoing(status_topic(self.card.site, self.card.name), b"offline", retain=True)

    def hello(self, time: int) -> Iterator[Outgoing]:
        """`online`, retained."""
        del time
        yield Outgoing(status_topic(self.card.site, self.card.name), b"online", retain=True)

    def encode(self, sample: Sample) -> Iterator[Outgoing]:
        """One object with stamp, values and units."""
        body = {"ts": stamp_ms(sample.time), "values": sample.values, "units": sample.units}
        yield Outgoing(telemetry_topic(self.card.site, self.card.name), orjson.dumps(body))

    def encode_wave(self, wave: Wave) -> Iterator[Outgoing]:
        """One object with rate, scale and whole numbers: a third of the size of decimals, and exact."""
        body = {
            "ts": stamp_ms(wave.time),
            "metric": wave.metric,
            "unit": wave.unit,
            "rate_hz": wave.rate_hz,
            "scale": wave.scale,
            "values": wave.counts,
        }
        yield Outgoing(waveform_topic(self.card.site, self.card.name), orjson.dumps(body))

    def goodbye(self, time: int) -> Iterator[Outgoing]:
        """`offline`: a session that ends politely sends no will."""
        del time
        yield self.will()
