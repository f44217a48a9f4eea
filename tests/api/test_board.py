"""What was last heard of every series."""

import numpy as np
import pytest

from api.board import NEVER, UNKNOWN, Board, SeriesState
from ingest.reading import Quality, ReadingBatch
from ingest.registry import Registry


def test_nothing_was_heard_yet() -> None:
    assert Board().of(3) == UNKNOWN == SeriesState(None, None, None, clock_off=False, warm=False)


def test_the_newest_counts_whatever_the_order() -> None:
    board = Board()
    board.note(ReadingBatch.of([1, 0, 1, 1], [30, 5, 50, 40], [3.0, 0.5, 5.0, 4.0]), received_at=100)
    assert board.of(1) == SeriesState(50, 5.0, 100)
    assert board.of(0) == SeriesState(5, 0.5, 100)
    board.note(ReadingBatch.of([1], [45], [9.0]), received_at=200)
    assert board.of(1) == SeriesState(50, 5.0, 100), "a late one changes nothing"
    board.note(ReadingBatch.of([1], [50], [9.0]), received_at=200)
    assert board.of(1) == SeriesState(50, 9.0, 200), "of two at one time the last one counts"


def test_the_later_of_two_rows_of_one_time_counts() -> None:
    board = Board()
    board.note(ReadingBatch.of([0, 0], [7, 7], [1.0, 2.0]), received_at=1)
    assert board.of(0).value == 2.0


def test_a_clock_that_is_off_and_then_right_again() -> None:
    board = Board()
    board.note(ReadingBatch.of([0], [1], [1.0], int(Quality.CLOCK_OFF | Quality.NO_UNIT)), received_at=1)
    assert board.of(0).clock_off
    board.note(ReadingBatch.of([0], [2], [1.0]), received_at=2)
    assert not board.of(0).clock_off


def test_warmth_is_known_before_the_first_reading() -> None:
    board = Board()
    board.note_warm(np.array([False, True]), np.array([NEVER, NEVER]))
    assert [board.of(n).warm for n in range(3)] == [False, True, False]
    board.note(ReadingBatch.empty(), received_at=1)
    assert board.of(1).time is None


def test_forgotten_until_heard_again() -> None:
    board = Board()
    board.note(ReadingBatch.of([0, 1], [5, 5], [1.0, 1.0]), received_at=1)
    board.forget([0, 7])
    assert board.of(0).time is None
    assert board.of(1).time == 5
    board.note(ReadingBatch.of([0], [2], [1.0]), received_at=2)
    assert board.of(0).time == 2


def test_every_series_at_once() -> None:
    board = Board()
    board.note(ReadingBatch.of([2, 0], [7, 5], [2.0, 0.5], int(Quality.CLOCK_OFF)), received_at=9)
    board.note_warm(np.array([True, False, False]), np.array([NEVER, NEVER, 70]))
    assert [board.of(series).enough_at for series in range(4)] == [None, None, 70, None]
    assert board.every(4) == [board.of(series) for series in range(4)]
    assert board.every(2) == [board.of(0), board.of(1)], "no more than asked for"
    assert board.every(0) == []


def registry_of(*metrics: str) -> Registry:
    registry = Registry()
    for metric in metrics:
        registry.series("s", "d", metric)
    return registry


def test_it_comes_back_after_a_restart_by_name() -> None:
    board = Board()
    board.note(ReadingBatch.of([2, 0], [7, 5], [2.0, 0.5], int(Quality.CLOCK_OFF)), received_at=9)
    board.note_warm(np.array([False, True, False]), np.full(3, NEVER))
    blob = board.save(registry_of("a", "b", "c"))
    later = Board()
    later.restore(blob, registry_of("c", "new", "a", "b"))
    assert [later.of(number) for number in (2, 3, 0)] == [board.of(number) for number in (0, 1, 2)]
    assert later.of(1) == UNKNOWN
    fewer = Board()
    fewer.restore(blob, registry_of("b"))
    assert fewer.of(0) == SeriesState(warm=True)


@pytest.mark.parametrize("blob", [b"", b"FWB1", b"XXXX" * 20, Board().save(Registry())])
def test_what_is_no_board_changes_nothing(blob: bytes) -> None:
    board = Board()
    board.note(ReadingBatch.of([0], [7], [2.0]), received_at=9)
    board.restore(blob, registry_of("a"))
    assert board.of(0) == SeriesState(7, 2.0, 9)
