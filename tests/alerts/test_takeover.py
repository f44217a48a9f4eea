"""Who speaks for a device: what is held back, what is released, and what never is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.alert import (
    Alert,
    AlertEvent,
    Confirmed,
    Kind,
    Opened,
    Released,
    Returned,
    State,
    WrongStateError,
    acknowledge,
    apply,
)
from alerts.takeover import RowEvent, Takeover, Turn
from tests.alerts.samples import make_alert

PUMP = ("plant", "pump-1")


def held_alert() -> Alert:
    return replace(make_alert(kind=Kind.BASELINE), state=State.SUPPRESSED)


def opened(row: int, kind: Kind = Kind.BASELINE, device: str = "pump-1") -> RowEvent:
    return row, Opened(make_alert(device=device, kind=kind, raised_at=1000 + row))


def returned(row: int, of: RowEvent) -> RowEvent:
    assert isinstance(of[1], Opened)
    return row, Returned(of[1].alert.id, 1000 + row)


def states(events: tuple[AlertEvent, ...]) -> list[str]:
    """Each event in a word."""
    return [str(e.alert.state) if isinstance(e, Opened) else type(e).__name__.lower() for e in events]


SPEAKS, CEASES = Turn(5, PUMP, speaks=True, at=1005), Turn(20, PUMP, speaks=False, at=1020)
EARLY, LATE = opened(3), opened(10)


@pytest.mark.parametrize(
    ("events", "turns", "expected"),
    [
        pytest.param([LATE], [], ["active"], id="nobody speaks for the device"),
        pytest.param([LATE], [SPEAKS], ["suppressed"], id="a model speaks for it"),
        pytest.param([EARLY, LATE], [SPEAKS], ["active", "suppressed"], id="from its row on"),
        pytest.param([opened(5)], [SPEAKS], ["suppressed"], id="that row included"),
        pytest.param([LATE], [SPEAKS, CEASES], ["suppressed", "released"], id="until it ceases"),
        pytest.param([opened(20)], [SPEAKS, CEASES], ["active"], id="from that row on it is told"),
        pytest.param([LATE, returned(12, LATE)], [SPEAKS, CEASES], ["suppressed", "returned"], id="over before that"),
        pytest.param([opened(10, Kind.LIMIT)], [SPEAKS], ["active"], id="limits are told"),
        pytest.param([opened(10, Kind.FORECAST)], [SPEAKS], ["active"], id="forecasts of crossing one are told"),
        pytest.param([opened(10, Kind.SILENCE)], [SPEAKS], ["active"], id="silence is told"),
        pytest.param([opened(10, Kind.FAILURE_RISK)], [SPEAKS], ["active"], id="what the model itself says is told"),
        pytest.param([opened(10, device="pump-2")], [SPEAKS], ["active"], id="another device is told"),
    ],
)
def test_what_is_held_back(events: list[RowEvent], turns: list[Turn], expected: list[str]) -> None:
    assert states(Takeover().pass_on(events, turns)) == expected


@pytest.mark.parametrize("cut", range(25))
def test_cutting_changes_nothing(cut: int) -> None:
    events = [EARLY, LATE, returned(12, EARLY), opened(22)]
    turns = [SPEAKS, CEASES, Turn(21, PUMP, speaks=True, at=1021)]
    takeover = Takeover()
    parts = takeover.pass_on([e for e in events if e[0] < cut], [t for t in turns if t.row < cut])
    parts += takeover.pass_on([e for e in events if e[0] >= cut], [t for t in turns if t.row >= cut])
    assert parts == Takeover().pass_on(events, turns)


def test_a_released_alert_is_told_like_any_other() -> None:
    held = held_alert()
    told = apply(held, Released(held.id, 5))
    assert told.state is State.ACTIVE
    assert apply(told, Released(held.id, 5)) == told
    assert apply(held, Returned(held.id, 6)).state is State.CLEARED, "nobody has to take note of what was held back"
    assert apply(held, Confirmed(held.id, 7, 2, 1.0)).state is State.SUPPRESSED
    with pytest.raises(WrongStateError):
        acknowledge(held, "ann", 8)


def test_it_is_saved_and_restored() -> None:
    takeover, other = Takeover(), Takeover()
    takeover.pass_on([LATE], [SPEAKS])
    other.restore(takeover.save())
    assert other.speaks(PUMP)
    assert states(other.pass_on([], [CEASES])) == ["released"]


def test_what_the_engine_forgot_is_not_released() -> None:
    takeover = Takeover()
    takeover.pass_on([LATE], [SPEAKS])
    takeover.forget([])
    assert takeover.pass_on([], [CEASES]) == ()
