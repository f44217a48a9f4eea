"""Faults and lies as a scenario file writes them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from simulators.duration import NS, Duration, Length
from simulators.faults import FAULTS, Growth
from simulators.lies import LieKind
from simulators.names import DeviceName, MetricName
from simulators.payloads.table import FORMATS
from simulators.table import Table

Amount = Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)]
MOST_SKEW = 86400.0
"""A clock that runs fast by a second each second, or stands."""


class FaultSpec(Table):
    """A fault of one device."""

    device: DeviceName
    kind: str
    onset: Duration
    growth: Growth | None = None
    duration: Length | None = None
    """Growth time; that of the kind by default. Divided by the acceleration."""
    peak: float = Field(1.0, gt=0, le=3)
    fails: bool = False
    """Breaks down when fully grown."""
    repair: Duration | None = None
    """Repaired that long after the start of the scenario; else by people, or never."""

    @model_validator(mode="after")
    def _known(self) -> FaultSpec:
        if self.kind not in FAULTS:
            raise ValueError(f"fault {self.kind!r} does not exist; there are {', '.join(sorted(FAULTS))}")
        if self.repair is not None and self.repair <= self.onset:
            raise ValueError("repair must be later than onset")
        return self


class LieSpec(Table):
    """A lie of one device; what amount, rate and delay mean depends on the kind."""

    device: DeviceName
    kind: LieKind
    metric: MetricName | None = None
    start: Duration
    end: Duration | None = None
    amount: Amount | None = None
    rate: float = Field(0.3, ge=0, le=1)
    delay: Duration = 60 * NS
    growth: Duration = 86400 * NS
    declared: bool = False
    rename: MetricName | None = None
    format: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> LieSpec:
        if self.end is not None and self.end <= self.start:
            raise ValueError("end must be later than start")
        if self.end is None and self.kind in (LieKind.LATE_BATCH, LieKind.RECONNECT_STORM):
            raise ValueError(f"{self.kind} needs an end")
        if self.format is not None and (self.kind is not LieKind.PAYLOAD_CHANGE or self.metric or self.rename):
            raise ValueError("format is for a payload_change of the whole device, without metric and rename")
        if self.format is not None and self.format not in FORMATS:
            raise ValueError(f"format {self.format!r} does not exist; there are {', '.join(sorted(FORMATS))}")
        if self.metric is None and self.format is None and self.kind in _OF_ONE_METRIC:
            raise ValueError(f"{self.kind} needs a metric")
        if self.kind in (LieKind.SATURATION, LieKind.QUANTISATION) and not self.amount:
            raise ValueError(f"{self.kind} needs an amount")
        if self.kind is LieKind.CLOCK_SKEW and abs(self.amount or 0.0) > MOST_SKEW:
            raise ValueError(f"amount of {self.kind}: at most {MOST_SKEW:g} seconds a day, fast or slow")
        return self


_OF_ONE_METRIC = frozenset(
    {
        LieKind.DRIFT,
        LieKind.BIAS,
        LieKind.STUCK,
        LieKind.SPIKES,
        LieKind.QUANTISATION,
        LieKind.SATURATION,
        LieKind.UNIT_SWAP,
        LieKind.PAYLOAD_CHANGE,
    }
)
