"""What customers say about an order: a rating from 1 to 5 once it is solved, and complaints at any time.

Both are events of the order. Somebody writes down what a customer said on the telephone (`by` is then who wrote it), or
the customer says it on the page of the order (`by` is None). An open complaint outlives its order: closing the order
does not close it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from alerts.alert import WrongStateError
from ingest.errors import NotFoundError

if TYPE_CHECKING:
    from workorders.order import WorkOrder

SCORES = range(1, 6)
LONGEST_SAID = 2_000
"""Characters of a comment or a complaint."""
MOST_GIVEN = 20
"""So often the rating of an order is given, changes included …"""
MOST_COMPLAINTS = 20
"""… and so many complaints it takes: who has its link cannot fill the database."""


@dataclass(frozen=True, slots=True)
class Rating:
    """How satisfied a customer is, as said last. Times are ns UTC."""

    score: int
    at: int
    by: str | None
    comment: str = ""
    customer: str = ""
    """Who said it, where somebody wrote that down."""
    given: int = 1
    """How often it was given, changes included."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """One complaint, open until somebody did something about it."""

    id: int
    """Of this order, from 1."""
    text: str
    at: int
    by: str | None
    customer: str = ""
    closed_at: int | None = None
    closed_by: str | None = None
    closed_note: str | None = None
    """What was done."""


# -- events --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rated:
    """A customer gave a rating, or another one; `note` is the comment."""

    score: int
    at: int
    by: str | None
    note: str = ""
    customer: str = ""


@dataclass(frozen=True, slots=True)
class Complained:
    """A customer complained; `note` says of what."""

    complaint: int
    at: int
    by: str | None
    note: str
    customer: str = ""


@dataclass(frozen=True, slots=True)
class ComplaintClosed:
    """Something was done about a complaint; `note` says what."""

    complaint: int
    at: int
    by: str
    note: str


# -- the fold ------------------------------------------------------------------------------------------------------


def rating_after(before: Rating | None, event: Rated) -> Rating:
    """The rating of an order after `event`."""
    given = 1 if before is None else before.given + 1
    return Rating(event.score, event.at, event.by, event.note, event.customer, given)


def complaints_after(before: tuple[Complaint, ...], event: Complained | ComplaintClosed) -> tuple[Complaint, ...]:
    """The complaints of an order after `event`."""
    if isinstance(event, Complained):
        return (*before, Complaint(event.complaint, event.note, event.at, event.by, event.customer))
    return tuple(
        replace(one, closed_at=event.at, closed_by=event.by, closed_note=event.note)
        if one.id == event.complaint
        else one
        for one in before
    )


# -- commands ------------------------------------------------------------------------------------------------------


def may_be_rated(order: WorkOrder) -> bool:
    """Whether a rating may be given, or changed: the order is solved; in the archive a rating stays as it is."""
    if order.solved_at is None:
        return False
    return order.rating is None or (order.stage.next is not None and order.rating.given < MOST_GIVEN)


def rate(order: WorkOrder, score: int, by: str | None, now: int, comment: str = "", customer: str = "") -> Rated:
    """Give a rating or another one. Raises WrongStateError if it is too early for that, or too late."""
    if order.solved_at is None:
        raise WrongStateError(f"work order {order.number} is not solved yet; it cannot be rated")
    if not may_be_rated(order):
        why = "archived" if order.stage.next is None else f"rated {MOST_GIVEN} times"
        raise WrongStateError(f"work order {order.number} is {why}; its rating stays as it is")
    return Rated(score, now, by, comment.strip(), customer.strip())


def complain(order: WorkOrder, text: str, by: str | None, now: int, customer: str = "") -> Complained:
    """Complain, in any state of the order. Raises WrongStateError after too many complaints."""
    if len(order.complaints) >= MOST_COMPLAINTS:
        raise WrongStateError(f"work order {order.number} has {MOST_COMPLAINTS} complaints; it takes no more")
    return Complained(len(order.complaints) + 1, now, by, text.strip(), customer.strip())


def close_complaint(order: WorkOrder, complaint: int, by: str, now: int, note: str) -> ComplaintClosed:
    """Say what was done about a complaint, in any state of the order.

    Raises NotFoundError, or WrongStateError if it is closed already.
    """
    found = next((one for one in order.complaints if one.id == complaint), None)
    if found is None:
        raise NotFoundError(f"work order {order.number} has no complaint {complaint}")
    if found.closed_at is not None:
        raise WrongStateError(f"complaint {complaint} of work order {order.number} is closed already")
    return ComplaintClosed(complaint, now, by, note.strip())
