"""Lines of readings and scores, whatever is known of them and however many there are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.keyed import KeyedBatch
from ingest.keyedscores import KeyedScores
from ingest.stores import lineprotocol
from ingest.stores.lineprotocol import SCORE_FIELDS, last_values, reading_lines, score_lines

NAMES = (("plant", "pump 1", "vibration"), ("plant", "pump 1", "temperature"), ("plant", "fan", "a=b"))
NAN, INF = float("nan"), float("inf")


@pytest.fixture(autouse=True)
def _few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineprotocol, "STRETCH", 3)


def scores(rows: list[tuple[int, tuple[float, ...]]]) -> KeyedScores:
    columns = np.array([values for _, values in rows], float).reshape(len(rows), len(SCORE_FIELDS)).T
    key = np.array([key for key, _ in rows], np.int32)
    return KeyedScores(NAMES, key, np.arange(len(rows), dtype=np.int64), *columns)


def test_a_score_says_what_is_known() -> None:
    given = scores(
        [
            (0, (1.5, 0.25, 2.0, 1.0, 3.0)),
            (2, (0.5, 0.5, NAN, NAN, NAN)),
            (1, (1e-300, 1.0, 2.0, NAN, INF)),
            (0, (2.0, 0.125, NAN, NAN, NAN)),
        ]
    )
    lines = score_lines(given, np.arange(4)).splitlines()
    assert sorted(lines, key=lambda line: line.rpartition(" ")[2]) == [
        r"scores,site=plant,device=pump\ 1,metric=vibration score=1.5,p_value=0.25,expected=2.0,low=1.0,high=3.0 0",
        r"scores,site=plant,device=fan,metric=a\=b score=0.5,p_value=0.5 1",
        r"scores,site=plant,device=pump\ 1,metric=temperature score=1e-300,p_value=1.0,expected=2.0 2",
        r"scores,site=plant,device=pump\ 1,metric=vibration score=2.0,p_value=0.125 3",
    ]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4), st.floats(-1e9, 1e9)), max_size=20))
def test_every_reading_is_in_a_line_of_its_device_and_moment(rows: list[tuple[int, int, float]]) -> None:
    key, time = np.array([key for key, _, _ in rows], np.int32), np.array([at for _, at, _ in rows], np.int64)
    value, n = np.array([value for *_, value in rows], float), len(rows)
    readings = KeyedBatch(NAMES, ((None, "", None),) * 3, key, time, value, np.zeros(n, np.uint8), time, time)
    lines = reading_lines(readings, last_values(key, time)).splitlines()
    found = {}
    for line in lines:
        head, fields, at = line.replace("\\ ", "_").split(" ")
        for field in fields.split(","):
            metric, _, number = field.replace("\\=", "~").partition("=")
            found[head.rpartition("=")[2], metric, int(at)] = float(number)
    names = [(device.replace(" ", "_"), metric.replace("=", "~")) for _, device, metric in NAMES]
    assert found == {(*names[key], at): value for key, at, value in rows}
    assert len(lines) == len({(names[key][0], at) for key, at, _ in rows})


def test_a_memory_that_is_full_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineprotocol, "MAX_REMEMBERED", 2)
    given = scores([(2, (0.5, 0.5, NAN, NAN, NAN))])
    assert [score_lines(given, np.arange(1)) for _ in range(3)] == [
        "scores,site=plant,device=fan,metric=a\\=b score=0.5,p_value=0.5 0\n"
    ] * 3
    assert len(lineprotocol._memory.heads) == 3


def test_more_series_than_there_was_room_for() -> None:
    names = tuple(("s", f"d{number}", "m") for number in range(3_000))
    n = len(names)
    flags, stamps = np.zeros(n, np.uint8), np.zeros(n, np.int64)
    units = ((None, "", None),) * n
    readings = KeyedBatch(names, units, np.arange(n, dtype=np.int32), stamps, np.ones(n), flags, stamps, stamps)
    lines = reading_lines(readings, np.arange(n)).splitlines()
    assert sorted(lines) == sorted(f"telemetry,site=s,device=d{number} m=1.0 0" for number in range(n))
