"""After a restart the store tells what was last heard."""

from dataclasses import replace

import pytest

from api.board import Board
from api.recall import Recall
from ingest.errors import RetryableError
from ingest.reading import ReadingBatch
from tests.api.conftest import client_of, replace_deps
from tests.api.harness import MINUTE, Site


def restarted(made: Site) -> tuple[Board, Recall]:
    board = Board()
    return board, Recall(made.registry, board, made.telemetry, lambda: made.now)


def test_the_newest_reading_comes_back(made: Site) -> None:
    board, recall = restarted(made)
    recall.go_on()
    assert [(board.of(n).time, board.of(n).value) for n in (0, 1)] == [
        (made.now - MINUTE, 65.0),
        (made.now - MINUTE, 50.0),
    ]


@pytest.mark.parametrize("minutes", [30, 20 * 60, 29 * 24 * 60])
def test_however_long_it_is_quiet(made: Site, minutes: int) -> None:
    made.now += minutes * MINUTE
    board, recall = restarted(made)
    recall.go_on()
    assert board.of(0).value == 65.0


def test_not_for_ever(made: Site) -> None:
    made.now += 31 * 24 * 60 * MINUTE
    board, recall = restarted(made)
    recall.go_on()
    assert board.of(0).time is None


def test_what_was_heard_since_counts(made: Site) -> None:
    board, recall = restarted(made)
    board.note(ReadingBatch.of([0], [made.now], [70.0]), made.now)
    recall.go_on()
    assert board.of(0).value == 70.0


def test_a_store_that_is_away_is_asked_again_later(made: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    board, recall = restarted(made)
    with monkeypatch.context() as away:
        away.setattr(made.telemetry, "aggregate", unreachable)
        recall.go_on()
    assert board.of(0).time is None
    recall.go_on()
    assert board.of(0).value == 65.0


def unreachable(*_args: object) -> None:
    raise RetryableError("the store is away")


def test_a_large_fleet_is_recalled_over_several_requests(made: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.recall.BUDGET_S", 0.0)
    board, recall = restarted(made)
    recall.go_on()
    assert board.of(0).time is None
    monkeypatch.setattr("api.recall.BUDGET_S", 5.0)
    recall.go_on()
    assert board.of(1).time is not None


def test_the_pages_show_it(made: Site) -> None:
    with client_of(replace_deps(made, board=Board())) as client:
        assert "65 °C" in client.get("/").text
    with client_of(replace(made.deps(), board=Board())) as client:
        assert client.get("/api/v1/devices/plant/pump-1").json()["metrics"][0]["value"] == 65.0
