"""Log entries: known from their time and their arrival on, each once, and as many as matter."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.logentry import Event
from models.supervised.eventlog import REMEMBERED, EventLog, Logged, View, moved
from models.supervised.features import LONG_AGO, LONG_AGO_SERVICE, LogFacts, Vocabulary, log_facts
from models.supervised.telemetry import blank
from tests.failing_fleet import HOUR, START

PUMP = ("plant", "pump")


def entry(hour: float, code: str = "E1", event: Event = Event.ERROR, row: int = 0, device: str = "pump") -> Logged:
    return Logged(row, "plant", device, START + round(hour * HOUR), event, code)


def known(log: EventLog, row: int, hour: float) -> list[str]:
    """The keys that are known at a row and a time."""
    view = log.view(PUMP, np.array([row]), np.array([START + round(hour * HOUR)]))
    return [] if view is None else [key for key, yes in zip(view.key, view.known[0], strict=True) if yes]


@pytest.mark.parametrize(
    ("row", "hour", "expected"),
    [
        pytest.param(3, 9, [], id="before it happened"),
        pytest.param(2, 10, [], id="before it arrived"),
        pytest.param(3, 10, ["error:E1"], id="from its time on"),
        pytest.param(9, 30, ["error:E1"], id="later"),
    ],
)
def test_an_entry_counts_from_its_time_and_its_arrival_on(row: int, hour: float, expected: list[str]) -> None:
    log = EventLog()
    log.note([entry(10, row=3)])
    assert known(log, row, hour) == expected


def test_the_same_entry_again_is_one() -> None:
    log = EventLog()
    assert len(log.note([entry(1), entry(1), entry(1, "E2"), entry(2)])) == 3
    log.settle()
    assert log.note([entry(1), entry(2)]) == []
    assert known(log, 0, 5) == ["error:E1", "error:E2", "error:E1"]


def test_a_flood_of_errors_leaves_the_maintenance() -> None:
    log = EventLog()
    log.note([entry(0, "bearing", Event.MAINTENANCE)])
    log.note([entry(1 + k / 100) for k in range(500)])
    log.settle()
    keys = known(log, 0, 100)
    assert keys.count("error:E1") == REMEMBERED
    assert keys[0] == "maintenance:bearing"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 199), max_size=5))
def test_cutting_changes_nothing(places: list[int]) -> None:
    """Entries before rows of one long batch, or of its pieces: at each row the same is known."""
    rng = np.random.default_rng(0)
    entries = [entry(row / 2 - float(rng.integers(0, 3)), f"E{rng.integers(3)}", row=row) for row in range(200)]
    ends = [0, *sorted(set(places) - {0}), 200]
    log, found = EventLog(), []
    for begin, end in pairwise(ends):
        log.note([entry_at(one, one.row - begin) for one in entries if begin <= one.row < end])
        found += [known(log, row - begin, row / 2) for row in range(begin, end)]
        log.settle()
    whole = EventLog()
    whole.note(entries)
    assert found == [known(whole, row, row / 2) for row in range(200)]


def entry_at(one: Logged, row: int) -> Logged:
    return Logged(row, one.site, one.device, one.time, one.event, one.code)


def test_entries_move_with_the_rows_that_are_left() -> None:
    rows = np.array([2, 3, 7])
    assert [one.row for one in moved([entry(1, row=r) for r in (0, 2, 3, 4, 7, 9)], rows)] == [0, 0, 1, 2, 2, 3]


def test_it_is_saved_and_restored() -> None:
    log, other = EventLog(), EventLog()
    log.note([entry(1), entry(2, "x", Event.MAINTENANCE), entry(3, device="fan")])
    log.settle()
    other.restore(log.save())
    assert other.save() == log.save()
    assert other.note([entry(1)]) == []


# -- what a model makes of it ----------------------------------------------------------------------------------------

WORDS = Vocabulary(("flow",), ("error:E1", "mark:M"), ("maintenance:part",), np.zeros((2, 1)), np.zeros(2), 24)


def facts(entries: Sequence[Logged], hours: Sequence[float]) -> LogFacts:
    log = EventLog()
    log.note(entries)
    n = len(hours)
    at = np.array([START + round(h * HOUR) for h in hours])
    instants = blank(np.full(n, 10), np.zeros(n, np.intp), at, 1)

    def view(_device: int, row: np.ndarray, time: np.ndarray) -> View | None:
        return log.view(PUMP, row, time)

    return log_facts(instants, view, WORDS, HOUR)


def test_nothing_logged_is_long_ago() -> None:
    found = facts([], [0.0, 5.0])
    assert (found.since == LONG_AGO).all()
    assert (found.since_service == LONG_AGO_SERVICE).all()
    assert (found.counts == 0).all()


def test_entries_are_counted_by_window_and_timed() -> None:
    entries = [entry(0), entry(50), entry(90), entry(90, "M", Event.MARK), entry(10, "part", Event.MAINTENANCE)]
    found = facts(entries, [89.0, 90.0, 130.0])
    assert found.since[:, 0].tolist() == [39.0, 0.0, 40.0]
    assert found.counts[:, 0].tolist() == [[0, 1, 2], [1, 2, 3], [0, 1, 3]]
    assert found.since[:, 1].tolist() == [LONG_AGO, 0.0, 40.0]
    assert found.since_service[:, 0].tolist() == [79.0, 80.0, 120.0]


def test_codes_that_a_model_never_met_are_nothing_to_it() -> None:
    strange = [entry(5, "E99"), entry(6, "new part", Event.MAINTENANCE), entry(7, "", Event.FAILURE)]
    plain, beside = facts([entry(3)], [8.0]), facts([entry(3), *strange], [8.0])
    for name in LogFacts.__slots__:
        assert getattr(plain, name).tolist() == getattr(beside, name).tolist()
