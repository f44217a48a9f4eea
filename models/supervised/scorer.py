"""Models over the live stream: readings and log entries in, the risk of each device at each instant out.

    entries ─▶ EventLog ──────────────┐
    readings ─▶ Telemetry ─▶ instants ─┴─▶ features ─▶ trees ─▶ Risks, for each model

Several models may look at once, the active one and a shadow; they share the state, which knows no model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.reading import FloatArray, ReadingBatch, TimeArray
from ingest.registry import Registry
from ingest.rows import under
from models.supervised.eventlog import EventLog, Logged, View
from models.supervised.features import LogFacts, log_facts
from models.supervised.model import RiskModel, own_metrics
from models.supervised.slots import Due
from models.supervised.telemetry import WARM_AFTER, Instants, Telemetry

LEAST_KNOWN = 0.5
"""A device is judged when it is known by this share of the model's metrics."""

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Risks:
    """What one model says, at instants at which it can say something, in order of their rows."""

    model: RiskModel
    instants: Instants
    """With the model's own metrics."""
    log: LogFacts
    probability: FloatArray
    familiar: BoolArray
    """Whether all the model's metrics are known, and their drifts are such as occurred in training."""

    def __len__(self) -> int:
        """Number of instants."""
        return len(self.probability)


class Followed:
    """The metrics that some models look at, and which series are theirs."""

    def __init__(self, registry: Registry, metrics: Sequence[str]) -> None:
        self.metrics = tuple(metrics)
        self._registry = registry
        self._column = {metric: column for column, metric in enumerate(self.metrics)}
        self._of = np.zeros(0, np.intp)

    @property
    def metric_of(self) -> NDArray[np.intp]:
        """The column of every series number, -1 for series that are not followed, shape (n_series,)."""
        known = len(self._of)
        if known < self._registry.n_series:
            names = [self._registry.metric(number).name for number in range(known, self._registry.n_series)]
            self._of = np.r_[self._of, np.array([self._column.get(name, -1) for name in names], np.intp)]
        return self._of

    def columns(self, model: RiskModel) -> NDArray[np.intp]:
        """Where the metrics of a model stand among these."""
        return np.array([self._column[metric] for metric in model.words.metrics], np.intp)


class RiskScorer:
    """The state of all devices, and the models that look at it."""

    def __init__(self, registry: Registry, models: Sequence[RiskModel] = ()) -> None:
        self._registry = registry
        self._log = EventLog()
        self._telemetry: dict[int, Telemetry] = {}
        self._followed: dict[int, Followed] = {}
        self._models: tuple[RiskModel, ...] = ()
        self.use(models)

    def use(self, models: Sequence[RiskModel]) -> None:
        """Let these models look from now on; what is known of series and devices stays."""
        self._models = tuple(models)
        by_slot: dict[int, list[str]] = {}
        for model in models:
            by_slot.setdefault(model.slot_ns, []).extend(model.words.metrics)
        self._followed = {slot: Followed(self._registry, list(dict.fromkeys(names))) for slot, names in by_slot.items()}
        before = self._telemetry
        self._telemetry = {
            slot: before[slot].widened(len(followed.metrics))
            if slot in before
            else Telemetry(slot, len(followed.metrics))
            for slot, followed in self._followed.items()
        }

    def judge(self, batch: ReadingBatch, entries: Sequence[Logged]) -> list[Risks]:
        """Take readings and log entries in order of arrival, each reading newer than those of its series before.

        What each model says, in the order in which they were given.
        """
        new = self._log.note(entries)
        if not self._models:
            self._log.settle()
            return []
        found = [(self._registry.find_device(entry.site, entry.device), entry) for entry in new]
        due = [Due(device, entry.row, entry.time) for device, entry in found if device is not None]
        device_of = self._registry.series_device
        seen = {
            slot: telemetry.advance(batch, self._followed[slot].metric_of, device_of, due)
            for slot, telemetry in self._telemetry.items()
        }
        risks = [self._ask(model, seen[model.slot_ns]) for model in self._models]
        self._log.settle()
        return risks

    def _ask(self, model: RiskModel, instants: Instants) -> Risks:
        mine = own_metrics(instants, self._followed[model.slot_ns].columns(model))
        warm = mine.seen >= WARM_AFTER
        able = warm.mean(axis=1) >= LEAST_KNOWN if warm.shape[1] else np.zeros(len(mine), np.bool_)
        mine, warm = mine.take(able), warm[able]
        facts = log_facts(mine, self._view, model.words, model.slot_ns)
        probability = model.probability(mine.deviation, facts) if len(mine) else np.zeros(0)
        return Risks(model, mine, facts, probability, warm.all(axis=1) & model.familiar(mine.deviation))

    def _view(self, device: int, row: NDArray[np.intp], time: TimeArray) -> View | None:
        known = self._registry.device(device)
        return self._log.view((known.site, known.name), row, time)

    # -- state -------------------------------------------------------------------------------------------------------
    def save(self) -> tuple[dict[str, NDArray[Any]], list[tuple[str, str, list[int], list[str]]]]:
        """Arrays by name, with rows for series and devices, and the log as plain values with names."""
        arrays = {
            f"{slot}/{name}": array
            for slot, telemetry in self._telemetry.items()
            for name, array in telemetry.save().items()
        }
        return arrays, self._log.save()

    def restore(
        self,
        arrays: Mapping[str, NDArray[Any]],
        log: Sequence[Sequence[Any]],
        series: NDArray[np.int32],
        devices: NDArray[np.int32],
    ) -> None:
        """Take back what `save` gave; row i of the arrays is that of `series[i]` and `devices[i]` now."""
        for slot, telemetry in self._telemetry.items():
            part = under(arrays, f"{slot}/")
            if part:
                telemetry.restore(part, series, devices)
        self._log.restore(log)
