"""Log entries in the project's own form: errors, maintenance, failures and marks, over MQTT and HTTP.

{"ts": ms, "event": "error", "code": "E17"}, or an array of those; `device` and `site` where the topic does not say.
"""

from __future__ import annotations

from collections.abc import Sequence

from ingest.adapters.adapter import Arrival, Rows
from ingest.adapters.options import DEFAULT_SITE
from ingest.adapters.stamps import from_ms
from ingest.logentry import Event, LogEntry
from ingest.names import name_problem
from ingest.payload import PayloadError, kind, parse_json

MAX_CODE = 120
"""Characters of a code."""


def take_log(site: str, device: str | None, payload: bytes, arrival: Arrival, rows: Rows) -> None:
    """The payload of a topic; without `device` each object names its own. Raises PayloadError if it is none."""
    said = parse_json(payload)
    if type(said) is dict:
        said = [said]
    if type(said) is not list:
        raise PayloadError(f"payload should be an object or an array of objects, not {kind(said)}")
    if not said:
        raise PayloadError("the array is empty")
    for item, one in enumerate(said):
        rows.begin(item)
        _take(one, site, device, arrival, rows)


def take_log_objects(objects: Sequence[object], arrival: Arrival, rows: Rows) -> None:
    """Objects that name their `device` and, if it is not `default`, their `site`, as HTTP takes them."""
    for item, one in enumerate(objects):
        rows.begin(item)
        site = one.get("site", DEFAULT_SITE) if isinstance(one, dict) else DEFAULT_SITE
        problem = name_problem(site, "site")
        if problem:
            rows.refuse(problem)
        else:
            _take(one, site, None, arrival, rows)


def _take(said: object, site: str, device: str | None, arrival: Arrival, rows: Rows) -> None:
    if type(said) is not dict:
        rows.refuse(f"should be an object with 'event' and 'code', not {kind(said)}")
        return
    if device is None:
        device = said.get("device")
        problem = "'device' is missing" if device is None else name_problem(device, "device")
        if problem or device is None:
            rows.refuse(problem or "")
            return
    event, code = said.get("event"), said.get("code")
    code = "" if code is None else code
    if event not in list(Event):
        rows.refuse(f"'event' should be one of {', '.join(Event)}")
        return
    if type(code) is int:
        code = str(code)
    if not isinstance(code, str) or len(code) > MAX_CODE or not (code == "" or code.isprintable()):
        rows.refuse(f"'code' should be a text of at most {MAX_CODE} characters")
        return
    stamp = said.get("ts")
    time = arrival.received_at if stamp is None else from_ms(stamp, "'ts'", arrival, rows)
    if time is None:
        return
    rows.log(LogEntry(time, site, device, Event(event), code))
