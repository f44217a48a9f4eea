"""What devices do to their own readings: nothing is lost or comes twice unless the lie says so, however time is cut."""

from collections import Counter
from itertools import repeat
from typing import Any

import numpy as np
import pytest

from simulators.blocks import Block
from simulators.duration import NS
from simulators.lies import LieKind
from simulators.scenario import Scenario, ScenarioSpec
from simulators.simulation import Simulation

MINUTE, HOUR = 60 * NS, 3600 * NS
NEEDS_AMOUNT = {LieKind.SATURATION: 30.5, LieKind.QUANTISATION: 0.5}
OF_DEVICE = {
    LieKind.BATTERY_SAG,
    LieKind.DROPOUTS,
    LieKind.CLOCK_SKEW,
    LieKind.CLOCK_JUMP,
    LieKind.DUPLICATES,
    LieKind.REORDER,
    LieKind.LATE_BATCH,
    LieKind.RECONNECT_STORM,
}
LOSES_NOTHING = sorted(set(LieKind) - {*NEEDS_AMOUNT, LieKind.SILENCE, LieKind.DROPOUTS, LieKind.DUPLICATES,
                       LieKind.BATTERY_SAG, LieKind.RECONNECT_STORM})  # fmt: skip


def lie(device: str, kind: LieKind, start: str, end: str, delay: str = "5min", **more: Any) -> dict[str, Any]:
    tables = {"device": device, "kind": kind, "start": start, "end": end, "delay": delay, **more}
    if kind not in OF_DEVICE:
        tables["metric"] = "temperature"
    if kind in NEEDS_AMOUNT:
        tables["amount"] = NEEDS_AMOUNT[kind]
    return tables


def simulation(lies: list[dict[str, Any]], count: int = 1) -> Simulation:
    device = {"name": "pump-{n}", "count": count, "model": "pump", "battery": True, "jitter": "20s"}
    tables = {"description": "d", "timeline": {"interval": "60s", "span": "14h"}, "device": [device], "lie": lies}
    return Simulation(Scenario(name="lies", spec=ScenarioSpec.model_validate(tables)), 3)


def rows(blocks: list[Block]) -> list[tuple[object, ...]]:
    names = ("device", "metric", "unit", "time", "sent", "value")
    return [row for one in blocks for row in zip(*(getattr(one, name).tolist() for name in names), strict=True)]


@pytest.mark.parametrize("seed", range(4))
def test_lies_on_top_of_each_other_are_the_same_however_time_is_cut(seed: int) -> None:
    """Five lies on each of eight devices, at random; a held message may be delayed, doubled and held again."""
    rng = np.random.default_rng(seed)
    told = []
    for device in range(1, 9):
        kinds = [*rng.choice(list(LieKind), 4, replace=False), LieKind.LATE_BATCH]
        for kind in map(LieKind, kinds):
            start, length, delay = rng.integers([0, 5, 1], [400, 300, 40]).tolist()
            told.append(lie(f"pump-{device}", kind, f"{start}min", f"{start + length}min", f"{delay}min"))
    sim = simulation(told, 8)
    whole = rows([sim.block(sim.start, sim.end)])
    assert len(whole) > 15_000
    for cuts in (repeat(11 * MINUTE), (int(x) * NS for x in rng.integers(1, 6000, 10**4))):
        other, blocks, at = simulation(told, 8), [], sim.start
        while at < sim.end:
            ends = min(at + next(cuts), sim.end)
            blocks.append(other.block(at, ends))
            at = ends
        assert rows(blocks) == whole


def other_values(block: Block, sim: Simulation) -> Counter[float]:
    """How often each value is there of the metrics that no lie here is about."""
    concerned = [sim.metrics.index(metric) for metric in ("vibration", "current", "battery")]
    return Counter(block.value[np.isin(block.metric, concerned)].tolist())


@pytest.mark.parametrize("kind", LOSES_NOTHING)
def test_a_lie_that_loses_nothing_loses_nothing(kind: LieKind) -> None:
    """Every sample of the honest device is there once, before, during and after the lie."""
    lying, honest = simulation([lie("pump-1", kind, "5h", "8h")]), simulation([])
    one, other = (sim.block(sim.start, sim.end) for sim in (lying, honest))
    assert len(one) == len(other)
    assert other_values(one, lying) == other_values(other, honest)


def test_a_lost_link_holds_back_what_was_measured_and_gives_it_in_order() -> None:
    sim = simulation([lie("pump-1", LieKind.LATE_BATCH, "2h", "4h", "10min")])
    block = sim.block(sim.start, sim.end)
    since = block.sent - sim.start
    assert not ((since >= 2 * HOUR) & (since < 4 * HOUR)).any()
    held = (block.time >= sim.start + 2 * HOUR) & (block.time < sim.start + 4 * HOUR)
    assert held.sum() == 2 * 60 * 4
    assert (since[held] >= 4 * HOUR).all()
    assert (since[held] <= 4 * HOUR + 10 * MINUTE).all()
    assert (np.diff(block.time[held]) >= 0).all()
    assert (block.sent[~held] == block.time[~held]).all()


def test_a_message_on_its_way_when_the_link_is_lost_is_held_too() -> None:
    told = [
        lie("pump-1", LieKind.REORDER, "1h", "2h", "30min", rate=1.0),
        lie("pump-1", LieKind.LATE_BATCH, "2h", "3h"),
    ]
    sim = simulation(told)
    block = sim.block(sim.start, sim.end)
    since = block.sent - sim.start
    assert not ((since >= 2 * HOUR) & (since < 3 * HOUR)).any()
    assert ((block.time < sim.start + 2 * HOUR) & (since >= 3 * HOUR)).any()


def test_a_second_copy_is_the_first_again() -> None:
    sim = simulation([lie("pump-1", LieKind.DUPLICATES, "1h", "6h", "10min", rate=0.5)])
    found = Counter(row[:4] + row[5:] for row in rows([sim.block(sim.start, sim.end)]))
    assert set(found.values()) == {1, 2}
    twice = [row for row, times in found.items() if times == 2]
    assert 0.4 * 5 * 60 * 4 < len(twice) < 0.6 * 5 * 60 * 4
    assert all(sim.start + HOUR <= row[3] < sim.start + 6 * HOUR for row in twice)  # type: ignore[operator]


@pytest.mark.parametrize("minutes", [1, 2, 3, 7, 20])
def test_a_storm_goes_and_comes_by_turns_and_is_over_in_the_end(minutes: int) -> None:
    sim = simulation([lie("pump-1", LieKind.RECONNECT_STORM, "1h", f"{60 + minutes}min")])
    events = sim.devices[0].device.sessions(sim.start, sim.end)
    assert [online for _, online in events] == [False, True] * (len(events) // 2)
    assert events[0][0] == sim.start + HOUR
    assert sim.start + HOUR < events[-1][0] <= sim.start + HOUR + minutes * MINUTE
    assert len(events) > 6 * minutes
