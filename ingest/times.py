"""Times as texts: ISO 8601 and epoch numbers become int64 ns UTC and back, whole columns at a time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

import numpy as np
from numpy.typing import NDArray

from ingest.reading import NS_PER_SECOND, TimeArray

EARLIEST = 631_152_000 * NS_PER_SECOND
"""1990-01-01T00:00:00Z: an older stamp comes from a clock that was never set (contract, section 3)."""

LATEST = 7_258_118_400 * NS_PER_SECOND
"""2200-01-01T00:00:00Z: a later stamp in a file stands for no time, and what is reckoned from it may find no room."""

MIN_ROWS = 8
"""Fewer texts of one length than this are parsed one by one: array calls would cost more."""

_MAX_NS = int(np.iinfo(np.int64).max)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  in UTC; without saying so its text is shorter
_FRACTION = re.compile(r"(?<=:\d\d)[.,](\d+)")
_EPOCH_UNITS = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3))
"""Below the first number an epoch is in units of the second number of ns; s to the year 5138, then ms, µs and ns."""

_ZONE_DIGITS: dict[int, tuple[int, ...]] = {1: (), 3: (1, 2), 5: (1, 2, 3, 4), 6: (1, 2, 4, 5)}
"""Where the digits of a zone stand, by its width."""

_Bytes = NDArray[np.uint8]
_Flags = NDArray[np.bool_]


def epoch_ns(number: float | Decimal) -> int:
    """Ns of an epoch number in s, ms, µs or ns, told apart by magnitude. Raises ValueError if it is out of range.

    >>> epoch_ns(1_764_000_000), epoch_ns(1_764_000_000_000.5)
    (1764000000000000000, 1764000000000500000)
    """
    exact = number if isinstance(number, Decimal) else Decimal(number)
    if not exact.is_finite() or not -_MAX_NS <= exact <= _MAX_NS:
        raise ValueError("time is out of range")
    unit = next((ns for limit, ns in _EPOCH_UNITS if abs(exact) < limit), 1)
    found = int(exact * unit)
    if abs(found) > _MAX_NS:
        raise ValueError("time is out of range")
    return found


def parse_time(text: str) -> int:
    """Ns UTC of an ISO 8601 time with a zone or an epoch number; ValueError says what is wrong with any other text.

    >>> parse_time("2026-01-01T08:00:00.25+08:00")
    1767225600250000000
    """
    text = text.strip()
    if not text:
        raise ValueError("time is empty")
    if text.isascii() and "_" not in text:
        try:
            return epoch_ns(Decimal(text))
        except InvalidOperation:
            return _parse_iso(text)
    raise ValueError(f"time {_short(text)} is not ISO 8601 with a zone, nor an epoch number")


def _parse_iso(text: str) -> int:
    fraction = _FRACTION.search(text)
    whole = text if fraction is None else text[: fraction.start()] + text[fraction.end() :]
    try:
        if not whole.isascii() or "." in whole or "," in whole:
            raise ValueError
        moment = datetime.fromisoformat(whole.upper())
    except ValueError:
        raise ValueError(f"time {_short(text)} is not ISO 8601 with a zone, nor an epoch number") from None
    if moment.tzinfo is None:
        raise ValueError(f"time {_short(text)} has no time zone (append Z for UTC)")
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    ns = (since.days * 86_400 + since.seconds) * NS_PER_SECOND + since.microseconds * 1000
    if fraction is not None:
        ns += int(fraction[1][:9].ljust(9, "0"))
    if abs(ns) > _MAX_NS:
        raise ValueError(f"time {_short(text)} is out of range")
    return ns


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")


def parse_times(texts: Sequence[str]) -> tuple[TimeArray, dict[int, str]]:
    """Ns UTC of every text, and the reason by row for those that are no time (their ns is 0).

    >>> parse_times(["2026-01-01T00:00:00Z", "yesterday"])[1]
    {1: "time 'yesterday' is not ISO 8601 with a zone, nor an epoch number"}
    """
    result = np.zeros(len(texts), np.int64)
    done = np.zeros(len(texts), bool)
    try:
        packed = np.array(texts, dtype="S") if len(texts) >= MIN_ROWS else np.zeros(0, "S1")
    except UnicodeEncodeError:
        packed = np.zeros(0, "S1")
    if len(packed) and packed.itemsize <= 40:
        matrix = packed.view(np.uint8).reshape(len(packed), packed.itemsize)
        lengths = np.count_nonzero(matrix, axis=1)
        for length in np.unique(lengths).tolist():
            rows = np.flatnonzero(lengths == length)
            if len(rows) >= MIN_ROWS and length:
                chars = matrix[:, :length] if len(rows) == len(matrix) else matrix[rows, :length]
                result[rows], done[rows] = _parse_layout(chars)
    reasons: dict[int, str] = {}
    for row in np.flatnonzero(~done).tolist():
        try:
            result[row] = parse_time(texts[row])
        except ValueError as error:
            reasons[row] = str(error)
            result[row] = 0
    return result, reasons


def _parse_layout(chars: _Bytes) -> tuple[TimeArray, _Flags]:
    """Parse texts of one length, shape (n, length), laid out like the first; the mask says which of them were."""
    none = np.zeros(len(chars), np.int64), np.zeros(len(chars), bool)
    length = chars.shape[1]
    if (chars[0] - 48 <= 9).all():
        return _parse_epoch(chars) if length <= 19 else none
    zone = _zone_width(chars[0])
    if length < 19 + zone or not zone:
        return none
    return _parse_calendar(np.ascontiguousarray(chars.T), zone)


def _zone_width(text: _Bytes) -> int:
    """Characters of the zone at the end: 1 for `Z`, 3, 5 or 6 for `+08`, `+0800` or `+08:00`, 0 for none."""
    if text[-1] in b"Zz":
        return 1
    return next((width for width in (6, 5, 3) if len(text) >= 19 + width and text[-width] in b"+-"), 0)


def _parse_epoch(chars: _Bytes) -> tuple[TimeArray, _Flags]:
    digits = chars - np.uint8(48)
    powers = 10 ** np.arange(chars.shape[1] - 1, -1, -1, dtype=np.uint64)
    number = digits.astype(np.uint64) @ powers
    scale = np.ones(len(chars), np.uint64)
    for limit, ns in reversed(_EPOCH_UNITS):
        scale[number < limit] = ns
    ok: _Flags = (digits <= 9).all(axis=1) & (number <= _MAX_NS // scale)
    return np.where(ok, number * scale, 0).astype(np.int64), ok


def _parse_calendar(chars: _Bytes, zone: int) -> tuple[TimeArray, _Flags]:
    """Parse `2026-01-01T00:00:00[.fraction]zone` in columns, shape (length, n)."""
    zone_at = len(chars) - zone
    zone_digits = [zone_at + at for at in _ZONE_DIGITS[zone]]
    digits = chars - np.uint8(48)
    calendar = [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18]
    ok: _Flags = digits[[*calendar, *range(20, zone_at), *zone_digits]].max(axis=0) <= 9
    for at, allowed in ((4, b"-"), (7, b"-"), (10, b"Tt "), (13, b":"), (16, b":")):
        ok &= _among(chars[at], allowed)
    ok &= _among(chars[zone_at], b"Zz" if zone == 1 else b"+-")
    if zone == 6:
        ok &= chars[zone_at + 3] == ord(":")
    if zone_at > 19:
        ok &= _among(chars[19], b".,") & np.bool_(zone_at > 20)
    seconds = _seconds(digits, ok)
    if zone_digits:
        hours, minutes = _number(digits, zone_digits[:2]), _number(digits, zone_digits[2:])
        ok &= (hours < 24) & (minutes < 60)
        seconds -= np.where(chars[zone_at] == ord("-"), -1, 1) * (hours * 3600 + minutes * 60)
    fraction = range(20, min(zone_at, 29))
    nanos = _number(digits, fraction) * 10 ** (9 - len(fraction))
    return np.where(ok, seconds * NS_PER_SECOND + nanos, np.int64(0)), ok


def _seconds(digits: _Bytes, ok: _Flags) -> TimeArray:
    """Seconds since 1970 of the calendar digits; rows that are no date are struck from `ok`."""
    year, month, day = _number(digits, range(4)), _number(digits, (5, 6)), _number(digits, (8, 9))
    hour, minute, second = _number(digits, (11, 12)), _number(digits, (14, 15)), _number(digits, (17, 18))
    ok &= (year >= 1700) & (year <= 2260) & (month >= 1) & (month <= 12) & (hour < 24) & (minute < 60) & (second < 60)
    months = np.where(ok, (year - 1970) * 12 + month - 1, 0).astype("M8[M]")
    first = months.astype("M8[D]").astype(np.int64)
    ok &= (day >= 1) & (day <= (months + np.timedelta64(1, "M")).astype("M8[D]").astype(np.int64) - first)
    return (first + day - 1) * 86_400 + hour * 3600 + minute * 60 + second


def _number(digits: _Bytes, rows: Sequence[int]) -> NDArray[np.int64]:
    total = np.zeros(digits.shape[1], np.int64)
    for row in rows:
        total = total * 10 + digits[row]
    return total


def _among(column: _Bytes, allowed: bytes) -> _Flags:
    result: _Flags = np.equal(column, allowed[0])
    for other in allowed[1:]:
        result |= column == other
    return result


def format_time(ns: int) -> str:
    """RFC 3339 in UTC with `Z`; whole seconds without a fraction, else with 3, 6 or 9 digits of it.

    >>> format_time(1767225600250000000)
    '2026-01-01T00:00:00.250Z'
    """
    seconds, fraction = divmod(ns, NS_PER_SECOND)
    text = (_EPOCH + timedelta(seconds=seconds)).isoformat()
    if fraction:
        digits = 3 if fraction % 10**6 == 0 else 6 if fraction % 10**3 == 0 else 9
        text += f".{fraction:09}"[: digits + 1]
    return text + "Z"


def format_times(ns: TimeArray) -> list[str]:
    """`format_time` of a whole column."""
    if not len(ns):
        return []
    result = np.empty(len(ns), object)
    digits = np.select([ns % 10**9 == 0, ns % 10**6 == 0, ns % 10**3 == 0], [0, 3, 6], 9)
    for count, unit in ((0, "s"), (3, "ms"), (6, "us"), (9, "ns")):
        rows = digits == count
        if rows.any():
            stamps = ns[rows].view("M8[ns]").astype(f"M8[{unit}]")
            result[rows] = np.char.add(np.datetime_as_string(stamps), "Z")
    texts: list[str] = result.tolist()
    return texts


def stamp_problem(ns: int, latest: int | None) -> str | None:
    """Why an observation at `ns` cannot be taken: before 1990, after 2200, or `latest` (now plus `ingest.future`).

    >>> stamp_problem(0, None)
    'time 1970-01-01T00:00:00Z is before 1990'
    """
    if ns < EARLIEST:
        return f"time {format_time(ns)} is before 1990"
    if ns > LATEST:
        return f"time {format_time(ns)} is after 2200"
    if latest is not None and ns > latest:
        return f"time {format_time(ns)} lies too far in the future"
    return None
