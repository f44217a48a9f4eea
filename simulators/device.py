"""One simulated device: a machine seen through sensors, a clock and a radio, each of which may lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simulators.duration import NS
from simulators.lies import OTHER_UNIT, REBOOT_NS, Lie, LieKind, storm_sessions
from simulators.machines.machine import Channel, Machine, Surroundings
from simulators.sensors import BATTERY, MS, Sampling, Sensors
from simulators.tape import FloatArray, TimeArray

IntArray = NDArray[np.int32]
BoolArray = NDArray[np.bool_]
_RESTART = ((0, False), (REBOOT_NS, True))
_DELAYING = (LieKind.REORDER, LieKind.DUPLICATES)


@dataclass(frozen=True, slots=True)
class Sent:
    """Messages of one device, in the order they leave it.

    `time` and `sent` (stamp and moment of sending, ns UTC) have shape (n,); `values` and `present` (n, n_channels).
    """

    time: TimeArray
    sent: TimeArray
    values: FloatArray
    present: BoolArray | None
    """None: all there."""


class Device:
    """What one device sends. Every answer is a pure function of the time asked for, whatever was asked before."""

    def __init__(
        self,
        name: str,
        machine: Machine,
        channels: Sequence[Channel],
        around: Surroundings,
        lies: Sequence[Lie],
    ) -> None:
        self.name = name
        self.machine = machine
        self.channels = tuple(channels)
        self.around = around
        self._sensors = Sensors(machine, self.channels, around)
        self._stuck: dict[tuple[int, int, int], float] = {}
        self._tells(lies)

    def _tells(self, lies: Sequence[Lie]) -> None:
        self.lies = tuple(lies)
        self._longest = sum(lie.delay for lie in self.lies if lie.kind in _DELAYING)
        """How long a message can be on its way, a lost link apart."""
        lost = [lie for lie in self.lies if lie.kind is LieKind.LATE_BATCH]
        self._held = sorted(lost, key=lambda lie: lie.end)[::-1]

    def mend(self, at: int) -> list[Lie]:
        """End the lies that hold at that moment; returns them as they were."""
        ended = [lie for lie in self.lies if lie.start <= at < lie.end]
        if ended:
            self._tells([replace(lie, end=at) if lie in ended else lie for lie in self.lies])
        return ended

    def lies_in(self, start: int, stop: int) -> list[Lie]:
        """The lies that can matter to what is sent in [start, stop); without any, the sensors alone tell."""
        late = self._longest
        return [lie for lie in self.lies if lie.start < stop and start < lie.end + lie.delay + late]

    def is_backlog(self, time: int, sent: int) -> bool:
        """Whether what it stamped `time` and sent then was held back by a lost link."""
        held = (lie for lie in self.lies if lie.kind is LieKind.LATE_BATCH)
        return any(lie.start <= time < lie.end <= sent for lie in held)

    def is_mute(self, time: int) -> bool:
        """Whether nothing of the device gets out then."""
        kinds = (LieKind.SILENCE, LieKind.LATE_BATCH)
        return any(lie.kind in kinds and lie.metric is None and lie.start <= time < lie.end for lie in self.lies)

    def emit(self, start: int, stop: int, sampling: Sampling) -> Sent:
        """Everything sent in [start, stop), measured on the grid of `sampling` (of this device alone)."""
        oldest = self._oldest(start, stop)
        lies = self.lies_in(oldest, stop)
        k = sampling.numbers(oldest, stop)
        t = self._sensors.measured_at(k, sampling)[0]
        k, t, sent = self._schedule(k, t, lies, sampling)
        chosen = np.flatnonzero((sent >= start) & (sent < stop))
        k, t, sent = k[chosen], t[chosen], sent[chosen]
        unique, first, inverse = np.unique(k, return_index=True, return_inverse=True)
        values = self._values(unique, t[first], sampling, lies)[inverse]
        order = np.argsort(sent, kind="stable")
        present = self._present(t, lies)
        stamp = _stamps(t, lies)
        if present is None:
            return Sent(stamp[order], sent[order], values[order], None)
        return Sent(stamp[order], sent[order], values[order], present[order])

    def sessions(self, start: int, stop: int) -> list[tuple[int, bool]]:
        """Changes of the session in [start, stop): (time, online), from silence, lost links and storms."""
        events: list[tuple[int, bool]] = []
        for lie in self.lies:
            if lie.kind is LieKind.RECONNECT_STORM:
                events += storm_sessions(lie)
            elif lie.format is not None:
                events += [(at + pause, online) for at in (lie.start, lie.end) for pause, online in _RESTART]
            elif lie.kind is LieKind.LATE_BATCH or (lie.kind is LieKind.SILENCE and lie.metric is None):
                events += [(lie.start, False), (lie.end, True)]
        return sorted(event for event in events if start <= event[0] < stop)

    # -- the radio -----------------------------------------------------------------------------------------------
    def _oldest(self, start: int, stop: int) -> int:
        """The oldest moment of measuring from which a message can still be sent in [start, stop)."""
        oldest = start
        for lie in self._held:
            if lie.end < stop and oldest < lie.end + lie.delay:
                oldest = min(oldest, lie.start)
        return oldest - self._longest

    def _schedule(
        self, k: TimeArray, t: TimeArray, lies: Sequence[Lie], sampling: Sampling
    ) -> tuple[TimeArray, TimeArray, TimeArray]:
        """Which samples are sent, when, and which twice. Whatever is on its way waits where the link is down."""
        k, t, sent = self._under_way(k, t, lies, sampling)
        for lie in reversed(self._held):
            sent = lie.held_until(sent)
        return k, t, sent

    def _under_way(
        self, k: TimeArray, t: TimeArray, lies: Sequence[Lie], sampling: Sampling
    ) -> tuple[TimeArray, TimeArray, TimeArray]:
        """The same before any lost link."""
        keep, sent = np.ones(len(k), bool), t.copy()
        again: list[tuple[BoolArray, TimeArray]] = []
        for lie in lies:
            active = lie.active(t)
            if not active.any():
                continue
            luck = self._luck(f"{lie.kind}-luck-{lie.start}", k, sampling)
            match lie.kind:
                case LieKind.SILENCE if lie.metric is None:
                    keep &= ~active
                case LieKind.DROPOUTS | LieKind.RECONNECT_STORM:
                    keep &= ~(active & (luck < lie.rate))
                case LieKind.BATTERY_SAG:
                    keep &= ~(active & (luck < lie.rate * lie.progress(t) ** 2))
                case LieKind.REORDER:
                    late = active & (luck < lie.rate)
                    sent = sent + np.where(late, _delays(luck / max(lie.rate, 1e-9), lie.delay), 0)
                case LieKind.DUPLICATES:
                    again.append((active & (luck < lie.rate), _delays(luck / max(lie.rate, 1e-9), lie.delay)))
                case _:
                    pass
        rows = [(k[keep], t[keep], sent[keep])]
        rows += [(k[one & keep], t[one & keep], (sent + delay)[one & keep]) for one, delay in again]
        merged = [np.concatenate(column) for column in zip(*rows, strict=True)]
        return merged[0], merged[1], merged[2]

    def _present(self, t: TimeArray, lies: Sequence[Lie]) -> BoolArray | None:
        mute = [lie for lie in lies if lie.kind is LieKind.SILENCE and lie.metric is not None]
        if not mute:
            return None
        present = np.ones((len(t), len(self.channels)), bool)
        for lie in mute:
            for column, channel in enumerate(self.channels):
                if lie.concerns(channel.metric):
                    present[:, column] &= ~lie.active(t)
        return present

    def _luck(self, name: str, k: TimeArray, sampling: Sampling) -> FloatArray:
        return np.asarray(self._sensors.tape(name, sampling, uniform=True).at(k[None, :])[0])

    # -- the sensors ---------------------------------------------------------------------------------------------
    def _values(self, k: TimeArray, t: TimeArray, sampling: Sampling, lies: Sequence[Lie]) -> FloatArray:
        """What the sensors show for samples `k` measured at `t`, both ascending; shape (n, n_channels)."""

        def distort(column: int, value: FloatArray) -> FloatArray:
            told = value[0]
            for lie in lies:
                if lie.concerns(self.channels[column].metric):
                    told = self._lied(told, k, t, column, lie, sampling)
            return np.asarray(told[None, :])

        shown: FloatArray = self._sensors.show(k, t[None, :], sampling, distort)[:, 0]
        for lie in lies:
            self._quantise_and_swap(shown, t, lie)
        return shown

    def _lied(
        self, value: FloatArray, k: TimeArray, t: TimeArray, column: int, lie: Lie, sampling: Sampling
    ) -> FloatArray:
        active = lie.active(t)
        if not active.any():
            return value
        channel = self.channels[column]
        match lie.kind:
            case LieKind.DRIFT:
                return value + lie.amount * lie.progress(t) * active
            case LieKind.BIAS:
                return value + lie.amount * active
            case LieKind.STUCK:
                return np.where(active, self._before(lie, column, sampling), value)
            case LieKind.SPIKES:
                luck = self._luck(f"spikes-{channel.metric}-{lie.start}", k, sampling)
                up = np.where(luck < lie.rate / 2, lie.amount, -lie.amount)
                return np.where(active & (luck < lie.rate), value + up, value)
            case LieKind.SATURATION:
                return np.where(active, np.minimum(value, lie.amount), value)
            case LieKind.BATTERY_SAG if channel is BATTERY:
                return value - lie.amount * lie.progress(t) * active
            case _:
                return value

    def _before(self, lie: Lie, column: int, sampling: Sampling) -> float:
        """The value shown last before the lie began."""
        key = (lie.start, column, sampling.interval)
        if key not in self._stuck:
            k = (lie.start - sampling.phase) // sampling.interval - 1
            t = self._sensors.measured_at(k, sampling)[0]
            self._stuck[key] = float(self._values(k, t, sampling, [])[0, column])
        return self._stuck[key]

    def _quantise_and_swap(self, shown: FloatArray, t: TimeArray, lie: Lie) -> None:
        if lie.kind not in (LieKind.QUANTISATION, LieKind.UNIT_SWAP):
            return
        active = lie.active(t)
        for column, channel in enumerate(self.channels):
            if not lie.concerns(channel.metric):
                continue
            if lie.kind is LieKind.QUANTISATION:
                changed = np.round(shown[active, column] / lie.amount) * lie.amount
            elif channel.unit in OTHER_UNIT:
                _, scale, offset = OTHER_UNIT[channel.unit]
                changed = shown[active, column] * scale + offset
            else:
                continue
            shown[active, column] = np.round(changed, 6)


def _delays(share: FloatArray, longest: int) -> TimeArray:
    return (share * longest).astype(np.int64) // MS * MS


def _stamps(t: TimeArray, lies: Sequence[Lie]) -> TimeArray:
    """The device's own idea of the time."""
    stamp = t
    for lie in lies:
        if lie.kind is LieKind.CLOCK_JUMP:
            stamp = np.where(lie.active(t), stamp + round(lie.amount * NS), stamp)
        elif lie.kind is LieKind.CLOCK_SKEW:
            off = ((t - lie.start) * (lie.amount / 86400.0)).astype(np.int64) // MS * MS
            stamp = np.where(lie.active(t), stamp + off, stamp)
    return stamp
