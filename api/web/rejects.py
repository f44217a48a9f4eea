"""The page of rejects: what could not be taken, what is in it, and reading it once more by a mapping."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Form, Path, Query, Request
from starlette.responses import RedirectResponse, Response

from api.deps import Parts
from api.routes.rejects import MAPPING_LENGTH, MOST_AT_ONCE, found_reject
from api.web.forms import Csrf, check_csrf, filter_query, next_url
from api.web.i18n import Translator
from api.web.render import View, view_of
from api.web.suggest import suggest
from ingest.adapters.mapping import parse_mapping_text
from ingest.errors import InputError, RetryableError
from ingest.paging import decode_cursor
from ingest.rejects import Reject, RejectSource, Which
from ingest.rereading import Attempt

router = APIRouter(include_in_schema=False, prefix="/rejects")
MOST_ROWS = 100
MOST_READINGS = 50
"""Readings that a try shows."""
MOST_CHARACTERS = 20_000
"""Of a payload; the API has the whole of it."""
FILTERS = ("source", "topic")
Number = Annotated[int, Path(ge=1, lt=2**63)]
Choice = Annotated[str, Query(max_length=32)]
TopicFilter = Annotated[str, Query(max_length=1_000)]
Count = Annotated[int | None, Query(ge=0)]


@router.get("")
def page(
    request: Request,
    deps: Parts,
    source: Choice = "",
    topic: TopicFilter = "",
    taken: Count = None,
    left: Count = None,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """The list alone; `taken` readings came out of a replay that left so many rejects."""
    view = view_of(request, deps)
    notice = None if taken is None else view.t("rejects.taken", n=taken)
    if left:
        notice = f"{notice} {view.t('rejects.left', n=left)}"
    return _page(view, None, source, topic, cursor, notice=notice)


@router.get("/{number}")
def one(request: Request, deps: Parts, number: Number, source: Choice = "", topic: TopicFilter = "") -> Response:
    """The list with one reject."""
    return _page(view_of(request, deps), found_reject(deps, number), source, topic)


@router.post("/{number}/read")
def read(
    request: Request,
    deps: Parts,
    number: Number,
    do: Annotated[Literal["try", "replay"], Form()],
    mapping: Annotated[str, Form(max_length=MAPPING_LENGTH)] = "",
    everything: Annotated[bool, Form(alias="all")] = False,
    csrf: Csrf = "",
) -> Response:
    """The buttons below a mapping: try it on one reject or, with `all`, on those of the same topic; or replay them."""
    view = view_of(request, deps)
    check_csrf(view, csrf)
    reject = found_reject(deps, number)
    numbers = deps.rejects.oldest(MOST_AT_ONCE, which=_same(reject)) if everything else [number]
    asked: dict[str, Any] = {"mapping": mapping, "everything": everything}
    try:
        mappings = parse_mapping_text(mapping, "mapping")
        if do == "try":
            return _page(view, reject, tried=deps.replays.attempt(numbers, mappings, MOST_READINGS), **asked)
        told = deps.replays.replay(numbers, mappings)
    except (InputError, RetryableError) as error:
        status = 422 if isinstance(error, InputError) else 503
        return _page(view, reject, error=str(error), status=status, **asked)
    left = sum(one.problem is not None for one in told)
    query = f"taken={sum(one.accepted for one in told)}&left={left}"
    return RedirectResponse(f"/rejects?{query}", 303)


def _same(reject: Reject) -> Which:
    """Rejects that came the same way."""
    return Which(reject.source, reject.topic)


def _page(
    view: View,
    chosen: Reject | None,
    source: str = "",
    topic: str = "",
    cursor: str | None = None,
    status: int = 200,
    **asked: Any,
) -> Response:
    deps = view.deps
    wanted = Which(RejectSource(source) if source in set(RejectSource) else None, topic or None)
    if cursor is not None:
        decode_cursor(cursor)
    found = deps.rejects.list(MOST_ROWS, cursor, wanted)
    query = filter_query(view.request, FILTERS)
    count = deps.rejects.count()
    return view.page(
        "rejects.html",
        status,
        here="rejects",
        stream_url="/api/v1/stream?topic=alert&topic=work_order",
        rejects=found.items,
        reason=partial(_reason, view.t),
        next_url=next_url("/rejects", query, found.next),
        filter_query=query,
        sources=list(RejectSource),
        source=source,
        topic=topic,
        kept=count.kept,
        dropped=count.dropped,
        chosen=chosen,
        notice=asked.pop("notice", None),
        error=asked.pop("error", None),
        **(_detail(view, chosen, **asked) if chosen else {}),
    )


def _reason(t: Translator, reject: Reject) -> str:
    """Why it was not taken; of a refused point often in the words of the store."""
    return t.reason(reject.reason, "reason.store" if reject.source is RejectSource.STORE else "reason.said")


def _detail(
    view: View, reject: Reject, mapping: str | None = None, everything: bool = False, tried: list[Attempt] | None = None
) -> dict[str, Any]:
    """What is shown of one reject beside itself."""
    same = len(view.deps.rejects.oldest(MOST_AT_ONCE + 1, which=_same(reject)))
    rows = [row for one in tried or () for row in one.rows][:MOST_READINGS]
    problems = {one.problem: one.number for one in reversed(tried or ()) if one.problem is not None}
    return {
        "payload": payload_text(reject.payload),
        "mapping": suggest(reject.topic, reject.payload) if mapping is None else mapping,
        "everything": everything,
        "others": same - 1,
        "many": same > MOST_AT_ONCE,
        "tried": tried,
        "rows": rows,
        "n_rows": sum(one.n_rows for one in tried or ()),
        "problems": list(problems)[::-1][:5],
    }


def payload_text(payload: bytes) -> str:
    r"""A payload as a person can read it: JSON with indents, other text as it is, and the rest in hexadecimal.

    >>> print(payload_text(b'{"a":1}'))
    {
      "a": 1
    }
    >>> payload_text(b"\xff\x00!")
    'ff 00 21'
    """
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return payload[: MOST_CHARACTERS // 3].hex(" ")
    with suppress(orjson.JSONDecodeError, orjson.JSONEncodeError):  # no JSON, or nested too deeply to be written
        text = orjson.dumps(orjson.loads(payload), option=orjson.OPT_INDENT_2).decode()
    return text[:MOST_CHARACTERS]
