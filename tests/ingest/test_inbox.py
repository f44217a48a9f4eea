"""The queue between inputs and pipeline: in order, bounded, and it says when there is room again."""

import threading

from ingest.inbox import Inbox
from ingest.message import Message


def message(number: int, size: int = 1) -> Message:
    return Message(str(number), b"x" * size, 0)


def test_what_was_put_is_taken_in_order() -> None:
    inbox = Inbox()
    for number in range(5):
        inbox.put(message(number))
    assert [one.topic for one in inbox.take(3, 1_000, 0)] == ["0", "1", "2"]
    assert [one.topic for one in inbox.take(3, 1_000, 0)] == ["3", "4"]
    assert inbox.take(3, 1_000, 0) == []


def test_bytes_limit_what_is_taken_but_one_is_always() -> None:
    inbox = Inbox()
    for number in range(3):
        inbox.put(message(number, size=10))
    assert len(inbox.take(10, 15, 0)) == 2
    assert len(inbox.take(10, 1, 0)) == 1


def test_it_is_full_by_number_or_bytes() -> None:
    by_number, by_bytes = Inbox(max_messages=2), Inbox(max_bytes=10)
    by_number.put(message(1))
    assert not by_number.full
    by_number.put(message(2))
    assert by_number.full
    by_bytes.put(message(1, size=10))
    assert by_bytes.full


def test_it_tells_when_there_is_room_again() -> None:
    inbox, told = Inbox(max_messages=2), []
    inbox.on_room(lambda: told.append(len(inbox)))
    inbox.put(message(1))
    inbox.take(1, 1_000, 0)
    assert told == []
    for number in range(3):
        inbox.put(message(number))
    inbox.take(1, 1_000, 0)
    assert told == []
    inbox.take(1, 1_000, 0)
    assert told == [1]


def test_a_taker_that_waits_gets_what_is_put() -> None:
    inbox = Inbox()
    taken: list[Message] = []
    taker = threading.Thread(target=lambda: taken.extend(inbox.take(10, 1_000, 10)))
    taker.start()
    inbox.put(message(7))
    taker.join(10)
    assert [one.topic for one in taken] == ["7"]
