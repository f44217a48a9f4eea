"""What customers said about an order, as the API and the event stream show it."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, Field

from api.access.links import Link
from ingest.times import format_time
from workorders.customer import Complaint, Rating


class RatingItem(BaseModel):
    """How satisfied a customer is, as said last."""

    score: int = Field(description="1 (very dissatisfied) to 5 (very satisfied)")
    comment: str
    customer: str = Field(description="Who said it, where somebody wrote that down")
    by: str | None = Field(description="Who wrote it down; null: the customer, on the page of the order")
    at: str

    @classmethod
    def of(cls, rating: Rating) -> Self:
        """From the rating of an order."""
        return cls(
            score=rating.score,
            comment=rating.comment,
            customer=rating.customer,
            by=rating.by,
            at=format_time(rating.at),
        )


class ComplaintItem(BaseModel):
    """A complaint; open until `closed_at`, even if its order is closed."""

    id: int
    text: str
    customer: str = Field(description="Who said it, where somebody wrote that down")
    by: str | None = Field(description="Who wrote it down; null: the customer, on the page of the order")
    at: str
    closed_at: str | None
    closed_by: str | None
    closed_note: str | None = Field(description="What was done")

    @classmethod
    def of(cls, complaint: Complaint) -> Self:
        """From a complaint about an order."""
        return cls(
            id=complaint.id,
            text=complaint.text,
            customer=complaint.customer,
            by=complaint.by,
            at=format_time(complaint.at),
            closed_at=None if complaint.closed_at is None else format_time(complaint.closed_at),
            closed_by=complaint.closed_by,
            closed_note=complaint.closed_note,
        )


class LinkItem(BaseModel):
    """That the customer has a link to the order."""

    created_at: str
    created_by: str

    @classmethod
    def of(cls, link: Link) -> Self:
        """From the link of an order."""
        return cls(created_at=format_time(link.created_at), created_by=link.created_by)


class MadeLink(BaseModel):
    """A customer's link that was just made."""

    url: str = Field(description="Opens the page without a session; shown this once")
