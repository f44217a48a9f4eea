"""Pages over the stored history of several series, merged by time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingest.errors import InputError
from ingest.paging import decode_cursor, encode_cursor
from ingest.reading import FloatArray, TimeArray
from ingest.registry import Registry, SeriesKey
from ingest.times import format_times

MOST_SERIES = 200
"""Series that one request reads at most: each is a query of its own."""
MOST_ROWS = 500_000
"""Rows that one request reads at most; with many series a page holds fewer than asked for, and there is a next one."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Stored values of one series by time, ascending: columns of one length, NaN where there is nothing."""

    time: TimeArray
    columns: Mapping[str, FloatArray]


Read = Callable[[SeriesKey, int, int, int], Rows]
"""At most `limit` rows of a series from `start`, inclusive, to `end`, exclusive: `read(key, start, end, limit)`."""


def matching(registry: Registry, site: str | None, device: str | None, metric: str | None) -> list[SeriesKey]:
    """The series that these names mean, sorted; None means any. Raises InputError if they are too many."""
    if site is not None and device is not None and metric is not None:
        return [(site, device, metric)] if registry.find(site, device, metric) is not None else []
    keys = (registry.key(number) for number in range(registry.n_series))
    wanted = (site, device, metric)
    found = sorted(key for key in keys if all(w in (None, k) for w, k in zip(wanted, key, strict=True)))
    if len(found) > MOST_SERIES:
        raise InputError(f"{len(found)} series match, {MOST_SERIES} are read at once: name a site, device or metric")
    return found


def page(
    keys: Sequence[SeriesKey], read: Read, start: int, end: int, limit: int, cursor: str | None, step: int = 1
) -> tuple[list[dict[str, Any]], str | None]:
    """At most `limit` rows of all series, by time, then by name, as items; and the cursor of the next page.

    `step` is the shortest time between two rows of a series, in ns. Raises InputError on a bad cursor.
    """
    after = decode_cursor(cursor) if cursor is not None else None
    limit = min(limit, MOST_ROWS // max(1, len(keys)))
    parts = [read(key, min(_start(key, start, after, step), end), end, limit + 1) for key in keys]
    if not parts:
        return [], None
    time = np.concatenate([part.time for part in parts])
    owner = np.repeat(np.arange(len(parts)), [len(part.time) for part in parts])
    order = np.lexsort((owner, time))[: limit + 1]
    names = parts[0].columns.keys()
    columns = {name: _plain(np.concatenate([part.columns[name] for part in parts])[order[:limit]]) for name in names}
    stamps, owners = format_times(time[order[:limit]]), owner[order[:limit]].tolist()
    items = [
        {"time": stamp, "site": keys[o][0], "device": keys[o][1], "metric": keys[o][2]}
        | {name: column[row] for name, column in columns.items()}
        for row, (stamp, o) in enumerate(zip(stamps, owners, strict=True))
    ]
    if len(order) <= limit:
        return items, None
    last = int(order[limit - 1])
    return items, encode_cursor(int(time[last]), "/".join(keys[int(owner[last])]))


def _start(key: SeriesKey, start: int, after: tuple[int, str] | None, step: int) -> int:
    """Where to go on in a series, after the item that a cursor stands for."""
    if after is None:
        return start
    time, name = after
    return max(start, time + step if key <= tuple(name.split("/")) else time)


def _plain(column: FloatArray) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in column.tolist()]
