"""Scenarios as files: a fleet, a calendar, faults, lies and people, checked before anything runs.

Format and every key: docs/simulators.md. Lengths of time are text such as `90s` or `14d`; moments count from the start
of the scenario, which follows the history.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, ValidationError, model_validator

from simulators.climate import ClimateSpec
from simulators.duration import NS, Duration, Length
from simulators.errors import SimulatorError
from simulators.machines.machine import Channel, Machine
from simulators.machines.table import MACHINES
from simulators.names import DeviceName, MetricName, SiteName, name_problem
from simulators.payloads.table import FORMATS, WAVEFORM_FORMATS
from simulators.people import PeopleSpec
from simulators.references import check
from simulators.scatter import ScatterSpec
from simulators.schedule import Working
from simulators.sensors import BATTERY
from simulators.table import Table
from simulators.troubles import FaultSpec, LieSpec
from simulators.vibration import WaveformSpec

LIBRARY = Path(__file__).with_name("scenarios")


class SiteSpec(Table):
    """Where the fleet stands."""

    name: SiteName = "plant-1"
    customer: str | None = None
    utc_offset_h: float = Field(0.0, ge=-12, le=14)
    holidays: tuple[dt.date, ...] = ()


class Timeline(Table):
    """How long, how often, how fast."""

    history: Duration = 0
    """Ordinary running before the start, without faults and lies."""
    span: Length = 7 * 86400 * NS
    """How long the scenario runs where no end is asked for."""
    interval: Length = 60 * NS
    live_interval: Length | None = None
    """The interval after the start, if it is another than in the history."""
    acceleration: float = Field(1.0, ge=1.0, le=1e6)
    """Faults, and the inertia with which they show, are that much faster than in life."""


class DeviceSpec(Table):
    """A device, or `count` of them."""

    name: str
    model: str
    count: int = Field(1, ge=1, le=100_000)
    site: SiteName | None = None
    interval: Length | None = None
    jitter: Duration = 0
    metrics: Annotated[tuple[MetricName, ...], Field(min_length=1)] | None = None
    battery: bool = False
    noise: dict[MetricName, Annotated[float, Field(ge=0, le=100)]] = Field({})
    """How many times noisier than a good sensor each metric is."""
    resolution: dict[MetricName, Annotated[float, Field(gt=0)]] = Field({})
    """Last digit of a metric, where its sensor shows another than a good one."""
    waveform: WaveformSpec | None = None
    """Records its vibration too, from time to time."""
    schedule: Working = Working.CONTINUOUS
    format: str = "canonical"
    criticality: Annotated[str, Field(pattern="^(low|medium|high)$")] = "medium"
    customer: str | None = None
    team: str | None = None
    owner: str | None = None
    params: dict[str, Any] = Field({})

    def names(self) -> Iterator[str]:
        """The names of its devices: `{n}` counts from 1."""
        return (self.name.replace("{n}", str(n)) for n in range(1, self.count + 1))

    def machine(self) -> Machine:
        """The model with its parameters; raises ValidationError on wrong ones."""
        return MACHINES[self.model].model_validate(self.params)

    def channels(self) -> list[Channel]:
        """What it measures, as good as its sensors are."""
        every = MACHINES[self.model].channels
        chosen = [one for one in every if (one.default if self.metrics is None else one.metric in self.metrics)]
        bought = [self._as_bought(channel) for channel in chosen]
        return [*bought, BATTERY] if self.battery else bought

    def _as_bought(self, channel: Channel) -> Channel:
        noise = channel.noise * self.noise.get(channel.metric, 1.0)
        return replace(channel, noise=noise, resolution=self.resolution.get(channel.metric, channel.resolution))

    @model_validator(mode="after")
    def _fits(self) -> DeviceSpec:
        if self.model not in MACHINES:
            raise ValueError(f"model {self.model!r} does not exist; there are {', '.join(sorted(MACHINES))}")
        if self.format not in FORMATS:
            raise ValueError(f"format {self.format!r} does not exist; there are {', '.join(sorted(FORMATS))}")
        if self.count > 1 and "{n}" not in self.name:
            raise ValueError(f"name {self.name!r} needs {{n}} in it for a count of {self.count}")
        problem = name_problem(self.name.replace("{n}", "1"), "device")
        if problem:
            raise ValueError(problem)
        known = [channel.metric for channel in MACHINES[self.model].channels]
        for metric in (*(self.metrics or ()), *self.noise, *self.resolution):
            if metric not in known:
                raise ValueError(f"a {self.model} has no metric {metric!r}; it has {', '.join(known)}")
        self.machine()
        if self.waveform is not None and "vibration" not in known:
            raise ValueError(f"a {self.model} has no vibration to record")
        if self.waveform is not None and self.format not in WAVEFORM_FORMATS:
            raise ValueError(f"format {self.format!r} carries no waveform; {', '.join(WAVEFORM_FORMATS)} does")
        return self


class ExpectSpec(Table):
    """An alert that must be raised."""

    device: DeviceName
    """A device, or the name of a line of them with its `{n}`: then each; likewise in faults, lies and bans."""
    metric: MetricName | None = None
    """None: any metric of the device."""
    kinds: tuple[str, ...] = ()
    """None named: any kind."""
    after: Duration = 0
    before: Duration
    """Raised between those moments after the start."""
    order: bool = False
    """A work order must be opened for the device too."""
    known_gap: str | None = None
    """Why the shipped rules do not raise it yet; a judge counts it apart."""


class ForbidSpec(Table):
    """Alerts that must not be raised."""

    device: DeviceName
    metric: MetricName | None = None
    kinds: tuple[str, ...] = ()
    """None named: no alert at all."""
    why: str


Named = TypeVar("Named", FaultSpec, LieSpec, ExpectSpec, ForbidSpec)


class ScenarioSpec(Table):
    """A scenario file."""

    description: str
    site: SiteSpec = SiteSpec()
    climate: ClimateSpec = ClimateSpec()
    timeline: Timeline = Timeline()
    device: tuple[DeviceSpec, ...] = Field(min_length=1)
    fault: tuple[FaultSpec, ...] = ()
    lie: tuple[LieSpec, ...] = ()
    scatter: tuple[ScatterSpec, ...] = ()
    people: PeopleSpec = PeopleSpec()
    expect: tuple[ExpectSpec, ...] = ()
    forbid: tuple[ForbidSpec, ...] = ()

    @model_validator(mode="after")
    def _refers(self) -> ScenarioSpec:
        check(self)
        return self

    def spelled_out(self) -> ScenarioSpec:
        """The same with every trouble and judgement on one device: those on a line of devices are one for each."""
        lines = {line.name: tuple(line.names()) for line in self.device}

        def each(items: tuple[Named, ...]) -> tuple[Named, ...]:
            names = ((item, lines.get(item.device, (item.device,))) for item in items)
            return tuple(item.model_copy(update={"device": name}) for item, of in names for name in of)

        one_by_one = {"fault": each(self.fault), "lie": each(self.lie)}
        return self.model_copy(update={**one_by_one, "expect": each(self.expect), "forbid": each(self.forbid)})


class Scenario(Table):
    """A checked scenario and its name."""

    name: str
    spec: ScenarioSpec

    def without_faults(self) -> Scenario:
        """The same site with nothing wrong: no faults, no lies, nothing to expect."""
        healthy = self.spec.model_copy(update={"fault": (), "lie": (), "scatter": (), "expect": (), "forbid": ()})
        return Scenario(name=f"{self.name}-healthy", spec=healthy)


def list_scenarios() -> list[tuple[str, str]]:
    """Built-in scenarios: (name, description), in order of name."""
    return [(path.stem, load_scenario(path).spec.description) for path in sorted(LIBRARY.glob("*.toml"))]


def load_scenario(source: str | Path, *, faults: bool = True) -> Scenario:
    """The scenario of a file or of a built-in name. Raises SimulatorError, in one line, naming file and key."""
    path = _path_of(source)
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SimulatorError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SimulatorError(f"{path}: is not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise SimulatorError(f"{path}: is not TOML: {error}") from error
    try:
        scenario = Scenario(name=path.stem, spec=ScenarioSpec.model_validate(tables))
    except ValidationError as error:
        raise SimulatorError(f"{path}: {_first_problem(error)}") from error
    return scenario if faults else scenario.without_faults()


def _path_of(source: str | Path) -> Path:
    if isinstance(source, Path) or source.endswith(".toml") or "/" in source:
        return Path(source)
    built_in = LIBRARY / f"{source}.toml"
    if built_in.is_file():
        return built_in
    if Path(source).is_file():
        return Path(source)
    names = ", ".join(path.stem for path in sorted(LIBRARY.glob("*.toml")))
    raise SimulatorError(f"scenario {source!r} is neither a file nor built in; built in are {names}")


def _first_problem(error: ValidationError) -> str:
    """The first thing wrong, as `key.0.key: what`; counts the others."""
    problems = error.errors(include_url=False)
    first = problems[0]
    where = "".join(f"{part}." for part in first["loc"])[:-1]
    text = str(first["msg"]).removeprefix("Value error, ").replace("\n", " ")
    given = first.get("input")
    if isinstance(given, str | int | float | bool) and repr(given) not in text and first["type"] != "extra_forbidden":
        text = f"{text} (got {given!r})"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{where}: {text}{more}" if where else f"{text}{more}"
