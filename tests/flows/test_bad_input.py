"""Bad payloads, each with its clear answer, and the stream going on behind it.

Bad CSV files stand in `tests/forewarn/history/test_bad_csv.py`, bad settings in
`tests/forewarn/config/test_settings.py`; what a command says about them is here.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from forewarn.config.settings import IngestSettings, MqttSettings
from tests.live import WITHIN_S, Live, live, make_settings, publisher
from tests.servers.mosquitto import Mosquitto
from tests.waiting import wait_until

NAN = "value should be a finite number, not "
STAMP = "'ts' should be epoch milliseconds, not "
OBJECT = "should be an object with 'values', not "
NAME = "holds a character that names may not have ('/', '+', '#' or a control character)"

ALL_BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b" ", "payload is empty"),
    "a text": (b"temperature=21.5", "payload is not JSON: Expecting value at character 1"),
    "cut off": (b'{"values": {"t": 1', "payload is not JSON: Expecting ',' delimiter"),
    "a comma too many": (b'{"values": {"t": 1,}}', "payload is not JSON"),
    "single quotes": (b"{'values': {'t': 1}}", "payload is not JSON"),
    "XML": (b"<values><t>1</t></values>", "payload is not JSON"),
    "binary": (bytes(range(256)), "payload is not UTF-8: byte 128 is 0x80"),
    "Latin-1": ('{"values": {"größe": 1}}'.encode("latin-1"), "payload is not UTF-8"),
    "UTF-16": ('{"values": {"t": 1}}'.encode("utf-16"), "payload is not UTF-8: byte 0 is 0xff"),
    "a byte-order mark": (b'\xef\xbb\xbf{"values": {"t": 1}}', "payload is not JSON: Unexpected UTF-8 BOM"),
    "NUL bytes": (b"\0\0\0\0", "payload is not JSON"),
    "nested a thousand times": (b"[" * 5_000 + b"]" * 5_000, "payload is nested too deeply"),
    "too large": (b'{"values": {"t": 1}}' + b" " * 200_000, "payload has 200020 bytes, allowed are 100000"),
    "a number": (b"21.5", "payload should be an object or an array of objects, not 21.5"),
    "null": (b"null", "payload should be an object or an array of objects, not null"),
    "true": (b"true", "payload should be an object or an array of objects, not true"),
    "a JSON text": (b'"hello"', "payload should be an object or an array of objects, not a text"),
    "an empty array": (b"[]", "the array is empty"),
    "an empty object": (b"{}", "'values' is missing"),
    "no values": (b'{"ts": 1764000000000}', "'values' is missing"),
    "values that are a number": (b'{"values": 5}', "'values' should be an object of numbers"),
    "values that are a list": (b'{"values": [1, 2]}', "'values' should be an object of numbers"),
    "values without any": (b'{"values": {}}', "'values' should be an object of numbers"),
    "true as a value": (b'{"values": {"t": true}}', f"t: {NAN}true"),
    "false as a value": (b'{"values": {"t": false}}', f"t: {NAN}false"),
    "a text as a value": (b'{"values": {"t": "21.5"}}', f"t: {NAN}a text"),
    "NaN": (b'{"values": {"t": NaN}}', f"t: {NAN}NaN"),
    "infinity": (b'{"values": {"t": -Infinity}}', f"t: {NAN}-Infinity"),
    "beyond a double": (b'{"values": {"t": 1e400}}', f"t: {NAN}1e400"),
    "a nested value": (b'{"values": {"t": {"v": 1}}}', f"t: {NAN}an object"),
    "a list as a value": (b'{"values": {"t": [1]}}', f"t: {NAN}an array"),
    "metric *": (b'{"values": {"*": 1}}', "*: metric '*' is a reserved name"),
    "metric time": (b'{"values": {"time": 1}}', "time: metric 'time' is a reserved name"),
    "a metric without a name": (b'{"values": {"": 1}}', "metric is empty"),
    "a metric with a slash": (b'{"values": {"a/b": 1}}', f"a/b: metric 'a/b' {NAME}"),
    "a metric with a line break": (b'{"values": {"a\\nb": 1}}', NAME),
    "half a surrogate pair": (b'{"values": {"a\\ud800": 1}}', "payload holds half a surrogate pair"),
    "a metric name too long": (
        json.dumps({"values": {"m" * 129: 1}}).encode(),
        "metric is longer than 128 characters",
    ),
    "an ISO time": (b'{"ts": "2026-01-01T00:00:00Z", "values": {"t": 1}}', f"{STAMP}a text"),
    "a time that is true": (b'{"ts": true, "values": {"t": 1}}', f"{STAMP}true"),
    "a time that is a list": (b'{"ts": [1], "values": {"t": 1}}', f"{STAMP}an array"),
    "a time that is not finite": (b'{"ts": NaN, "values": {"t": 1}}', f"{STAMP}NaN"),
    "seconds for milliseconds": (
        b'{"ts": 1764000000, "values": {"t": 1}}',
        "'ts' 1764000000 (1970-01-21T10:00:00Z) is before 1990; it should be epoch milliseconds",
    ),
    "a time before 1990": (b'{"ts": 0, "values": {"t": 1}}', "'ts' 0 (1970-01-01T00:00:00Z) is before 1990"),
    "a negative time": (b'{"ts": -1, "values": {"t": 1}}', "is before 1990"),
    "a time in a hundred years": (b'{"ts": 4900000000000, "values": {"t": 1}}', "lies too far in the future"),
    "a time beyond all bounds": (b'{"ts": 1e300, "values": {"t": 1}}', f"{STAMP}1e+300"),
    "microseconds for milliseconds": (b'{"ts": 1764000000000000, "values": {"t": 1}}', f"{STAMP}1764000000000000"),
}
PARTLY_BAD: dict[str, tuple[bytes, str]] = {
    "one value of three": (b'{"values": {"good": 1.5, "a": "x", "b": null}}', f"a: {NAN}a text"),
    "one object of two": (b'[{"values": {"good": 1.5}}, "x"]', f"{OBJECT}a text"),
    "NaN beside a number": (b'{"values": {"a": NaN, "good": 1.5}}', f"a: {NAN}NaN"),
    "a count that is none": (b'{"values": {"good": 1.5}, "seq": -1}', "'seq' should be a whole number from 0 up"),
    "units that are none": (b'{"values": {"good": 1.5}, "units": "mm"}', "'units' should be an object of texts"),
    "a unit that is a number": (b'{"values": {"good": 1.5}, "units": {"good": 5}}', "the unit should be a short text"),
    "many bad values": (
        json.dumps({"values": {"good": 1.5} | {f"b{n}": "x" for n in range(8)}}).encode(),
        "and 3 more",
    ),
}

WRONG_TOPICS: dict[str, tuple[str, str]] = {
    "an empty device": ("forewarn/v1/plant-1//telemetry", "device is empty"),
    "a device name too long": (f"forewarn/v1/plant-1/{'d' * 129}/telemetry", "device is longer than 128 characters"),
    "a topic of nobody": ("forewarn/v1/plant-1/pump-1/attributes", "is none of forewarn/v1/{site}"),
    "a level too many": ("forewarn/v1/plant-1/pump-1/x/telemetry", "is none of forewarn/v1/{site}"),
    "a status that is none": ("forewarn/v1/plant-1/pump-1/status", "status should be 'online' or 'offline'"),
}


@pytest.fixture(scope="module", params=["embedded", "mosquitto"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Live, int]]:
    """A service and the port of its broker."""
    folder, sections = tmp_path_factory.mktemp("bad-input"), {"ingest": IngestSettings(max_payload=100_000)}
    if request.param == "embedded":
        settings = make_settings(folder, **sections)
        port = settings.mqtt.port
    else:
        broker: Mosquitto = request.getfixturevalue("mosquitto")
        mqtt = MqttSettings(url=broker.url, client_id=f"bad-{os.getpid()}", topics=("forewarn/v1/#",))
        settings, port = make_settings(folder, mqtt=mqtt, **sections), broker.port
    with live(settings) as running:
        wait_until(running.ready, "ready", WITHIN_S)
        yield running, port


def reject_of(running: Live, topic: str) -> dict[str, Any]:
    """The newest reject of a topic."""

    def found() -> dict[str, Any] | None:
        page = running.http.get("/api/v1/rejects", params={"limit": "20"}).json()["items"]
        return next((item for item in page if item["topic"] == topic), None)

    reject = wait_until(found, f"a reject of {topic}", WITHIN_S)
    assert reject is not None
    return reject


def the_stream_goes_on(running: Live, port: int, device: str) -> None:
    with publisher(port) as publish:
        stamp = time.time_ns() // 1_000_000
        publish(f"forewarn/v1/after/{device}/telemetry", {"ts": stamp, "values": {"t": 7.0}}).wait_for_publish(60)
    # a broker of its own acknowledges before the service has the message: wait for the reading, not for idleness
    wait_until(
        lambda: [value for _, value in running.values("after", device, "t")][-1:] == [7.0], "the next reading is stored"
    )


@pytest.mark.parametrize("case", ALL_BAD)
def test_a_bad_payload_is_kept_with_its_reason(case: str, served: tuple[Live, int]) -> None:
    running, port = served
    payload, reason = ALL_BAD[case]
    device = case.replace(" ", "-")
    topic = f"forewarn/v1/bad/{device}/telemetry".replace("*", "star")
    with publisher(port) as publish:
        publish(topic, payload).wait_for_publish(60)
    reject = reject_of(running, topic)
    assert reason in reject["reason"]
    assert reject["source"] == "mqtt"
    assert reject["size"] == len(payload)
    the_stream_goes_on(running, port, "pump")


@pytest.mark.parametrize("case", PARTLY_BAD)
def test_the_good_part_is_taken(case: str, served: tuple[Live, int]) -> None:
    running, port = served
    payload, reason = PARTLY_BAD[case]
    device = case.replace(" ", "-")
    with publisher(port) as publish:
        publish(f"forewarn/v1/part/{device}/telemetry", payload).wait_for_publish(60)
    assert reason in reject_of(running, f"forewarn/v1/part/{device}/telemetry")["reason"]
    wait_until(
        lambda: [value for _, value in running.values("part", device, "good")] == [1.5], "the good part is stored"
    )


@pytest.mark.parametrize("case", WRONG_TOPICS)
def test_a_wrong_topic_is_told(case: str, served: tuple[Live, int]) -> None:
    running, port = served
    topic, reason = WRONG_TOPICS[case]
    with publisher(port) as publish:
        publish(topic, {"values": {"t": 1}}).wait_for_publish(60)
    assert reason in reject_of(running, topic)["reason"]
    the_stream_goes_on(running, port, "fan")


HTTP: dict[str, tuple[bytes, int, str]] = {
    "nothing": (b"", 422, "payload is empty"),
    "no JSON": (b"hello", 422, "payload is not JSON"),
    "Latin-1": ('{"device": "größe", "values": {"t": 1}}'.encode("latin-1"), 422, "payload is not UTF-8"),
    "half a surrogate pair": (b'{"device": "\\ud800", "values": {"t": 1}}', 422, "half a surrogate pair"),
    "nested a thousand times": (b"[" * 5_000 + b"]" * 5_000, 422, "payload is nested too deeply"),
    "a number": (b"5", 422, "payload should be an object or an array of objects"),
    "null": (b"null", 422, "payload should be an object or an array of objects"),
    "an empty list": (b"[]", 422, "payload should be an object or an array of objects"),
    "a list of lists": (b'[[{"device": "a", "values": {"t": 1}}]]', 422, f"{OBJECT}an array"),
    "no device": (b'{"values": {"t": 1}}', 422, "'device' is missing"),
    "a device that is a number": (b'{"device": 5, "values": {"t": 1}}', 422, "device is not a text"),
    "a device that is NaN": (b'{"device": NaN, "values": {"t": 1}}', 422, "device is not a text"),
    "a site that is NaN": (b'{"site": NaN, "device": "a", "values": {"t": 1}}', 422, "site is not a text"),
    "only nulls": (b'{"device": "a", "values": {"t": null, "h": null}}', 422, "every value is null"),
    "a site with a slash": (b'{"site": "a/b", "device": "a", "values": {"t": 1}}', 422, f"site 'a/b' {NAME}"),
    "no number": (b'[{"device": "a", "values": {"t": "x"}}]', 422, f"{NAN}a text"),
    "only NaN": (b'{"device": "a", "values": {"t": NaN}}', 422, f"{NAN}NaN"),
    "a time before 1990": (b'{"device": "a", "ts": 0, "values": {"t": 1}}', 422, "is before 1990"),
    "too large": (b'[{"device": "a", "values": {"t": 1}}]' + b" " * 200_000, 413, "the body is too large"),
}


@pytest.mark.parametrize("case", HTTP)
def test_http_says_what_is_wrong(case: str, served: tuple[Live, int]) -> None:
    running, _ = served
    body, status, reason = HTTP[case]
    answer = running.http.post("/api/v1/telemetry", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert reason in answer.json()["detail"]


HTTP_PARTLY: dict[str, tuple[bytes, list[dict[str, Any]]]] = {
    "NaN beside a number": (
        b'{"device": "DEVICE", "values": {"good": 1.5, "bad": NaN}}',
        [{"index": 0, "metric": "bad", "reason": f"{NAN}NaN"}],
    ),
    "beyond a double": (
        b'[{"device": "DEVICE", "values": {"bad": -1e400}}, {"device": "DEVICE", "values": {"good": 1.5}}]',
        [{"index": 0, "metric": "bad", "reason": f"{NAN}-1e400"}],
    ),
    "all that is no number": (
        b'{"device": "DEVICE", "values": {"a": true, "b": "1", "c": [1], "d": {}, "e": null, "good": 1.5}}',
        [
            {"index": 0, "metric": metric, "reason": NAN + kind}
            for metric, kind in (("a", "true"), ("b", "a text"), ("c", "an array"), ("d", "an object"))
        ],
    ),
    "an object with nulls only": (
        b'[{"device": "DEVICE", "values": {"good": null}}, {"device": "DEVICE", "values": {"good": 1.5}}]',
        [],
    ),
    "a unit that is NaN": (
        b'{"device": "DEVICE", "values": {"good": 1.5}, "units": {"good": NaN}}',
        [{"index": 0, "metric": "good", "reason": "the unit should be a short text; the reading was taken without"}],
    ),
    "an object that is none": (
        b'[{"device": "DEVICE", "values": {"good": 1.5}}, 5]',
        [{"index": 1, "metric": None, "reason": f"{OBJECT}5"}],
    ),
}


@pytest.mark.parametrize("case", HTTP_PARTLY)
def test_http_takes_the_good_part(case: str, served: tuple[Live, int]) -> None:
    running, _ = served
    body, rejected = HTTP_PARTLY[case]
    device = case.replace(" ", "-")
    answer = running.http.post("/api/v1/telemetry", content=body.replace(b"DEVICE", device.encode()))
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "rejected": rejected})
    wait_until(lambda: [value for _, value in running.values("default", device, "good")] == [1.5], "stored", WITHIN_S)


COMMANDS = {
    "an unknown command": (["nope"], "forewarn: No such command 'nope'."),
    "an unknown option": (["serve", "--nope"], "forewarn: No such option: --nope"),
    "an unknown key": (["check-config"], "forewarn.toml: unknown setting 'http.prt'; allowed are http.host, http.port"),
    "no such file": (["serve", "--config", "other.toml"], "forewarn: other.toml: no such file"),
    "no such scenario": (["simulate", "nowhere"], "scenario 'nowhere' is neither a file nor built in"),
    "a speed of nothing": (["simulate", "demo", "--speed", "0"], "--speed '0': give a number above 0, or max"),
    "a start before all clocks": (
        ["simulate", "demo", "--start", "1970-01-01T00:00:00Z", "--out", "x.csv"],
        "--start '1970-01-01T00:00:00Z': allowed is 1990-01-01T00:00:00Z to 2200-01-01T00:00:00Z",
    ),
    "no such benchmark": (["bench", "nothing"], "bench: unknown benchmark 'nothing'"),
    "no role": (["user", "add", "anna"], "Missing option '--role'."),
    "nobody to ask for a password": (
        ["user", "add", "anna", "--role", "viewer"],
        "--password-file F is missing, and there is no terminal to ask for the password on",
    ),
    "a role that is none": (
        ["user", "add", "anna", "--role", "king"],
        "'king' should be one of admin, operator, viewer",
    ),
    "a file that is none": (["backtest", "none.csv", "--out", "out"], "none.csv: cannot be read"),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_a_command_says_it_in_one_line(case: str, tmp_path: Path) -> None:
    arguments, answer = COMMANDS[case]
    if case == "an unknown key":
        (tmp_path / "forewarn.toml").write_text("[http]\nprt = 1\n", "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "forewarn", *arguments],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert answer in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
