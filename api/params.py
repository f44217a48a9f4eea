"""Query parameters that several resources share, checked at the door."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Query
from pydantic import AfterValidator

from ingest.errors import InputError
from ingest.paging import DEFAULT_LIMIT, MAX_LIMIT
from ingest.reading import NS_PER_SECOND
from ingest.times import parse_time

_INTERVAL = re.compile(r"([1-9]\d{0,7})(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
LONGEST_INTERVAL_S = 366 * 86_400
HOUR_NS = 3_600 * NS_PER_SECOND
FIRST_NS = -(2**63) + 1
"""The earliest time there is."""


def _time(text: str) -> str:
    parse_time(text)
    return text


def _interval(text: str) -> str:
    found = _INTERVAL.fullmatch(text)
    if found is None or int(found[1]) * _SECONDS[found[2]] > LONGEST_INTERVAL_S:
        raise ValueError("should be a length such as 30s, 5m, 1h or 1d, at most 366d")
    return text


Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Items on a page at most")]
Cursor = Annotated[str | None, Query(max_length=1_000, description="`next` of the page before")]
TimeText = Annotated[
    str | None,
    AfterValidator(lambda text: text if text is None else _time(text)),
    Query(max_length=64, description="RFC 3339 with a zone, or epoch s, ms, µs or ns"),
]
SiteName = Annotated[str | None, Query(max_length=128)]
DeviceName = Annotated[str | None, Query(max_length=128)]
MetricName = Annotated[str | None, Query(max_length=128)]
SearchText = Annotated[
    str | None,
    Query(max_length=128, description="Only where a name, id, number or what is known of the device holds this"),
]
IntervalText = Annotated[
    str | None,
    AfterValidator(lambda text: text if text is None else _interval(text)),
    Query(max_length=16, description="Length of a bucket, e.g. `30s`, `5m`, `1h`; at most `366d`"),
]
LIMIT = DEFAULT_LIMIT


def time_ns(text: str | None) -> int | None:
    """Ns UTC of a time that was checked."""
    return None if text is None else parse_time(text)


def time_range(start: str | None, end: str | None, now: int) -> tuple[int, int]:
    """From `start`, inclusive, to `end`, exclusive, in ns UTC; the last hour by default. Raises InputError."""
    until = time_ns(end)
    since = time_ns(start)
    if until is None:
        until = now + 1 if since is None else max(now + 1, since)
    if since is None:
        since = max(until - HOUR_NS, FIRST_NS)
    if since > until:
        raise InputError("start lies after end")
    return since, until


def interval_ns(text: str) -> int:
    """Length of a bucket in ns.

    >>> interval_ns("5m")
    300000000000
    """
    found = _INTERVAL.fullmatch(text)
    assert found is not None, "checked at the door"
    return int(found[1]) * _SECONDS[found[2]] * NS_PER_SECOND
