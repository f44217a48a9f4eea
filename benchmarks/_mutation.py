"""Makes bad payloads out of good ones, and says what must hold whatever a decoder is given.

The good ones are the golden examples of the adapters. A change is made in the payload's structure where it has one,
so that it gets past the parser, or in its bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np

from ingest.adapters.sparkplugproto import message_class
from ingest.decode import Decoded
from ingest.message import Message
from ingest.names import name_problem
from ingest.times import EARLIEST

ODD: tuple[Any, ...] = (
    None, True, False, "", "text", "21.5", "NaN", "online", "time", "*", "a/b", "\x00", "x" * 200, "é" * 128, "1" * 400,
    0, -1, 5, 255, 256, 1 << 31, 1 << 53, 1 << 63, 1 << 64, 10**30, -(10**30), 1764000000, 1764000000000, 1864000000000,
    0.0, -0.0, 1e-320, 1e308, -1e308, 1e20, float("nan"), float("inf"), float("-inf"), "2025-11-24T16:00:00",
    "0001-01-01T00:00:00", "9999-12-31T23:59:59", [], {}, [None], {"": 1}, {"values": 5}, [[1], [2]],
)  # fmt: skip
"""Values that a number, a name, a time or a whole part may be replaced by."""
FRAGMENTS = (
    b"\x00", b"\xff", b"\\", b'"', b"'", b",", b"=", b" ", b"\n", b"{", b"}", b"[", b"]", b":", b"NaN", b"1e999",
    b"\x80", b"\x9f", b"\xbf\xff", b"\xc2\xa0", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"9" * 25,
)  # fmt: skip
LEVELS = ("", "a", "+", "#", "$SYS", "config", "set", "online", "STATE", "x" * 130, "\x01", "é")
DEEPEST = 1200


def mutate(message: Message, rng: Random) -> Message:
    """The message with a few changes; one in ten goes to another topic."""
    payload = message.payload
    for _ in range(rng.randrange(4)):
        payload = rng.choice((_in_structure, _in_structure, _in_bytes))(payload, rng)
    topic = _other_topic(message.topic, rng) if not rng.randrange(10) else message.topic
    received_at = message.received_at + rng.choice((0, 0, 1, 10**9, -(10**9), 10**12))
    return Message(topic, payload, received_at, client=rng.choice((message.client, None, "x/y")))


def _other_topic(topic: str, rng: Random) -> str:
    levels = topic.split("/")
    at = rng.randrange(len(levels))
    match rng.randrange(3):
        case 0:
            levels[at] = rng.choice(LEVELS)
        case 1:
            levels.insert(at, rng.choice(LEVELS))
        case _:
            del levels[at]
    return "/".join(levels) or "x"


def _in_bytes(payload: bytes, rng: Random) -> bytes:
    start = rng.randrange(len(payload) + 1)
    end = min(len(payload), start + rng.choice((0, 1, 1, 4, 50)))
    part = payload[start:end]
    new = rng.choice((b"", rng.choice(FRAGMENTS), bytes([rng.randrange(256)]), part + part))
    return payload[:start] + new + payload[end:]


def _in_structure(payload: bytes, rng: Random) -> bytes:
    for read, write in _FORMS:
        try:
            value = read(payload)
        except Exception:  # noqa: BLE001, S112  another form, then
            continue
        try:
            return write(_changed(value, rng))
        except Exception:  # noqa: BLE001  the change cannot be written in this form
            return _in_bytes(payload, rng)
    return _in_bytes(payload, rng)


def _changed(value: Any, rng: Random, deep: int = 0) -> Any:
    """A JSON value with one change somewhere in it."""
    inside = isinstance(value, dict | list) and len(value) > 0
    if not inside or (deep and not rng.randrange(4)):
        return _replaced(value, rng)
    if isinstance(value, dict):
        key = rng.choice(list(value))
        match rng.randrange(5):
            case 0:
                return {name: one for name, one in value.items() if name != key}
            case 1:
                return value | {rng.choice(("time", "*", "", "a/b", "x" * 130, "ts", "n", "v", key * 2)): value[key]}
        return value | {key: _changed(value[key], rng, deep + 1)}
    at = rng.randrange(len(value))
    if not rng.randrange(4):
        return rng.choice((value[:at], value * 2, [*value, value]))
    return [*value[:at], _changed(value[at], rng, deep + 1), *value[at + 1 :]]


def _replaced(value: Any, rng: Random) -> Any:
    if rng.randrange(20):
        return rng.choice(ODD)
    around = rng.choice(("list", "dict"))
    for _ in range(rng.choice((3, 20, DEEPEST))):
        value = [value] if around == "list" else {"a": value}
    return value


# -- forms of payloads: how they are read and written ---------------------------------------------------------------
def _read_json(payload: bytes) -> Any:
    return json.loads(payload)


def _write_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _read_cbor(payload: bytes) -> Any:
    import cbor2

    value = cbor2.loads(payload)
    if not isinstance(value, list):
        raise TypeError("no pack")
    return value


def _write_cbor(value: Any) -> bytes:
    import cbor2

    return cbor2.dumps(value)


def _read_sparkplug(payload: bytes) -> Any:
    return _fields(message_class().FromString(payload))


def _fields(message: Any) -> dict[str, Any]:
    return {
        field.name: [_fields(one) if hasattr(one, "ListFields") else one for one in value]
        if field.is_repeated
        else _fields(value)
        if hasattr(value, "ListFields")
        else value
        for field, value in message.ListFields()
    }


def sparkplug_payload(fields: Any) -> bytes:
    """A Sparkplug B message of those fields, as far as it can hold them; texts stand for the bytes that they are."""
    return bytes(_filled(message_class()(), fields).SerializeToString())


def _filled(message: Any, fields: dict[str, Any]) -> Any:
    """A message with as many of the fields as it can hold."""
    for name, value in fields.items():
        try:
            if isinstance(value, list):
                for one in value:
                    _filled(getattr(message, name).add(), one) if isinstance(one, dict) else getattr(
                        message, name
                    ).append(one)
            elif isinstance(value, dict):
                _filled(getattr(message, name), value)
            else:
                setattr(message, name, value.encode() if isinstance(value, str) else value)
        except (TypeError, ValueError, AttributeError, KeyError):
            continue
    return message


_FORMS: tuple[tuple[Callable[[bytes], Any], Callable[[Any], bytes]], ...] = (
    (_read_json, _write_json),
    (_read_sparkplug, sparkplug_payload),
    (_read_cbor, _write_cbor),
)


# -- what must hold --------------------------------------------------------------------------------------------------
def complaint(decoded: Decoded, latest: int) -> str | None:
    """What a decoder did wrong, whatever it was given; None if nothing. `latest` is the last time that may be."""
    failed = [problem.reason for problem in decoded.problems if problem.reason.startswith("the adapter failed")]
    if failed:
        return failed[0]
    if not np.isfinite(decoded.value).all():
        return "a value that is not finite"
    if len(decoded) and not (decoded.time.min() >= EARLIEST and decoded.time.max() <= latest):
        return "a time that cannot be"
    if any(not problem.reason or "\n" in problem.reason for problem in decoded.problems):
        return "a rejection without a reason in one line"
    for key in decoded.keys:
        for name, what in zip(key, ("site", "device", "metric"), strict=False):
            if name_problem(name, what):
                return f"an impossible name: {name_problem(name, what)}"
    for status in decoded.statuses:
        if name_problem(status.site, "site") or name_problem(status.device, "device"):
            return f"a state of an impossible device {status.device!r}"
    return None
