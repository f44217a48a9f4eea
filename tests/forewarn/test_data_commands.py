"""`forewarn import` and `forewarn backup` as their user meets them."""

from __future__ import annotations

from pathlib import Path

import pytest

from forewarn.cli import main
from forewarn.live.folder import DataFolder
from tests.forewarn.history.test_importing import write


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert isinstance(left.value.code, int)
    return left.value.code


def test_import_and_backup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "history.csv", [20.0, 21.0, 22.0])
    with file.open("a") as out:
        out.write("nonsense\n")
    assert run("import", str(file)) == 0
    said = capsys.readouterr()
    assert said.out == "3 readings imported, 3 of them judged\n"
    assert said.err == "warning: 1 bad rows are in forewarn-data/rejects.csv\n"
    kept = (tmp_path / "forewarn-data/rejects.csv").read_text("utf-8").splitlines()
    assert (kept[0], kept[1].split(",")[0], kept[1].split(",")[-1]) == ("line,reason,row", "5", "nonsense")
    assert run("backup", "copy") == 0
    assert capsys.readouterr().out == "spool.db, spool.checkpoint, forewarn.db, telemetry.db: copy\n"
    assert (tmp_path / "copy" / "backup.json").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["import"], "Missing argument", id="no file"),
        pytest.param(["import", "none.csv"], "none.csv: cannot be read: No such file or directory", id="no such file"),
        pytest.param(["import", "bad.csv"], "bad.csv: line 1: column 'time' is missing", id="no readings"),
        pytest.param(["import", "empty.csv"], "empty.csv: no usable row", id="header only"),
        pytest.param(["import", "busy.csv"], "is in use by another forewarn", id="the service runs"),
        pytest.param(["backup"], "Missing argument", id="no folder"),
        pytest.param(["backup", "."], ". is not empty: a backup goes into a new or empty folder", id="a full folder"),
        pytest.param(["backup", "new"], "holds no service's data", id="nothing to back up"),
        pytest.param(["import", "busy.csv", "--config", "none.toml"], "none.toml", id="no such settings"),
    ],
)
def test_a_mistake_gets_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n", "utf-8")
    write(tmp_path / "empty.csv", [])
    write(tmp_path / "busy.csv", [1.0])
    if arguments == ["backup", "."]:  # of data that are there
        Path("forewarn-data").mkdir()
        Path("forewarn-data/spool.db").touch()
    if "busy.csv" in arguments and "--config" not in arguments:
        with DataFolder(Path("forewarn-data")):
            status = run(*arguments)
    else:
        status = run(*arguments)
    said = capsys.readouterr()
    assert status == 2
    assert told in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
