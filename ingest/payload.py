"""Bytes that should be JSON become values, once; everything else gets a reason."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import orjson


class PayloadError(Exception):
    """A payload, or one object of it, cannot be read; the message is the reason."""


@dataclass(frozen=True, slots=True)
class NotFinite:
    """A number that is none: NaN, infinity, or beyond what a float holds; as it was written. It is no text either."""

    text: str

    def __str__(self) -> str:
        """As it was written."""
        return self.text


def parse_json(payload: bytes) -> object:
    """The value of a JSON payload. Numbers that are not finite come as `NotFinite`, so that their neighbours survive.

    Of two equal names in one object the last counts. Raises PayloadError with the reason.

    >>> parse_json(b'{"a": NaN, "b": 1}')
    {'a': NotFinite(text='NaN'), 'b': 1}
    """
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        return _parse_slowly(payload, str(error))


def _parse_slowly(payload: bytes, problem: str) -> object:
    """What the quick parser refuses because of one number, the slow one reads with that number marked."""
    if not payload.strip():
        raise PayloadError("payload is empty")
    if "depth limit" in problem:
        raise PayloadError("payload is nested too deeply")
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PayloadError(f"payload is not UTF-8: byte {error.start} is {payload[error.start]:#04x}") from error
    try:
        value = json.loads(text, parse_float=_float, parse_int=_int, parse_constant=NotFinite)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False, default=str).encode("utf-8")
    except json.JSONDecodeError as error:
        raise PayloadError(f"payload is not JSON: {error.msg} at character {error.pos + 1}") from error
    except UnicodeEncodeError as error:
        raise PayloadError(f"payload holds half a surrogate pair: {error.object[error.start]!a}") from error
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"payload is not JSON: {problem}") from error
    return value


def _float(text: str) -> float | NotFinite:
    value = float(text)
    return value if math.isfinite(value) else NotFinite(text[:40])


def _int(text: str) -> int | float | NotFinite:
    return int(text) if len(text) < 19 else _float(text)


def kind(value: object) -> str:
    """What a wrong value is, in JSON's words.

    >>> kind(None), kind("21.5"), kind([1])
    ('null', 'a text', 'an array')
    """
    if isinstance(value, NotFinite):
        return str(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return "a text"
    if isinstance(value, int | float):
        return str(value)
    return "an array" if isinstance(value, list) else "an object"
