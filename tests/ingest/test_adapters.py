"""The adapters together: who reads a topic, what they remember, and every example of every format.

A folder `examples/<adapter>/<case>` holds what comes in: `topic` and `input.json`, `.txt` or `.hex`, or several
messages in `messages.json`; `options.json` if the defaults do not hold, `mapping.toml` if it is the user's own format;
and beside it `expected.json` or `error`.
"""

import json
import tomllib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from ingest.adapters import make_adapters
from ingest.adapters.adapter import MAX_PROBLEMS, Adapter, Arrival, BuildAdapter, Route, Rows, Surroundings, no_reading
from ingest.adapters.chain import LONGEST_REMEMBERED, Adapters
from ingest.adapters.mapping import parse_mappings
from ingest.adapters.options import Options, Precision
from ingest.adapters.sparkplugproto import message_class
from ingest.decode import Decoded, Decoder
from ingest.message import Message
from ingest.reading import NS_PER_SECOND, Quality
from ingest.times import format_time, parse_time

EXAMPLES = Path(__file__).parent / "examples"
CASES = sorted({path.parent for path in EXAMPLES.glob("*/*/*") if path.parent.parent.name != "canonical"})
NOW = parse_time("2025-11-24T16:10:00Z")


def decoder(options: Options | None = None, adapters: Adapters | None = None) -> Decoder:
    return Decoder(
        future=timedelta(hours=24),
        live_within=timedelta(hours=1),
        max_payload=100_000,
        adapters=adapters or make_adapters(options),
    )


def options_of(case: Path) -> Options:
    path = case / "options.json"
    said: Any = json.loads(path.read_text("utf-8")) if path.exists() else {}
    types: dict[str, Any] = {"zone": ZoneInfo, "line_protocol_topics": tuple, "line_protocol_precision": Precision}
    said = {key: types.get(key, str)(value) for key, value in said.items()}
    mapping = case / "mapping.toml"
    if mapping.exists():
        said["mappings"] = parse_mappings(tomllib.loads(mapping.read_text("utf-8")), str(mapping))
    return replace(Options(), **said)


def sparkplug(said: dict[str, Any]) -> bytes:
    """A payload of Sparkplug B from its fields; texts stand for the bytes that they are on the wire."""

    def fill(message: Any, fields: dict[str, Any]) -> Any:
        for name, value in fields.items():
            if isinstance(value, list) and value and isinstance(value[0], dict):
                for one in value:
                    fill(getattr(message, name).add(), one)
            elif isinstance(value, list):
                getattr(message, name).extend(one.encode() for one in value)
            elif isinstance(value, dict):
                getattr(message, name).SetInParent()
                fill(getattr(message, name), value)
            else:
                setattr(message, name, value.encode() if isinstance(value, str) else value)
        return message

    return bytes(fill(message_class()(), said).SerializeToString())


def payload_of(said: dict[str, Any]) -> bytes:
    if "sparkplug" in said:
        return sparkplug(said["sparkplug"])
    if "json" in said:
        return orjson.dumps(said["json"])
    return bytes.fromhex(said["hex"]) if "hex" in said else str(said["text"]).encode()


def messages_of(case: Path) -> list[Message]:
    if (case / "messages.json").exists():
        listed = json.loads((case / "messages.json").read_text("utf-8"))
        return [
            Message(
                said["topic"], payload_of(said), NOW + said.get("after_s", 0) * NS_PER_SECOND, client=said.get("client")
            )
            for said in listed
        ]
    [path] = case.glob("input.*")
    payload = bytes.fromhex(path.read_text("utf-8")) if path.suffix == ".hex" else path.read_bytes()
    return [Message((case / "topic").read_text("utf-8").removesuffix("\n"), payload, NOW)]


def told(decoded: Decoded) -> dict[str, Any]:
    """What came of messages, in the words of the examples; what is not worth a word is left out."""
    readings = []
    for n in range(len(decoded)):
        site, device, metric, unit = decoded.keys[decoded.key[n]]
        quality = Quality(int(decoded.quality[n]))
        row: dict[str, Any] = {"site": site, "device": device, "metric": metric, "value": float(decoded.value[n])}
        row["time"] = None if quality & Quality.STAMPED_ON_ARRIVAL else format_time(int(decoded.time[n]))
        row |= {"unit": unit} if unit else {}
        row |= {"historical": True} if quality & Quality.HISTORICAL else {}
        readings.append(row)
    rejected = [
        {"message": p.message, "item": p.item, "metric": p.metric, "reason": p.reason} for p in decoded.problems
    ]
    statuses = [{"site": s.site, "device": s.device, "online": s.online} for s in decoded.statuses]
    registrations = [
        {name: getattr(r, name) for name in r.__slots__ if getattr(r, name) is not None} for r in decoded.registrations
    ]
    wishes = [{"topic": w.topic, "qos": w.qos, "hex": w.payload.hex()} for w in decoded.wishes]
    result = {"readings": readings, "rejected": rejected, "statuses": statuses}
    result |= {"registrations": registrations, "wishes": wishes}
    return {name: value for name, value in result.items() if value or name == "readings"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_examples(case: Path) -> None:
    actual = told(decoder(options_of(case)).decode(messages_of(case)))
    if (case / "error").exists():
        reason = (case / "error").read_text("utf-8").removesuffix("\n")
        assert actual == {"readings": [], "rejected": [{"message": 0, "item": 0, "metric": None, "reason": reason}]}
    else:
        assert actual == json.loads((case / "expected.json").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_examples_one_message_at_a_time_with_a_restart_in_between(case: Path) -> None:
    """What is remembered survives a restart: readings and states are the same as in one go."""
    messages = messages_of(case)
    if len(messages) == 1:
        return
    whole = told(decoder(options_of(case)).decode(messages))
    adapters, readings, statuses = make_adapters(options_of(case)), [], []
    for message in messages:
        saved, adapters = adapters.save(), make_adapters(options_of(case))
        adapters.restore(saved)
        part = told(decoder(adapters=adapters).decode([message]))
        readings += part["readings"]
        statuses += part.get("statuses", [])
    assert readings == whole["readings"]
    assert statuses == whole.get("statuses", [])


def of_topics(*topics: str) -> BuildAdapter:
    """An adapter of those topics."""
    return lambda _: Adapter(lambda topic: no_reading if topic in topics else None)


def test_the_first_adapter_that_knows_a_topic_reads_it() -> None:
    seen: list[Route | None] = []

    def curious(around: Surroundings) -> Adapter:
        seen.extend([around.is_read("a"), around.is_read("b")])
        return Adapter(lambda topic: None)

    adapters = Adapters({"first": of_topics("a"), "second": curious, "third": of_topics("a", "b")}, Options())
    assert seen == [no_reading, None]
    assert adapters.route("a") is no_reading
    assert adapters.route("b") is no_reading


def test_an_adapter_can_read_other_topics_than_before() -> None:
    learned: list[str] = []

    def build(around: Surroundings) -> Adapter:
        def learn(payload: bytes, _arrival: Arrival, _rows: Rows) -> None:
            learned.append(payload.decode())
            around.forget_routes()

        return Adapter(lambda topic: learn if topic == "learn" else no_reading if topic in learned else None)

    decoding = decoder(adapters=Adapters({"learner": build}, Options()))
    messages = [Message(topic, payload, NOW) for topic, payload in (("x", b""), ("learn", b"x"), ("x", b""))]
    assert [problem.message for problem in decoding.decode(messages).problems] == [0]


def test_a_topic_of_any_length_is_asked_for_but_not_remembered() -> None:
    asked: list[str] = []

    def find(topic: str) -> Route | None:
        asked.append(topic)
        return None

    adapters = Adapters({"any": lambda _: Adapter(find)}, Options())
    for topic in ("x" * LONGEST_REMEMBERED, "x" * (LONGEST_REMEMBERED + 1)):
        adapters.route(topic)
        adapters.route(topic)
    assert [len(topic) for topic in asked] == [LONGEST_REMEMBERED, LONGEST_REMEMBERED + 1, LONGEST_REMEMBERED + 1]


def test_an_adapter_that_fails_does_not_stop_the_stream() -> None:
    def fail(_payload: bytes, _arrival: Arrival, _rows: Rows) -> None:
        raise KeyError("x")

    decoding = decoder(adapters=Adapters({"broken": lambda _: Adapter(lambda _: fail)}, Options()))
    assert [problem.reason for problem in decoding.decode([Message("t", b"", NOW)]).problems] == [
        "the adapter failed: KeyError: 'x'"
    ]


@pytest.mark.parametrize(
    "saved",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\x00", id="no JSON"),
        pytest.param(b"[]", id="an array"),
        pytest.param(b'{"version": 0, "memories": {}}', id="another version"),
        pytest.param(b'{"version": 1, "memories": 5}', id="no memories"),
        pytest.param(
            b'{"version": 1, "memories": {"sparkplug": [[1]], "homeassistant": 5, "zigbee2mqtt": [[1]]}}',
            id="damaged memories",
        ),
    ],
)
def test_what_cannot_be_restored_is_learned_again(saved: bytes) -> None:
    make_adapters().restore(saved)


def test_of_a_message_full_of_mistakes_not_all_are_told() -> None:
    payload = orjson.dumps([{"n": 5, "v": 1}] * (MAX_PROBLEMS + 50))
    decoded = decoder().decode([Message("any", payload, NOW), Message("any", b"x", NOW)])
    first = [problem for problem in decoded.problems if problem.message == 0]
    assert len(first) == MAX_PROBLEMS + 1
    assert first[-1].reason == "more of this message was refused as well"
    assert len(decoded.problems) == len(first) + 1


def test_of_a_request_every_mistake_is_told() -> None:
    decoded = decoder().decode([Message("POST", b"", NOW, objects=[5] * (MAX_PROBLEMS + 50))])
    assert len(decoded.problems) == MAX_PROBLEMS + 50
