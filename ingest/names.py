"""Which names a site, a device and a metric may have (contract, section 3)."""

from __future__ import annotations

import re

MAX_LENGTH = 128
RESERVED_METRICS = frozenset({"*", "time"})
_FORBIDDEN = re.compile(r"[/+#\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def name_problem(name: object, what: str) -> str | None:
    """Why `name` cannot be the name of a `what` (`site`, `device` or `metric`), or None if it can.

    >>> name_problem("pump-1", "device")
    >>> name_problem("a/b", "device")
    "device 'a/b' holds a character that names may not have ('/', '+', '#' or a control character)"
    """
    if not isinstance(name, str):
        return f"{what} is not a text"
    if not name:
        return f"{what} is empty"
    if len(name) > MAX_LENGTH:
        return f"{what} is longer than {MAX_LENGTH} characters"
    if _FORBIDDEN.search(name):
        return f"{what} {name!r} holds a character that names may not have ('/', '+', '#' or a control character)"
    if what == "metric" and name in RESERVED_METRICS:
        return f"metric {name!r} is a reserved name"
    return None
