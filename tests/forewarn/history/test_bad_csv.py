"""Bad readings files: one clear line and exit status 2, or the bad rows kept with their reason and the rest judged."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from forewarn.cli import main
from ingest.csvfile import read_batches
from ingest.registry import Registry
from simulators.recorded import BadRow, Row, read_rows

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
    "a unit too long": (b"2026-01-05T00:01:00Z,plant,pump-9,t,1," + b"u" * 65, "unit is longer"),
    "a unit with a bell": (b"2026-01-05T00:01:00Z,plant,pump-9,t,1,\x07", "unit holds"),
    "not UTF-8": (b"2026-01-05T00:01:00Z,pl\xff\xfeant,pump-1,t,1,", "character"),
    "too many fields": (b"2026-01-05T00:01:00Z,plant,pump-1,t,1,,,", "fields"),
    "a quote that is not closed": (b'2026-01-05T00:01:00Z,plant,"pump-1,t,1,', "quotes"),
    "digits of another script": ("2026-01-05T00:01:00Z,plant,pump-1,t,１,".encode(), "finite"),
    "underscores in a number": (b"2026-01-05T00:01:00Z,plant,pump-1,t,1_000,", "finite"),
    "beyond a double": (b"2026-01-05T00:01:00Z,plant,pump-1,t,1e400,", "finite"),
    "the leap second": (b"2026-06-30T23:59:60Z,plant,pump-1,t,1,", "23:59:60"),
    "seconds of the year 5138": (b"99999999999,plant,pump-1,t,1,", "range"),
    "nanoseconds beyond all bounds": (b"9223372036854775808,plant,pump-1,t,1,", "range"),
}
ONLY_THE_ENGINE_KNOWS = {"before 1990", "a unit of another quantity", "a unit too long", "a unit with a bell"}
"""What a replay leaves to the service that it feeds."""


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
    summary = json.loads((tmp_path / "out" / "summary.json").read_text("utf-8"))
    assert summary["devices"] == 1, "a device of which nothing was taken is not known"


@pytest.mark.parametrize("case", sorted(ROWS.keys() - ONLY_THE_ENGINE_KNOWS))
def test_a_replay_leaves_out_the_same_rows(case: str, tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    after = b"2026-01-05T00:02:00Z,plant,pump-1,temperature,20.6,degC\n"
    path.write_bytes(HEADER + GOOD + ROWS[case][0] + b"\n" + after)
    first, bad, last = read_rows(path)
    assert isinstance(bad, BadRow)
    assert bad.line == 3
    assert str(bad).startswith(f"{path}: line 3: ")
    assert [row.value for row in (first, last) if isinstance(row, Row)] == [20.5, 20.6]


TIMES = (
    *("1767225600", "1767225600.25", "1767225600000", "1767225600000000", "1767225600000000000", "1.7672256E9"),
    *("2026-01-01T00:00:00Z", "2026-01-01 00:00:00.5+08:00", "20260101T000000Z", "2026-01-01T00:00:00,123456789Z"),
)


@pytest.mark.parametrize("time", TIMES)
def test_a_replay_reads_the_same_times(time: str, tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    path.write_text(f"\ufeffValue, Metric ,DEVICE,time\r\n7,t,d,{time.replace(',', '.')}\r\n", "utf-8")
    (row,) = read_rows(path)
    (batch,) = read_batches([path], Registry(), lambda *_: None)
    assert isinstance(row, Row)
    assert (row.time, row.value) == (int(batch.time[0]), float(batch.value[0]))
