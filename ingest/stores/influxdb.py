"""The store on an InfluxDB server: 1.x by /write, 2.x and 3 by /api/v2/write, all of them read by InfluxQL."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from ingest.errors import RetryableError
from ingest.keyed import KeyedBatch
from ingest.keyedscores import KeyedScores
from ingest.reading import FloatArray
from ingest.stores import influxsetup
from ingest.stores.influxhttp import TIMEOUT_S, Answer, InfluxHttp, Kind
from ingest.stores.influxsetup import identifier, influxql, literal
from ingest.stores.lineprotocol import (
    SCORE_FIELDS,
    SCORES,
    TELEMETRY,
    Rows,
    last_values,
    reading_lines,
    score_lines,
    single_lines,
    stored_name,
)
from ingest.stores.store import Buckets, Points, Refused, ScorePoints

MAX_ROWS = 50_000
"""Rows in one request, some 5 MB; 1.x takes 25 MB."""

_DROPPED = re.compile(r"dropped=(\d+)")


class InfluxStore:
    """A `TelemetryStore` in the bucket (1.x: database) of one server."""

    def __init__(
        self,
        url: str,
        bucket: str,
        *,
        org: str = "",
        token: str = "",
        retention: timedelta | None = None,
        ca_file: Path | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._http = InfluxHttp(url, token, org, ca_file, timeout_s)
        self._bucket, self._retention = bucket, retention
        self._prepared = False
        self._conflicting: set[str] = set()
        """Metrics whose type the server refused lately: they are written apart, so that they cost others nothing."""

    def prepare(self) -> None:
        """Make database or bucket, retention and mapping where they are not there and the server allows it."""
        influxsetup.prepare(self._http, self._bucket, self._retention)
        self._prepared = True

    def prepare_to_read(self) -> None:
        """See that the server answers."""
        self.ping()

    def ping(self) -> None:
        """Return if the server answers."""
        answer = self._http.request("GET", "/ping", {})
        if not answer.ok:
            raise RetryableError(f"{self._http.url}: /ping answers {answer.status}: is this an InfluxDB?")

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def maintain(self, now: int) -> None:
        """Nothing: the server holds its own retention."""

    # -- writing -------------------------------------------------------------------------------------------------
    def write(self, readings: KeyedBatch) -> list[Refused]:
        """Keep readings; rows come back that the server refuses for their type or their age, say."""
        good = np.isfinite(readings.value)
        refused = [Refused(row, "the value is no finite number") for row in np.flatnonzero(~good).tolist()]
        rows = last_values(readings.key, readings.time)
        rows = rows[good[rows]]
        apart = np.zeros(len(rows), bool)
        if self._conflicting:
            apart = np.array([name[2] in self._conflicting for name in readings.names], bool)[readings.key[rows]]
        for part in _chunks(rows[~apart]):
            answer = self._post(reading_lines(readings, part))
            refused += [] if answer.ok else self._sift(part, lambda those: single_lines(readings, those), readings)
        if apart.any():
            refused += self._write_apart(readings, rows[apart])
        return refused

    def _write_apart(self, readings: KeyedBatch, rows: Rows) -> list[Refused]:
        refused = self._sift(rows, lambda those: single_lines(readings, those), readings)
        still = {readings.names[readings.key[one.row]][2] for one in refused}
        self._conflicting -= {readings.names[key][2] for key in np.unique(readings.key[rows]).tolist()} - still
        return refused

    def write_scores(self, scores: KeyedScores) -> list[Refused]:
        """Keep scores, as `write` does."""
        good = np.isfinite(scores.score) & np.isfinite(scores.p_value)
        refused = [Refused(row, "the score is no finite number") for row in np.flatnonzero(~good).tolist()]
        rows = last_values(scores.key, scores.time)
        for part in _chunks(rows[good[rows]]):
            refused += self._sift(part, lambda those: score_lines(scores, those), None)
        return refused

    def _post(self, lines: str) -> Answer:
        """Write lines. Raises RetryableError if none of them can be taken now."""
        if not self._prepared:
            self.prepare()
        path, params = "/api/v2/write", {"bucket": self._bucket, "org": self._http.org, "precision": "ns"}
        if self._http.kind() is Kind.V1:
            path, params = "/write", {"db": self._bucket, "precision": "ns"}
        try:
            answer = self._http.request("POST", path, params, lines.encode(), "text/plain; charset=utf-8")
        except RetryableError:
            self._prepared = False  # it may come back without its database
            raise
        if answer.status in {403, 404, 409}:
            self._prepared = False
            raise RetryableError(f"{self._http.url}: does not take data for {self._bucket!r}: {answer.error}")
        return answer

    def _sift(self, rows: Rows, lines: Callable[[Rows], str], readings: KeyedBatch | None) -> list[Refused]:
        """Write rows, a line each, and find those that the server refuses; all others are confirmed on return.

        The server keeps the good part of a refused request but says little of which part that was: what it names
        is taken out, otherwise halves are written anew until the refused stand alone. Writing a point again changes
        nothing.
        """
        if not len(rows):
            return []
        answer = self._post(lines(rows))
        if answer.ok:
            return []
        if len(rows) == 1:
            return [self._refusal(int(rows[0]), answer.error, readings)]
        named = _named(answer, rows, readings)
        if named is not None:
            refused = [self._refusal(row, reason, readings) for row, reason in named.items()]
            return refused + self._sift(rows[~np.isin(rows, list(named))], lines, readings)
        middle = len(rows) // 2
        return self._sift(rows[:middle], lines, readings) + self._sift(rows[middle:], lines, readings)

    def _refusal(self, row: int, reason: str, readings: KeyedBatch | None) -> Refused:
        if readings is not None and "type conflict" in reason:
            self._conflicting.add(readings.names[readings.key[row]][2])
        return Refused(row, reason)

    # -- reading -------------------------------------------------------------------------------------------------
    def readings(self, site: str, device: str, metric: str, start: int, end: int, limit: int) -> Points:
        """The first `limit` readings of that range."""
        rows = self._select(_field(metric), TELEMETRY, _where(site, device, start, end), limit, 2)
        return Points(rows[0].astype(np.int64), _floats(rows[1]))

    def aggregate(
        self, site: str, device: str, metric: str, start: int, end: int, interval: int, limit: int
    ) -> Buckets:
        """The first `limit` intervals (of `interval` ns) that hold readings of that range."""
        field = _field(metric)
        what = f"min({field}), mean({field}), max({field}), count({field})"
        where = f"{_where(site, device, start, end)} GROUP BY time({interval}ns) fill(none)"
        rows = self._select(what, TELEMETRY, where, limit, 5)
        low, mean, high, count = (_floats(column) for column in rows[1:])
        whole = ~np.isnan([low, mean, high, count]).any(axis=0)  # 1.x may miss a part of what is written just now
        return Buckets(
            rows[0][whole].astype(np.int64), low[whole], mean[whole], high[whole], count[whole].astype(np.int64)
        )

    def scores(self, site: str, device: str, metric: str, start: int, end: int, limit: int) -> ScorePoints:
        """The first `limit` scores of that range."""
        fields = ", ".join(_field(name) for name in SCORE_FIELDS)
        where = f'{_where(site, device, start, end)} AND "metric"::tag = {literal(stored_name(metric))}'
        rows = self._select(fields, SCORES, where, limit, 6)
        return ScorePoints(rows[0].astype(np.int64), *(_floats(column) for column in rows[1:]))

    def _select(self, what: str, measurement: str, where: str, limit: int, width: int) -> list[NDArray[np.object_]]:
        """The columns of the rows found, ascending by time; null is None."""
        statement = f"SELECT {what} FROM {measurement} WHERE {where} ORDER BY time LIMIT {limit}"  # noqa: S608
        series = influxql(self._http, "GET", statement, self._bucket)
        rows = series[0].get("values", []) if series else []
        table = np.empty((len(rows), width), object)
        for number, row in enumerate(rows):
            table[number] = row
        return list(table.T)


def _chunks(rows: Rows) -> list[Rows]:
    return [rows[start : start + MAX_ROWS] for start in range(0, len(rows), MAX_ROWS)]


def _field(metric: str) -> str:
    return f"{identifier(stored_name(metric))}::field"


def _where(site: str, device: str, start: int, end: int) -> str:
    """Tags are named as such: a metric may be called `site`."""
    tags = f'"site"::tag = {literal(stored_name(site))} AND "device"::tag = {literal(stored_name(device))}'
    return f"{tags} AND time >= {start} AND time < {end}"


def _floats(column: NDArray[np.object_]) -> FloatArray:
    return column.astype(np.float64)  # None becomes NaN


def _named(answer: Answer, rows: Rows, readings: KeyedBatch | None) -> dict[int, str] | None:
    """The refused among `rows` (each a line), with the reason, if the server's words say which they are."""
    listed = _listed_lines(answer, rows)
    if listed:
        return listed
    found = _DROPPED.search(answer.error)
    dropped = int(found[1]) if found else 0
    if dropped == len(rows):
        return dict.fromkeys(rows.tolist(), answer.error)
    if readings is None:
        return None
    if "field type conflict" in answer.error:
        said = [f'input field "{stored_name(metric)}" on' in answer.error for _, _, metric in readings.names]
        of_that_field = rows[np.array(said, bool)[readings.key[rows]]]
        return dict.fromkeys(of_that_field.tolist(), answer.error) if len(of_that_field) == dropped else None
    if "beyond retention policy" in answer.error and 0 < dropped <= len(rows):
        oldest = rows[np.argsort(readings.time[rows], kind="stable")[:dropped]]
        return dict.fromkeys(oldest.tolist(), answer.error)
    return None


def _listed_lines(answer: Answer, rows: Rows) -> dict[int, str]:
    """3.x lists the refused lines by number, from 1."""
    try:
        listed = orjson.loads(answer.text)["data"]
        found = {int(rows[one["line_number"] - 1]): str(one["error_message"]) for one in listed}
    except (orjson.JSONDecodeError, KeyError, TypeError, IndexError, ValueError):
        return {}
    return found
