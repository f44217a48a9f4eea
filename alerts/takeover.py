"""Who speaks for a device: where a proven model does, the baseline's findings are evidence and page nobody.

    baseline alert on a device that a model speaks for ─▶ suppressed: recorded, shown, no order, no message
                                   the model can no longer speak ─▶ released: it is told like any other

Suppressed by design in the sense of ISA-18.2. A model speaks for a device while all its metrics are known and drift no
further than in training; what it never met is told by the baseline as ever. Limits and forecasts, which are about a
limit that somebody set and no model looks at, and silent and stuck sensors are never held back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from alerts.alert import AlertEvent, Kind, Opened, Released, Returned, State
from ingest.registry import DeviceKey

HELD_BACK = frozenset({Kind.BASELINE})
"""Kinds of findings that a model has looked at itself."""

RowEvent: TypeAlias = tuple[int, AlertEvent]
"""Row of the batch, and what happened with it."""


@dataclass(frozen=True, slots=True)
class Turn:
    """With row `row` of the batch, at `at` (ns UTC), a model begins or ceases to speak for a device."""

    row: int
    device: DeviceKey
    speaks: bool
    at: int


class Takeover:
    """Holds back and releases alerts as models begin and cease to speak, in order of the rows of a batch."""

    def __init__(self) -> None:
        self._spoken_for: set[DeviceKey] = set()
        self._held: dict[str, DeviceKey] = {}

    def speaks(self, device: DeviceKey) -> bool:
        """Whether a model speaks for the device."""
        return device in self._spoken_for

    @property
    def devices(self) -> frozenset[DeviceKey]:
        """Those that a model speaks for."""
        return frozenset(self._spoken_for)

    def pass_on(self, events: Sequence[RowEvent], turns: Sequence[Turn]) -> tuple[AlertEvent, ...]:
        """What is to be told of a batch; both are in order of rows, and turns go before the events of their row."""
        told: list[AlertEvent] = []
        left = list(turns)
        for row, event in events:
            while left and left[0].row <= row:
                told += self._turn(left.pop(0))
            told.append(self._event(event))
        for turn in left:
            told += self._turn(turn)
        return tuple(told)

    def _turn(self, turn: Turn) -> Iterable[AlertEvent]:
        if turn.speaks:
            self._spoken_for.add(turn.device)
            return ()
        self._spoken_for.discard(turn.device)
        free = [alert_id for alert_id, device in self._held.items() if device == turn.device]
        for alert_id in free:
            del self._held[alert_id]
        return [Released(alert_id, turn.at) for alert_id in free]

    def _event(self, event: AlertEvent) -> AlertEvent:
        if isinstance(event, Opened):
            alert = event.alert
            if alert.kind in HELD_BACK and (alert.site, alert.device) in self._spoken_for:
                self._held[alert.id] = (alert.site, alert.device)
                return Opened(replace(alert, state=State.SUPPRESSED))
        elif isinstance(event, Returned):
            self._held.pop(event.alert_id, None)
        return event

    def forget(self, open_alerts: Iterable[str]) -> None:
        """Forget held alerts that are not among those."""
        kept = set(open_alerts)
        self._held = {alert_id: device for alert_id, device in self._held.items() if alert_id in kept}

    def save(self) -> dict[str, list[list[str]]]:
        """All of it as plain values."""
        return {
            "spoken_for": sorted([*device] for device in self._spoken_for),
            "held": [[alert_id, *device] for alert_id, device in self._held.items()],
        }

    def restore(self, saved: dict[str, list[list[str]]]) -> None:
        """Take back what `save` gave."""
        self._spoken_for = {(site, name) for site, name in saved["spoken_for"]}
        self._held = {alert_id: (site, name) for alert_id, site, name in saved["held"]}
