"""Objects of names and numbers become rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from ingest.adapters.adapter import Rows
from ingest.adapters.naming import encode_metric
from ingest.payload import NotFinite, kind

MOST_CHANNELS = 64
"""Values of an array that are taken as channels; a longer one is no set of channels."""
_LONGEST_NUMBER = 40
_SIGNS = frozenset("+-.0123456789")
_NO_UNITS: Mapping[str, str] = {}


class Unwalked(str):
    """Stands for a part of a payload that is not walked into; the reason."""

    __slots__ = ()


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


def take_value(value: object, site: str, device: str, path: str, unit: str | None, time: int, rows: Rows) -> None:
    """One value: a number becomes a reading of the metric called `path`, null is skipped, anything else left out."""
    if type(value) is float or type(value) is int:
        key = rows.key_of(site, device, encode_metric(path), unit)
        if key is not None:
            rows.add(key, time, value)
    elif isinstance(value, Unwalked):
        rows.refuse(value, encode_metric(path))
    elif value is not None:
        refuse_value(value, site, device, encode_metric(path), unit, rows)


def leaves(path: str, name: str, value: object, deep: int) -> Iterator[tuple[str, str, object]]:
    """Path, last name on it and value of everything below `value` that holds nothing itself, `deep` levels down.

    Parts of a path are joined by dots; values of an array are channels, counted from 1, and have the array's name.

    >>> list(leaves("ENERGY", "ENERGY", {"Power": [5, 7]}, 3))
    [('ENERGY.Power.1', 'Power', 5), ('ENERGY.Power.2', 'Power', 7)]
    """
    if type(value) is not dict and type(value) is not list:
        yield path, name, value
    elif not deep:
        yield path, name, Unwalked("nested too deeply")
    elif type(value) is dict:
        for part, one in value.items():
            yield from leaves(f"{path}.{part}", part, one, deep - 1)
    elif len(value) > MOST_CHANNELS:
        yield path, name, Unwalked(f"an array of {len(value)} values")
    else:
        for number, one in enumerate(value, 1):
            yield from leaves(f"{path}.{number}", name, one, deep - 1)


def text_number(text: str) -> float | None:
    """The finite number that a text writes, None if it writes none: no names, no digits of other scripts, no `_`.

    >>> text_number(" -1.5e2 "), text_number("nan"), text_number("1_000")
    (-150.0, None, None)
    """
    text = text.strip()
    if not text or text[0] not in _SIGNS or "_" in text or len(text) > _LONGEST_NUMBER or not text.isascii():
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
