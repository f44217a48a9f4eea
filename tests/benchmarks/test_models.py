"""`forewarn bench models` prints what it promises, whether River is there or not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import _forest, models
from forewarn.engine import Engine
from ingest.errors import InputError


def test_every_figure_is_printed_and_river_is_asked_for_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "river.anomaly", None)
    monkeypatch.setenv("COLUMNS", "200")
    file = tmp_path / "site.csv"
    file.write_text("time,device,metric,value\n" + "".join(f"{1_767_225_600 + k},a,b,{k % 7}\n" for k in range(99)))
    assert models.main(["--series", "30", "--readings", "16", str(file)]) == 0
    printed = capsys.readouterr().out
    wanted = (
        "detectors, one reading",
        "engine, 16 readings",
        "bytes",
        "same bits",
        "forewarn version",
        "backtest of site.csv",
        _forest.HOW_TO_GET_IT,
    )
    assert [words for words in wanted if words not in printed] == []


def test_a_state_that_does_not_come_back_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    _, engine = models.of_engine(30, 16, 1)
    assert models.same_after_restore(engine, 30)
    monkeypatch.setattr(Engine, "restore", lambda _self, _blob: None)
    assert not models.same_after_restore(engine, 30)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        models.main([str(tmp_path / "nowhere.csv")])
