"""What the store asks of InfluxDB 2 and 3, which no package registry has: a small server records it.

Against real ones the whole battery runs where FOREWARN_TEST_INFLUX_URL names a server. The answers here follow the
interface documents of InfluxDB 2.7 and 3.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from ingest.errors import RejectedError, RetryableError
from ingest.stores.influxdb import InfluxStore
from tests.ingest.store_battery import OTHER, T, V
from tests.ingest.telemetry import START, Row, S, readings_of, scores_of

Said = tuple[int, object]
"""HTTP status and JSON."""


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    params: dict[str, str]
    body: str
    authorization: str | None

    @property
    def what(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class Recorder:
    """A server of a version that answers as told and remembers what it was asked."""

    version: str
    answers: dict[str, Callable[[Asked], Said]]
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def reply(self, asked: Asked) -> Said:
        self.asked.append(asked)
        found = self.answers.get(asked.what)
        return found(asked) if found else (404, {"code": "not found", "message": f"no {asked.what} here"})

    def seen(self, what: str) -> list[Asked]:
        return [one for one in self.asked if one.what == what]


@pytest.fixture
def serve() -> Iterator[Callable[[Recorder], Recorder]]:
    servers: list[tuple[ThreadingHTTPServer, Thread]] = []

    def start(recorder: Recorder) -> Recorder:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                url = urlsplit(self.path)
                params = {name: values[0] for name, values in parse_qs(url.query).items()}
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                status, said = recorder.reply(
                    Asked(self.command, url.path, params, body, self.headers.get("Authorization"))
                )
                text = b"" if said is None else json.dumps(said).encode()
                self.send_response(status)
                self.send_header("X-Influxdb-Version", recorder.version)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PATCH = answer  # noqa: N815  names given by http.server

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name there
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        recorder.url = f"http://127.0.0.1:{server.server_address[1]}"
        return recorder

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join(60)


def version_2(buckets: list[dict[str, object]] | None = None, mapped: bool = False) -> Recorder:
    made = list(buckets or [])

    def find(asked: Asked) -> Said:
        found = [one for one in made if one["name"] == asked.params["name"]]
        return (200, {"buckets": found}) if found else (404, {"code": "not found", "message": "bucket not found"})

    def create(asked: Asked) -> Said:
        made.append({"id": "b1", **json.loads(asked.body)})
        return 201, made[-1]

    answers: dict[str, Callable[[Asked], Said]] = {
        "GET /ping": lambda _: (204, None),
        "GET /api/v2/buckets": find,
        "GET /api/v2/orgs": lambda asked: (200, {"orgs": [{"id": "o1", "name": asked.params["org"]}]}),
        "POST /api/v2/buckets": create,
        "PATCH /api/v2/buckets/b7": lambda _: (200, {}),
        "GET /api/v2/dbrps": lambda _: (200, {"content": [{"id": "m"}] if mapped else []}),
        "POST /api/v2/dbrps": lambda _: (201, {}),
        "POST /api/v2/write": lambda _: (204, None),
    }
    return Recorder("v2.7.10", answers)


def test_version_2_gets_bucket_retention_and_mapping(serve: Callable[[Recorder], Recorder]) -> None:
    server = serve(version_2())
    store = InfluxStore(server.url, "forewarn", org="ours", token="t0ken", retention=timedelta(days=30))
    store.write(readings_of([(T, 0, 21.5)]))
    store.write(readings_of([(T, 1, 22.5)]))
    assert [one.what for one in server.asked] == [
        "GET /ping",
        "GET /api/v2/buckets",
        "GET /api/v2/orgs",
        "POST /api/v2/buckets",
        "GET /api/v2/dbrps",
        "POST /api/v2/dbrps",
        "POST /api/v2/write",
        "POST /api/v2/write",
    ]
    assert {one.authorization for one in server.asked} == {"Token t0ken"}
    assert json.loads(server.seen("POST /api/v2/buckets")[0].body) == {
        "orgID": "o1",
        "name": "forewarn",
        "retentionRules": [{"type": "expire", "everySeconds": 2_592_000}],
    }
    assert json.loads(server.seen("POST /api/v2/dbrps")[0].body) == {
        "orgID": "o1",
        "bucketID": "b1",
        "database": "forewarn",
        "retention_policy": "autogen",
        "default": True,
    }
    write = server.seen("POST /api/v2/write")[0]
    assert write.params == {"bucket": "forewarn", "org": "ours", "precision": "ns"}
    assert write.body == f"telemetry,site=plant,device=pump temperature=21.5 {START}\n"
    store.close()


def test_version_2_keeps_the_bucket_it_has(serve: Callable[[Recorder], Recorder]) -> None:
    bucket: dict[str, object] = {"id": "b7", "orgID": "o1", "name": "forewarn", "retentionRules": []}
    for retention, changes in ((None, 0), (timedelta(days=1), 1)):
        server = serve(version_2([bucket], mapped=True))
        store = InfluxStore(server.url, "forewarn", org="ours", token="t", retention=retention)
        store.prepare()
        assert len(server.seen("PATCH /api/v2/buckets/b7")) == changes
        assert server.seen("POST /api/v2/buckets") == []
        assert server.seen("POST /api/v2/dbrps") == []
        store.close()


def test_version_2_without_the_right_to_make_anything_is_written_all_the_same(
    serve: Callable[[Recorder], Recorder],
) -> None:
    server = serve(version_2())
    server.answers["GET /api/v2/buckets"] = lambda _: (403, {"code": "forbidden", "message": "insufficient"})
    store = InfluxStore(server.url, "forewarn", org="ours", token="writer")
    assert store.write(readings_of([(T, 0, 21.5)])) == []
    store.close()


def test_version_2_with_an_unknown_organisation(serve: Callable[[Recorder], Recorder]) -> None:
    server = serve(version_2())
    server.answers["GET /api/v2/orgs"] = lambda _: (404, {"code": "not found", "message": "organization not found"})
    store = InfluxStore(server.url, "forewarn", org="theirs", token="t")
    with pytest.raises(RetryableError, match=r"store\.org 'theirs' is not known"):
        store.write(readings_of([(T, 0, 21.5)]))
    store.close()


def test_version_2_refuses_points_with_422(serve: Callable[[Recorder], Recorder]) -> None:
    message = 'partial write: field type conflict: input field "temperature" on measurement "telemetry" is type float'

    def write(asked: Asked) -> Said:
        bad = asked.body.count("temperature=")
        told = f"failure writing points to database: {message}, already exists as type integer dropped={bad}"
        return (422, {"code": "unprocessable entity", "message": told}) if bad else (204, None)

    server = serve(version_2())
    server.answers["POST /api/v2/write"] = write
    store = InfluxStore(server.url, "forewarn", org="ours", token="t")
    rows: list[Row] = [(V, 0, 1.0), (T, 0, 2.0), (V, S, 3.0), (OTHER, S, 4.0)]
    refused = store.write(readings_of(rows))
    assert sorted(one.row for one in refused) == [1, 3]
    assert all(message in one.reason for one in refused)
    store.close()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_is_busy_is_asked_again_later(serve: Callable[[Recorder], Recorder], status: int) -> None:
    server = serve(version_2())
    server.answers["POST /api/v2/write"] = lambda _: (status, {"code": "busy", "message": "come back"})
    store = InfluxStore(server.url, "forewarn", org="ours", token="t")
    with pytest.raises(RetryableError, match=f"answers {status}: come back"):
        store.write(readings_of([(T, 0, 21.5)]))
    store.close()


def test_a_request_that_is_too_large_is_cut(serve: Callable[[Recorder], Recorder]) -> None:
    kept: list[str] = []

    def write(asked: Asked) -> Said:
        if asked.body.count("\n") > 10:
            return 413, {"code": "request too large", "message": "too large"}
        kept.extend(asked.body.splitlines())
        return 204, None

    server = serve(version_2())
    server.answers["POST /api/v2/write"] = write
    store = InfluxStore(server.url, "forewarn", org="ours", token="t")
    assert store.write(readings_of([(T, n, float(n)) for n in range(64)])) == []
    assert len(kept) == len(set(kept)) == 64
    store.close()


def test_reading_goes_by_influxql(serve: Callable[[Recorder], Recorder]) -> None:
    server = serve(version_2(mapped=True))
    series = {"name": "telemetry", "columns": ["time", "temperature"], "values": [[START, 21.5], [START + 1, 22]]}
    server.answers["GET /query"] = lambda _: (200, {"results": [{"statement_id": 0, "series": [series]}]})
    store = InfluxStore(server.url, "forewarn", org="ours", token="t")
    found = store.readings(*T, START, START + S, 10)
    assert (found.time.tolist(), found.value.tolist()) == ([START, START + 1], [21.5, 22.0])
    assert server.seen("GET /query")[0].params == {
        "q": 'SELECT "temperature"::field FROM telemetry WHERE "site"::tag = \'plant\' AND "device"::tag = \'pump\''  # noqa: S608
        f" AND time >= {START} AND time < {START + S} ORDER BY time LIMIT 10",
        "db": "forewarn",
        "epoch": "ns",
    }
    half = {"name": "telemetry", "columns": ["time"], "values": [[START, 1, 2, 3, 4], [START + S, 1, None, 3, None]]}
    server.answers["GET /query"] = lambda _: (200, {"results": [{"statement_id": 0, "series": [half]}]})
    buckets = store.aggregate(*T, START, START + 10 * S, S, 10)
    assert (buckets.time.tolist(), buckets.count.tolist()) == ([START], [4]), "a bucket that is being written waits"
    server.answers["GET /query"] = lambda _: (200, {"results": [{"error": "database not found: forewarn"}]})
    with pytest.raises(RejectedError, match="database not found"):
        store.readings(*T, START, START + S, 10)
    server.answers["GET /query"] = lambda _: (200, None)
    assert len(store.readings(*T, START, START + S, 10)) == 0
    store.close()


def version_3(there: bool) -> Recorder:
    answers: dict[str, Callable[[Asked], Said]] = {
        "GET /ping": lambda _: (200, {"version": "3.2.1", "revision": "x"}),
        "POST /api/v3/configure/database": lambda _: (
            (409, {"error": "attempted to create a resource"}) if there else (200, None)
        ),
        "POST /api/v2/write": lambda _: (204, None),
    }
    return Recorder("3.2.1", answers)


@pytest.mark.parametrize("there", [False, True])
def test_version_3_gets_its_database(serve: Callable[[Recorder], Recorder], there: bool) -> None:
    server = serve(version_3(there))
    store = InfluxStore(server.url, "forewarn", token="t", retention=timedelta(hours=48))
    assert store.write(readings_of([(T, 0, 21.5)])) == []
    asked = server.seen("POST /api/v3/configure/database")
    assert [json.loads(one.body) for one in asked] == [{"db": "forewarn", "retention_period": "172800s"}]
    assert server.seen("POST /api/v2/write")[0].params["bucket"] == "forewarn"
    store.close()


def test_version_3_names_the_lines_it_refuses(serve: Callable[[Recorder], Recorder]) -> None:
    def write(asked: Asked) -> Said:
        lines = asked.body.splitlines()
        bad = [
            {"original_line": line, "line_number": number, "error_message": "invalid column type"}
            for number, line in enumerate(lines, 1)
            if "temperature" in line
        ]
        return (400, {"error": "partial write of line protocol occurred", "data": bad}) if bad else (204, None)

    server = serve(version_3(there=True))
    server.answers["POST /api/v2/write"] = write
    store = InfluxStore(server.url, "forewarn", token="t")
    rows: list[Row] = [(V, 0, 1.0), (T, 0, 2.0), (V, S, 3.0), (OTHER, S, 4.0)]
    refused = store.write(readings_of(rows))
    assert sorted((one.row, one.reason) for one in refused) == [(1, "invalid column type"), (3, "invalid column type")]
    refused = store.write_scores(scores_of(rows))
    assert sorted(one.row for one in refused) == [1, 3]
    assert len(server.seen("POST /api/v2/write")) == 5, "a batch, its single lines, its good lines; scores twice"
    store.close()


def test_something_else_answers(serve: Callable[[Recorder], Recorder]) -> None:
    server = serve(Recorder("", {"GET /ping": lambda _: (404, {"error": "no"})}))
    store = InfluxStore(server.url, "forewarn")
    with pytest.raises(RetryableError, match="does not take data"):
        store.write(readings_of([(T, 0, 21.5)]))
    with pytest.raises(RetryableError, match=r"/ping answers 404: is this an InfluxDB\?"):
        store.ping()
    store.close()
