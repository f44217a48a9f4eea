"""Names of other formats become names that we may have: what is not allowed is percent-encoded (contract, section 3).

The encoding can be undone and keeps different names different: a `%` that two hexadecimal digits follow is encoded too.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ingest.measure import MAX_UNIT_LENGTH
from ingest.names import MAX_LENGTH, RESERVED_METRICS, name_problem
from ingest.payload import PayloadError

_NOT_ALLOWED = re.compile(r"[/+#\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]|%(?=[0-9A-Fa-f]{2})")


def encode_name(text: str) -> str:
    """The text with the characters encoded that no name may hold; too long a text stays as it is, to be refused.

    >>> encode_name("kitchen/floor light"), encode_name("100%"), encode_name("a%2Fb")
    ('kitchen%2Ffloor light', '100%', 'a%252Fb')
    """
    return _encode(text) if len(text) <= MAX_LENGTH else text


def encode_metric(text: str) -> str:
    """The same for a metric, where some names are reserved.

    >>> encode_metric("time")
    '%74ime'
    """
    return _encode_metric(text) if len(text) <= MAX_LENGTH else text


def device_name(text: object) -> str:
    """The name of a device that a format calls `text`. Raises PayloadError if there can be none."""
    return _checked(text, "device")


def site_name(text: object) -> str:
    """The name of a site that a format calls `text`. Raises PayloadError if there can be none."""
    return _checked(text, "site")


def unit_of(unit: object) -> str | None:
    """A unit as sent if it can be one: a short text."""
    if isinstance(unit, str) and len(unit) <= MAX_UNIT_LENGTH and unit.isprintable():
        return unit.strip() or None
    return None


def _checked(text: object, what: str) -> str:
    if isinstance(text, str) and len(text) <= MAX_LENGTH:
        return _encode_checked(text, what)
    raise PayloadError(name_problem(text, what) or f"{what} cannot be a name")


@lru_cache(maxsize=1 << 16)
def _encode_checked(text: str, what: str) -> str:
    name = _encode(text)
    problem = name_problem(name, what)
    if problem:
        raise PayloadError(problem)
    return name


@lru_cache(maxsize=1 << 16)
def _encode_metric(text: str) -> str:
    if text in RESERVED_METRICS:
        return f"%{ord(text[0]):02X}{text[1:]}"
    return _encode(text)


@lru_cache(maxsize=1 << 16)
def _encode(text: str) -> str:
    return _NOT_ALLOWED.sub(_percent, text)


def _percent(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogatepass"))
