"""Log entries on their way in: between the readings where they came, durable with them, kept once, listed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import orjson
import pytest
import sqlalchemy as sa

from ingest.decode import Decoder
from ingest.errors import InputError
from ingest.inbox import inbox_file
from ingest.keyed import KeyedBatch
from ingest.log_store import LogFilter, LogStore
from ingest.logentry import Arrived, Event, LogEntry
from ingest.message import LOG, Message
from ingest.reading import NS_PER_SECOND
from ingest.receiver import Received, Receiver
from ingest.registry import Registry
from ingest.rejects import Reject, RejectSource
from ingest.rereading import LOG_STAYS, reread
from ingest.sequence import Sequences
from ingest.spool import Consumer, Spool

NOW = 1_764_000_000 * NS_PER_SECOND
MS = NOW // 1_000_000


def receive(*messages: Message) -> Received:
    decoder = Decoder(timedelta(hours=24), timedelta(hours=1), 100_000)
    return Receiver(Registry(), decoder, Sequences()).receive(messages)


def telemetry(*values: object, seq: int | None = None) -> Message:
    known: list[dict[str, object]] = [{"ts": MS + n} if seq is None else {"seq": seq} for n in range(len(values))]
    said = [{"values": {"t": value}, **one} for value, one in zip(values, known, strict=True)]
    return Message("forewarn/v1/s/d/telemetry", orjson.dumps(said), NOW)


def log(code: str, at: int = MS) -> Message:
    return Message("forewarn/v1/s/d/events", orjson.dumps({"ts": at, "event": "error", "code": code}), NOW + 5)


def places(batch: KeyedBatch) -> list[tuple[int, str]]:
    return [(one.row, one.entry.code) for one in batch.log]


def test_entries_stand_between_the_readings_where_they_came() -> None:
    received = receive(log("a"), telemetry(1, 2), log("b"), log("c"), telemetry(3), log("d"))
    assert places(received.batch) == [(0, "a"), (2, "b"), (2, "c"), (3, "d")]
    assert received.batch.log[0] == Arrived(0, NOW + 5, LogEntry(NOW, "s", "d", Event.ERROR, "a"))


def test_readings_that_are_left_out_do_not_move_entries() -> None:
    """A refused value, a unit that cannot be one, and a message told twice stand before the entry."""
    refused = Message("forewarn/v1/s/d/telemetry", orjson.dumps({"ts": MS, "values": {"t": "warm", "u": 1}}), NOW)
    received = receive(telemetry(1, seq=7), telemetry(1, seq=7), refused, log("a"), telemetry(2))
    assert len(received.batch) == 3
    assert received.repeated == 1
    assert places(received.batch) == [(2, "a")]


def test_requests_are_told_how_many_entries_were_taken() -> None:
    good, bad = {"device": "d", "event": "mark", "code": "x"}, {"device": "d", "event": "party"}
    reading = {"device": "d", "values": {"t": 1}}
    received = receive(Message(LOG, b"", NOW, objects=[good, bad]), Message("", b"", NOW, objects=[reading]))
    assert received.results[0].accepted == 1
    assert [(one.index, one.metric) for one in received.results[0].rejected] == [(1, None)]
    assert received.results[1].accepted == 1
    assert [(reject.source, reject.topic) for reject in received.rejects] == [(RejectSource.HTTP, LOG)]


def test_a_rejected_entry_read_once_more_says_the_same_and_a_good_one_is_not_replayed() -> None:
    rejects = [
        Reject(NOW, RejectSource.HTTP, LOG, "", orjson.dumps({"device": "d", "event": "party"}), 1, 0),
        Reject(NOW, RejectSource.HTTP, LOG, "", orjson.dumps({"device": "d", "event": "mark"}), 2, 0),
    ]
    rejects = [replace(one, size=len(one.payload)) for one in rejects]
    decoder = Decoder(timedelta(hours=24), timedelta(hours=1), 100_000)
    found = reread(rejects, decoder, Registry(), now=NOW)
    assert not len(found.batch)
    assert found.problems == ("'event' should be one of error, maintenance, failure, mark", LOG_STAYS)


# -- in the spool ----------------------------------------------------------------------------------------------------


def test_entries_are_encoded_with_the_readings() -> None:
    for messages in ([log("a"), telemetry(1, 2), log("轴承\0")], [log("alone")]):
        batch = receive(*messages).batch
        back = KeyedBatch.decode(batch.encode())
        assert back.log == batch.log
        assert back.value.tolist() == batch.value.tolist()


def test_what_is_joined_and_what_is_parted_keeps_entries_in_their_place() -> None:
    batch = receive(log("a"), telemetry(1, 2), log("b"), telemetry(3, 4), log("c")).batch
    assert places(KeyedBatch.concat([batch, batch])) == [(0, "a"), (2, "b"), (4, "c"), (4, "a"), (6, "b"), (8, "c")]
    for cut in range(5):
        parts = [batch.part(0, cut), batch.part(cut, 4)]
        assert places(KeyedBatch.concat(parts)) == places(batch)
        assert [len(part) for part in parts] == [cut, 4 - cut]
    assert places(batch[np.array([True, False, True, False])]) == []


def test_entries_alone_are_durable_and_take_a_position(tmp_path: Path) -> None:
    local = inbox_file(tmp_path / "spool.db")
    local.open()
    spool = Spool(local)
    spool.open()
    batch = receive(log("a")).batch
    assert (len(batch), batch.weight, batch.first_arrival, batch.last_arrival) == (0, 1, NOW + 5, NOW + 5)
    assert spool.append(batch) == 1
    assert spool.append(receive().batch) == 1, "what holds nothing takes none"
    ((position, back),) = spool.read(0, 10)
    assert (position, places(back)) == (1, [(0, "a")])
    assert (spool.depth().rows, spool.depth().oldest_at) == (1, NOW + 5)
    spool.save_checkpoint(1, b"")
    spool.mark(Consumer.STORE, 1)
    assert (spool.depth().entries, spool.depth().rows) == (0, 0)
    local.close()


# -- in the database -------------------------------------------------------------------------------------------------


def entry(second: int, device: str = "d", event: Event = Event.ERROR, code: str = "E1") -> Arrived:
    return Arrived(0, NOW, LogEntry(NOW + second * NS_PER_SECOND, "s", device, event, code))


def test_an_entry_is_kept_once(engine: sa.Engine) -> None:
    store = LogStore(engine)
    store.add([])
    store.add([entry(1), entry(1), entry(2)])
    store.add([entry(2), entry(2, code="E2")])
    found = store.list(LogFilter()).items
    assert [(kept.entry.time - NOW) // NS_PER_SECOND for kept in found] == [2, 2, 1]
    assert {kept.entry.code for kept in found} == {"E1", "E2"}
    assert list(store.all(LogFilter())) == [kept.entry for kept in reversed(found)]


def test_entries_are_listed_by_what_they_are_about(engine: sa.Engine) -> None:
    store = LogStore(engine)
    store.add([entry(1), entry(2, "e"), entry(3, event=Event.MAINTENANCE), entry(4)])

    def seconds(wanted: LogFilter) -> list[int]:
        return [(kept.entry.time - NOW) // NS_PER_SECOND for kept in store.list(wanted).items]

    assert seconds(LogFilter(device="e")) == [2]
    assert seconds(LogFilter(site="nowhere")) == []
    assert seconds(LogFilter(event=Event.MAINTENANCE)) == [3]
    assert seconds(LogFilter(start=NOW + 2 * NS_PER_SECOND, end=NOW + 4 * NS_PER_SECOND)) == [3, 2]


def test_entries_come_in_pages(engine: sa.Engine) -> None:
    store = LogStore(engine)
    store.add([entry(n) for n in range(7)])
    seen, cursor = [], None
    while True:
        page = store.list(LogFilter(), 3, cursor)
        seen += [kept.entry.time for kept in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert seen == sorted((NOW + n * NS_PER_SECOND for n in range(7)), reverse=True)
    with pytest.raises(InputError, match="cursor"):
        store.list(LogFilter(), 3, "none")
