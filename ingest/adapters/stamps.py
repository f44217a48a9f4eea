"""Time stamps of devices become ns UTC, or a reason: the three clocks of the field (none, local, UTC).

A stamp before 1990 comes from a clock that was never set, one too far ahead from a wrong one; both are refused
(contract, section 3). A local time is taken in the site's zone; in the hour that occurs twice when summer time ends,
the reading is the one nearer to its arrival.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, tzinfo

from ingest.adapters.adapter import Arrival, Rows
from ingest.payload import kind
from ingest.reading import NS_PER_SECOND
from ingest.times import EARLIEST, format_time

NS_PER_MS = 1_000_000
_LARGEST_MS = 2**63 // NS_PER_MS
_LARGEST_S = 2**63 // NS_PER_SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def from_ms(stamp: object, field: str, arrival: Arrival, rows: Rows) -> int | None:
    """Ns of epoch milliseconds, to the microsecond, which a double holds; None with the reason noted."""
    if type(stamp) is int and -_LARGEST_MS < stamp < _LARGEST_MS:
        time = stamp * NS_PER_MS
    elif type(stamp) is float and -_LARGEST_MS < stamp < _LARGEST_MS:
        whole = math.floor(stamp)
        time = whole * NS_PER_MS + round((stamp - whole) * 1000) * 1000
    else:
        rows.refuse(f"{field} should be epoch milliseconds, not {kind(stamp)}")
        return None
    return taken(time, field, stamp, "epoch milliseconds", arrival, rows)


def from_seconds(stamp: object, field: str, arrival: Arrival, rows: Rows) -> int | None:
    """Ns of epoch seconds, whole or with a fraction of which a double holds the microseconds; None with the reason."""
    time = seconds_ns(stamp)
    if time is None:
        rows.refuse(f"{field} should be epoch seconds, not {kind(stamp)}")
        return None
    return taken(time, field, stamp, "epoch seconds", arrival, rows)


def seconds_ns(seconds: object) -> int | None:
    """Ns of a number of seconds, to the microsecond; None if it is no number in the range of times.

    >>> seconds_ns(1680962879.62)
    1680962879620000000
    """
    if type(seconds) is int and -_LARGEST_S < seconds < _LARGEST_S:
        return seconds * NS_PER_SECOND
    if type(seconds) is float and -_LARGEST_S < seconds < _LARGEST_S:
        whole = math.floor(seconds)
        return whole * NS_PER_SECOND + round((seconds - whole) * 1_000_000) * 1000
    return None


def from_ticks(stamp: int, ns: int, field: str, meant: str, arrival: Arrival, rows: Rows) -> int | None:
    """Ns of a whole number in units of `ns` nanoseconds, which `meant` names; None with the reason noted."""
    time = stamp * ns
    if not -(2**63) < time < 2**63:
        rows.refuse(f"{field} is out of range")
        return None
    return taken(time, field, stamp, meant, arrival, rows)


def from_text(text: object, field: str, zone: tzinfo, arrival: Arrival, rows: Rows) -> int | None:
    """Ns of an ISO 8601 time; one without a zone is local time in `zone`. None with the reason noted."""
    if not isinstance(text, str):
        rows.refuse(f"{field} should be an ISO 8601 time, not {kind(text)}")
        return None
    moment = _moment(text)
    if moment is None:
        rows.refuse(f"{field} {text[:40]!r} is no ISO 8601 time")
        return None
    time = _local_ns(moment, zone, arrival.received_at) if moment.tzinfo is None else _ns(moment)
    return taken(time, field, text, None, arrival, rows)


def _moment(text: str) -> datetime | None:
    """The time that a text says; None if it says none."""
    if len(text) > 40 or not text.isascii():
        return None
    try:
        return datetime.fromisoformat(text.strip().upper())
    except ValueError:
        return None


def _local_ns(moment: datetime, zone: tzinfo, received_at: int) -> int:
    """Ns of a time on the wall of `zone`; of two such moments the one nearer to the arrival."""
    first, second = (_ns(moment.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))
    return first if abs(received_at - first) <= abs(received_at - second) else second


def _ns(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND * 1000


def taken(time: int, field: str, stamp: object, meant: str | None, arrival: Arrival, rows: Rows) -> int | None:
    """`time` (ns UTC) if a device can have measured then; else None with the reason noted.

    `field` and `stamp` tell where it was and how it was written, `meant` what it should have been.
    """
    if EARLIEST <= time <= arrival.latest:
        return time
    where = "lies too far in the future" if time > arrival.latest else "is before 1990"
    hint = f"; it should be {meant}" if meant and time < EARLIEST else ""
    shown = f" ({format_time(time)})" if -(2**63) < time < 2**63 else ""
    said = repr(stamp[:40]) if isinstance(stamp, str) else stamp
    rows.refuse(f"{field} {said}{shown} {where}{hint}")
    return None
