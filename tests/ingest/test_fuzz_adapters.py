"""Whatever comes in: no crash, no hang, no growth of memory; what is wrong is rejected, the good part taken."""

import gc
import time
import tracemalloc
from dataclasses import replace
from random import Random

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks._mutation import complaint, mutate
from ingest.adapters import ADAPTERS, make_adapters
from ingest.adapters.options import Options
from ingest.decode import Decoder
from ingest.message import Message
from ingest.reading import NS_PER_SECOND
from tests.ingest.test_adapters import CASES, EXAMPLES, NOW, decoder, messages_of, options_of

LATEST = NOW + 86_400 * NS_PER_SECOND + 10**12
FORMATS = sorted({case.parent.name for case in CASES})
EXAMPLES_OF = {name: [case for case in CASES if case.parent.name == name] for name in FORMATS}
FOLDERS = {"line-protocol": "influxline"}
"""Adapters whose examples have another name."""


def test_every_adapter_is_here() -> None:
    with_examples = {*FORMATS, "canonical"}
    assert {FOLDERS.get(name, name) for name in ADAPTERS} == with_examples
    assert all((EXAMPLES / name).is_dir() for name in with_examples)


def decode_all(decoding: Decoder, messages: list[Message]) -> None:
    decoded = decoding.decode(messages)
    assert complaint(decoded, LATEST) is None


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(rng=st.randoms(use_true_random=False), count=st.integers(1, 4))
def test_changed_examples(name: str, rng: Random, count: int) -> None:
    case = rng.choice(EXAMPLES_OF[name])
    messages = messages_of(case)
    decoding = decoder(options_of(case))
    for _ in range(count):
        decode_all(decoding, [mutate(message, rng) for message in messages])


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=25)
@given(payload=st.binary(max_size=80), rng=st.randoms(use_true_random=False))
def test_any_bytes_on_topics_of_a_format(name: str, payload: bytes, rng: Random) -> None:
    case = rng.choice(EXAMPLES_OF[name])
    topics = {message.topic for message in messages_of(case)}
    decode_all(decoder(options_of(case)), [Message(topic, payload, NOW) for topic in sorted(topics)])


@given(topic=st.text(min_size=1, max_size=40), payload=st.binary(max_size=20))
def test_any_topic_has_a_route(topic: str, payload: bytes) -> None:
    decode_all(decoder(), [Message(topic, payload, NOW)])


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(rng=st.randoms(use_true_random=False))
def test_what_was_learned_can_be_saved_and_taken_back(name: str, rng: Random) -> None:
    case = rng.choice(EXAMPLES_OF[name])
    adapters = make_adapters(options_of(case))
    decode_all(decoder(adapters=adapters), [mutate(message, rng) for message in messages_of(case)])
    again = make_adapters(options_of(case))
    again.restore(adapters.save())
    assert again.save() == adapters.save()


@pytest.mark.parametrize("name", ["sparkplug", "homeassistant", "zigbee2mqtt", "shelly"])
@settings(max_examples=30)
@given(rng=st.randoms(use_true_random=False))
def test_a_damaged_memory_is_taken_back_as_far_as_it_goes(name: str, rng: Random) -> None:
    case = rng.choice(EXAMPLES_OF[name])
    adapters = make_adapters()
    decoder(adapters=adapters).decode(messages_of(case))
    damaged = mutate(Message("memory", adapters.save(), NOW), rng).payload
    again = make_adapters()
    again.restore(damaged)
    decode_all(decoder(adapters=again), messages_of(case))


@pytest.mark.parametrize("name", FORMATS)
def test_memory_does_not_grow(name: str) -> None:
    """A second pass over the same bad messages, which brings no new names, leaves nothing behind."""
    case = max(EXAMPLES_OF[name], key=lambda case: len(messages_of(case)))
    cases = [case, *EXAMPLES_OF[name][:20]]
    rng = Random(0)
    messages = [mutate(message, rng) for one in cases * 6 for message in messages_of(one)]
    decoding = decoder(options_of(case))
    decoding.decode(messages)
    decoding.decode(messages)
    tracemalloc.start()
    try:
        decoding.decode(messages)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(3):
            decoding.decode(messages)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 64_000, f"{grown} bytes more after {3 * len(messages)} messages"


def senml(record: str, count: int) -> bytes:
    return b"[" + b",".join([record.encode()] * count) + b"]"


SIZE = 1_000_000
HOSTILE = {
    "open brackets": (b"[" * SIZE, "v1/devices/me/telemetry"),
    "open braces": (b'{"a":' * (SIZE // 5), "zigbee2mqtt/x"),
    "nested just within limits": (b'{"a":' * 900 + b"1" + b"}" * 900, "tele/x/SENSOR"),
    "many names": (orjson.dumps({f"n{n}": n for n in range(80_000)}), "tele/x/SENSOR"),
    "many names of a Shelly": (
        orjson.dumps({"method": "NotifyStatus", "params": {f"n{n}": {"v": n} for n in range(40_000)}}),
        "x/events/rpc",
    ),
    "a long array": (orjson.dumps({"A": [1] * 400_000}), "tele/x/SENSOR"),
    "many records": (senml('{"n":"a","v":1}', 60_000), "any"),
    "many bad records": (senml('{"n":5,"v":1}', 60_000), "any"),
    "a long name": (b'[{"n":"' + b"x" * SIZE + b'","v":1}]', "any"),
    "cbor without end": (b"\x9f" + b"\x81" * SIZE, "any"),
    "cbor of many keys": (b"\x81\xba\x00\x01\x86\xa0" + b"\x1b" + b"\x00" * 8 * 100_000, "any"),
    "quotes": (b"m " + b'"' * SIZE, "telegraf/x"),
    "backslashes": (b"\\" * SIZE + b" a=1", "telegraf/x"),
    "commas": (b"," * SIZE + b" a=1", "telegraf/x"),
    "many fields": (b"m,device=d " + b",".join(b"f%d=%di" % (n, n) for n in range(60_000)), "telegraf/x"),
    "many lines": (b"x\n" * (SIZE // 2), "telegraf/x"),
    "spaces": (b" " * SIZE, "telegraf/x"),
    "a template": (
        orjson.dumps({"state_topic": "x", "value_template": "{{ value_json" + ".a" * 100_000 + " }}"}),
        "homeassistant/sensor/n/o/config",
    ),
    "a template of blanks": (
        orjson.dumps({"state_topic": "x", "value_template": "{{ value" + " " * 200_000 + "}"}),
        "homeassistant/sensor/n/o/config",
    ),
    "many components": (
        orjson.dumps({"dev": {"ids": "d"}, "cmps": {f"c{n}": {"p": "sensor"} for n in range(40_000)}}),
        "homeassistant/device/x/config",
    ),
    "many devices of a bridge": (
        orjson.dumps([{"friendly_name": f"d{n}", "definition": {"exposes": [[]] * 5}} for n in range(15_000)]),
        "zigbee2mqtt/bridge/devices",
    ),
    "metrics without a name": (b"\x12\x00" * (SIZE // 2), "spBv1.0/g/NBIRTH/n"),
    "templates in templates": (b"\x12\x04\x92\x01\x01\x00" * 100_000, "spBv1.0/g/NDATA/n"),
    "many devices of a gateway": (orjson.dumps({f"d{n}": 5 for n in range(60_000)}), "v1/gateway/telemetry"),
    "an endless number": (b'{"t": ' + b"9" * SIZE + b"}", "v1/devices/me/telemetry"),
}


@pytest.mark.parametrize("hostile", list(HOSTILE.values()), ids=list(HOSTILE))
def test_a_megabyte_of_malice_takes_seconds_at_most(hostile: tuple[bytes, str]) -> None:
    payload, topic = hostile
    options = replace(Options(), thingsboard_device="d")
    decoding = decoder(options)
    decoding._max_payload = 2 * SIZE
    started = time.process_time()
    decode_all(decoding, [Message(topic, payload, NOW)])
    assert time.process_time() - started < 10
