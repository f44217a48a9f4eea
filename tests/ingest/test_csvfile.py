from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import csvfile
from ingest.csvfile import read_batches
from ingest.errors import InputError
from ingest.reading import NS_PER_SECOND, Quality, ReadingBatch
from ingest.registry import Registry, UnitState

HEADER = "time,site,device,metric,value,unit\n"
START = 1_767_225_600


@dataclass
class Read:
    """What came out of files: (seconds after START, device, value) per row, and the bad rows."""

    registry: Registry = field(default_factory=Registry)
    bad: list[tuple[str, int, str, str]] = field(default_factory=list)
    batches: list[ReadingBatch] = field(default_factory=list)

    def files(self, paths: Sequence[Path], *, latest: int | None = None, chunk_rows: int = 65_536) -> Read:
        def on_bad_row(path: Path, line: int, reason: str, row: str) -> None:
            self.bad.append((path.name, line, reason, row))

        self.batches += read_batches(paths, self.registry, on_bad_row, latest=latest, chunk_rows=chunk_rows)
        return self

    @property
    def rows(self) -> list[tuple[float, str, float]]:
        whole = ReadingBatch.concat(self.batches)
        return [
            (time / NS_PER_SECOND - START, self.registry.key(series)[1], value)
            for time, series, value in zip(
                whole.time.tolist(), whole.series.tolist(), whole.value.tolist(), strict=True
            )
        ]


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def test_reads_columns_by_name_in_any_order(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "\ufeffValue,device, time ,metric,note\r\n21.5,pump,2026-01-01T00:00:07Z,t,x\r\n")
    read = Read().files([file])
    assert read.rows == [(7, "pump", 21.5)]
    assert read.registry.key(0) == ("default", "pump", "t")
    assert read.batches[0].quality.tolist() == [Quality.RECORDED | Quality.NO_UNIT]
    assert read.bad == []


def test_converts_units(tmp_path: Path) -> None:
    text = HEADER + f"{START},s,d,t,212,°F\n{START + 1},s,d,v,0.001,m/s\n{START + 2},s,d,p,5,smoot\n"
    read = Read().files([write(tmp_path / "a.csv", text)])
    assert [round(value, 9) for _, _, value in read.rows] == [100.0, 1.0, 5.0]
    assert [read.registry.metric(n).unit_state for n in range(3)] == [
        UnitState.KNOWN,
        UnitState.KNOWN,
        UnitState.UNKNOWN,
    ]
    assert ReadingBatch.concat(read.batches).quality.tolist() == [1, 1, Quality.RECORDED | Quality.NO_UNIT]


def test_reads_compressed_files(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(f"{HEADER}{START},s,d,t,1,\n".encode()))
    assert Read().files([path]).rows == [(0, "d", 1.0)]


BAD_ROWS = [
    ("yesterday,s,d,t,1,", "time 'yesterday' is not ISO 8601"),
    ("2026-01-01T00:00:00,s,d,t,1,", "has no time zone"),
    (",s,d,t,1,", "time is empty"),
    ("0,s,d,t,1,", "is before 1990"),
    ("2262-04-11T23:47:16.854775807Z,s,d,t,1,", "time 2262-04-11T23:47:16.854775807Z is after 2200"),
    (f"{START},s,d,t,warm,", "value 'warm' is not a finite number"),
    (f"{START},s,d,t,,", "value is empty"),
    (f"{START},s,d,t,NaN,", "value 'NaN' is not a finite number"),
    (f"{START},s,d,t,-inf,", "value '-inf' is not a finite number"),
    (f"{START},s,d,t,1e999,", "value '1e999' is not a finite number"),
    (f"{START},s,d,t,1_0,", "value '1_0' is not a finite number"),
    (f"{START},s,d,t,１,", "value '１' is not a finite number"),
    (f"{START},s,d,t,true,", "value 'true' is not a finite number"),
    (f"{START},s,d/e,t,1,", "device 'd/e' holds a character"),
    (f"{START},s,,t,1,", "device is empty"),
    (f"{START},s,d,*,1,", "metric '*' is a reserved name"),
    (f"{START},s,d,time,1,", "metric 'time' is a reserved name"),
    (f"{START},s,{'d' * 129},t,1,", "device is longer than 128"),
    (f"{START},s,d,t,1", "5 fields, not 6"),
    (f"{START},s,d,t,1,°C,", "7 fields, not 6"),
    (f'{START},s,"d,t,1,°C', "quotes do not match"),
    (f"{START},s,good,t,1,kPa", "unit 'kPa' of metric 't' is of another quantity than '°C'"),
    (f"{START},s,good,t,1,{'C' * 65}", "unit is longer than 64"),
]


@pytest.mark.parametrize(("row", "reason"), BAD_ROWS)
@pytest.mark.parametrize("crowd", [1, 20], ids=["alone", "in a crowd"])
def test_a_bad_row_is_told_and_the_rest_is_read(tmp_path: Path, row: str, reason: str, crowd: int) -> None:
    good = f"{START},s,good,t,1,°C\n" * crowd
    read = Read().files([write(tmp_path / "a.csv", HEADER + good + row + "\n\n" + good)])
    assert [(file, line, told) for file, line, _, told in read.bad] == [("a.csv", crowd + 2, row)]
    assert reason in read.bad[0][2]
    assert read.rows == [(0, "good", 1.0)] * (2 * crowd)


def test_bytes_that_are_no_text_cost_their_row_only(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(HEADER.encode() + b"1767225600,s,p\xff\x00,t,1,\n1767225600,s,ok,t,2,\n")
    read = Read().files([path])
    assert read.rows == [(0, "ok", 2.0)]
    assert read.bad[0][3] == "1767225600,s,p\\xff\x00,t,1,"


def test_quoted_fields_are_read(tmp_path: Path) -> None:
    text = HEADER + f'"{START}","s","a ""b"", c","t","1.5","°C"\n{START},s,d,t,2,\n'
    assert Read().files([write(tmp_path / "a.csv", text)]).rows == [(0, 'a "b", c', 1.5), (0, "d", 2.0)]


def test_blanks_around_a_field_do_not_count(tmp_path: Path) -> None:
    text = f"time, site , device, metric, value, unit\n{START}, s , d ,t , 1.5 , °C\n{START}, ,e, t,2,\n"
    read = Read().files([write(tmp_path / "a.csv", text)])
    assert read.rows == [(0, "d", 1.5), (0, "e", 2.0)]
    assert read.registry.find("s", "d", "t") is not None
    assert read.registry.find("default", "e", "t") is not None


def test_with_a_clock_a_stamp_from_the_future_is_bad(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", HEADER + f"{START},s,d,t,1,\n{START + 1},s,d,t,1,\n")
    read = Read().files([file], latest=START * NS_PER_SECOND)
    assert len(read.rows) == 1
    assert "in the future" in read.bad[0][2]


BAD_FILES = [
    pytest.param(b"", "line 1: column 'time' is missing", id="empty"),
    pytest.param(b"\n\n", "line 1: column 'time' is missing", id="blank lines"),
    pytest.param(
        b"time,device,value\n", "line 1: column 'metric' is missing; found 'time, device, value'", id="column"
    ),
    pytest.param(b"time;device;metric;value\n", "column 'time' is missing", id="semicolons"),
    pytest.param(b"time,device,metric,value,value\n", "column 'value' occurs twice", id="a column twice"),
    pytest.param("time,device,metric,value\n".encode("utf-16"), "line 1: is no text in UTF-8", id="UTF-16"),
    pytest.param(gzip.compress(b"time,device,metric,value\n"), "a name that ends in .gz", id="compressed"),
    pytest.param(b"time,device,metric,value\n", "no usable row", id="header only"),
    pytest.param(b"time,device,metric,value\n1,d,t,1\n", "no usable row", id="bad rows only"),
    pytest.param(b"time,device,metric,value\n" + b"x" * 3_000_000, "line 2 is longer than", id="one endless line"),
    pytest.param(b"\x00" * 3_000_000, "line 1 is longer than", id="a disk image"),
]


@pytest.mark.parametrize(("content", "reason"), BAD_FILES)
def test_a_bad_file_gets_one_line(tmp_path: Path, content: bytes, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csvfile, "BLOCK_BYTES", 1 << 18)
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as told:
        Read().files([path])
    assert str(path) in str(told.value)
    assert reason in str(told.value)
    assert "\n" not in str(told.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    broken, half = tmp_path / "broken.csv.gz", tmp_path / "half.csv.gz"
    broken.write_bytes(b"no gzip")
    half.write_bytes(gzip.compress((HEADER + f"{START},s,d,t,1,\n" * 1000).encode())[:-20])
    for path in (tmp_path / "missing.csv", tmp_path, broken, half):
        with pytest.raises(InputError, match=f"{path}: cannot be read"):
            Read().files([path])


def test_all_headers_are_looked_at_first(tmp_path: Path) -> None:
    good = write(tmp_path / "a.csv", HEADER + f"{START},s,d,t,1,\n")
    read = Read()
    with pytest.raises(InputError, match=r"b\.csv"):
        read.files([good, write(tmp_path / "b.csv", "time\n")])
    assert read.batches == []


def test_several_files_are_merged_by_running_row_time(tmp_path: Path) -> None:
    def file(name: str, seconds: list[int]) -> Path:
        return write(tmp_path / name, HEADER + "".join(f"{START + s},s,{name},t,{s},\n" for s in seconds))

    rows = Read().files([file("a", [1, 3, 2, 5]), file("b", [1, 2, 3, 4, 9]), file("c", [3])]).rows
    assert [(device, time) for time, device, _ in rows] == [
        ("a", 1),
        ("b", 1),
        ("b", 2),
        ("a", 3),
        ("a", 2),
        ("b", 3),
        ("c", 3),
        ("b", 4),
        ("a", 5),
        ("b", 9),
    ]


seconds = st.lists(st.integers(0, 30), min_size=1, max_size=40)


@given(
    files=st.lists(seconds, min_size=1, max_size=4),
    block=st.integers(30, 400),
    chunk=st.integers(1, 50),
    units=st.lists(st.sampled_from(["", "°C", "°F", "bar", "smoot"]), min_size=1, max_size=7),
)
def test_the_result_does_not_depend_on_blocks_and_batches(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[int]], block: int, chunk: int, units: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    paths = [
        write(
            folder / f"{n}.csv",
            HEADER + "".join(f"{START + s},s,d{s % 3},t,{i},{units[i % len(units)]}\n" for i, s in enumerate(times)),
        )
        for n, times in enumerate(files)
    ]
    whole = Read().files(paths)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csvfile, "BLOCK_BYTES", block)
        patch.setattr(csvfile, "MIN_BLOCK_BYTES", 1)
        cut = Read().files(paths, chunk_rows=chunk)
    assert cut.rows == whole.rows
    assert sorted(cut.bad) == sorted(whole.bad)
    assert max(map(len, cut.batches)) <= chunk
    expected = sorted(
        ((max(times[: i + 1]), n, i) for n, times in enumerate(files) for i in range(len(times))),
    )
    kept = {(name, line) for name, line, *_ in whole.bad}
    told = [(files[n][i]) for _, n, i in expected if (f"{n}.csv", i + 2) not in kept]
    assert [int(time) for time, _, _ in whole.rows] == told


def test_values_keep_every_digit(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=100)
    text = HEADER + "".join(f"{START},s,d,t,{value!r},\n" for value in values.tolist())
    assert [value for _, _, value in Read().files([write(tmp_path / "a.csv", text)]).rows] == values.tolist()
