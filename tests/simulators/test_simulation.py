"""A simulation is a function of scenario, seed and start, and of nothing else."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from simulators.blocks import Block
from simulators.csvfile import write_csv, write_expected, write_truth
from simulators.duration import NS
from simulators.registry import registry_toml
from simulators.scenario import Scenario, list_scenarios, load_scenario
from simulators.simulation import Simulation

HOUR = 3600 * NS
ROOT = Path(__file__).parents[2]
COMMAND = "from forewarn.cli import main; main()"


def joined(blocks: list[Block]) -> list[tuple[object, ...]]:
    """Every row of the blocks, without message numbers."""
    return [
        row
        for block in blocks
        for row in zip(
            block.device.tolist(),
            block.metric.tolist(),
            block.unit.tolist(),
            block.time.tolist(),
            block.sent.tolist(),
            block.value.tolist(),
            strict=True,
        )
    ]


@pytest.fixture(scope="module")
def demo() -> Scenario:
    return load_scenario("demo")


@pytest.mark.parametrize("batch_s", [1, 7, 61, 300], ids=lambda s: f"{s}s")
def test_batches_change_nothing(demo: Scenario, batch_s: int) -> None:
    end = Simulation(demo, 5).start + 420 * NS
    whole = joined(list(Simulation(demo, 5).blocks(until=end, batch=HOUR)))
    assert joined(list(Simulation(demo, 5).blocks(until=end, batch=batch_s * NS))) == whole


@pytest.mark.parametrize("name", [name for name, _ in list_scenarios() if name not in {"demo", "fleet"}])
def test_batches_change_nothing_in_any_scenario(name: str) -> None:
    """From an hour of history to the end, or some 100 000 readings; one block, blocks as they come, odd ones."""
    sim = Simulation(load_scenario(name), 2)
    begin = max(sim.history_start, sim.start - HOUR)
    pace = sum(len(placed.device.channels) / placed.live.interval for placed in sim.devices)
    end = min(sim.end, sim.start + round(1e5 / pace))
    digests = set()
    for batch in (end - sim.start, None, (end - begin) * 2 // 7 + 1):
        columns = {column: hashlib.sha256() for column in ("device", "metric", "unit", "time", "sent", "value")}
        for block in Simulation(load_scenario(name), 2).blocks(begin, end, batch):
            for column, digest in columns.items():
                digest.update(getattr(block, column).tobytes())
        digests.add(tuple(digest.hexdigest() for digest in columns.values()))
    assert len(digests) == 1


def test_asking_backwards_changes_nothing(demo: Scenario) -> None:
    sim = Simulation(demo)
    windows = sim.windows(sim.start - HOUR, sim.start + 600 * NS, 150 * NS)
    forward = [sim.block(*window) for window in windows]
    backward = [Simulation(demo).block(*window) for window in reversed(windows)][::-1]
    assert joined(forward) == joined(backward)


def test_processes_change_no_byte(demo: Scenario, tmp_path: Path) -> None:
    def digest(name: str, processes: int, batch: int | None) -> str:
        sim = Simulation(demo, 3)
        write_csv(
            sim,
            tmp_path / name,
            begin=sim.start - 6 * HOUR,
            until=sim.start + 600 * NS,
            processes=processes,
            batch=batch,
        )
        return hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()

    one = digest("one.csv.gz", 1, None)
    assert digest("two.csv.gz", 2, HOUR) == one
    assert digest("again.csv.gz", 1, 1700 * NS) == one


def test_runs_of_the_command_write_the_same_bytes(tmp_path: Path) -> None:
    """Also where Python shuffles its sets and dictionaries otherwise, and in another folder."""

    def run(number: int, *options: str) -> list[bytes]:
        folder = tmp_path / str(number)
        folder.mkdir()
        files = ("readings.csv.gz", "truth.csv", "expected.csv", "registry.toml")
        command = [sys.executable, "-c", COMMAND, "simulate", "cold-chain", "--seed", "9", "--out", files[0]]
        command += ["--truth", files[1], "--expected", files[2], "--registry", files[3], *options]
        environment = {**os.environ, "PYTHONHASHSEED": str(number), "PYTHONPATH": str(ROOT)}
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, timeout=100)
        return [(folder / name).read_bytes() for name in files]

    first = run(1)
    assert len(first[0]) > 50_000
    assert first[3].decode() == registry_toml(Simulation(load_scenario("cold-chain"), 9))
    assert run(2) == first
    assert run(3, "--processes", "2") == first


def test_expected_names_what_must_and_must_not_be_raised(tmp_path: Path) -> None:
    write_expected(Simulation(load_scenario("cold-chain")), tmp_path / "expected.csv")
    lines = (tmp_path / "expected.csv").read_text().splitlines()
    assert lines[0] == "site,device,metric,kinds,after,before,must,order,why"
    assert "warehouse,room-1,,,2026-01-01T10:00:00Z,2026-01-01T12:00:00Z,raise,yes," in lines
    assert any(line.startswith("warehouse,room-3,,,") and ",not_raise,," in line for line in lines)
    spec = load_scenario("cold-chain").spec
    assert len(lines) == 1 + len(spec.expect) + len(spec.forbid)


def test_seeds_differ(demo: Scenario) -> None:
    one, two = (next(iter(Simulation(demo, seed).history())) for seed in (1, 2))
    assert not np.array_equal(one.value, two.value)


def test_sent_in_order_and_messages_whole(demo: Scenario) -> None:
    for block in Simulation(demo).blocks(batch=600 * NS):
        assert (np.diff(block.sent) >= 0).all()
        assert (np.diff(block.message) >= 0).all()
        first = np.flatnonzero(np.diff(block.message, prepend=-1))
        assert len(set(zip(block.message.tolist(), block.device.tolist(), strict=True))) == len(first)


def test_history_is_dense_and_long(demo: Scenario) -> None:
    sim = Simulation(demo)
    blocks = list(sim.history())
    readings = sum(len(block) for block in blocks)
    assert (sim.start - sim.history_start) >= 14 * 24 * HOUR
    assert 300_000 <= readings <= 500_000
    assert blocks[0].sent[0] - sim.history_start < 60 * NS
    assert sim.start - blocks[-1].sent[-1] < 60 * NS


def test_faster_reporting_looks_like_before(demo: Scenario) -> None:
    """Mean and spread of each series at 2 s, taken around the day, are those of a day at 60 s."""
    sim = Simulation(demo.without_faults())
    day = 24 * HOUR
    past = joined([sim.block(sim.start - day, sim.start)])
    live = joined([sim.block(sim.start + part * 3 * HOUR, sim.start + part * 3 * HOUR + 300 * NS) for part in range(8)])
    for key in {row[:2] for row in past}:
        before = np.array([row[5] for row in past if row[:2] == key])
        after = np.array([row[5] for row in live if row[:2] == key])
        assert abs(before.mean() - after.mean()) < 0.5 * before.std()
        assert 0.6 < after.std() / before.std() < 1.6


def test_truth_names_every_fault_and_lie(demo: Scenario, tmp_path: Path) -> None:
    write_truth(Simulation(demo), tmp_path / "truth.csv")
    lines = (tmp_path / "truth.csv").read_text().splitlines()
    assert lines[0] == "site,device,metric,start,end,kind"
    assert "demo-plant,pump-1,,2026-01-01T00:00:02Z,2026-01-01T01:00:00Z,bearing_wear" in lines
    assert "demo-plant,pump-2,current,2026-01-01T00:04:00Z,2026-01-01T00:40:00Z,stuck" in lines
    assert "demo-plant,coldroom-2,,2026-01-01T00:05:00Z,2026-01-01T00:25:00Z,silence" in lines
    assert len(lines) == 1 + len(demo.spec.fault) + len(demo.spec.lie)
    healthy = load_scenario("demo", faults=False).spec
    assert (healthy.fault, healthy.lie) == ((), ())
