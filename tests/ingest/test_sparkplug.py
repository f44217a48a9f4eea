"""What a Sparkplug host remembers: bounded, kept over a restart, and not trusted after it."""

from collections.abc import Sequence
from typing import Any

import pytest

from ingest.adapters import make_adapters, sparkplugstate
from ingest.adapters.sparkplugproto import message_class
from ingest.adapters.sparkplugstate import Birth, Known, Nodes
from ingest.arrivals import Arrival, Arrivals
from ingest.decode import Decoded, Decoder
from ingest.message import Message
from ingest.reading import ReadingBatch
from tests.ingest.test_adapters import NOW, decoder, sparkplug

TS = NOW // 1_000_000


def message(kind: str, seq: int | None, *metrics: dict[str, Any], node: str = "edge-1") -> Message:
    fields = {"timestamp": TS, "metrics": list(metrics)} | ({} if seq is None else {"seq": seq})
    return Message(f"spBv1.0/plant/{kind}/{node}", sparkplug(fields), NOW)


def birth(bd_seq: int = 0, *metrics: dict[str, Any], node: str = "edge-1") -> Message:
    return message("NBIRTH", 0, {"name": "bdSeq", "datatype": 4, "long_value": bd_seq}, *metrics, node=node)


LOAD = {"name": "load", "alias": 1, "datatype": 10, "double_value": 0.5}


def data(seq: int, value: float, node: str = "edge-1") -> Message:
    return message("NDATA", seq, {"alias": 1, "timestamp": TS + seq, "double_value": value}, node=node)


def decode(decoding: Decoder, *messages: Message) -> Decoded:
    return decoding.decode(messages)


def restarted(messages: Sequence[Message]) -> Decoder:
    """A new process that got what the old one, which read those messages, had saved."""
    adapters = make_adapters()
    decoder(adapters=adapters).decode(messages)
    after = make_adapters()
    after.restore(adapters.save())
    return decoder(adapters=after)


def test_a_rebirth_request_is_as_the_specification_says() -> None:
    [wish] = decode(decoder(), data(5, 1.0)).wishes
    said = message_class().FromString(wish.payload)
    assert (wish.topic, wish.qos) == ("spBv1.0/plant/NCMD/edge-1", 0)
    assert said.timestamp == TS
    assert not said.HasField("seq")
    assert [(metric.name, metric.datatype, metric.boolean_value) for metric in said.metrics] == [
        (b"Node Control/Rebirth", 11, True)
    ]


def test_after_a_restart_aliases_are_known_and_a_rebirth_is_asked_for() -> None:
    after = restarted([birth(0, LOAD), data(1, 1.0)])
    decoded = decode(after, data(2, 2.0), data(3, 3.0))
    assert decoded.value.tolist() == [2.0, 3.0]
    assert len(decoded.wishes) == 1
    assert not decode(after, birth(0, LOAD), data(1, 4.0)).wishes


def test_after_a_restart_a_death_is_matched_by_its_bd_seq() -> None:
    after = restarted([birth(7, LOAD)])
    assert not decode(after, message("NDEATH", None, {"name": "bdSeq", "datatype": 4, "long_value": 6})).statuses
    [status] = decode(after, message("NDEATH", None, {"name": "bdSeq", "datatype": 4, "long_value": 7})).statuses
    assert not status.online


def test_history_is_stored_and_never_judged() -> None:
    history = LOAD | {"timestamp": TS + 60_000, "is_historical": True}
    decoded = decode(decoder(), birth(0, LOAD), message("NDATA", 1, history), data(2, 1.0))
    batch = ReadingBatch.of(decoded.key, decoded.time, decoded.value, decoded.quality)
    assert Arrivals().classify(batch).tolist() == [Arrival.NEW, Arrival.LATE, Arrival.NEW]


def test_texts_that_are_not_utf8_spoil_only_their_own_metric() -> None:
    odd = message_class()(timestamp=TS, seq=0)
    odd.metrics.add(name=b"\xff\xfe", datatype=10, double_value=1.0, timestamp=TS)
    odd.metrics.add(name=b"load", datatype=10, double_value=2.0, timestamp=TS)
    decoded = decode(decoder(), Message("spBv1.0/plant/NDATA/edge-1", odd.SerializeToString(), NOW))
    assert decoded.value.tolist() == [1.0, 2.0]
    assert decoded.keys[decoded.key[0]][2] == "\N{REPLACEMENT CHARACTER}" * 2


def test_of_too_many_nodes_those_born_longest_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparkplugstate, "MAX_NODES", 3)
    decoding = decoder()
    decode(decoding, *[birth(0, LOAD, node=f"edge-{n}") for n in range(4)])
    decoded = decode(decoding, *[data(1, float(n), node=f"edge-{n}") for n in (1, 2, 3, 0)])
    assert decoded.value.tolist() == [1.0, 2.0, 3.0]
    assert [wish.topic for wish in decoded.wishes] == ["spBv1.0/plant/NCMD/edge-0"]


def test_the_births_of_all_nodes_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparkplugstate, "MAX_SIZE", 100)
    nodes = Nodes()
    for number in range(50):
        nodes.get(("plant", f"edge-{number}"))
        for device in ("a", "b"):
            born = Birth()
            for alias in range(10):
                born.declare(alias, Known(b"m%d" % alias, f"m{alias}", 10, None))
            nodes.bear(("plant", f"edge-{number}"), device, born)
    kept = [born.size for name in range(50) for born in nodes.get(("plant", f"edge-{name}")).births.values()]
    assert 40 <= sum(kept) <= 100


def test_a_birth_that_is_too_large_for_all_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparkplugstate, "MAX_SIZE", 10)
    many = [LOAD | {"name": f"m{n}", "alias": n} for n in range(20)]
    decoding = decoder()
    decoded = decode(decoding, birth(0, *many))
    assert len(decoded) == 20
    assert len(decode(decoding, data(1, 1.0)).wishes) == 1


def test_endless_names_are_not_kept() -> None:
    born = Birth()
    born.declare(1, Known(b"x" * 513, "x", 10, None))
    assert born.size == 0
