"""Open alerts are found by their devices, whatever became of them."""

from __future__ import annotations

from alerts.alert import Fact, Kind, Severity
from alerts.book import WHOLE_DEVICE, AlarmBook, Subject
from alerts.explain import explain_limit

FACTS: dict[str, Fact] = {"value": 2.0, "limit": 1.0, "side": "high", "unit": None, "held_s": 0.0, "label": None}


def opened(*subjects: Subject) -> AlarmBook:
    book = AlarmBook()
    for kind, device, series in subjects:
        names = ("site", f"device-{device}", None if series == WHOLE_DEVICE else f"metric-{series}")
        text = explain_limit("metric", FACTS)
        book.raise_(0, (kind, device, series), names, Severity.HIGH, 0, 0, 1.0, text, FACTS)
    return book


def found(book: AlarmBook, kind: Kind) -> dict[int, list[Subject]]:
    return {device: list(subjects) for device, subjects in book.by_device(kind).items()}


def test_a_device_is_there_while_anything_of_the_kind_is_open() -> None:
    first, second, other = (Kind.LIMIT, 3, 0), (Kind.LIMIT, 3, 1), (Kind.BASELINE, 3, WHOLE_DEVICE)
    book = opened(first, second, other)
    assert found(book, Kind.LIMIT) == {3: [first, second]}
    book.return_(1, first, 1)
    assert found(book, Kind.LIMIT) == {3: [second]}
    book.return_(1, second, 1)
    assert found(book, Kind.LIMIT) == {}
    assert found(book, Kind.BASELINE) == {3: [other]}


def test_what_is_forgotten_or_replaced_by_a_saved_state_is_not_there() -> None:
    subject, other = (Kind.BASELINE, 1, WHOLE_DEVICE), (Kind.BASELINE, 2, WHOLE_DEVICE)
    book, saved = opened(subject), opened(other).save(lambda *numbers: numbers)
    book.restore(saved, lambda numbers: numbers)
    assert found(book, Kind.BASELINE) == {2: [other]}
    book.forget(())
    assert found(book, Kind.BASELINE) == {}
