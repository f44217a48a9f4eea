"""`/rejects`: unreadable payloads and refused points; tried and replayed, as they are or by a mapping."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Annotated, Self, TypeVar

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from api.deps import Deps, Parts
from api.items import ItemPage, Time
from api.params import LIMIT, Cursor, Limit
from ingest.adapters.mapping import Mapping, parse_mapping_text
from ingest.errors import NotFoundError
from ingest.paging import decode_cursor, encode_cursor
from ingest.rejects import Reject, RejectSource, Which
from ingest.rereading import Attempt, Replayed, Row
from ingest.times import format_time

router = APIRouter(prefix="/rejects", tags=["rejects"])
MOST_SHOWN = 4_096
"""Bytes of a payload that the list shows."""
MOST_AT_ONCE = 1_000
"""Rejects that one request tries or replays at most."""
MOST_ROWS = 1_000
"""Readings that one attempt shows at most."""
MAPPING_LENGTH = 100_000
Number = Annotated[int, Path(alias="id", ge=1, lt=2**63)]
Source = Annotated[RejectSource | None, Query(description="Only those that came this way")]
T = TypeVar("T", Attempt, Replayed)
Topic = Annotated[str | None, Query(max_length=1_000, description="Only those whose topic this MQTT filter covers")]


class RejectItem(BaseModel):
    """Something that was not taken."""

    id: int
    received_at: Time
    source: RejectSource
    topic: str = Field(description="MQTT topic; empty where there is none")
    reason: str
    payload: str | None = Field(
        description=f"As text, in a list its first {MOST_SHOWN} bytes; null where it is no UTF-8"
    )
    payload_base64: str | None = Field(description="The same bytes where they are no UTF-8")
    size: int = Field(description="Bytes of the whole payload")


class RejectPage(ItemPage[RejectItem]):
    """One page of rejects, and how many there are."""

    kept: int
    dropped: int = Field(description="Older ones that had to make room")


class Reading(BaseModel):
    """How rejects are to be read."""

    model_config = ConfigDict(extra="forbid")

    mapping: str | None = Field(
        None,
        max_length=MAPPING_LENGTH,
        description="Mappings as in `mapping.file`, in TOML; they come before all others",
    )
    note: str | None = Field(None, max_length=4_000)

    def mappings(self) -> tuple[Mapping, ...]:
        """The mappings. Raises InputError naming what is wrong."""
        return parse_mapping_text(self.mapping, "mapping") if self.mapping else ()


class ReadingOfMany(Reading):
    """How which rejects are to be read, the oldest first."""

    topic: str | None = Field(None, max_length=1_000, description="Only those whose topic this MQTT filter covers")
    source: RejectSource | None = None
    limit: int = Field(MOST_AT_ONCE, ge=1, le=MOST_AT_ONCE)
    cursor: str | None = Field(None, max_length=1_000, description="`next` of the answer before")


class RowItem(BaseModel):
    """A reading that a reject would give."""

    site: str
    device: str
    metric: str
    time: Time
    value: float
    unit: str | None

    @classmethod
    def of(cls, row: Row) -> Self:
        """From a row."""
        names = {"site": row.site, "device": row.device, "metric": row.metric}
        return cls(**names, time=format_time(row.time), value=row.value, unit=row.unit)


class AttemptItem(BaseModel):
    """What a reject would give."""

    id: int
    count: int = Field(description="Readings in all")
    readings: list[RowItem] = Field(
        description=f"The first {MOST_ROWS} of them, units converted as they would be stored"
    )
    problem: str | None = Field(description="What could not be taken; null: all of it can")


class ReplayedItem(BaseModel):
    """What became of a reject."""

    id: int
    accepted: int = Field(description="Readings that are durable now")
    problem: str | None = Field(description="What could not be taken; null: all was, and the reject is gone")


@router.get("")
def list_rejects(
    deps: Parts, source: Source = None, topic: Topic = None, limit: Limit = LIMIT, cursor: Cursor = None
) -> RejectPage:
    """What could not be taken, with the reason, newest first."""
    page = deps.rejects.list(limit, cursor, Which(source, topic))
    count = deps.rejects.count()
    items = [reject_item(reject, MOST_SHOWN) for reject in page.items]
    return RejectPage(items=items, next=page.next, kept=count.kept, dropped=count.dropped)


@router.post("/try")
def try_many(deps: Parts, body: ReadingOfMany) -> ItemPage[AttemptItem]:
    """What these rejects would give, without changing anything."""
    mappings = body.mappings()
    numbers, following = _numbers(deps, body)
    found = deps.replays.attempt(numbers, mappings, max(1, MOST_ROWS // max(1, len(numbers))))
    return ItemPage(items=[_attempt(one) for one in found], next=following)


@router.post("/replay")
def replay_many(deps: Parts, body: ReadingOfMany) -> ItemPage[ReplayedItem]:
    """Take what can be taken of these rejects. Those that were taken as a whole are gone."""
    mappings = body.mappings()
    numbers, following = _numbers(deps, body)
    return ItemPage(items=[_replayed(one) for one in deps.replays.replay(numbers, mappings)], next=following)


@router.get("/{id}")
def get_reject(deps: Parts, number: Number) -> RejectItem:
    """One reject with its payload, as far as it was kept."""
    return reject_item(found_reject(deps, number), None)


@router.post("/{id}/try")
def try_one(deps: Parts, number: Number, body: Reading | None = None) -> AttemptItem:
    """What a reject would give, without changing anything."""
    return _attempt(_only(deps.replays.attempt([number], (body or Reading()).mappings(), MOST_ROWS), number))


@router.post("/{id}/replay")
def replay_one(deps: Parts, number: Number, body: Reading | None = None) -> ReplayedItem:
    """Take what can be taken of a reject; it is gone if that was all. 404: it is gone already."""
    return _replayed(_only(deps.replays.replay([number], (body or Reading()).mappings()), number))


def found_reject(deps: Deps, number: int) -> Reject:
    """The reject with that number. Raises NotFoundError."""
    found = deps.rejects.get(number)
    if found is None:
        raise _missing(number)
    return found


def reject_item(reject: Reject, most_bytes: int | None) -> RejectItem:
    """A reject for the wire."""
    shown = reject.payload[:most_bytes]
    text = _text(shown, len(shown) < reject.size)
    return RejectItem(
        id=reject.id,
        received_at=format_time(reject.received_at),
        source=reject.source,
        topic=reject.topic,
        reason=reject.reason,
        payload=text,
        payload_base64=None if text is not None else b64encode(shown).decode(),
        size=reject.size,
    )


def _text(payload: bytes, is_cut: bool) -> str | None:
    for missing in range(min(4, len(payload) + 1) if is_cut else 1):  # the cut may go through a character
        try:
            return payload[: len(payload) - missing].decode()
        except UnicodeDecodeError:
            continue
    return None


def _numbers(deps: Deps, body: ReadingOfMany) -> tuple[Sequence[int], str | None]:
    after = decode_cursor(body.cursor)[0] if body.cursor is not None else 0
    found = deps.rejects.oldest(body.limit + 1, after, Which(body.source, body.topic))
    numbers = found[: body.limit]
    return numbers, encode_cursor(numbers[-1], "") if len(found) > body.limit else None


def _only(found: Sequence[T], number: int) -> T:
    if not found:
        raise _missing(number)
    return found[0]


def _missing(number: int) -> NotFoundError:
    return NotFoundError(f"there is no reject {number}: it was replayed, or had to make room for newer ones")


def _attempt(found: Attempt) -> AttemptItem:
    rows = [RowItem.of(row) for row in found.rows]
    return AttemptItem(id=found.number, count=found.n_rows, readings=rows, problem=found.problem)


def _replayed(found: Replayed) -> ReplayedItem:
    return ReplayedItem(id=found.number, accepted=found.accepted, problem=found.problem)
