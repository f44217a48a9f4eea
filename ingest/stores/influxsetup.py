"""Makes what an InfluxDB needs before the first point: database or bucket, its retention, its name for InfluxQL."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ingest.errors import RetryableError
from ingest.stores.influxhttp import InfluxHttp, Kind, RefusalError

_HOUR, _DAY = 3600, 86_400


def identifier(name: str) -> str:
    r"""A name as InfluxQL spells it.

    >>> print(identifier('say "hi"'))
    "say \"hi\""
    """
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def literal(text: str) -> str:
    """A text as InfluxQL spells it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def influxql(http: InfluxHttp, method: str, statement: str, database: str = "") -> list[dict[str, Any]]:
    """The series that a statement yields. Raises RefusalError with the server's words if it does not run."""
    said = http.json(method, "/query", {"q": statement, "db": database, "epoch": "ns"})
    results = said.get("results", []) if isinstance(said, dict) else []
    for result in results:
        if "error" in result:
            raise RefusalError(f"{http.url}: {result['error']}", 400)
    return [series for result in results for series in result.get("series", [])]


def prepare(http: InfluxHttp, bucket: str, retention: timedelta | None) -> None:
    """Make `bucket` if it is not there; set its retention if one is wanted and it has another.

    What these credentials may not do stays as it is: an administrator has done it, or the first write will tell.
    Raises RetryableError if the server is away or what is set for it cannot be.
    """
    kind = http.kind()
    try:
        if kind is Kind.V1:
            _prepare_v1(http, bucket, retention)
        elif kind is Kind.V2:
            _prepare_v2(http, bucket, retention)
        elif kind is Kind.V3:
            _prepare_v3(http, bucket, retention)
    except RefusalError as error:
        if error.status != 403:
            raise RetryableError(f"store.bucket {bucket!r} cannot be made ready: {error}") from error


def _prepare_v1(http: InfluxHttp, database: str, retention: timedelta | None) -> None:
    name = identifier(database)
    policies = _policies(http, name)
    if policies is None:
        duration = f" WITH DURATION {_seconds(retention)}s" if retention else ""
        influxql(http, "POST", f"CREATE DATABASE {name}{duration}")
        return
    wanted = _seconds(retention)
    for policy in policies:
        if retention and policy["default"] and _go_seconds(str(policy["duration"])) != wanted:
            shard = _HOUR if wanted < 2 * _DAY else _DAY if wanted < 180 * _DAY else 7 * _DAY
            change = f"DURATION {wanted}s SHARD DURATION {shard}s"
            influxql(http, "POST", f"ALTER RETENTION POLICY {identifier(str(policy['name']))} ON {name} {change}")


def _policies(http: InfluxHttp, name: str) -> list[dict[str, Any]] | None:
    """The retention policies of a database, None if there is no such database."""
    try:
        found = influxql(http, "GET", f"SHOW RETENTION POLICIES ON {name}")
    except RefusalError as error:
        if "not found" in str(error):
            return None
        raise
    return [dict(zip(series["columns"], row, strict=True)) for series in found for row in series.get("values", [])]


def _seconds(retention: timedelta | None) -> int:
    return max(_HOUR, round(retention.total_seconds())) if retention else 0


def _go_seconds(text: str) -> int:
    """Seconds of a duration as Go prints it.

    >>> _go_seconds("168h0m0s"), _go_seconds("0s")
    (604800, 0)
    """
    total, number = 0.0, ""
    for char in text:
        if char.isdigit() or char == ".":
            number += char
        else:
            total += float(number or 0) * {"h": _HOUR, "m": 60, "s": 1}.get(char, 0)
            number = ""
    return round(total)


def _prepare_v2(http: InfluxHttp, bucket: str, retention: timedelta | None) -> None:
    found = _listed(http, "buckets", {"name": bucket, "org": http.org})
    wanted = _seconds(retention)
    rules = [{"type": "expire", "everySeconds": wanted}] if retention else []
    if not found:
        orgs = _listed(http, "orgs", {"org": http.org})
        if not orgs:
            raise RefusalError(f"{http.url}: store.org {http.org!r} is not known", 404)
        body = {"orgID": orgs[0]["id"], "name": bucket, "retentionRules": rules}
        found = [http.json("POST", "/api/v2/buckets", {}, body)]
    elif retention and [rule.get("everySeconds") for rule in found[0].get("retentionRules", [])] != [wanted]:
        http.json("PATCH", f"/api/v2/buckets/{found[0]['id']}", {}, {"retentionRules": rules})
    _map_for_influxql(http, bucket, found[0])


def _listed(http: InfluxHttp, what: str, params: dict[str, str]) -> list[dict[str, Any]]:
    """The buckets or organisations of that name: one or none."""
    try:
        found: list[dict[str, Any]] = http.json("GET", f"/api/v2/{what}", params).get(what, [])
    except RefusalError as error:
        if error.status != 404:
            raise
        return []
    return found


def _map_for_influxql(http: InfluxHttp, bucket: str, found: dict[str, Any]) -> None:
    """InfluxQL knows databases: 2.x needs a mapping from one to the bucket; newer servers have it by themselves."""
    mappings = http.json("GET", "/api/v2/dbrps", {"orgID": found["orgID"], "db": bucket}).get("content", [])
    if not mappings:
        body = {"orgID": found["orgID"], "bucketID": found["id"], "database": bucket}
        http.json("POST", "/api/v2/dbrps", {}, body | {"retention_policy": "autogen", "default": True})


def _prepare_v3(http: InfluxHttp, database: str, retention: timedelta | None) -> None:
    body = {"db": database} | ({"retention_period": f"{_seconds(retention)}s"} if retention else {})
    try:
        http.json("POST", "/api/v3/configure/database", {}, body)
    except RefusalError as error:
        if error.status != 409:  # it is there
            raise
