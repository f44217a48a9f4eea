"""A scenario on virtual time: everything its devices send, in the order it is sent, and the truth about it.

    scenario ─ machines ─ sensors ─ clocks ─ radio ─▶ blocks of columns ─▶ CSV, MQTT, a test
                  ▲ faults      ▲ lies ▲ lies ▲ lies
                  └──────────────── truth ───────────▶ intervals

The same scenario, seed and start give the same blocks whatever the batch length and the number of processes: each
value is a function of (seed, site, device, channel, time) alone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from simulators.climate import Climate
from simulators.device import BATTERY, Device, IntArray, Sampling
from simulators.duration import NS
from simulators.errors import SimulatorError
from simulators.faults import FAULTS, Fault
from simulators.lies import OTHER_UNIT, Lie, LieKind
from simulators.machines.machine import Channel, Machine, Surroundings
from simulators.scenario import DeviceSpec, FaultSpec, LieSpec, Scenario
from simulators.schedule import Schedule, Working
from simulators.tape import FloatArray, Tape, TimeArray

NEVER = 2**62
READINGS_PER_BLOCK = 200_000
SAMPLES_PER_BLOCK = 64
"""Of each device at least, also in a large fleet: a block of few samples costs as much as one of many."""
DEFAULT_START = 1_767_225_600 * NS
"""2026-01-01T00:00:00Z"""
MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Block:
    """Readings as columns of one length, in the order they are sent; rows of one `message` follow each other.

    `device`, `metric` and `unit` are positions in the simulation's lists; `time` (the device's stamp) and `sent` are
    ns UTC; `message` numbers the messages of this block from 0.
    """

    device: IntArray
    metric: IntArray
    unit: IntArray
    time: TimeArray
    sent: TimeArray
    value: FloatArray
    message: TimeArray

    def __len__(self) -> int:
        return len(self.time)


@dataclass(frozen=True, slots=True)
class Placed:
    """A device of the simulation with what the outside knows about it."""

    site: str
    spec: DeviceSpec
    device: Device
    live: Sampling
    past: Sampling


class Simulation:
    """A scenario with a seed and a start.

    `start` (ns UTC) is where faults and lies begin to count; the history lies before it.
    """

    def __init__(self, scenario: Scenario, seed: int = 0, start: int = DEFAULT_START) -> None:
        self.scenario = scenario
        self.seed = seed
        self.start = start // MS * MS
        spec = scenario.spec
        self.history_start = self.start - spec.timeline.history
        self.end = self.start + spec.timeline.span
        self.climate = Climate(spec.climate, spec.site.utc_offset_h, seed, spec.site.name, "climate")
        self.faults = [self._fault(fault) for fault in spec.fault]
        self._schedules: dict[Working, Schedule] = {}
        self.devices = [placed for device in spec.device for placed in self._place(device)]
        self.metrics, self.units = self._words()
        self._columns = [self._columns_of(placed) for placed in self.devices]

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
        parts = [
            columns
            for number, placed in enumerate(self.devices)
            if len((columns := self._emit(number, placed, begin, until, live)).time)
        ]
        return _in_order(parts)

    def _emit(self, number: int, placed: Placed, begin: int, until: int, live: bool) -> Block:
        sent = placed.device.emit(begin, until, placed.live if live else placed.past)
        n, width = sent.values.shape
        metric, unit = self._columns[number]
        rows = np.arange(n)
        block = Block(
            device=np.full(n * width, number, np.int32),
            metric=np.tile(metric, n),
            unit=np.tile(unit, n),
            time=np.repeat(sent.time, width),
            sent=np.repeat(sent.sent, width),
            value=sent.values.reshape(-1),
            message=np.repeat(rows, width),
        )
        self._rename(block, placed)
        return block if sent.present is None else _rows(block, np.flatnonzero(sent.present.reshape(-1)))

    def _rename(self, block: Block, placed: Placed) -> None:
        """Other units and other metric names, where a device lies about those."""
        for lie in placed.device.lies:
            if lie.kind not in (LieKind.UNIT_SWAP, LieKind.PAYLOAD_CHANGE) or lie.metric is None or not len(block):
                continue
            concerned = (block.metric == self.metrics.index(lie.metric)) & lie.active(block.time)
            if lie.kind is LieKind.PAYLOAD_CHANGE:
                block.metric[concerned] = self.metrics.index(_new_name(lie))
            elif lie.declared:
                channel = next(c for c in placed.device.channels if c.metric == lie.metric)
                block.unit[concerned] = self.units.index(OTHER_UNIT[channel.unit][0])

    def _block_length(self, live: bool) -> int:
        readings_per_ns = sum(
            len(placed.device.channels) / (placed.live if live else placed.past).interval for placed in self.devices
        )
        longest = max((placed.live if live else placed.past).interval for placed in self.devices)
        wanted = max(int(READINGS_PER_BLOCK / readings_per_ns), SAMPLES_PER_BLOCK * longest)
        return max(NS, wanted // NS * NS)

    # -- changes on the way --------------------------------------------------------------------------------------
    def repair(self, device: str, at: int) -> list[Fault]:
        """Somebody repairs that device at `at`: its faults that have begun end there. What was sent stays sent."""
        ended = []
        for fault in self.faults:
            if fault.device == device and fault.onset <= at and (fault.ends_at is None or fault.ends_at > at):
                fault.ends_at = at
                ended.append(fault)
        return ended

    # -- building ------------------------------------------------------------------------------------------------
    def _place(self, spec: DeviceSpec) -> Iterator[Placed]:
        site, timeline = self.scenario.spec.site, self.scenario.spec.timeline
        machine = spec.machine()
        schedule = self._schedules.setdefault(spec.schedule, self._schedule(spec.schedule))
        channels = _channels(machine, spec)
        site_name = spec.site or site.name
        for name in spec.names():
            around = Surroundings(
                self.climate, schedule, [f for f in self.faults if f.device == name], (self.seed, site_name, name), {}
            )
            lies = [self._lie(lie, machine) for lie in self.scenario.spec.lie if lie.device == name]
            device = Device(name, machine, channels, around, lies)
            past = spec.interval or timeline.interval
            live = timeline.live_interval or past
            yield Placed(
                site_name, spec, device, *(self._sampling(i, spec.jitter, site_name, name) for i in (live, past))
            )

    def _schedule(self, working: Working) -> Schedule:
        site = self.scenario.spec.site
        holidays = tuple((day - dt.date(1970, 1, 1)).days for day in site.holidays)
        return Schedule(working, site.utc_offset_h, holidays)

    def _sampling(self, interval: int, jitter: int, site: str, name: str) -> Sampling:
        phase = Tape(self.seed, site, name, "phase", uniform=True).one(0)
        return Sampling(interval, int(phase * interval) // MS * MS, min(jitter, interval // 2))

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

    def _lie(self, spec: LieSpec, machine: Machine) -> Lie:
        channel = machine.channel(spec.metric) if spec.metric else None
        if spec.metric and channel is None and spec.metric != BATTERY.metric:
            known = ", ".join(c.metric for c in machine.channels)
            raise SimulatorError(f"lie: {spec.device!r} has no metric {spec.metric!r}; it has {known}")
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
                if lie.kind is LieKind.PAYLOAD_CHANGE:
                    metrics[_new_name(lie)] = None
        return list(metrics), list(units)

    def _columns_of(self, placed: Placed) -> tuple[IntArray, IntArray]:
        channels = placed.device.channels
        return (
            np.array([self.metrics.index(channel.metric) for channel in channels], np.int32),
            np.array([self.units.index(channel.unit) for channel in channels], np.int32),
        )


def _channels(machine: Machine, spec: DeviceSpec) -> list[Channel]:
    if spec.metrics is None:
        chosen = [channel for channel in machine.channels if channel.default]
    else:
        chosen = [channel for channel in machine.channels if channel.metric in spec.metrics]
    chosen = [replace(channel, noise=channel.noise * spec.noise.get(channel.metric, 1.0)) for channel in chosen]
    return [*chosen, BATTERY] if spec.battery else chosen


def _usual_amount(kind: LieKind, channel: Channel | None) -> float:
    if kind is LieKind.CLOCK_SKEW:
        return 120.0
    if kind is LieKind.CLOCK_JUMP:
        return 3600.0
    if kind is LieKind.BATTERY_SAG:
        return 0.9
    return channel.step if channel is not None else 1.0


def _new_name(lie: Lie) -> str:
    return lie.rename or f"{lie.metric}_v2"


def _rows(block: Block, rows: TimeArray) -> Block:
    return Block(
        block.device[rows],
        block.metric[rows],
        block.unit[rows],
        block.time[rows],
        block.sent[rows],
        block.value[rows],
        block.message[rows],
    )


def _in_order(parts: Sequence[Block]) -> Block:
    """Blocks of single devices as one, by moment of sending; equal moments in order of device and measurement."""
    if not parts:
        empty, no_time = np.zeros(0, np.int32), np.zeros(0, np.int64)
        return Block(empty, empty, empty, no_time, no_time, np.zeros(0), no_time)
    offset = 0
    numbers: list[TimeArray] = []
    for part in parts:
        numbers.append(part.message + offset)
        offset += int(part.message[-1]) + 1
    sent = np.concatenate([part.sent for part in parts])
    order = np.argsort(sent, kind="stable")
    message = np.concatenate(numbers)[order]
    return Block(
        np.concatenate([part.device for part in parts])[order],
        np.concatenate([part.metric for part in parts])[order],
        np.concatenate([part.unit for part in parts])[order],
        np.concatenate([part.time for part in parts])[order],
        sent[order],
        np.concatenate([part.value for part in parts])[order],
        np.cumsum(np.diff(message, prepend=message[:1]) != 0),
    )
