"""`forewarn bench ablation`: every variant changes something, in a process of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import ablation, detection
from benchmarks._variants import SHIPPED, VARIANTS, place_of
from ingest.errors import InputError
from tests.forewarn.history.test_backtest import stamp, write_site

ROOT = Path(__file__).parents[2]
CHANGES = [(variant, name, value) for variant, one in VARIANTS.items() for name, value in one.changes.items()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One set: a pump that runs hot for half an hour."""
    place = tmp_path / "recorded" / "pumps"
    place.mkdir(parents=True)
    write_site(place / "site.csv")
    text = f"site,device,metric,start,end,kind\nplant,pump-1,,{stamp(400)},{stamp(430)},overheating\n"
    (place / "site.truth.csv").write_text(text)
    return tmp_path / "recorded"


@pytest.mark.parametrize(("variant", "name", "value"), CHANGES, ids=[variant for variant, _, _ in CHANGES])
def test_a_variant_changes_a_part_that_is_there_and_nowhere_copied(variant: str, name: str, value: object) -> None:
    home, attribute = place_of(name)
    assert getattr(home, attribute) != value, variant
    ours = [module for key, module in sys.modules.items() if key.partition(".")[0] in {"models", "alerts", "forewarn"}]
    assert [module.__name__ for module in ours if module is not home and hasattr(module, attribute)] == []


def test_variants_stand_beside_the_shipped_detectors(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder.parent / "figures.json"
    arguments = [str(folder), "--only", "one-row", "--json", str(out)]
    assert ablation.main(arguments) == 0
    printed = capsys.readouterr().out
    assert [
        words for words in ("pumps", "one rare row opens an alert", "VUS-PR", "p <= 0.0001") if words not in printed
    ] == []
    told = json.loads(out.read_text())
    assert list(told) == [SHIPPED, "one-row"]
    alone = folder.parent / "alone.json"
    detection.main([str(folder), "--ignore-kinds", "silence", "--json", str(alone)])
    shipped = json.loads(alone.read_text())["sets"]["pumps"]
    assert told[SHIPPED]["sets"]["pumps"] == {key: value for key, value in shipped.items() if key != "floor"}
    assert told[SHIPPED]["pooled"] == told["one-row"]["pooled"]
    delay = {name: one["sets"]["pumps"]["alerts"]["delay_s_median"] for name, one in told.items()}
    assert (delay["one-row"], delay[SHIPPED]) == (0.0, 60.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["{folder}/nowhere"], "is no folder of recorded faults", id="no folder"),
        pytest.param(["{folder}", "--only", "no-brain"], "--only no-brain: there are shipped, ", id="unknown variant"),
        pytest.param(["{folder}", "--set", "fans"], "--set fans: there are pumps", id="unknown set"),
    ],
)
def test_a_mistake_is_named(folder: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ablation.main([part.format(folder=folder) for part in arguments])


def test_every_variant_is_in_the_document() -> None:
    text = (ROOT / "docs/detection-figures.md").read_text(encoding="utf-8")
    assert [name for name in VARIANTS if f"`{name}`" not in text] == []
