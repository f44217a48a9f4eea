"""The value templates of Home Assistant that say where in a payload a number is.

https://www.home-assistant.io/docs/configuration/templating/#using-value-templates-with-mqtt

{{ value }}   {{ value_json.a.b }}   {{ value_json['a b'][0] | float | round(1) }}   {{ value_json.a | is_defined }}

Other templates are programs; they are refused when a sensor is discovered. A default, as in `float(0)`, is not taken:
it would be a reading that nobody has measured.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from ingest.adapters.jsonpath import Absent, Step, read_steps, walk
from ingest.adapters.values import text_number

LONGEST = 512
MOST_STEPS = 16
_TOO_LARGE = 1e300
"""What is no less is not rounded: nothing but a fault, and infinity and huge integers cannot be."""
_WHOLE = re.compile(r"\{\{-?\s*(value_json|value)\b(.*?)\s*-?\}\}", re.DOTALL)
_FILTER = re.compile(
    r"\s*\|\s*(?:(?P<cast>float|int)(?:\(\s*(?:default\s*=\s*)?[-+.\w]*\s*\))?"
    r"|(?P<defined>is_defined)|round(?:\(\s*(?P<digits>\d{0,2})\s*\))?)"
)
_UNKNOWN = frozenset({"", "None", "none", "null", "unknown", "unavailable"})


@dataclass(frozen=True, slots=True)
class Template:
    """Where the value is, and what is done to it: casts and roundings in order."""

    json: bool = False
    """The value is in the payload read as JSON, otherwise the payload is the value."""
    path: tuple[Step, ...] = ()
    filters: tuple[str | int, ...] = ()
    """`int`, or digits to round to."""

    def find(self, root: object) -> object:
        """The value in `root`, the payload's text or its JSON; `Absent` if there is none."""
        value = walk(root, self.path)
        return Absent.ABSENT if value is None or (isinstance(value, str) and _is_unknown(value)) else value

    def number(self, value: object) -> float | None:
        """The number that a found value is, also as a text; None if it is none. What cannot be rounded stays."""
        number = _number(value)
        if number is None or not abs(number) < _TOO_LARGE:
            return number
        for step in self.filters:
            number = float(math.trunc(number)) if isinstance(step, str) else round(number, step)
        return number


def parse_template(text: object) -> Template | None:
    """The template, None if it is not one of those that are read."""
    if not isinstance(text, str) or len(text) > LONGEST:
        return None
    found = _WHOLE.fullmatch(text.strip())
    if found is None:
        return None
    rest = found[2]
    path, at = read_steps(rest, 0)
    filters: list[str | int] = []
    while function := _FILTER.match(rest, at):
        at = function.end()
        if function["cast"] == "int":
            filters.append("int")
        elif not function["cast"] and not function["defined"]:
            filters.append(int(function["digits"] or 0))
    as_json = found[1] == "value_json"
    if at != len(rest) or len(path) + len(filters) > MOST_STEPS or (path and not as_json):
        return None
    return Template(as_json, path, tuple(filters))


def _is_unknown(text: str) -> bool:
    return text.strip() in _UNKNOWN


def _number(value: object) -> float | None:
    if type(value) is float or type(value) is int:
        return value
    return text_number(value) if isinstance(value, str) else None
