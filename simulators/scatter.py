"""Troubles of a large fleet: not named one by one but scattered over a share of its devices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import Field, model_validator

from simulators.duration import Duration, Length, as_text
from simulators.faults import Growth
from simulators.lies import LieKind
from simulators.names import MetricName
from simulators.table import Table
from simulators.tape import Tape
from simulators.troubles import Amount, FaultSpec, LieSpec


class ScatterSpec(Table):
    """One fault or one lie for a share of the devices of one line of the scenario, each at a moment of its own."""

    devices: str
    """The name of that line, with its `{n}`."""
    share: Annotated[float, Field(gt=0, le=1)]
    fault: str | None = None
    lie: LieKind | None = None
    earliest: Duration = 0
    latest: Duration
    """It begins between those moments after the start."""
    lasts: Length | None = None
    """Repaired, or over, that long after it began; never by default."""
    duration: Length | None = None
    growth: Growth | None = None
    peak: float = Field(1.0, gt=0, le=3)
    fails: bool = False
    metric: MetricName | None = None
    amount: Amount | None = None
    rate: float = Field(0.3, ge=0, le=1)

    @model_validator(mode="after")
    def _one_of_two(self) -> ScatterSpec:
        if (self.fault is None) == (self.lie is None):
            raise ValueError("give either a fault or a lie")
        if self.latest < self.earliest:
            raise ValueError("latest must not be before earliest")
        self.one("a", self.earliest)
        return self

    def one(self, device: str, begin: int) -> FaultSpec | LieSpec:
        """The trouble of that device from that moment (ns after the start) on; raises ValidationError if it is none."""
        end = None if self.lasts is None else as_text(begin + self.lasts)
        common = {"device": device, "kind": self.lie or self.fault}
        if self.lie is not None:
            told = {"metric": self.metric, "amount": self.amount, "rate": self.rate}
            return LieSpec.model_validate({**common, **told, "start": as_text(begin), "end": end})
        growth = None if self.duration is None else as_text(self.duration)
        course = {"growth": self.growth, "duration": growth, "peak": self.peak, "fails": self.fails}
        return FaultSpec.model_validate({**common, **course, "onset": as_text(begin), "repair": end})


def scattered(spec: ScatterSpec, names: Sequence[str], *key: object) -> Iterator[FaultSpec | LieSpec]:
    """The troubles of the devices that have one, to the nearest device of the share; the key decides whom, and when."""
    what = spec.fault or spec.lie
    luck = Tape(*key, "scatter", spec.devices, what, uniform=True)
    chosen = sorted(range(len(names)), key=luck.one)[: round(spec.share * len(names))]
    when = Tape(*key, "scattered-at", spec.devices, what, uniform=True)
    for number in sorted(chosen):
        begin = spec.earliest + int(when.one(number) * (spec.latest - spec.earliest)) // 10**9 * 10**9
        yield spec.one(names[number], begin)
