"""How devices lie: about values, about time, and by saying nothing, twice, late or in another language.

A lie sits between the true signal and what leaves the device. Kinds after the data-quality catalogues of Ni et al.,
"Sensor network data fault types", ACM TOSN 5 (2009), and Sharma, Golubchik, Govindan, "Sensor faults: detection
methods and prevalence in real-world datasets", ACM TOSN 6 (2010).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from simulators.duration import NS
from simulators.tape import FloatArray, TimeArray


class LieKind(StrEnum):
    """Every lie a scenario may name; what `amount`, `rate` and `delay` mean stands beside each."""

    DRIFT = "drift"
    """The value runs away linearly, by `amount` (unit of the metric) at the end of `growth`, and stays there."""
    BIAS = "bias"
    """`amount` is added from one reading to the next."""
    STUCK = "stuck"
    """The last value before the start is repeated."""
    SPIKES = "spikes"
    """A share `rate` of the readings jumps up or down by `amount`."""
    QUANTISATION = "quantisation"
    """Values come in steps of `amount`."""
    SATURATION = "saturation"
    """Nothing above `amount` is shown."""
    BATTERY_SAG = "battery_sag"
    """The battery loses `amount` volts over `growth`, and up to a share `rate` of the messages with it."""
    DROPOUTS = "dropouts"
    """A share `rate` of the messages is lost."""
    SILENCE = "silence"
    """Nothing comes; with `metric`, only that metric is missing."""
    CLOCK_SKEW = "clock_skew"
    """The clock runs fast by `amount` seconds per day (slow if negative)."""
    CLOCK_JUMP = "clock_jump"
    """The clock stands off by `amount` seconds."""
    DUPLICATES = "duplicates"
    """A share `rate` of the messages comes twice, the second up to `delay` later."""
    REORDER = "reorder"
    """A share `rate` of the messages arrives up to `delay` late, so that later ones overtake them."""
    LATE_BATCH = "late_batch"
    """The link is down; what was measured meanwhile is sent when it is back, within `delay`."""
    RECONNECT_STORM = "reconnect_storm"
    """The session drops and returns every few seconds; a share `rate` of the messages is lost."""
    UNIT_SWAP = "unit_swap"
    """The metric is sent in another unit; said so if `declared`."""
    PAYLOAD_CHANGE = "payload_change"
    """New firmware: the metric is called `rename`, or `metric_v2`; or the device speaks another `format` over MQTT."""


OTHER_UNIT: dict[str, tuple[str, float, float]] = {
    "°C": ("°F", 1.8, 32.0),
    "mm/s": ("m/s", 0.001, 0.0),
    "bar": ("kPa", 100.0, 0.0),
    "Pa": ("hPa", 0.01, 0.0),
    "A": ("mA", 1000.0, 0.0),
    "m³/h": ("L/min", 1000.0 / 60.0, 0.0),
    "kW": ("W", 1000.0, 0.0),
    "V": ("mV", 1000.0, 0.0),
}
"""The unit a swapped metric comes in, with scale and offset."""


@dataclass(frozen=True, slots=True)
class Lie:
    """A lie of one device on one time line; times and lengths in ns, `end` exclusive."""

    device: str
    metric: str | None
    kind: LieKind
    start: int
    end: int
    amount: float
    rate: float
    delay: int
    growth: int
    declared: bool
    rename: str | None
    format: str | None = None

    def active(self, t: TimeArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Where it holds."""
        return (t >= self.start) & (t < self.end)

    def progress(self, t: TimeArray) -> FloatArray:
        """Share of the growth passed, 0 before the start, 1 at the end of growth and after."""
        return np.clip((t - self.start) / float(max(self.growth, 1)), 0.0, 1.0)

    def concerns(self, metric: str) -> bool:
        """Whether it touches that metric."""
        return self.metric is None or self.metric == metric

    def held_until(self, sent: TimeArray) -> TimeArray:
        """When what would leave at `sent` leaves: after a lost link in order, spread over `delay`; else as it was."""
        share = (sent - self.start) / float(max(self.end - self.start, 1))
        return np.where(self.active(sent), self.end + (share * self.delay).astype(np.int64), sent)


REBOOT_NS = 5 * NS
"""New firmware is loaded, and started."""


def storm_sessions(lie: Lie) -> list[tuple[int, bool]]:
    """The session's comings and goings during a reconnect storm: (time, online), every 4 … 11 s, online at last."""
    events: list[tuple[int, bool]] = []
    at, online, step = lie.start, False, 0
    while at < lie.end:
        events.append((at, online))
        online = not online
        step += 1
        at += (4 + (step * 5) % 8) * NS
    return [*events, (lie.end, True)] if online else events
