"""A simulated fleet through the engine, in process: the engine of live and backtest, for several budgets at once.

    Simulation ─▶ Block ─▶ Intake ─▶ ReadingBatch ─┬─▶ Engine (budget 1) ─▶ alerts, orders
                                                   ├─▶ Engine (budget 2) ─▶ alerts, orders    one bank judges for all:
                                                   └─▶ Engine (budget 3) ─▶ alerts, orders    scores know no budget

Nothing is kept of a reading once it is judged, so memory does not grow with the length of the run.
"""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from alerts.alert import Alert
from alerts.budget import Budget
from forewarn.config.registry_file import fill, parse_registry
from forewarn.engine import Engine, EngineConfig
from ingest.measure import Intake, Key
from ingest.reading import Quality, ReadingBatch
from ingest.registry import Registry
from models.bank import Bank, Judgement
from models.blocks import Keys
from simulators.blocks import Block
from simulators.registry import registry_toml
from simulators.simulation import Simulation
from workorders.opening import Book
from workorders.order import WorkOrder


class SharedBank(Bank):
    """Judges each batch once for several engines that are handed the same batches in turn."""

    def __init__(self, engines: int) -> None:
        super().__init__()
        self._engines = engines
        self._asked = 0
        self._said: Judgement | None = None

    def judge(self, batch: ReadingBatch, device_of: Keys, n_devices: int) -> Judgement:
        """What was said the first time this batch came."""
        if self._asked % self._engines == 0:
            self._said = super().judge(batch, device_of, n_devices)
        self._asked += 1
        assert self._said is not None
        return self._said


@dataclass(slots=True)
class FleetRun:
    """What became of a fleet: alerts and orders of each budget, in order of opening."""

    alerts: dict[Budget, list[Alert]]
    orders: dict[Budget, list[WorkOrder]]
    readings: int = 0
    simulating_s: float = 0.0
    judging_s: float = 0.0
    """CPU seconds of this process."""


def run_fleet(sim: Simulation, budgets: Sequence[Budget], progress: Callable[[float], None] | None = None) -> FleetRun:
    """All that the fleet sends, its history first, through an engine for each budget; `progress` is told the share."""
    registry = _registry(sim)
    bank = SharedBank(len(budgets))
    engines = [Engine(registry, EngineConfig(budget=budget), bank) for budget in budgets]
    books = [Book(registry.known) for _ in budgets]
    run = FleetRun({}, {})
    begun = time.process_time()
    for batch in batches(sim, registry, progress):
        made = time.process_time()
        for engine, book in zip(engines, books, strict=True):
            for event in engine.process(batch).events:
                book.take(event)
        run.readings += len(batch)
        run.simulating_s += made - begun
        begun = time.process_time()
        run.judging_s += begun - made
    for budget, book in zip(budgets, books, strict=True):
        run.alerts[budget], run.orders[budget] = list(book.alerts.values()), list(book.orders.values())
    return run


def batches(
    sim: Simulation, registry: Registry, progress: Callable[[float], None] | None = None
) -> Iterator[ReadingBatch]:
    """What a simulation sends, as `forewarn backtest` would read it from its CSV."""
    door = _Door(sim, registry)
    windows = sim.windows(sim.history_start, sim.end)
    for number, window in enumerate(windows, 1):
        batch = door.pass_through(sim.block(*window))
        if len(batch):
            yield batch
        if progress is not None:
            progress(number / len(windows))


@dataclass(slots=True)
class _Door:
    """Columns of the simulation into columns of the engine, through the same intake as every other reading."""

    sim: Simulation
    registry: Registry
    keys: list[Key] = field(default_factory=list)
    _intake: Intake = field(init=False)
    _number: Keys = field(init=False)
    """Of the key of each (device, metric, unit); -1 until it is first seen."""

    def __post_init__(self) -> None:
        self._intake = Intake(self.registry)
        self._number = np.full(len(self.sim.devices) * len(self.sim.metrics) * len(self.sim.units), -1, np.int64)

    def pass_through(self, block: Block) -> ReadingBatch:
        key = (block.device.astype(np.int64) * len(self.sim.metrics) + block.metric) * len(self.sim.units) + block.unit
        for one in np.unique(key[self._number[key] < 0]).tolist():
            self._number[one] = len(self.keys)
            self.keys.append(self._named(one))
        placed = self._intake.place(self.keys, self._number[key].astype(np.int32), block.value)
        batch = ReadingBatch(placed.series, block.time, placed.value, placed.quality | np.uint8(Quality.RECORDED))
        return batch[placed.good] if placed.refused else batch

    def _named(self, key: int) -> Key:
        rest, unit = divmod(key, len(self.sim.units))
        device, metric = divmod(rest, len(self.sim.metrics))
        placed = self.sim.devices[device]
        return placed.site, placed.device.name, self.sim.metrics[metric], self.sim.units[unit]


def _registry(sim: Simulation) -> Registry:
    """What is known about the site beforehand: classes, criticality, units, intervals."""
    registry = Registry()
    fill(registry, parse_registry(tomllib.loads(registry_toml(sim)), sim.scenario.name))
    return registry
