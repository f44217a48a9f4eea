"""Copies of recorded faults: each has one thing that happens to data on its way, and the trouble stays in it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from benchmarks._disturbed import (
    DISTURBANCES,
    HOLE,
    Recording,
    cropped,
    disturbed,
    duplicates,
    gaps,
    late,
    renamed,
    rescaled,
    shifted,
)
from benchmarks._recorded import sets_in
from ingest.errors import InputError
from ingest.times import format_time, parse_time
from tests.forewarn.history.test_backtest import write_site

N = 400
TIMES = [format_time(1_800_000_000_000_000_000 + i * 60_000_000_000) for i in range(N)]


@pytest.fixture
def made() -> Recording:
    """Two metrics a minute, trouble in the middle."""
    readings = {
        "time": [time for time in TIMES for _ in range(2)],
        "site": ["plant"] * 2 * N,
        "device": ["pump"] * 2 * N,
        "metric": ["heat", "flow"] * N,
        "value": [str(i) for i in range(2 * N)],
    }
    truth = {"site": ["plant"], "device": ["pump"], "metric": ["heat"], "start": [TIMES[200]], "end": [TIMES[220]]}
    return Recording(readings, truth)


def rows(of: Recording) -> list[tuple[str, ...]]:
    return list(zip(*of.readings.values(), strict=True))


def test_all_times_are_shifted_by_the_same(made: Recording) -> None:
    copy = shifted(made, Random(1))
    pairs = zip(
        [*copy.readings["time"], *copy.truth["start"], *copy.truth["end"]],
        [*made.readings["time"], *made.truth["start"], *made.truth["end"]],
        strict=True,
    )
    (by,) = {parse_time(after) - parse_time(before) for after, before in pairs}
    assert by


def test_the_beginning_is_cropped(made: Recording) -> None:
    copy = cropped(made, Random(1))
    missing = len(made.readings["time"]) - len(copy.readings["time"])
    assert 0 < missing <= 2 * N * 0.1
    assert rows(copy) == rows(made)[missing:]


def test_every_metric_is_rescaled_by_itself(made: Recording) -> None:
    copy = rescaled(made, Random(3))
    values = [float(value) for value in copy.readings["value"]]
    for first in (0, 1):
        steps = {round(b - a, 6) for a, b in zip(values[first::2], values[first + 2 :: 2], strict=False)}
        assert len(steps) == 1
    assert values != [float(value) for value in made.readings["value"]]


def test_what_is_no_number_stays(made: Recording) -> None:
    made.readings["value"][5] = "broken"
    assert rescaled(made, Random(3)).readings["value"][5] == "broken"


def test_names_change_with_their_labels_and_only_the_order_of_an_instant(made: Recording) -> None:
    copy = renamed(made, Random(1))
    assert copy.readings["time"] == made.readings["time"]
    assert sorted(copy.readings["value"]) == sorted(made.readings["value"])
    assert copy.readings["value"] != made.readings["value"]
    name = {value: metric for *_, metric, value in rows(copy)}
    assert copy.truth["metric"] == [name["0"]]
    assert {name[str(i)] for i in range(0, 2 * N, 2)} == {name["0"]}


def test_gaps(made: Recording) -> None:
    copy = gaps(made, Random(1))
    left = rows(copy)
    assert 0.8 * 2 * N < len(left) < 0.97 * 2 * N
    assert set(left) < set(rows(made))
    missing = [time not in set(copy.readings["time"]) for time in TIMES]
    assert any(all(missing[i : i + HOLE]) for i in range(N - HOLE))


def test_duplicates_and_late_readings_lose_nothing(made: Recording) -> None:
    twice = Counter(rows(duplicates(made, Random(1))))
    assert set(twice) == set(rows(made))
    assert set(twice.values()) == {1, 2}
    after = rows(late(made, Random(1)))
    assert sorted(after) == sorted(rows(made))
    assert after != rows(made)


def test_copies_are_sets_beside_the_set_and_the_same_for_a_seed(tmp_path: Path) -> None:
    place = tmp_path / "recorded" / "pumps"
    place.mkdir(parents=True)
    write_site(place / "site.csv")
    (place / "site.truth.csv").write_text("site,device,metric,start,end,kind\n")
    first, second, other = (
        disturbed(sets_in(tmp_path), tmp_path / name, seed) for name, seed in zip("abc", (1, 1, 2), strict=True)
    )
    assert list(first) == ["recorded/pumps", *(f"recorded/pumps-{kind}" for kind in DISTURBANCES)]
    for kind in DISTURBANCES:
        texts = [sets[f"recorded/pumps-{kind}"][0].with_name("site.csv").read_text() for sets in (first, second, other)]
        assert texts[0] == texts[1] != texts[2]


def test_the_wide_form_cannot_be_disturbed(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("time,pump\n")
    (tmp_path / "a.truth.csv").write_text("site,device,metric,start,end,kind\n")
    with pytest.raises(InputError, match="no column 'site'; only the long form"):
        disturbed(sets_in(tmp_path), tmp_path / "copies", 0)
