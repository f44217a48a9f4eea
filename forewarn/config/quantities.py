"""Durations and sizes as people write them in settings: `1h`, `5min`, `90`, `2GB`."""

from __future__ import annotations

import re
from datetime import timedelta

_SECONDS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}
_BYTES = {"": 1, "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_BYTES |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_FORM = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")
LONGEST = timedelta(days=36_525)
"""A hundred years: longer durations are taken for a slip of the pen."""


def parse_duration(value: object) -> timedelta:
    """A duration from `90` (seconds), `"5min"`, `"1h"`.

    Raises ValueError saying what is allowed.

    >>> parse_duration("5min"), parse_duration(90)
    (datetime.timedelta(seconds=300), datetime.timedelta(seconds=90))
    """
    if isinstance(value, timedelta):
        return value
    found = None if isinstance(value, bool) else _FORM.fullmatch(str(value))
    unit = _SECONDS.get(found[2] or "s") if found else None
    if found is None or unit is None:
        raise ValueError("should be a number of seconds or a duration such as '90s', '5min', '1h', '7d', '2w'")
    seconds = float(found[1]) * unit
    if seconds > LONGEST.total_seconds():
        raise ValueError(f"should be at most {LONGEST.days}d")
    return timedelta(seconds=seconds)


def parse_size(value: object) -> int:
    """A number of bytes from `2000000`, `"2GB"`, `"512MiB"`.

    Raises ValueError saying what is allowed.

    >>> parse_size("2GB"), parse_size("1KiB")
    (2000000000, 1024)
    """
    found = None if isinstance(value, bool) else _FORM.fullmatch(str(value))
    unit = _BYTES.get(found[2]) if found else None
    if found is None or unit is None:
        raise ValueError("should be a number of bytes or a size such as '500MB', '2GB', '512MiB'")
    return round(float(found[1]) * unit)
