"""Payloads become readings: every folder in `examples/canonical` is a payload with what must come of it."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.adapters import canonical
from ingest.decode import Decoded, Decoder
from ingest.message import Message
from ingest.reading import NS_PER_SECOND, Quality
from ingest.times import format_time, parse_time

EXAMPLES = Path(__file__).parent / "examples"
CASES = sorted(path.parent for path in EXAMPLES.glob("canonical/*/topic"))
NOW = parse_time("2025-11-24T16:10:00Z")
TOPIC = "forewarn/v1/plant-1/pump-1/telemetry"


def decoder() -> Decoder:
    return Decoder(future=timedelta(hours=24), live_within=timedelta(hours=1), max_payload=100_000)


def decode(payload: bytes | object, topic: str = TOPIC) -> Decoded:
    raw = payload if isinstance(payload, bytes) else orjson.dumps(payload)
    return decoder().decode([Message(topic, raw, NOW)])


def readings(decoded: Decoded) -> list[dict[str, Any]]:
    """The rows in the words of the examples."""
    rows = []
    for n in range(len(decoded)):
        site, device, metric, unit = decoded.keys[decoded.key[n]]
        stamped = not decoded.quality[n] & Quality.STAMPED_ON_ARRIVAL
        assert stamped or decoded.time[n] == NOW
        row: dict[str, Any] = {"site": site, "device": device, "metric": metric, "value": float(decoded.value[n])}
        row["time"] = format_time(int(decoded.time[n])) if stamped else None
        row |= {"unit": unit} if unit else {}
        row |= {"seq": int(decoded.seq[n])} if decoded.seq[n] >= 0 else {}
        rows.append(row)
    return rows


def places(decoded: Decoded) -> list[tuple[int, int, int]]:
    """(first row, message, item) of every object."""
    return list(zip(*(column.tolist() for column in decoded.objects), strict=True))


def logged(decoded: Decoded) -> list[dict[str, Any]]:
    """The log entries in the words of the examples."""
    return [
        {"site": e.site, "device": e.device, "event": str(e.event), "code": e.code, "time": format_time(e.time)}
        for _, _, e in decoded.entries
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_examples(case: Path) -> None:
    topic = (case / "topic").read_text("utf-8").removesuffix("\n")
    decoded = decode((case / "input.json").read_bytes(), topic)
    rejected = [{"item": p.item, "metric": p.metric, "reason": p.reason} for p in decoded.problems]
    if (case / "error").exists():
        reason = (case / "error").read_text("utf-8").removesuffix("\n")
        assert rejected == [{"item": 0, "metric": None, "reason": reason}]
        assert not len(decoded)
        assert not decoded.entries
        assert not decoded.statuses
        return
    expected = json.loads((case / "expected.json").read_text("utf-8"))
    assert readings(decoded) == expected["readings"]
    assert rejected == expected.get("rejected", [])
    assert logged(decoded) == expected.get("log", [])
    statuses = [{"site": s.site, "device": s.device, "online": s.online} for s in decoded.statuses]
    assert statuses == expected.get("statuses", [])


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_a_message_like_an_earlier_one_is_read_the_same(case: Path) -> None:
    """Objects of a known shape take a short cut; it must not tell."""
    topic = (case / "topic").read_text("utf-8").removesuffix("\n")
    decoding, message = decoder(), Message(topic, (case / "input.json").read_bytes(), NOW)
    first, again = decoding.decode([message]), decoding.decode([message])
    assert readings(again) == readings(first)
    assert again.problems == first.problems


def test_values_that_are_no_numbers_are_refused_in_a_known_shape_too() -> None:
    decoding = decoder()
    said: list[Any] = [1, True, None, "2", 1.5]
    messages = [Message(TOPIC, orjson.dumps({"values": {"t": value, "h": 1}}), NOW) for value in said]
    decoded = decoding.decode(messages)
    assert decoded.value.tolist() == [1, 1, 1, 1, 1, 1.5, 1]
    assert [problem.message for problem in decoded.problems] == [1, 3]


def test_a_payload_too_large_is_not_read() -> None:
    decoded = decode(b" " * 100_001)
    assert [problem.reason for problem in decoded.problems] == ["payload has 100001 bytes, allowed are 100000"]


def test_a_topic_of_no_adapter_is_told() -> None:
    decoded = decode(b"{}", "somewhere/else")
    assert [problem.reason for problem in decoded.problems] == ["no adapter reads this topic"]


def test_one_bad_message_leaves_its_neighbours_alone() -> None:
    messages = [Message(TOPIC, raw, NOW) for raw in (b'{"values": {"t": 1}}', b"\xff", b'{"values": {"t": 2}}')]
    decoded = decoder().decode(messages)
    assert decoded.value.tolist() == [1.0, 2.0]
    assert [(problem.message, problem.item) for problem in decoded.problems] == [(1, 0)]
    assert [decoded.origin(row) for row in range(2)] == [(0, 0), (2, 0)]


def test_the_origin_of_a_row_is_its_message_and_object() -> None:
    several = [{"values": {"a": 1, "b": 2}}, {"values": {}}, {"values": {"a": 3}}]
    decoded = decoder().decode([Message(TOPIC, orjson.dumps(several), NOW), Message(TOPIC, orjson.dumps(several), NOW)])
    assert [decoded.origin(row) for row in range(6)] == [(0, 0), (0, 0), (0, 2), (1, 0), (1, 0), (1, 2)]


@pytest.mark.parametrize(
    ("age_s", "quality"),
    [
        pytest.param(0, Quality.GOOD, id="now"),
        pytest.param(299, Quality.GOOD, id="a little late"),
        pytest.param(301, Quality.CLOCK_OFF, id="more than 5 minutes late"),
        pytest.param(-301, Quality.CLOCK_OFF, id="more than 5 minutes ahead"),
        pytest.param(3_600, Quality.CLOCK_OFF, id="just live"),
        pytest.param(3_601, Quality.RECORDED, id="recorded"),
        pytest.param(86_400 * 365, Quality.RECORDED, id="recorded long ago"),
    ],
)
def test_what_the_stamp_tells_about_the_clock(age_s: int, quality: Quality) -> None:
    stamp = (NOW - age_s * NS_PER_SECOND) // 1_000_000
    assert decode({"ts": stamp, "values": {"t": 1}}).quality.tolist() == [quality]


def test_objects_of_the_http_interface_name_device_and_site() -> None:
    objects: list[object] = [
        {"device": "a", "values": {"t": 1}},
        {"site": "s", "device": "a", "values": {"t": 2}},
        {"site": 5, "device": "a", "values": {"t": 3}},
        {"values": {"t": 4}},
    ]
    decoded = decoder().decode([Message("POST", b"", NOW, objects=objects)])
    assert [decoded.keys[key][0] for key in decoded.key.tolist()] == ["default", "s"]
    assert [(p.item, p.reason) for p in decoded.problems] == [(2, "site is not a text"), (3, "'device' is missing")]


names = st.text(min_size=1, max_size=20).filter(
    lambda name: name not in {"*", "time"} and name.isprintable() and not set(name) & set("/+#")
)


@given(
    st.lists(
        st.tuples(names, st.floats(allow_nan=False, allow_infinity=False), st.integers(0, NOW // 1_000_000)),
        min_size=1,
        max_size=5,
    )
)
def test_decode_undoes_encode(sent: list[tuple[str, float, int]]) -> None:
    earliest = 631_152_000_000
    objects = [{"ts": max(ts, earliest), "values": {metric: value}} for metric, value, ts in sent]
    decoded = decode(objects)
    assert not decoded.problems
    assert decoded.value.tolist() == [value for _, value, _ in sent]
    assert (decoded.time // 1_000_000).tolist() == [max(ts, earliest) for _, _, ts in sent]
    assert [decoded.keys[key][2] for key in decoded.key.tolist()] == [metric for metric, _, _ in sent]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_no_json_ends_the_stream(value: object) -> None:
    decoded = decode(json.dumps(value).encode())
    assert np.isfinite(decoded.value).all()


@given(st.dictionaries(st.sampled_from(["ts", "values", "units", "seq", "device", "site"]), json_values))
def test_nothing_shaped_like_telemetry_ends_the_stream(value: object) -> None:
    for topic in (TOPIC, "forewarn/v1/plant-1/telemetry"):
        decoded = decode(json.dumps(value).encode(), topic)
        assert len(decoded) or decoded.problems or isinstance(value, dict)


@given(st.binary(max_size=200))
def test_no_bytes_end_the_stream(payload: bytes) -> None:
    decode(payload)
    decode(payload, "forewarn/v1/plant-1/pump-1/status")


USUAL = st.fixed_dictionaries(
    {
        "device": st.sampled_from(["a", "b"]),
        "ts": st.integers(1_763_999_000_000, 1_764_001_000_000),
        "values": st.dictionaries(st.sampled_from(["t", "v"]), st.floats(-10, 10) | st.integers(-10, 10), min_size=1),
    }
)
UNUSUAL = st.dictionaries(
    st.sampled_from(["ts", "values", "units", "seq", "device", "site"]),
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=3)
    | st.lists(st.just("t"), max_size=2)
    | st.dictionaries(st.sampled_from(["t", "v"]), st.none() | st.booleans() | st.floats() | st.text(max_size=2)),
)


@given(batches=st.lists(st.lists(USUAL | USUAL | USUAL | UNUSUAL, min_size=1, max_size=4), min_size=1, max_size=4))
@pytest.mark.parametrize("topic", ["forewarn/v1/plant-1/telemetry", TOPIC])
def test_an_array_that_is_taken_at_once_is_read_as_object_by_object(
    batches: list[list[dict[str, object]]], topic: str
) -> None:
    shapes: list[dict[str, int]] = [{"t": 1}, {"v": 1}, {"t": 1, "v": 1}, {"v": 1, "t": 1}]
    known = [[{"device": device, "ts": 1_764_000_000_000, "values": values}] for device in "ab" for values in shapes]
    if topic == TOPIC:  # names the device itself
        for one in [one for batch in [*batches, *known] for one in batch]:
            one.pop("device", None)
    together, apart = decoder(), decoder()
    for reader in (together, apart):
        reader.decode([Message(topic, json.dumps(taught).encode(), NOW) for taught in known])
    for batch in batches:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(canonical, "_all_taken_as_before", lambda *_: False)
            wanted = apart.decode([Message(topic, json.dumps(batch).encode(), NOW)] * 2)
        found = together.decode([Message(topic, json.dumps(batch).encode(), NOW)] * 2)
        assert (readings(found), found.problems, places(found)) == (readings(wanted), wanted.problems, places(wanted))
