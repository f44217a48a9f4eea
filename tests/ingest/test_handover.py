"""The queue between inputs and pipeline: in order, bounded, and it says when there is room again."""

import threading

from ingest.handover import Handover
from ingest.message import Message


def message(number: int, size: int = 1) -> Message:
    return Message(str(number), b"x" * size, 0)


def test_what_was_put_is_taken_in_order() -> None:
    handover = Handover()
    for number in range(5):
        handover.put(message(number))
    assert [one.topic for one in handover.take(3, 1_000, 0)] == ["0", "1", "2"]
    assert [one.topic for one in handover.take(3, 1_000, 0)] == ["3", "4"]
    assert handover.take(3, 1_000, 0) == []


def test_several_are_put_at_once() -> None:
    handover = Handover(max_bytes=10)
    handover.put_all([])
    handover.put_all([message(0), message(1, size=9)])
    assert handover.full
    assert [one.topic for one in handover.take(3, 1_000, 0)] == ["0", "1"]
    assert not handover.full


def test_bytes_limit_what_is_taken_but_one_is_always() -> None:
    handover = Handover()
    for number in range(3):
        handover.put(message(number, size=10))
    assert len(handover.take(10, 15, 0)) == 2
    assert len(handover.take(10, 1, 0)) == 1


def test_it_is_full_by_number_or_bytes() -> None:
    by_number, by_bytes = Handover(max_messages=2), Handover(max_bytes=10)
    by_number.put(message(1))
    assert not by_number.full
    by_number.put(message(2))
    assert by_number.full
    by_bytes.put(message(1, size=10))
    assert by_bytes.full


def test_it_tells_when_there_is_room_again() -> None:
    handover, told = Handover(max_messages=2), []
    handover.on_room(lambda: told.append(len(handover)))
    handover.put(message(1))
    handover.take(1, 1_000, 0)
    assert told == []
    for number in range(3):
        handover.put(message(number))
    handover.take(1, 1_000, 0)
    assert told == []
    handover.take(1, 1_000, 0)
    assert told == [1]


def test_a_taker_that_waits_gets_what_is_put() -> None:
    handover = Handover()
    taken: list[Message] = []
    taker = threading.Thread(target=lambda: taken.extend(handover.take(10, 1_000, 10)))
    taker.start()
    handover.put(message(7))
    taker.join(60)
    assert [one.topic for one in taken] == ["7"]


def test_what_was_taken_is_in_hand_until_more_is_asked_for() -> None:
    handover = Handover()
    assert handover.idle
    handover.put(message(1))
    assert not handover.idle
    handover.take(1, 1_000, 0)
    assert not handover.idle
    handover.take(1, 1_000, 0)
    assert handover.idle
