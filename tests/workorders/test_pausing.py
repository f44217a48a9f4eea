"""The clock of an order that is paused, resumed, closed and reopened."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.alert import Kind, Opened, Severity, WrongStateError
from tests.alerts.samples import HOUR, START, make_alert
from tests.workorders.test_calendar import BERLIN, NIGHTS, SHANGHAI, calendars
from workorders.closure import ClosureCode
from workorders.message import order_line
from workorders.opening import Book
from workorders.order import (
    OrderEvent,
    OrderOpened,
    Priority,
    Reprioritised,
    Stage,
    WorkOrder,
    advance,
    apply,
    assign,
    close,
    fold,
    opened,
)
from workorders.pause import PAUSE_LABELS, PauseReason
from workorders.pausing import pause, reopen, resume
from workorders.promises import Promise, shipped
from workorders.sla import AlwaysOpen, Calendar, Calendars, Why, account, due
from workorders.solve_clock import SolveClock, clock_now, solve_clock

ALWAYS = AlwaysOpen()
OFFICE = calendars(SHANGHAI).usual
NIGHTLY = calendars(BERLIN + NIGHTS).usual
PROMISED = 48 * HOUR
DAY = 24 * HOUR


def first_event(calendar: Calendar = ALWAYS) -> OrderOpened:
    (_, event), *_ = Book(calendars=Calendars(calendar)).take(Opened(make_alert())).order_events
    assert isinstance(event, OrderOpened)
    return event


def answered(calendar: Calendar = ALWAYS) -> WorkOrder:
    order = opened(first_event(calendar))
    return apply(order, assign(order, "wang", "li", START + HOUR))


def paused(order: WorkOrder, at: int, reason: PauseReason = PauseReason.PARTS) -> WorkOrder:
    return apply(order, pause(order, reason, "wang", at, "bearing 6308"))


def resumed(order: WorkOrder, at: int, calendar: Calendar = ALWAYS) -> WorkOrder:
    return apply(order, resume(order, "wang", at, calendar))


def closed(order: WorkOrder, at: int) -> WorkOrder:
    return apply(order, close(order, ClosureCode.BEARING, "wang", at, "replaced"))


def reopened(order: WorkOrder, at: int, calendar: Calendar = ALWAYS) -> WorkOrder:
    return apply(order, reopen(order, "li", at, calendar, shipped(), "it hums again"))


def seen(order: WorkOrder, now: int, calendar: Calendar = ALWAYS) -> list[tuple[float, float, Why]]:
    """The intervals in hours from the opening."""
    return [
        ((part.start - START) / HOUR, (part.end - START) / HOUR, part.why)
        for part in solve_clock(order, calendar, now).parts
    ]


def test_time_paused_does_not_count() -> None:
    order = paused(answered(), START + 10 * HOUR)
    assert (order.paused_at, order.paused_by, order.pause_note) == (START + 10 * HOUR, "wang", "bearing 6308")
    assert (order.pause_reason, order.solve_due_at) == (PauseReason.PARTS, START + 48 * HOUR)
    order = resumed(order, START + 34 * HOUR)
    assert (order.paused_at, order.pause_reason, order.solve_due_at) == (None, None, START + 72 * HOUR)
    assert order.response_due_at == START + 2 * HOUR, "nobody pauses away the first response"
    assert seen(order, START + 40 * HOUR) == [(0, 10, Why.OPEN), (10, 34, Why.PAUSED), (34, 40, Why.OPEN)]
    clock = solve_clock(order, ALWAYS, START + 40 * HOUR)
    assert (clock.counted, clock.left, clock.promised, clock.running) == (16 * HOUR, 32 * HOUR, PROMISED, True)


def test_while_it_is_paused_its_clock_stands() -> None:
    order = paused(answered(), START + 10 * HOUR)
    for now in (START + 11 * HOUR, START + 100 * HOUR):
        clock = solve_clock(order, ALWAYS, now)
        assert (clock.counted, clock.left, clock.running) == (10 * HOUR, 38 * HOUR, False)
        assert (clock.parts[-1].why, clock.parts[-1].reason) == (Why.PAUSED, PauseReason.PARTS)
        assert clock_now(order, now) == START + 10 * HOUR


def test_only_service_time_is_put_off() -> None:
    """Paused on Thursday, the 1st at 10:00 in Shanghai, until Friday at 10:00: eight hours of service."""
    start = START + 2 * HOUR  # 10:00 in Shanghai
    first = replace(first_event(), at=start, solve_due_at=due(start, PROMISED, OFFICE).at)
    order = opened(first)
    order = apply(order, assign(order, "wang", "li", start))
    later = resumed(paused(order, start), start + DAY, OFFICE)
    assert later.solve_due_at == due(start, PROMISED + 8 * HOUR, OFFICE).at
    over_night = resumed(paused(order, start + 9 * HOUR), start + 20 * HOUR, OFFICE)
    assert over_night.solve_due_at == order.solve_due_at, "nobody works from 19:00 to 06:00"


def test_what_is_overdue_stays_so() -> None:
    order = resumed(paused(answered(), START + 50 * HOUR), START + 90 * HOUR)
    assert order.solve_due_at == START + 48 * HOUR
    assert solve_clock(order, ALWAYS, START + 91 * HOUR).left == -3 * HOUR


@pytest.mark.parametrize(
    ("order", "command", "why"),
    [
        pytest.param(opened(first_event()), "pause", "not answered yet", id="pause before the first response"),
        pytest.param(paused(answered(), START + HOUR), "pause", "paused already", id="pause twice"),
        pytest.param(paused(answered(), START + HOUR), "advance", "resume it before", id="advance while paused"),
        pytest.param(replace(answered(), solved_at=START + HOUR), "pause", "is solved", id="pause what is solved"),
        pytest.param(closed(answered(), START + HOUR), "pause", "is closed", id="pause what is closed"),
        pytest.param(closed(answered(), START + HOUR), "resume", "is closed", id="resume what is closed"),
        pytest.param(answered(), "resume", "is not paused", id="resume what goes on"),
        pytest.param(answered(), "reopen", "only a closed one", id="reopen what is open"),
        pytest.param(paused(answered(), START + HOUR), "reopen", "only a closed one", id="reopen what is paused"),
    ],
)
def test_what_a_state_does_not_allow(order: WorkOrder, command: str, why: str) -> None:
    with pytest.raises(WrongStateError, match=rf"{order.number}.*{why}"):
        COMMANDS[command](order, START + 2 * HOUR, ALWAYS)


COMMANDS: dict[str, Callable[[WorkOrder, int, Calendar], list[OrderEvent]]] = {
    "assign": lambda order, now, _: [assign(order, "wang", "li", now)],
    "advance": lambda order, now, _: [advance(order, "li", now)],
    "pause": lambda order, now, _: [pause(order, PauseReason.ACCESS, "li", now)],
    "resume": lambda order, now, calendar: [resume(order, "li", now, calendar)],
    "close": lambda order, now, calendar: [
        *([resume(order, "li", now, calendar)] if order.paused_at is not None else []),
        close(order, ClosureCode.LEAK, "li", now),
    ],
    "reopen": lambda order, now, calendar: [reopen(order, "li", now, calendar, shipped(), "again")],
}


def test_a_reopened_order_goes_on_where_it_was_closed() -> None:
    before = answered()
    while before.stage is not Stage.ACCEPTANCE:
        before = apply(before, advance(before, "wang", START + 20 * HOUR))
    over = closed(before, START + 30 * HOUR)
    order = reopened(over, START + 130 * HOUR)
    assert order.stage is Stage.ON_SITE
    assert (order.solved_at, order.closed_at, order.closed_by, order.closure_code, order.closure_note) == (None,) * 5
    assert order.solve_due_at == START + 158 * HOUR, "28 of 48 h are left"
    assert order.responded_at == START + HOUR
    assert order.reopened == 1
    assert seen(order, START + 131 * HOUR) == [
        (0, 20, Why.OPEN),
        (20, 30, Why.SOLVED),
        (30, 130, Why.CLOSED),
        (130, 131, Why.OPEN),
    ]


def test_an_order_that_was_closed_before_it_was_solved_keeps_its_stage() -> None:
    order = reopened(closed(answered(), START + 5 * HOUR), START + 6 * HOUR)
    assert (order.stage, order.solve_due_at) == (Stage.INTAKE, START + 49 * HOUR)
    again = reopened(closed(order, START + 6 * HOUR), START + 6 * HOUR)
    assert again.reopened == 2
    assert again.solve_due_at == order.solve_due_at


# -- every second ----------------------------------------------------------------------------------------------------


@given(
    st.sampled_from([ALWAYS, OFFICE, NIGHTLY]),
    st.sampled_from([0, 86, 271, 296]),
    st.lists(st.tuples(st.sampled_from([*COMMANDS, "worse"]), st.integers(0, 30 * HOUR)), max_size=20),
    st.integers(0, 100 * HOUR),
    st.randoms(use_true_random=False),
)
def test_every_second_is_accounted_for(
    calendar: Calendar, day: int, commands: list[tuple[str, int]], later: int, random: object
) -> None:
    """Also when clocks are put forward (day 87) or back (297), and over a week of holidays (273) with a make-up day."""
    book, now = quick(calendar), START + day * DAY
    events = [event for _, event in book.take(Opened(make_alert(raised_at=now))).order_events]
    order = fold(events)
    for name, after in [("assign", 60), *commands]:
        now += after
        try:
            happened = COMMANDS[name](order, now, calendar) if name in COMMANDS else worsened(book, order, now)
        except WrongStateError:
            continue
        events += happened
        order = fold(events)
        book.put(order)
        holds(order, calendar, now)
    holds(order, calendar, now + later)
    shuffled = list(order.stops)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert solve_clock(replace(order, stops=tuple(shuffled)), calendar, now) == solve_clock(order, calendar, now)


def worsened(book: Book, order: WorkOrder, now: int) -> list[OrderEvent]:
    """A critical alert joins the order, unless it is closed."""
    if order.closed_at is not None:
        return []
    alert = make_alert(metric="temperature", severity=Severity.CRITICAL, raised_at=now)
    return [event for _, event in book.take(Opened(alert)).order_events]


def holds(order: WorkOrder, calendar: Calendar, now: int) -> SolveClock:
    """Without gaps from the opening on, counted + left = promised, and due when that much has been counted."""
    clock = solve_clock(order, calendar, now)
    end = now if order.solved_at is None else order.solved_at
    assert all(before.end == after.start for before, after in pairwise(clock.parts))
    assert all(part.length_ns > 0 for part in clock.parts)
    assert sum(part.length_ns for part in clock.parts) == end - order.opened_at
    promised = 24 * HOUR if order.priority is Priority.P1 else PROMISED
    assert sum(part.length_ns for part in clock.parts if part.counted) + clock.left == promised == clock.promised
    assert order.solve_due_at == due(order.opened_at, promised, calendar, order.stops).at
    late = clock_now(order, end) > order.solve_due_at
    assert clock.left <= 0 if late else clock.left >= 0
    return clock


@given(st.sampled_from([ALWAYS, OFFICE]), st.integers(HOUR, 200 * HOUR), st.integers(0, 200 * HOUR))
def test_a_pause_of_no_length_changes_nothing(calendar: Calendar, at: int, later: int) -> None:
    before = answered(calendar)
    after = resumed(paused(before, START + at), START + at, calendar)
    assert after.solve_due_at == before.solve_due_at
    now = START + at + later
    assert solve_clock(after, calendar, now) == solve_clock(before, calendar, now)


def test_a_clock_that_is_set_back_counts_nothing_twice() -> None:
    order = resumed(paused(answered(), START + 10 * HOUR), START + 20 * HOUR)
    order = paused(order, START + 15 * HOUR)
    assert order.paused_at == START + 20 * HOUR
    holds(resumed(order, START + 18 * HOUR), ALWAYS, START + 30 * HOUR)
    back = reopened(closed(answered(), START + 5 * HOUR), START + 4 * HOUR)
    holds(back, ALWAYS, START + 6 * HOUR)


def test_before_it_opened_there_is_nothing() -> None:
    assert solve_clock(answered(), ALWAYS, START - HOUR).parts == ()
    assert account(5, 5, ALWAYS) == ()


# -- what the readings say meanwhile -----------------------------------------------------------------------------------


def quick(calendar: Calendar = ALWAYS) -> Book:
    """P1 is to be solved within 24 h, the others within 48 h."""
    promises = shipped()
    by_priority = {**promises.by_priority, Priority.P1: Promise(2 * HOUR, 24 * HOUR)}
    return Book(promises=replace(promises, by_priority=by_priority), calendars=Calendars(calendar))


def in_book(book: Book) -> WorkOrder:
    (order,) = book.orders.values()
    return order


def worse(at: int) -> Opened:
    return Opened(make_alert(metric="temperature", severity=Severity.CRITICAL, raised_at=START + at))


def test_another_promise_in_mid_life_plans_anew_what_is_left() -> None:
    book = quick()
    book.take(Opened(make_alert()))
    book.put(resumed(paused(replace(in_book(book), responded_at=START), START + 5 * HOUR), START + 15 * HOUR))
    book.take(worse(18 * HOUR))
    order = in_book(book)
    assert (order.priority, order.solve_due_at) == (Priority.P1, START + 34 * HOUR), "24 h and the 10 h of the pause"
    assert solve_clock(order, ALWAYS, START + 18 * HOUR).left == 16 * HOUR


def test_a_worse_alert_joins_a_paused_order_which_stays_paused() -> None:
    book = quick()
    book.take(Opened(make_alert()))
    book.put(paused(replace(in_book(book), responded_at=START), START + 5 * HOUR))
    step = book.take(worse(18 * HOUR))
    assert any(isinstance(event, Reprioritised) for _, event in step.order_events)
    order = in_book(book)
    assert (len(order.alerts), order.paused_at) == (2, START + 5 * HOUR)
    assert solve_clock(order, ALWAYS, START + 18 * HOUR).left == 19 * HOUR
    assert resumed(order, START + 25 * HOUR).solve_due_at == START + 44 * HOUR


def forecast(book: Book, earliest: int) -> WorkOrder:
    alert = make_alert(kind=Kind.FORECAST)
    book.take(Opened(replace(alert, evidence={**alert.evidence, "earliest_at": START + earliest})))
    return replace(in_book(book), responded_at=START)


def test_the_date_of_a_forecast_does_not_wait() -> None:
    order = paused(forecast(Book(), 6 * DAY), START + DAY)
    assert clock_now(order, START + 2 * DAY) == START + 2 * DAY
    order = resumed(order, START + 3 * DAY)
    assert order.solve_due_at == START + 6 * DAY
    clock = solve_clock(order, OFFICE, START + 4 * DAY)
    assert (clock.promised, clock.counted, clock.left) == (6 * DAY, 4 * DAY, 2 * DAY)


def test_trouble_before_the_forecast_counts_from_then_on() -> None:
    book = Book()
    book.put(paused(forecast(book, 6 * DAY), START + DAY))
    book.take(worse(2 * DAY))
    order = in_book(book)
    assert order.solve_due_at == START + 4 * DAY
    order = resumed(order, START + 3 * DAY)
    assert order.solve_due_at == START + 5 * DAY, "a day of the pause was after the trouble"
    clock = solve_clock(order, ALWAYS, START + 3 * DAY + HOUR)
    assert (clock.promised, clock.left) == (PROMISED, 47 * HOUR)
    assert clock.parts[0].why is Why.EARLIER_PROMISE
    assert sum(part.length_ns for part in clock.parts) == 3 * DAY + HOUR


@pytest.mark.parametrize(
    ("again", "due_at", "words"),
    [
        pytest.param(2 * DAY, 6 * DAY, "forecast", id="its date is ahead"),
        pytest.param(8 * DAY, 8 * DAY + PROMISED, "within 48 h", id="its date is past: promised anew"),
    ],
)
def test_a_forecast_that_is_reopened(again: int, due_at: int, words: str) -> None:
    order = reopened(closed(forecast(Book(), 6 * DAY), START + DAY), START + again)
    assert order.solve_due_at == START + due_at
    assert words in order.promise.en


def test_a_message_says_that_the_order_waits() -> None:
    line = order_line(paused(answered(), START + HOUR), "Asia/Shanghai")
    assert "paused since 2026-01-01 09:00" in line.en
    assert "waiting for parts" in line.en
    assert "起暂停，等待备件" in line.zh


@pytest.mark.parametrize("reason", list(PauseReason))
def test_every_reason_has_words_in_both_languages(reason: PauseReason) -> None:
    assert PAUSE_LABELS[reason].en
    assert PAUSE_LABELS[reason].zh
