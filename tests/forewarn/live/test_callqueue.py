"""Calls that one thread makes for others: what they return or raise comes back, and nobody waits for ever."""

import threading

import pytest

from forewarn.live.callqueue import CallQueue
from ingest.errors import RetryableError


def served() -> CallQueue:
    """A queue whose calls are run as soon as its thread is woken."""
    queue = CallQueue(lambda: queue.run(threading.Event()))
    return queue


def fails() -> None:
    raise LookupError("of the request")


def test_what_is_called_returns_or_raises_to_who_asked() -> None:
    queue = served()
    assert queue.call(lambda: 7) == 7
    with pytest.raises(LookupError, match="of the request"):
        queue.call(fails)
    assert len(queue) == 0


def test_a_call_that_nobody_waits_for_any_more_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forewarn.live.callqueue.WITHIN_S", 0.0)
    queue, made = CallQueue(lambda: None), list[int]()
    with pytest.raises(RetryableError, match="too busy"):
        queue.call(lambda: made.append(1))
    assert len(queue) == 1
    queue.run(threading.Event())
    assert (len(queue), made) == (0, [])
