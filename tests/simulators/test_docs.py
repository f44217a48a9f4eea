"""docs/simulators.md names everything there is."""

import inspect
import re
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from simulators import bearings, climate, faults, lies, tape, waveform
from simulators.climate import ClimateSpec
from simulators.faults import FAULTS
from simulators.lies import LieKind
from simulators.machines.table import MACHINES
from simulators.payloads.table import FORMATS
from simulators.people import PeopleSpec
from simulators.scatter import ScatterSpec
from simulators.scenario import (
    DeviceSpec,
    ExpectSpec,
    ForbidSpec,
    ScenarioSpec,
    SiteSpec,
    Timeline,
    list_scenarios,
)
from simulators.schedule import Working
from simulators.troubles import FaultSpec, LieSpec
from simulators.vibration import WaveformSpec

DOC = Path(__file__).parents[2] / "docs" / "simulators.md"
TABLES: tuple[type[BaseModel], ...] = (
    SiteSpec, ClimateSpec, Timeline, DeviceSpec, WaveformSpec, FaultSpec, LieSpec, ScatterSpec, PeopleSpec,
    ExpectSpec, ForbidSpec,
)  # fmt: skip


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_every_key_is_documented(table: type[BaseModel]) -> None:
    text = DOC.read_text(encoding="utf-8")
    assert [key for key in table.model_fields if f"`{key}`" not in text and f" {key} = " not in text] == []


def test_every_table_scenario_machine_fault_lie_and_format_is_documented() -> None:
    text = DOC.read_text(encoding="utf-8")
    names = [name for name, _ in list_scenarios()]
    words = [*names, *MACHINES, *FAULTS, *(kind.value for kind in LieKind), *FORMATS, *(w.value for w in Working)]
    assert [word for word in words if f"`{word}`" not in text] == []
    tables = [key for key in ScenarioSpec.model_fields if key != "description"]
    assert [key for key in tables if f"[{key}]" not in text] == []


BUILT_ON = re.compile(r"\([^()]*\b(?:19|20)\d\d\b[^()]*\)|\b(?:ISO|IEC|EN)(?:/TR)?\s\d{4,5}")
"""A year in parentheses, as of a book or an article, or the number of a standard."""


@pytest.mark.parametrize("model", sorted(MACHINES))
def test_every_machine_says_what_it_is_built_on(model: str) -> None:
    said = inspect.getdoc(sys.modules[MACHINES[model].__module__])
    assert said is not None
    assert BUILT_ON.search(said), said


@pytest.mark.parametrize("module", [bearings, climate, faults, lies, tape, waveform], ids=lambda one: one.__name__)
def test_so_do_bearings_weather_faults_lies_and_numbers(module: object) -> None:
    said = inspect.getdoc(module)
    assert said is not None
    assert BUILT_ON.search(said), said
