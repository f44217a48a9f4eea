"""A simulated site for tests of your own rules: its readings in every shape, its truth, and its judge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from simulators.blocks import Block
from simulators.csvfile import write_csv, write_truth
from simulators.judge import Raised, Verdict, judge
from simulators.publish import MAX, Played, publish
from simulators.registry import write_registry
from simulators.scenario import load_scenario
from simulators.simulation import DEFAULT_START, Simulation
from simulators.truth import Interval, truth


@dataclass(frozen=True, slots=True)
class SimulatedSite:
    """A scenario on virtual time, its truth, and the judge of what was made of it."""

    sim: Simulation
    folder: Path

    def blocks(self, begin: int | None = None, until: int | None = None) -> Iterator[Block]:
        """Readings as columns, history first."""
        return self.sim.blocks(self.sim.history_start if begin is None else begin, until)

    def csv(self, until: int | None = None) -> Path:
        """A readings CSV with the history and the scenario."""
        path = self.folder / f"{self.sim.scenario.name}-{self.sim.seed}.csv"
        write_csv(self.sim, path, until)
        return path

    def truth_csv(self, until: int | None = None) -> Path:
        """A truth CSV."""
        path = self.folder / f"{self.sim.scenario.name}-{self.sim.seed}.truth.csv"
        write_truth(self.sim, path, until)
        return path

    def registry(self) -> Path:
        """The device registry of the site, as a TOML file."""
        path = self.folder / "registry.toml"
        write_registry(self.sim, path)
        return path

    def truth(self) -> list[Interval]:
        """What really happened."""
        return truth(self.sim)

    def publish(self, url: str, *, speed: float = MAX, until: int | None = None, clients: int | None = None) -> Played:
        """Play it to a broker."""
        return publish(self.sim, url, speed=speed, until=until, clients=clients)

    def judge(self, alerts: Iterable[Raised], orders: Iterable[str] = ()) -> Verdict:
        """What must be raised and was not, what must not and was, and how good the rest is."""
        return judge(self.sim, alerts, orders)


class MakeSite(Protocol):
    """Makes a site of a built-in scenario's name or of a scenario file."""

    def __call__(
        self, scenario: str | Path, *, seed: int = 0, start: int = DEFAULT_START, faults: bool = True
    ) -> SimulatedSite:
        """`faults=False`: the same site with nothing wrong."""
        ...


def make_site(
    scenario: str | Path, folder: Path, *, seed: int = 0, start: int = DEFAULT_START, faults: bool = True
) -> SimulatedSite:
    """A site of a built-in scenario's name or of a scenario file, which writes its files into `folder`."""
    return SimulatedSite(Simulation(load_scenario(scenario, faults=faults), seed, start), folder)


__all__ = ["MakeSite", "Raised", "SimulatedSite", "Verdict", "make_site"]
