"""Scenarios as files: a fleet, a calendar, faults, lies and people, checked before anything runs.

Format and every key: docs/simulators.md. Lengths of time are text such as `90s` or `14d`; moments count from the start
of the scenario, which follows the history.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from simulators.climate import ClimateSpec
from simulators.duration import NS, Duration
from simulators.errors import SimulatorError
from simulators.machines.machine import Machine
from simulators.machines.table import MACHINES
from simulators.names import DeviceName, MetricName, SiteName, name_problem
from simulators.payloads.table import FORMATS, WAVEFORM_FORMATS
from simulators.people import PeopleSpec
from simulators.scatter import ScatterSpec
from simulators.schedule import Working
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
    span: Duration = 7 * 86400 * NS
    """How long the scenario runs where no end is asked for."""
    interval: Duration = 60 * NS
    live_interval: Duration | None = None
    """The interval after the start, if it is another than in the history."""
    acceleration: float = Field(1.0, ge=1.0, le=1e6)
    """Faults, and the inertia with which they show, are that much faster than in life."""

    @model_validator(mode="after")
    def _positive(self) -> Timeline:
        if self.interval <= 0 or (self.live_interval is not None and self.live_interval <= 0):
            raise ValueError("interval and live_interval must be longer than 0")
        return self


class DeviceSpec(Table):
    """A device, or `count` of them."""

    name: str
    model: str
    count: int = Field(1, ge=1, le=100_000)
    site: SiteName | None = None
    interval: Duration | None = None
    jitter: Duration = 0
    metrics: tuple[MetricName, ...] | None = None
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
        models: dict[str, str] = {}
        for spec in self.device:
            for name in spec.names():
                if name in models:
                    raise ValueError(f"device {name!r} is there twice")
                models[name] = spec.model
        for fault in self.fault:
            allowed = MACHINES[_known(models, "fault", fault.device)].faults
            if fault.kind not in allowed:
                raise ValueError(
                    f"fault: {fault.device!r} is a {models[fault.device]}, which has no {fault.kind}; "
                    f"it has {', '.join(sorted(allowed))}"
                )
        for what, named in (("lie", self.lie), ("expect", self.expect), ("forbid", self.forbid)):
            for item in named:
                _known(models, what, item.device)
        return self

    @model_validator(mode="after")
    def _scatters(self) -> ScenarioSpec:
        lines = {spec.name: spec for spec in self.device}
        for number, scatter in enumerate(self.scatter):
            line = lines.get(scatter.devices)
            if line is None:
                raise ValueError(f"scatter.{number}: there is no line of devices named {scatter.devices!r}")
            if scatter.fault is not None and scatter.fault not in MACHINES[line.model].faults:
                raise ValueError(f"scatter.{number}: a {line.model} has no {scatter.fault}")
        return self


def _known(models: dict[str, str], what: str, device: str) -> str:
    if device not in models:
        raise ValueError(f"{what}: there is no device {device!r} in this scenario")
    return models[device]


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
    where = ".".join(str(part) for part in first["loc"]) or "scenario"
    text = str(first["msg"]).removeprefix("Value error, ").replace("\n", " ")
    given = first.get("input")
    if isinstance(given, str | int | float | bool) and repr(given) not in text and first["type"] != "extra_forbidden":
        text = f"{text} (got {given!r})"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{where}: {text}{more}"
