"""What is a repeated message and what a device that counts anew."""

import numpy as np
import pytest

from ingest.keyed import KeyedBatch
from ingest.reading import NS_PER_SECOND, Quality
from ingest.sequence import LATELY_NS, MAX_DEVICES, REMEMBERED, Sequences

PUMP = ("plant-1", "pump-1")
NOW = 1_764_000_000 * NS_PER_SECOND


def batch(rows: list[tuple[str, float, int]], quality: int = Quality.STAMPED_ON_ARRIVAL, at: int = NOW) -> KeyedBatch:
    """Rows of (metric, value, seq) of the pump."""
    metrics = sorted({metric for metric, _, _ in rows})
    n = len(rows)
    return KeyedBatch(
        tuple((*PUMP, metric) for metric in metrics),
        tuple((None, "missing", None) for _ in metrics),
        np.array([metrics.index(metric) for metric, _, _ in rows], np.int32),
        np.full(n, at, np.int64),
        np.array([value for _, value, _ in rows], np.float64),
        np.full(n, quality, np.uint8),
        np.full(n, at, np.int64),
        np.array([seq for _, _, seq in rows], np.int64),
    )


STORIES = {
    "the same again is a repetition": ([(5, 1), (5, 1)], [False, True]),
    "a redelivered run is a repetition": ([(5, 1), (6, 2), (7, 3), (5, 1), (6, 2)], [False] * 3 + [True] * 2),
    "the same values with the next count are new": ([(5, 1), (6, 1)], [False, False]),
    "a count just sent with another value counts as sent": ([(5, 1), (6, 2), (5, 9)], [False, False, True]),
    "a device that starts again from 0": ([(0, 1), (1, 2), (0, 3), (1, 4)], [False] * 4),
    "a start from 0 sent again": ([(0, 1), (1, 2), (0, 1), (1, 2)], [False, False, True, True]),
    "a start of which the first was lost": ([(n, n) for n in range(1, 30)] + [(1, 99), (2, 98)], [False] * 31),
    "a count long ago is forgotten": ([(n, n) for n in range(REMEMBERED + 1)] + [(0, 0)], [False] * (REMEMBERED + 2)),
}


@pytest.mark.parametrize(("messages", "expected"), STORIES.values(), ids=STORIES.keys())
def test_stories(messages: list[tuple[int, int]], expected: list[bool]) -> None:
    sequences = Sequences()
    assert [sequences.is_repeated(PUMP, seq, content, NOW) for seq, content in messages] == expected


def test_devices_count_for_themselves() -> None:
    sequences = Sequences()
    assert not sequences.is_repeated(PUMP, 1, 1, NOW)
    assert not sequences.is_repeated(("plant-1", "pump-2"), 1, 1, NOW)


def test_the_same_count_after_a_while_is_another_message() -> None:
    sequences = Sequences()
    sequences.is_repeated(PUMP, 1, 1, NOW)
    assert not sequences.is_repeated(PUMP, 1, 1, NOW + LATELY_NS + 1)


def test_memory_is_bounded() -> None:
    sequences = Sequences()
    for number in range(MAX_DEVICES + 10):
        sequences.is_repeated(("s", str(number)), 0, 0, NOW)
    assert len(sequences.save()) == MAX_DEVICES


def test_all_rows_of_a_repeated_message_are_marked() -> None:
    rows = [("h", 1.0, 7), ("t", 2.0, 7), ("h", 1.0, 7), ("t", 2.0, 7), ("h", 1.0, 8)]
    assert Sequences().repeated(batch(rows), [0, 2, 4]).tolist() == [False, False, True, True, False]


def test_rows_with_a_time_are_left_to_the_engine() -> None:
    rows = [("t", 2.0, 7), ("t", 2.0, 7)]
    assert not Sequences().repeated(batch(rows, quality=0), [0, 1]).any()


def test_what_was_accepted_before_a_restart_is_remembered() -> None:
    rows = [("h", 1.0, 7), ("t", 2.0, 7), ("h", 3.0, 8)]
    after = Sequences()
    after.remember(batch(rows))
    assert after.repeated(batch(rows), [0, 2]).all()


def test_a_saved_memory_is_the_same_memory() -> None:
    before, after = Sequences(), Sequences()
    before.repeated(batch([("t", 2.0, 7)]), [0])
    after.restore(before.save())
    assert after.repeated(batch([("t", 2.0, 7)]), [0]).all()
