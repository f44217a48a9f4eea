"""Lengths of time as people write them: `90s`, `5min`, `2h`, `14d`."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

NS = 1_000_000_000
_UNITS = {"ms": NS // 1000, "s": NS, "min": 60 * NS, "h": 3600 * NS, "d": 86400 * NS, "w": 7 * 86400 * NS}
LONGEST_NS = 3652 * _UNITS["d"]
_PATTERN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|h|d|w)")


def parse_duration(text: object) -> int:
    """Nanoseconds of a duration; several parts add up. Raises ValueError on anything else.

    >>> parse_duration("1h30min") // NS
    5400
    """
    if isinstance(text, int) and not isinstance(text, bool) and text == 0:
        return 0
    if not isinstance(text, str) or not _PATTERN.sub("", text).strip() == "" or not text.strip():
        raise ValueError(f"{text!r} is no duration; write a number and ms, s, min, h, d or w, such as '90s' or '2h'")
    ns = sum(float(number) * _UNITS[unit] for number, unit in _PATTERN.findall(text))
    if ns > LONGEST_NS:
        raise ValueError(f"{text!r} is longer than ten years")
    return round(ns)


def as_text(ns: int) -> str:
    """A length of time in whole milliseconds as text.

    >>> as_text(90 * NS)
    '90000ms'
    """
    return f"{ns // (NS // 1000)}ms"


Duration = Annotated[int, BeforeValidator(parse_duration)]
"""A duration in ns, written as text in a scenario."""
Length = Annotated[Duration, Field(ge=_UNITS["ms"])]
"""A duration of 1 ms, the finest stamp there is, or more."""
