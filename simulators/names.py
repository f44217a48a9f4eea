"""Which names the contract allows for sites, devices and metrics (section 3)."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

MAX_LENGTH = 128
_FORBIDDEN = re.compile(r"[/+#\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def name_problem(name: str, what: str) -> str | None:
    """Why `name` cannot name a `what` (site, device, metric), or None if it can.

    >>> name_problem("cold/room", "device")
    "device 'cold/room' holds '/', '+', '#' or a control character"
    """
    if not name:
        return f"{what} is empty"
    if len(name) > MAX_LENGTH:
        return f"{what} is longer than {MAX_LENGTH} characters"
    if _FORBIDDEN.search(name):
        return f"{what} {name!r} holds '/', '+', '#' or a control character"
    if what == "metric" and name in ("*", "time"):
        return f"metric {name!r} is a reserved name"
    return None


def _checked(what: str) -> AfterValidator:
    def check(name: str) -> str:
        problem = name_problem(name, what)
        if problem:
            raise ValueError(problem)
        return name

    return AfterValidator(check)


SiteName = Annotated[str, _checked("site")]
DeviceName = Annotated[str, _checked("device")]
MetricName = Annotated[str, _checked("metric")]
