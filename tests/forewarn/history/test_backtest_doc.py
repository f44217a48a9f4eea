"""docs/backtest.md says what is true: its commands run, and every option and file stands in it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from forewarn.cli import app, main
from forewarn.history.results import FILES

TEXT = (Path(__file__).parents[3] / "docs" / "backtest.md").read_text("utf-8")
COMMANDS = [
    shlex.split(line) for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()
]
(SETTINGS,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)


def test_every_option_is_documented() -> None:
    command = typer.main.get_command(app).commands["backtest"]  # type: ignore[attr-defined]
    options = {name for parameter in command.params for name in parameter.opts if name.startswith("--")}
    assert sorted(name for name in options - {"--help"} if f"`{name}`" not in TEXT) == []


def test_every_file_is_documented() -> None:
    assert [name for name in FILES if f"`{name}`" not in TEXT] == []


def test_every_command_does_what_it_is_shown_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stricter.toml").write_text(SETTINGS)
    for program, *arguments in COMMANDS:
        assert program == "forewarn"
        with pytest.raises(SystemExit) as end:
            main(arguments)
        assert end.value.code == 0, arguments
    for folder in ("result", "compared", "last-month"):
        assert "<svg" in (tmp_path / folder / "report.html").read_text(), folder
    written = {path.name for path in (tmp_path / "last-month").iterdir()}
    assert written - {"against"} == set(FILES) - {"rejects.csv", "suppressed_alerts.csv"}
