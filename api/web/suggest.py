"""A mapping to begin with, for a payload that nobody can read: its numbers, its time, and the device from the topic."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from ingest.payload import PayloadError, parse_json

MOST_VALUES = 20
MOST_DEPTH = 4
TIMES = frozenset({"date", "datetime", "time", "timestamp", "ts", "when"})
"""What devices call the time of a reading."""
TAILS = frozenset({"data", "event", "events", "measurement", "sensor", "sensors", "state", "status", "telemetry", "up"})
"""What stands in topics behind the device."""
_PLAIN = re.compile(r"\w+", re.ASCII)


def suggest(topic: str, payload: bytes) -> str:
    """A mapping in TOML; empty where the topic or the payload tells nothing.

    >>> print(suggest("factory/press-1/state", b'{"ts": 1764000000, "t": {"bearing": 41.5}}'))
    [[mapping]]
    topic = "factory/{device}/state"
    device = "{device}"
    time = "$.ts"
    <BLANKLINE>
    [[mapping.value]]
    metric = "bearing"
    value = "$.t.bearing"
    <BLANKLINE>
    """
    try:
        said = parse_json(payload)
    except PayloadError:
        return ""
    found = list(_leaves(said, "$", "value", 0))
    values = [(name, path) for name, path, number in found if number and name.lower() not in TIMES][:MOST_VALUES]
    time = next((path for name, path, _ in found if name.lower() in TIMES), None)
    if not topic or not values:
        return ""
    lines = ["[[mapping]]", f"topic = {_quoted(_pattern(topic))}", 'device = "{device}"']
    lines += [f"time = {_quoted(time)}"] if time else []
    for metric, path in values:
        lines += ["", "[[mapping.value]]", f"metric = {_quoted(metric)}", f"value = {_quoted(path)}"]
    return "\n".join(lines) + "\n"


def _pattern(topic: str) -> str:
    """The topic with the device left open."""
    levels = topic.split("/")
    place = -2 if len(levels) > 1 and levels[-1].lower() in TAILS else -1
    levels[place] = "{device}"
    return "/".join(level if level == "{device}" or not set(level) & set("{}+#") else "+" for level in levels)


def _leaves(said: object, path: str, name: str, depth: int) -> Iterator[tuple[str, str, bool]]:
    """Name and path of each number and text in an object and the objects in it, and whether it is a number."""
    if isinstance(said, dict) and depth < MOST_DEPTH:
        for key, value in said.items():
            step = f".{key}" if _PLAIN.fullmatch(key) else f"['{key}']"
            if "'" not in key and "\\" not in key:
                yield from _leaves(value, path + step, key, depth + 1)
    elif isinstance(said, int | float | str) and not isinstance(said, bool):
        yield name, path, not isinstance(said, str)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
