"""`forewarn bench detection` over a folder of recorded faults."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import detection
from benchmarks._disturbed import DISTURBANCES
from ingest.errors import InputError
from tests.forewarn.history.test_backtest import stamp, write_site


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two sets: a pump that runs hot, and a machine that fails at the end of the same readings."""
    for name, text in (
        ("pumps", f"plant,pump-1,,{stamp(400)},{stamp(430)},overheating"),
        ("pronostia", f"plant,pump-1,,{stamp(599)},{stamp(599)},failure"),
    ):
        place = tmp_path / "recorded" / name
        place.mkdir(parents=True)
        write_site(place / "site.csv")
        (place / "site.truth.csv").write_text(f"site,device,metric,start,end,kind\n{text}\n")
    return tmp_path / "recorded"


def told(folder: Path, *arguments: str) -> dict[str, Any]:
    out = folder.parent / "figures.json"
    assert detection.main([str(folder), "--json", str(out), *arguments]) == 0
    found: dict[str, Any] = json.loads(out.read_text())["sets"]
    return found


def test_each_set_is_printed_with_its_floors(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = told(folder)
    printed = capsys.readouterr().out
    for words in ("pumps", "pronostia", "evenly spaced", "VUS-PR", "p <= 0.0001", "all sets", "premature"):
        assert words in printed
    pumps = figures["pumps"]
    assert (pumps["alerts"]["labels"], pumps["alerts"]["found"]) == (1, 1)
    assert 0 <= pumps["alerts"]["delay_s_median"] <= 300
    assert pumps["scores"]["ap"] > 4 * pumps["floor"]["random"]["ap"]
    assert pumps["calibration"]["rows"] > 1_000
    assert "scores" not in figures["pronostia"]


def test_two_processes_find_the_same(folder: Path) -> None:
    assert told(folder, "--jobs", "2") == told(folder)


def test_kinds_sets_and_settings_can_be_chosen(folder: Path) -> None:
    whole, without = told(folder), told(folder, "--set", "pumps", "--ignore-kinds", "silence,baseline")
    assert list(without) == ["pumps"]
    assert without["pumps"]["alerts"]["alerts"] == 0 < whole["pumps"]["alerts"]["alerts"]
    assert without["pumps"]["floor"]["evenly_spaced"] == {}
    settings, limits = folder.parent / "forewarn.toml", folder.parent / "limits.toml"
    limits.write_text('[[limit]]\nmetric = "temperature"\nhigh = 60\nunit = "°C"\n')
    settings.write_text(f"[limits]\nfile = {json.dumps(str(limits))}\n")
    limited = told(folder, "--config", str(settings), "--ignore-kinds", "silence,baseline")
    assert limited["pumps"]["alerts"]["found"] == 1
    assert limited["pumps"]["alerts"]["delay_s_median"] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["{folder}/nowhere"], "is no folder of recorded faults", id="no folder"),
        pytest.param(["{folder}", "--set", "fans"], "--set fans: there are pronostia, pumps", id="unknown set"),
        pytest.param(["{folder}/../empty"], r"holds no \*\.truth\.csv", id="nothing in it"),
    ],
)
def test_a_mistake_is_named(folder: Path, arguments: list[str], message: str) -> None:
    (folder.parent / "empty").mkdir()
    with pytest.raises(InputError, match=message):
        detection.main([part.format(folder=folder) for part in arguments])


def test_truth_without_readings_is_named(folder: Path) -> None:
    (folder / "pumps" / "other.truth.csv").write_text("site,device,metric,start,end,kind\n")
    with pytest.raises(InputError, match=r"other\.truth\.csv: no other\.csv or other\.csv\.gz beside it"):
        detection.main([str(folder)])
    (folder / "pumps" / "other.truth.csv").unlink()
    text = f"site,device,metric,start,end,kind\nplant,pump-9,,{stamp(1)},{stamp(2)},x\n"
    (folder / "pumps" / "site.truth.csv").write_text(text)
    with pytest.raises(InputError, match="device 'pump-9' of site 'plant' has no readings"):
        detection.main([str(folder)])


def test_the_same_is_found_in_disturbed_copies(folder: Path) -> None:
    figures = told(folder, "--set", "pumps", "--disturbed")
    assert list(figures) == ["pumps", *(f"pumps-{kind}" for kind in DISTURBANCES)]
    assert [name for name, found in figures.items() if found["alerts"]["found"] != 1] == []
