"""A scenario on virtual time: everything its devices send, in the order it is sent, and the truth about it.

    scenario ─ machines ─ sensors ─ clocks ─ radio ─▶ blocks of columns ─▶ CSV, MQTT, a test
                  ▲ faults      ▲ lies ▲ lies ▲ lies
                  └──────────────── truth ───────────▶ intervals

The same scenario, seed and start give the same blocks whatever the batch length and the number of processes: each
value is a function of (seed, site, device, channel, time) alone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from simulators.blocks import Block, Messages, in_order
from simulators.climate import Climate
from simulators.device import Device, IntArray
from simulators.duration import NS
from simulators.faults import FAULTS, Fault
from simulators.group import GROUP, Group
from simulators.lies import OTHER_UNIT, Lie, LieKind
from simulators.machines.machine import Channel, Surroundings
from simulators.scatter import scattered
from simulators.scenario import DeviceSpec, Scenario
from simulators.schedule import Schedule, Working
from simulators.sensors import MS, Sampling, Sensors
from simulators.tape import Tape, TimeArray
from simulators.troubles import FaultSpec, LieSpec
from simulators.vibration import Waveform, waveform_of

NEVER = 2**62
Named = TypeVar("Named", Fault, LieSpec)
READINGS_PER_BLOCK = 400_000
SAMPLES_PER_BLOCK = (64, 8192)
"""Of each device: at least, as a block of few samples costs as much as one of many, also in a large fleet; and at
most, so that the arrays of a small one stay in the processor's cache."""
DEFAULT_START = 1_767_225_600 * NS
"""2026-01-01T00:00:00Z"""


@dataclass(frozen=True, slots=True)
class Placed:
    """A device of the simulation with what the outside knows about it."""

    site: str
    spec: DeviceSpec
    device: Device
    share: float
    """At which share of its interval it measures."""
    live: Sampling
    past: Sampling


class Simulation:
    """A scenario with a seed and a start.

    `start` (ns UTC) is where faults and lies begin to count; the history lies before it.
    """

    def __init__(self, scenario: Scenario, seed: int = 0, start: int = DEFAULT_START) -> None:
        self.scenario = Scenario(name=scenario.name, spec=scenario.spec.spelled_out())
        self.seed = seed
        self.start = start // MS * MS
        spec = self.scenario.spec
        self.history_start = self.start - spec.timeline.history
        self.end = self.start + spec.timeline.span
        self.climate = Climate(spec.climate, spec.site.utc_offset_h, seed, spec.site.name, "climate")
        troubles = [*spec.fault, *spec.lie, *self._scattered()]
        self.faults = [self._fault(one) for one in troubles if isinstance(one, FaultSpec)]
        self._faults_of = _by_device(self.faults)
        self._lies_of = _by_device([one for one in troubles if isinstance(one, LieSpec)])
        self._schedules: dict[Working, Schedule] = {}
        self.devices = [placed for device in spec.device for placed in self._place(device)]
        self.metrics, self.units = self._words()
        self._groups = list(self._grouped())

    # -- what is sent --------------------------------------------------------------------------------------------
    def history(self, batch: int | None = None) -> Iterator[Block]:
        """Blocks of the time before the start."""
        return self.blocks(self.history_start, self.start, batch)

    def blocks(self, begin: int | None = None, until: int | None = None, batch: int | None = None) -> Iterator[Block]:
        """Blocks of everything sent from `begin` (default: the start) to before `until` (default: the end).

        `batch` is the virtual time of one block in ns; it does not change the readings nor their order.
        """
        at = self.start if begin is None else begin
        until = self.end if until is None else until
        for begins, ends in self.windows(at, until, batch):
            yield self.block(begins, ends)

    def waveforms(self, begin: int | None = None, until: int | None = None) -> Iterator[Waveform]:
        """Recordings sent in [begin, until), from the start on: device by device, each in order of time."""
        begin = max(self.start, self.start if begin is None else begin)
        until = self.end if until is None else until
        for number, placed in enumerate(self.devices):
            spec = placed.spec.waveform
            if spec is None:
                continue
            length, phase = round(spec.seconds * NS), int(placed.share * spec.every) // MS * MS
            for k in range((begin - phase - length) // spec.every, (until - phase) // spec.every + 1):
                time = k * spec.every + phase
                if begin <= time + length < until and time >= self.start and not placed.device.is_mute(time):
                    recording = waveform_of(placed.device.machine, placed.device.around, spec, time)
                    yield Waveform(number, time, recording)

    def windows(self, begin: int, until: int, batch: int | None = None) -> list[tuple[int, int]]:
        """How [begin, until) is cut into blocks; a cut always falls on the start of the scenario."""
        cuts: list[tuple[int, int]] = []
        at = begin
        while at < until:
            length = batch or self._block_length(live=at >= self.start)
            ends = min(at + length, until, self.start if at < self.start else until)
            cuts.append((at, ends))
            at = ends
        return cuts

    def block(self, begin: int, until: int) -> Block:
        """What is sent in [begin, until), which must not straddle the start; a pure function of its arguments."""
        live = begin >= self.start
        parts: list[Messages] = []
        for group in self._groups:
            lying = group.lying(begin, until)
            parts.append(group.emit(begin, until, live, lying))
            parts += [self._emit(number, begin, until, live) for number in lying]
        return in_order(parts, begin, until, len(self.devices))

    def _emit(self, number: int, begin: int, until: int, live: bool) -> Messages:
        """Messages of one device that may lie."""
        placed = self.devices[number]
        sent = placed.device.emit(begin, until, placed.live if live else placed.past)
        metric, unit = (np.tile(column, (len(sent.time), 1)) for column in self._columns_of(placed))
        self._rename(metric, unit, sent.time, placed)
        device = np.full(len(sent.time), number, np.int32)
        return Messages(device, sent.time, sent.sent, sent.values, metric, unit, sent.present)

    def _rename(self, metric: IntArray, unit: IntArray, time: TimeArray, placed: Placed) -> None:
        """Other units and other metric names, where a device lies about those."""
        for lie in placed.device.lies:
            if lie.kind not in (LieKind.UNIT_SWAP, LieKind.PAYLOAD_CHANGE) or lie.metric is None:
                continue
            concerned = (metric == self.metrics.index(lie.metric)) & lie.active(time)[:, None]
            if lie.kind is LieKind.PAYLOAD_CHANGE:
                metric[concerned] = self.metrics.index(_new_name(lie))
            elif lie.declared:
                channel = next(c for c in placed.device.channels if c.metric == lie.metric)
                unit[concerned] = self.units.index(OTHER_UNIT[channel.unit][0])

    def _block_length(self, live: bool) -> int:
        intervals = [(placed.live if live else placed.past).interval for placed in self.devices]
        widths = [len(placed.device.channels) for placed in self.devices]
        readings_per_ns = sum(width / interval for width, interval in zip(widths, intervals, strict=True))
        fewest, most = SAMPLES_PER_BLOCK
        wanted = min(int(READINGS_PER_BLOCK / readings_per_ns), most * min(intervals))
        return max(NS, max(wanted, fewest * max(intervals)) // NS * NS)

    # -- changes on the way --------------------------------------------------------------------------------------
    def repair(self, device: str, at: int) -> list[Fault | Lie]:
        """Somebody works on that device at `at`: its faults and lies that have begun end there; returns them.

        A sensor is changed, a battery, a setting, a cable. What was sent stays sent.
        """
        ended: list[Fault | Lie] = []
        for fault in self.faults:
            if fault.device == device and fault.onset <= at and (fault.ends_at is None or fault.ends_at > at):
                fault.ends_at = at
                ended.append(fault)
        for placed in self.devices:
            if placed.device.name == device:
                ended += placed.device.mend(at)
        return ended

    # -- building ------------------------------------------------------------------------------------------------
    def _scattered(self) -> Iterator[FaultSpec | LieSpec]:
        """The troubles of a share of the devices of a line; the seed decides whom, and when."""
        lines = {line.name: line for line in self.scenario.spec.device}
        for number, scatter in enumerate(self.scenario.spec.scatter):
            yield from scattered(scatter, list(lines[scatter.devices].names()), self.seed, number)

    def _place(self, spec: DeviceSpec) -> Iterator[Placed]:
        site, timeline = self.scenario.spec.site, self.scenario.spec.timeline
        machine = spec.machine()
        schedule = self._schedules.setdefault(spec.schedule, self._schedule(spec.schedule))
        channels = spec.channels()
        site_name = spec.site or site.name
        past = spec.interval or timeline.interval
        live = timeline.live_interval or past
        for name in spec.names():
            faults = [(0, fault) for fault in self._faults_of.get(name, ())]
            around = Surroundings(self.climate, schedule, [(self.seed, site_name, name)], faults)
            lies = [self._lie(lie, channels) for lie in self._lies_of.get(name, ())]
            device = Device(name, machine, channels, around, lies)
            share = Tape(self.seed, site_name, name, "phase", uniform=True).one(0)
            samplings = (_sampling(interval, spec.jitter, [share]) for interval in (live, past))
            yield Placed(site_name, spec, device, share, *samplings)

    def _grouped(self) -> Iterator[Group]:
        """Devices of one line of the scenario, some at a time, in order of their phase: so they send in that order."""
        first = 0
        for spec in self.scenario.spec.device:
            numbers = sorted(range(first, first + spec.count), key=lambda number: self.devices[number].share)
            first += spec.count
            for at in range(0, len(numbers), GROUP):
                yield self._group(numbers[at : at + GROUP])

    def _group(self, numbers: Sequence[int]) -> Group:
        placed = [self.devices[number] for number in numbers]
        one, shares = placed[0], [each.share for each in placed]
        names = enumerate(each.device.name for each in placed)
        faults = [(row, fault) for row, name in names for fault in self._faults_of.get(name, ())]
        keys = [(self.seed, each.site, each.device.name) for each in placed]
        around = Surroundings(self.climate, self._schedules[one.spec.schedule], keys, faults)
        metric, unit = self._columns_of(one)
        return Group(
            numbers=np.array(numbers, np.int32),
            devices=[each.device for each in placed],
            sensors=Sensors(one.device.machine, one.device.channels, around),
            live=_sampling(one.live.interval, one.spec.jitter, shares),
            past=_sampling(one.past.interval, one.spec.jitter, shares),
            metric=metric,
            unit=unit,
        )

    def _schedule(self, working: Working) -> Schedule:
        site = self.scenario.spec.site
        holidays = tuple((day - dt.date(1970, 1, 1)).days for day in site.holidays)
        return Schedule(working, site.utc_offset_h, holidays)

    def _fault(self, spec: FaultSpec) -> Fault:
        kind, speed = FAULTS[spec.kind], self.scenario.spec.timeline.acceleration
        growth_ns = round((spec.duration or round(kind.growth_s * NS)) / speed)
        onset = self.start + spec.onset
        return Fault(
            spec.device,
            spec.kind,
            onset,
            spec.growth or kind.growth,
            growth_ns,
            spec.peak,
            onset + growth_ns if spec.fails else None,
            None if spec.repair is None else self.start + spec.repair,
            speed,
        )

    def _lie(self, spec: LieSpec, channels: Sequence[Channel]) -> Lie:
        channel = next((one for one in channels if one.metric == spec.metric), None)
        return Lie(
            spec.device,
            spec.metric,
            spec.kind,
            self.start + spec.start,
            NEVER if spec.end is None else self.start + spec.end,
            spec.amount if spec.amount is not None else _usual_amount(spec.kind, channel),
            spec.rate,
            spec.delay,
            spec.growth,
            spec.declared,
            spec.rename,
            spec.format,
        )

    def _words(self) -> tuple[list[str], list[str]]:
        """All metric names and units that can occur, in a fixed order."""
        metrics: dict[str, None] = {}
        units: dict[str, None] = {}
        for placed in self.devices:
            for channel in placed.device.channels:
                metrics[channel.metric] = None
                units[channel.unit] = None
                units[OTHER_UNIT.get(channel.unit, (channel.unit,))[0]] = None
            for lie in placed.device.lies:
                if lie.kind is LieKind.PAYLOAD_CHANGE and lie.metric is not None:
                    metrics[_new_name(lie)] = None
        return list(metrics), list(units)

    def _columns_of(self, placed: Placed) -> tuple[IntArray, IntArray]:
        channels = placed.device.channels
        return (
            np.array([self.metrics.index(channel.metric) for channel in channels], np.int32),
            np.array([self.units.index(channel.unit) for channel in channels], np.int32),
        )


def _sampling(interval: int, jitter: int, shares: Sequence[float]) -> Sampling:
    """Devices at that share of the interval each."""
    phase = (np.array(shares) * interval).astype(np.int64) // MS * MS
    return Sampling(interval, phase, min(jitter, interval // 2))


def _usual_amount(kind: LieKind, channel: Channel | None) -> float:
    if kind is LieKind.CLOCK_SKEW:
        return 120.0
    if kind is LieKind.CLOCK_JUMP:
        return 3600.0
    if kind is LieKind.BATTERY_SAG:
        return 0.9
    return channel.step if channel is not None else 1.0


def _by_device(found: Iterable[Named]) -> dict[str, list[Named]]:
    named: dict[str, list[Named]] = {}
    for one in found:
        named.setdefault(one.device, []).append(one)
    return named


def _new_name(lie: Lie) -> str:
    return lie.rename or f"{lie.metric}_v2"
