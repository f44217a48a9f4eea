"""Bad readings files: one clear line and exit status 2, or the bad rows kept with their reason and the rest judged."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from forewarn.cli import main

HEADER = b"time,site,device,metric,value,unit\n"
GOOD = b"2026-01-05T00:00:00Z,plant,pump-1,temperature,20.5,\n"


def backtest(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit status and what was said on standard error."""
    with pytest.raises(SystemExit) as left:
        main(["backtest", *arguments])
    assert isinstance(left.value.code, int)
    return left.value.code, capsys.readouterr().err


UNUSABLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "there is no such file": (lambda p: None, "cannot be read"),
    "a folder": (lambda p: p.mkdir(), "cannot be read"),
    "empty": (lambda p: p.write_bytes(b""), "time"),
    "no header": (lambda p: p.write_bytes(GOOD), "missing"),
    "a column is missing": (lambda p: p.write_bytes(b"time,device,metric\n1,d,m\n"), "'value'"),
    "only a header": (lambda p: p.write_bytes(HEADER), "no usable row"),
    "only bad rows": (lambda p: p.write_bytes(HEADER + b"never,plant,pump-1,t,1,\n"), "no usable row"),
    "not text": (lambda p: p.write_bytes(bytes(range(128, 256)) * 50), "readings.csv"),
    "not gzip though it says so": (lambda p: p.with_suffix(".csv.gz").write_bytes(HEADER + GOOD), "cannot be read"),
    "gzip cut short": (
        lambda p: p.with_suffix(".csv.gz").write_bytes(gzip.compress(HEADER + GOOD * 5000)[:-40]),
        "cannot be read",
    ),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_an_unusable_file_is_one_line_and_status_2(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, message = UNUSABLE[case]
    path = tmp_path / "readings.csv"
    make(path)
    packed = path.with_suffix(".csv.gz")
    file = packed if packed.exists() else path
    status, said = backtest(capsys, str(file), "--out", str(tmp_path / "out"))
    assert status == 2
    assert said.count("\n") == 1
    assert file.name in said
    assert message in said
    assert "Traceback" not in said


ROWS = {
    "a local time": (b"2026-01-05T00:00:00,plant,pump-1,t,1,", "zone"),
    "no time": (b",plant,pump-1,t,1,", "time"),
    "a word for a time": (b"noon,plant,pump-1,t,1,", "noon"),
    "the 30th of February": (b"2026-02-30T00:00:00Z,plant,pump-1,t,1,", "2026-02-30"),
    "before 1990": (b"1989-12-31T23:59:59Z,plant,pump-1,t,1,", "1990"),
    "NaN": (b"2026-01-05T00:01:00Z,plant,pump-1,t,NaN,", "finite"),
    "infinite": (b"2026-01-05T00:01:00Z,plant,pump-1,t,-inf,", "finite"),
    "no value": (b"2026-01-05T00:01:00Z,plant,pump-1,t,,", "value"),
    "a text as value": (b"2026-01-05T00:01:00Z,plant,pump-1,t,warm,", "warm"),
    "true as value": (b"2026-01-05T00:01:00Z,plant,pump-1,t,true,", "true"),
    "a slash in a name": (b"2026-01-05T00:01:00Z,plant,a/b,t,1,", "a/b"),
    "no device": (b"2026-01-05T00:01:00Z,plant,,t,1,", "device"),
    "no metric": (b"2026-01-05T00:01:00Z,plant,pump-1,,1,", "metric"),
    "a reserved metric": (b"2026-01-05T00:01:00Z,plant,pump-1,*,1,", "reserved"),
    "a name too long": (b"2026-01-05T00:01:00Z,plant," + b"x" * 129 + b",t,1,", "128"),
    "a control character": (b"2026-01-05T00:01:00Z,plant,pump\x07,t,1,", "control"),
    "too few fields": (b"2026-01-05T00:01:00Z,plant,pump-1", "fields"),
    "a unit of another quantity": (b"2026-01-05T00:01:00Z,plant,pump-1,temperature,1,m/s", "m/s"),
    "not UTF-8": (b"2026-01-05T00:01:00Z,pl\xff\xfeant,pump-1,t,1,", "character"),
}


@pytest.mark.parametrize("case", ROWS)
def test_a_bad_row_is_kept_with_its_reason_and_the_rest_is_judged(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row, reason = ROWS[case]
    path = tmp_path / "readings.csv"
    before = b"2026-01-05T00:00:00Z,plant,pump-1,temperature,20.5,degC\n"
    after = b"2026-01-05T00:02:00Z,plant,pump-1,temperature,20.6,degC\n"
    path.write_bytes(HEADER + before + row + b"\n" + after)
    status, said = backtest(capsys, str(path), "--out", str(tmp_path / "out"))
    assert status == 0
    assert "1 bad row" in said
    with (tmp_path / "out" / "rejects.csv").open(newline="", encoding="utf-8") as file:
        (rejected,) = csv.DictReader(file)
    assert rejected["line"] == "3"
    assert reason in rejected["reason"]
    with (tmp_path / "out" / "scores.csv").open(newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 2
