from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.alert import WrongStateError
from tests.alerts.samples import HOUR, START, opened
from workorders.closure import LABELS, ClosureCode
from workorders.opening import Book
from workorders.order import (
    AlertJoined,
    Assigned,
    Noted,
    OrderEvent,
    Stage,
    WorkOrder,
    advance,
    apply,
    assign,
    close,
    fold,
)
from workorders.order import opened as opened_order


def first_event() -> OrderEvent:
    return Book().take(opened()).order_events[0][1]


@pytest.fixture
def order() -> WorkOrder:
    return opened_order(first_event())  # type: ignore[arg-type]


def at_stage(order: WorkOrder, stage: Stage) -> WorkOrder:
    while order.stage is not stage:
        order = apply(order, advance(order, "li", START + HOUR))
    return order


def test_an_order_advances_through_the_nine_stages_in_their_order(order: WorkOrder) -> None:
    seen = [order.stage]
    while order.stage.next is not None:
        order = apply(order, advance(order, "li", START + HOUR))
        seen.append(order.stage)
    assert seen == [
        "intake", "assignment", "plan", "confirmation", "preparation", "on_site", "acceptance", "follow_up", "archive",
    ]  # fmt: skip


def test_the_first_response_is_the_first_assignment_or_step(order: WorkOrder) -> None:
    assigned = apply(order, assign(order, "wang", "li", START + HOUR))
    assert (assigned.assignee, assigned.responded_at) == ("wang", START + HOUR)
    later = apply(assigned, advance(assigned, "wang", START + 2 * HOUR))
    assert later.responded_at == START + HOUR
    assert apply(order, advance(order, "li", START + HOUR)).responded_at == START + HOUR


def test_a_note_or_another_alert_is_no_response(order: WorkOrder) -> None:
    assert apply(order, Noted(START + HOUR, "li", "customer called")).responded_at is None
    assert apply(order, AlertJoined("a-2", START + HOUR)).responded_at is None


def test_an_order_is_solved_when_it_leaves_the_site(order: WorkOrder) -> None:
    on_site = at_stage(order, Stage.ON_SITE)
    assert on_site.solved_at is None
    solved = apply(on_site, advance(on_site, "li", START + 9 * HOUR))
    assert (solved.stage, solved.solved_at) == (Stage.ACCEPTANCE, START + 9 * HOUR)
    closed = apply(solved, close(solved, ClosureCode.BEARING, "li", START + 20 * HOUR))
    assert (closed.solved_at, closed.closed_at) == (START + 9 * HOUR, START + 20 * HOUR)


@pytest.mark.parametrize("stage", list(Stage))
def test_an_order_can_be_closed_from_every_stage(order: WorkOrder, stage: Stage) -> None:
    before = at_stage(order, stage)
    after = apply(before, close(before, ClosureCode.NO_FAULT_FOUND, "li", START + 3 * HOUR, "nothing to see"))
    assert after.stage is stage
    assert (after.closed_at, after.closed_by) == (START + 3 * HOUR, "li")
    assert (after.closure_code, after.closure_note) == (ClosureCode.NO_FAULT_FOUND, "nothing to see")
    assert after.responded_at is not None
    assert after.solved_at is not None


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(lambda order: assign(order, "wang", "li", START), id="assign"),
        pytest.param(lambda order: advance(order, "li", START), id="advance"),
        pytest.param(lambda order: close(order, ClosureCode.LEAK, "li", START), id="close"),
    ],
)
def test_a_closed_order_can_only_be_annotated(order: WorkOrder, command: Callable[[WorkOrder], OrderEvent]) -> None:
    closed = replace(order, closed_at=START)
    with pytest.raises(WrongStateError, match=f"work order {order.number} is closed"):
        command(closed)
    assert apply(closed, Noted(START, "li", "still warm")) == closed


def test_after_the_last_stage_comes_nothing(order: WorkOrder) -> None:
    with pytest.raises(WrongStateError, match="last stage, archive"):
        advance(at_stage(order, Stage.ARCHIVE), "li", START)


def test_an_alert_joins_once(order: WorkOrder) -> None:
    joined = apply(apply(order, AlertJoined("a-2", START)), AlertJoined("a-2", START))
    assert joined.alerts == (*order.alerts, "a-2")


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([], id="no event"),
        pytest.param([Assigned("wang", START, "li")], id="not opened"),
        pytest.param([first_event(), first_event()], id="opened twice"),
    ],
)
def test_events_that_make_no_order(events: list[OrderEvent]) -> None:
    with pytest.raises(ValueError, match="order"):
        fold(events)


@given(st.lists(st.sampled_from(["assign", "advance", "note", "close"]), max_size=15))
def test_an_order_is_the_fold_of_its_events_and_its_times_never_change_once_set(commands: list[str]) -> None:
    events = [first_event()]
    order = fold(events)
    for step, command in enumerate(commands):
        now, before = START + (step + 1) * HOUR, order
        try:
            match command:
                case "assign":
                    event: OrderEvent = assign(order, f"person-{step}", "li", now)
                case "advance":
                    event = advance(order, "li", now)
                case "note":
                    event = Noted(now, "li", "…")
                case _:
                    event = close(order, ClosureCode.OTHER_FAULT, "li", now)
        except WrongStateError:
            continue
        events.append(event)
        order = fold(events)
        for name in ("responded_at", "solved_at", "closed_at"):
            assert getattr(before, name) in {None, getattr(order, name)}
        assert list(Stage).index(order.stage) >= list(Stage).index(before.stage)
    assert (order.solved_at is None) or (order.responded_at is not None and order.responded_at <= order.solved_at)


@pytest.mark.parametrize("code", list(ClosureCode))
def test_every_closure_code_has_words_in_both_languages(code: ClosureCode) -> None:
    assert LABELS[code].en
    assert LABELS[code].zh


def test_closure_codes_tell_a_fault_of_the_machine_from_none() -> None:
    assert ClosureCode.BEARING.machine_fault is True
    assert ClosureCode.FALSE_ALARM.machine_fault is False
    assert ClosureCode.SENSOR_FAULT.machine_fault is False
    assert ClosureCode.UNSPECIFIED.machine_fault is None
    assert ClosureCode.DUPLICATE.machine_fault is None
