"""Where something is in a JSON payload: steps through objects and arrays."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

Step: TypeAlias = str | int

_STEP = re.compile(r"""\.(\w+)|\[\s*(?:'([^'\\]*)'|"([^"\\]*)"|(-?\d{1,4}))\s*\]""")


class Absent(Enum):
    """Stands for what a payload does not hold."""

    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Path:
    """`$…` from the whole payload, `@…` from the current item; `each`: all members of what is there."""

    text: str
    root: str
    steps: tuple[Step, ...] = ()
    each: bool = False

    def find(self, payload: object, item: object) -> object:
        """What is there, ABSENT if nothing is."""
        return walk(payload if self.root == "$" else item, self.steps)


def walk(value: object, steps: Sequence[Step]) -> object:
    """What the steps lead to: names into objects, whole numbers into arrays, from the end if negative.

    >>> walk({"a": [1, {"b": 2}]}, ("a", -1, "b"))
    2
    """
    for step in steps:
        if isinstance(value, dict):
            value = value.get(str(step), Absent.ABSENT)
        elif isinstance(value, list) and isinstance(step, int) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return Absent.ABSENT
    return value


def read_steps(text: str, at: int) -> tuple[tuple[Step, ...], int]:
    """Steps written from place `at` on, `.name`, `['any name']` or `[0]`, and where they end."""
    steps: list[Step] = []
    while step := _STEP.match(text, at):
        steps.append(int(step[4]) if step[4] else next(part for part in step.groups() if part is not None))
        at = step.end()
    return tuple(steps), at


def parse_path(text: str) -> Path | None:
    """The path that a text writes, None if it writes none.

    >>> parse_path("$.a['b c'][0].*")
    Path(text="$.a['b c'][0].*", root='$', steps=('a', 'b c', 0), each=True)
    """
    if text[:1] not in {"$", "@"}:
        return None
    steps, at = read_steps(text, 1)
    each = text[at:] == ".*"
    return Path(text, text[0], steps, each) if each or at == len(text) else None
