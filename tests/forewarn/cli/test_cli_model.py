"""`forewarn model` as its user meets it: a file becomes the shadow, and the active one; a line for every mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from alerts.model_store import ModelRow
from forewarn.cli import main
from forewarn.config.settings import Settings
from forewarn.database_admin import open_database
from forewarn.history.modelfile import write_model
from ingest.database import writing
from tests.small_model import small_model

FACTS: dict[str, Any] = {
    "trained_on": {"start": "2026-01-01T00:00:00Z", "end": "2026-02-01T00:00:00Z", "devices": ["a/b"], "failures": 9},
    "measures": {"threshold": 0.5, "warned": 9, "failures": 10, "false": 1, "device_months": 20.0},
}
MODEL = small_model(**FACTS)
SHORT = MODEL.digest[:12]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOGNAME", "ann")


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    return Said(capsys)


class Said:
    """Runs commands."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, str]:
        """Status, and what was said on either channel."""
        with pytest.raises(SystemExit) as left:
            main(["model", *arguments])
        assert isinstance(left.value.code, int)
        told = self._capsys.readouterr()
        return left.value.code, told.out + told.err


def test_the_life_of_a_model(said: Said) -> None:
    write_model(Path("fleet.model"), MODEL)
    assert said("list") == (0, "")
    assert said("add", "fleet.model", "--note", "first") == (
        0,
        f"model {SHORT} looks on as the shadow from now on\n",
    )
    measured = "9 of 10 failures warned of, 1 false alarms in 20.0 device-months"
    span = "2026-01-01T00:00:00Z/2026-02-01T00:00:00Z"
    assert said("list") == (0, f"{SHORT}\tshadow\tfleet.model\t{span}\t{measured}\n")
    assert "\nmay be promoted: no: it has not judged a reading yet" in said("show", SHORT)[1]
    status, told = said("promote", SHORT)
    assert status == 2
    assert told.startswith(f"forewarn: model {SHORT} is not promoted: it has not judged a reading yet")
    assert said("promote", SHORT[:6], "--force", "--note", "pilot") == (
        0,
        f"model {SHORT} is the active one from now on\n",
    )
    database = open_database(Settings().database_url)
    with writing(database) as session:
        session.execute(sa.update(ModelRow).values(artefact=b"damaged"))
    database.dispose()
    assert said("add", "fleet.model") == (0, f"model {SHORT}, the active one, looks again\n")
    status, told = said("delete", SHORT)
    assert (status, told) == (2, f"forewarn: model {SHORT} is the active one: to delete it, retire it first\n")
    assert said("retire", SHORT) == (0, f"model {SHORT} is retired\n")
    status, told = said("show", SHORT)
    lines = told.splitlines()
    assert status == 0
    assert {f"id: {SHORT}", f"sha256: {MODEL.digest}", "state: retired", f"data: {span}"} < set(lines)
    assert f"on devices left out: {measured}" in lines
    assert "may be promoted" not in told, "that is asked of shadows"
    history = [line.split("\t")[1:] for line in lines if "\t" in line]
    assert [line[:2] for line in history] == [["add", "ann"], ["promote", "ann"], ["retire", "ann"]]
    assert history[0][2:] == ["first"]
    assert history[1][2] == "forced"
    assert history[1][-1] == "pilot"
    assert said("delete", SHORT, "--note", "a better one is there") == (0, f"model {SHORT} is deleted\n")
    assert said("list")[1].startswith(f"{SHORT}\tdeleted\tfleet.model\t")
    assert said("show", SHORT)[1].endswith("\tdelete\tann\ta better one is there\n")


def test_a_model_without_measures_says_so(said: Said) -> None:
    write_model(Path("plain.model"), small_model())
    said("add", "plain.model")
    assert said("list")[1].endswith("plain.model\tnot said\tnot said\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["add", "none.model"], "none.model: cannot be read: No such file or directory", id="no file"),
        pytest.param(["add", "bad.model"], "bad.model: is no model, or damaged: it cannot be unpacked", id="damaged"),
        pytest.param(["add", "fleet.model"], f"model {SHORT} is there already: it is the shadow", id="twice"),
        pytest.param(["show", "abcdefabcdef"], "there is no model 'abcdefabcdef'", id="unknown"),
        pytest.param(["promote", "abc"], "there is no model 'abc'", id="too short"),
        pytest.param(["retire", "abcdefabcdef"], "there is no model 'abcdefabcdef'", id="nothing to retire"),
        pytest.param(["add", "fleet.model", "--config", "none.toml"], "none.toml", id="no such settings"),
    ],
)
def test_a_mistake_gets_a_line(said: Said, arguments: list[str], told: str) -> None:
    write_model(Path("fleet.model"), MODEL)
    Path("bad.model").write_bytes(b"PK nothing")
    said("add", "fleet.model")
    status, line = said(*arguments)
    assert status == 2
    assert told in line
    assert line.count("\n") == 1
