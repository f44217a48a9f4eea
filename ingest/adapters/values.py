"""Objects of the form {"name": number, …} become rows."""

from __future__ import annotations

from collections.abc import Mapping

from ingest.adapters.adapter import Rows
from ingest.adapters.naming import encode_metric
from ingest.payload import NotFinite, kind

_NO_UNITS: Mapping[str, str] = {}


def take_values(
    values: Mapping[str, object], site: str, device: str, time: int, rows: Rows, units: Mapping[str, str] = _NO_UNITS
) -> None:
    """Each number becomes a reading at `time`; null is skipped, anything else left out. `units` is by name."""
    for name, value in values.items():
        if type(value) is float or type(value) is int:
            key = rows.key_of(site, device, encode_metric(name), units.get(name))
            if key is not None:
                rows.add(key, time, value)
        elif value is not None:
            refuse_value(value, site, device, encode_metric(name), units.get(name), rows)


def refuse_value(value: object, site: str, device: str, metric: str, unit: str | None, rows: Rows) -> None:
    """Note a value that is no reading: each time if it should have been a number, else as a part that is left out."""
    reason = f"value should be a finite number, not {kind(value)}"
    if isinstance(value, NotFinite):
        rows.refuse(reason, metric)
    else:
        rows.leave_out(site, device, metric, unit, reason)
