"""The three stages around the spool: what happens when one of them has to wait, fails, or starts again."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import sqlalchemy as sa

from alerts.model_store import ModelStore
from alerts.notify.policy import NotifyConfig
from api.board import Board
from api.hub import Hub
from forewarn.config.settings import IngestSettings
from forewarn.engine import Engine, EngineConfig, Outcome
from forewarn.live import checkpointing
from forewarn.live import judging as judgings
from forewarn.live import pipeline as pipelines
from forewarn.live.health import Health
from forewarn.live.judging import Judging
from forewarn.live.metrics import Metrics
from forewarn.live.modelwatch import ModelLoader
from forewarn.live.notebook import Notebook
from forewarn.live.pipeline import Parts, Pipeline
from forewarn.live.receiving import MEMORY
from forewarn.live.replaying import Replaying
from ingest.adapters import make_adapters
from ingest.checkpointfile import checkpoint_path
from ingest.decode import Decoder
from ingest.errors import RetryableError
from ingest.handover import Handover
from ingest.inbox import inbox_file
from ingest.keyed import KeyedBatch
from ingest.keyedscores import KeyedScores
from ingest.log_store import LogFilter, LogStore
from ingest.message import LOG, Message
from ingest.reading import ReadingBatch
from ingest.receiver import Receiver
from ingest.registry import Registry
from ingest.rejects import Rejects
from ingest.rereading import Replayed
from ingest.spool import Spool
from ingest.sqlitefile import SqliteFile
from ingest.stores.sqlite import SqliteStore
from ingest.stores.store import Refused
from models.supervised.eventlog import Logged
from tests.waiting import wait_until
from workorders.desk import Desk

NOW = time.time_ns()


class Store(SqliteStore):
    """The embedded store, which may be told to be away, and counts what it was asked to write."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.away = self.scores_away = False
        self.refuse: Callable[[KeyedBatch], list[Refused]] = lambda batch: []
        self.written: list[int] = []
        self.scored = 0

    def write(self, readings: KeyedBatch) -> list[Refused]:
        if self.away:
            raise RetryableError("the store is away")
        self.written.append(len(readings))
        return super().write(readings) + self.refuse(readings)

    def write_scores(self, scores: KeyedScores) -> list[Refused]:
        if self.away or self.scores_away:
            raise RetryableError("the store is away")
        self.scored += len(scores)
        return super().write_scores(scores)


class Source:
    """Messages that remember whether they were acknowledged."""

    def __init__(self) -> None:
        self.acknowledged: list[object] = []

    def acknowledge(self, tokens: Sequence[object]) -> None:
        self.acknowledged.extend(tokens)


class Site:
    """A pipeline on its own folder, and one device that feeds it."""

    def __init__(self, folder: Path, database: sa.Engine) -> None:
        self.local: SqliteFile = inbox_file(folder / "spool.db")
        self.local.open()
        self.spool = Spool(self.local)
        self.spool.open()
        self.store = Store(folder / "telemetry.db")
        self.store.prepare()
        self.board = Board()
        self.rejects, self.health, self.metrics = Rejects(self.local), Health(), Metrics()
        self.registry, self.handover, self.source = Registry(), Handover(), Source()
        adapters = make_adapters()
        ingest = IngestSettings()
        parts = Parts(
            registry=self.registry,
            handover=self.handover,
            decoder=Decoder(ingest.future, ingest.future, ingest.max_payload, adapters),
            adapters=adapters,
            spool=self.spool,
            spool_bytes=ingest.spool_size,
            rejects=self.rejects,
            store=self.store,
            desk=Desk(database, self.registry, NotifyConfig()),
            notebook=Notebook(database),
            loader=ModelLoader(ModelStore(database), speaks=True),
            board=self.board,
            hub=Hub(),
            health=self.health,
            metrics=self.metrics,
            clock=time.time_ns,
            connected=lambda: False,
            publish=lambda wishes: None,
            on_notices=lambda: None,
        )
        self.board = parts.board
        self.pipeline = Pipeline(parts, EngineConfig())

    def start(self) -> None:
        self.pipeline.recover()
        self.pipeline.start()

    def say(self, *values: float, first: int = 0) -> None:
        """Readings a second apart, a message each."""
        for number, value in enumerate(values, first):
            said = {"ts": NOW // 1_000_000 + 1_000 * number, "values": {"t": value}}
            self.put(orjson.dumps(said), number)

    def put(self, payload: bytes, token: object) -> None:
        self.handover.put(Message("forewarn/v1/s/d/telemetry", payload, time.time_ns(), self.source, token))

    def settle(self) -> None:
        wait_until(lambda: self.pipeline.idle, "everything judged and stored", 30)

    def values(self) -> list[float]:
        points = self.store.readings("s", "d", "t", 0, 2**62, 10_000)
        return [float(value) for value in points.value]

    def scores(self) -> int:
        return len(self.store.scores("s", "d", "t", 0, 2**62, 10_000))

    def stop(self) -> None:
        self.pipeline.stop()
        self.store.close()
        self.local.close()


@contextmanager
def running(folder: Path, database: sa.Engine) -> Iterator[Site]:
    site = Site(folder, database)
    site.start()
    try:
        yield site
    finally:
        site.stop()


@pytest.fixture
def site(tmp_path: Path, sqlite_engine: sa.Engine) -> Iterator[Site]:
    with running(tmp_path, sqlite_engine) as made:
        yield made


def test_what_is_acknowledged_is_in_the_spool_before(site: Site) -> None:
    site.say(1.0, 2.0)
    wait_until(lambda: site.source.acknowledged == [0, 1], "acknowledged", 30)
    assert site.metrics.registry.get_sample_value("forewarn_readings_received_total") == 2
    site.settle()
    assert site.values() == [1.0, 2.0]
    assert site.scores() == 2


def test_what_a_format_learned_is_durable_with_the_message_that_taught_it(site: Site) -> None:
    said = b'{"state_topic": "states/one", "unique_id": "one"}'
    site.handover.put(Message("homeassistant/sensor/one/config", said, time.time_ns(), site.source, "config"))
    wait_until(lambda: site.source.acknowledged == ["config"], "acknowledged", 30)
    adapters = make_adapters()
    empty = adapters.save()
    adapters.restore(site.spool.kept(MEMORY) or b"")
    assert adapters.save() != empty
    assert not site.source.acknowledged[1:]


def test_what_devices_say_of_themselves_is_on_the_board(site: Site) -> None:
    for word in (b"online", b"offline"):
        site.handover.put(Message("forewarn/v1/s/d/status", word, time.time_ns(), site.source, word))
        wait_until(lambda: site.board.online("s", "d") is (word == b"online"), "on the board", 30)  # noqa: B023
    assert site.board.online("s", "e") is None


def test_a_store_that_is_away_holds_nobody_up(site: Site) -> None:
    site.store.away = True
    site.say(1.0, 2.0)
    wait_until(lambda: site.source.acknowledged == [0, 1], "acknowledged", 30)
    wait_until(lambda: "store" in site.health.not_ready(), "it says so", 30)
    site.store.away = False
    site.settle()
    assert site.values() == [1.0, 2.0]
    assert site.scores() == 2
    wait_until(lambda: not site.health.not_ready(), "it says that all is well", 30)


def test_readings_that_were_confirmed_are_not_sent_again_when_scores_fail(site: Site) -> None:
    site.store.scores_away = True
    site.say(1.0)
    wait_until(lambda: "store" in site.health.not_ready(), "the scores fail", 30)
    site.store.scores_away = False
    site.settle()
    assert site.store.written == [1]
    assert site.scores() == 1


def test_a_refused_point_goes_to_the_rejects_and_holds_nothing_up(site: Site) -> None:
    site.store.refuse = lambda batch: [Refused(0, "field type conflict")]
    site.say(1.0)
    site.settle()
    found = site.rejects.list(10).items[0]
    assert (found.source, found.reason) == ("store", "field type conflict")
    assert orjson.loads(found.payload)["values"] == {"t": 1.0}
    site.store.refuse = lambda batch: []
    site.say(2.0, first=1)
    site.settle()
    assert site.store.written == [1, 1]


def test_a_refused_point_is_stored_by_a_replay_though_it_was_judged_before(site: Site) -> None:
    site.store.refuse = lambda batch: [Refused(0, "field type conflict")]
    site.say(1.0)
    site.settle()
    (reject,) = site.rejects.list(10).items
    replays = Replaying(
        site.registry,
        site.rejects,
        site.store,
        lambda mappings: Decoder(timedelta(hours=24), timedelta(hours=24), 10**6),
        time.time_ns,
        site.pipeline.receiving.keep,
        site.pipeline.receiving.calls.call,
        site.pipeline.forwarding.calls.call,
        lambda count: None,
    )
    assert replays.replay([reject.id], ()) == [Replayed(reject.id, 0, "field type conflict")]
    site.store.away = True
    with pytest.raises(RetryableError, match="the store is away"):
        replays.replay([reject.id], ())
    site.store.away, site.store.refuse = False, lambda batch: []
    assert site.rejects.count().kept == 1
    assert replays.replay([reject.id], ()) == [Replayed(reject.id, 1, None)]
    assert site.store.written == [1, 1, 1], "judged, told to be refused, and stored"
    assert site.rejects.count().kept == 0


def test_after_a_restart_nothing_is_lost_and_nothing_comes_twice(tmp_path: Path, sqlite_engine: sa.Engine) -> None:
    with running(tmp_path, sqlite_engine) as first:
        first.store.away = True
        first.say(*map(float, range(20)))
        wait_until(lambda: len(first.source.acknowledged) == 20, "acknowledged", 30)
    with running(tmp_path, sqlite_engine) as second:
        second.say(*map(float, range(25)))
        second.settle()
        wait_until(lambda: len(second.source.acknowledged) == 25, "acknowledged", 30)
        second.settle()
        assert second.values() == list(map(float, range(25)))
        assert second.scores() == 25
        assert second.metrics.registry.get_sample_value("forewarn_readings_duplicate_total") == 20


def test_what_was_confirmed_before_a_crash_is_judged_again_but_not_sent(
    tmp_path: Path, sqlite_engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, running(tmp_path, sqlite_engine) as first:
        patch.setattr(Judging, "_checkpoint", lambda _: None)
        first.say(*map(float, range(20)))
        first.settle()
        first.store.away = True
        first.say(*map(float, range(20, 25)), first=20)
        wait_until(lambda: len(first.source.acknowledged) == 25, "acknowledged", 30)
        first.pipeline.stop()
    with running(tmp_path, sqlite_engine) as second:
        second.settle()
        assert second.values() == list(map(float, range(25)))
        assert sum(second.store.written) == 5
        assert second.metrics.registry.get_sample_value("forewarn_readings_judged_total") == 25


def test_what_was_last_heard_is_known_after_a_restart(tmp_path: Path, sqlite_engine: sa.Engine) -> None:
    with running(tmp_path, sqlite_engine) as first:
        first.say(1.0, 2.0)
        first.settle()
        heard = first.board.of(0)
        assert heard.value == 2.0
        first.pipeline.judging.stop(30)
    with running(tmp_path, sqlite_engine) as second:
        assert second.board.of(0) == heard


def test_what_finds_no_room_in_memory_is_read_from_the_spool(
    tmp_path: Path, sqlite_engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipelines, "BACKLOG_ROWS", 1)
    with running(tmp_path, sqlite_engine) as site:
        site.store.away = True
        for number in range(10):
            site.say(float(number), first=number)
            wait_until(lambda: len(site.source.acknowledged) > number, "acknowledged", 30)  # noqa: B023
        site.store.away = False
        site.settle()
        assert site.values() == list(map(float, range(10)))
        assert site.scores() == 10


def test_a_fault_of_this_program_costs_one_message(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = Receiver.receive

    def faulty(self: Receiver, messages: Sequence[Message]) -> Any:
        if any(b"poison" in message.payload for message in messages):
            raise ZeroDivisionError("on purpose")
        return usual(self, messages)

    monkeypatch.setattr(Receiver, "receive", faulty)
    site.say(1.0)
    site.put(b"poison", 1)
    site.say(2.0, first=2)
    site.settle()
    assert site.source.acknowledged == [0, 1, 2]
    assert site.values() == [1.0, 2.0]
    assert site.rejects.list(10).items[0].reason == "reading it failed: ZeroDivisionError: on purpose"


class Faulty:
    """The engine, with a fault over readings of 666 that also damages its state; it may be made to wait."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.goes_on = threading.Event()
        self._usual = Engine.process
        monkeypatch.setattr(Engine, "process", lambda *given: self(*given))  # noqa: PLW0108  # has to be bound

    def __call__(self, engine: Engine, batch: ReadingBatch, entries: Sequence[Logged] = ()) -> Outcome:
        assert self.goes_on.wait(30)
        outcome = self._usual(engine, batch, entries)
        if (batch.value == 666.0).any():
            raise ZeroDivisionError("on purpose")
        return outcome


@pytest.mark.parametrize("checkpoint", [False, True])
def test_entries_over_which_the_engine_fails_are_stored_and_all_others_are_judged(
    site: Site, monkeypatch: pytest.MonkeyPatch, checkpoint: bool
) -> None:
    values = np.random.default_rng(0).normal(20.0, 1.0, 600).tolist()
    expected = Engine(registry := Registry()).process(
        ReadingBatch.of(
            [registry.series("s", "d", "t")] * 600,
            NOW // 10**6 * 10**6 + np.r_[0:550, 552:602] * 10**9,
            np.array(values),
        )
    )
    faulty = Faulty(monkeypatch)
    if checkpoint:
        monkeypatch.setattr(checkpointing, "is_worth_it", lambda *_costs: True)
    faulty.goes_on.set()
    site.say(*values[:500])
    site.settle()
    if checkpoint:
        wait_until(lambda: site.metrics.registry.get_sample_value("forewarn_checkpoints_total"), "a checkpoint", 30)
        monkeypatch.setattr(checkpointing, "is_worth_it", lambda *_costs: False)
    faulty.goes_on.clear()
    for first, some in ((500, values[500:550]), (550, [666.0]), (551, [666.0]), (552, values[550:])):
        site.say(*some, first=first)  # each an entry of its own, judged together as far as the engine waits
        wait_until(lambda: len(site.source.acknowledged) == first + len(some), "acknowledged", 30)  # noqa: B023
    faulty.goes_on.set()
    site.settle()
    assert site.values() == [*values[:550], 666.0, 666.0, *values[550:]]
    assert sum(site.store.written) == 602, "nothing is written twice"
    found = site.store.scores("s", "d", "t", 0, 2**62, 10_000)
    assert found.score.tobytes() == expected.scores.score.tobytes()
    assert site.health.not_ready() == {}
    assert site.health.degraded()["judging"] == (
        "2 entries are stored but not judged, last 1 readings of s/d: ZeroDivisionError: on purpose"
    )


def test_where_too_much_fails_judging_ends(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    Faulty(monkeypatch).goes_on.set()
    monkeypatch.setattr(judgings, "MOST_SET_ASIDE", 1)
    site.say(666.0)
    site.settle()
    assert site.health.not_ready() == {}
    site.say(666.0, first=1)
    wait_until(lambda: "ZeroDivisionError" in site.health.not_ready().get("judging", ""), "it says so", 30)


def test_a_stage_that_ends_by_a_fault_is_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(_now: int) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(site.store, "maintain", faulty)
    monkeypatch.setattr(site.pipeline.forwarding, "_upkeep_at", 0.0)
    site.say(1.0)
    wait_until(lambda: "ZeroDivisionError" in site.health.not_ready().get("forwarding", ""), "it says so", 30)


def test_requests_are_answered_once_durable(site: Site) -> None:
    result = site.pipeline.submit([{"device": "a", "values": {"t": 1.0, "u": True}}, 5])
    assert result.accepted == 1
    assert [(one.index, one.metric) for one in result.rejected] == [(0, "u"), (1, None)]


def test_requests_are_refused_when_there_is_no_room(site: Site) -> None:
    site.health.note("spool", "the spool is full")
    with pytest.raises(RetryableError, match="no room"):
        site.pipeline.submit([{"device": "a", "values": {"t": 1.0}}])


@pytest.mark.parametrize("torn", [False, True])
def test_a_damaged_checkpoint_costs_the_memory_and_no_reading(
    tmp_path: Path, sqlite_engine: sa.Engine, torn: bool
) -> None:
    with running(tmp_path, sqlite_engine) as first:
        first.say(1.0)
        first.settle()
    broken = Site(tmp_path, sqlite_engine)
    if torn:
        path = checkpoint_path(broken.local.path)
        path.write_bytes(path.read_bytes()[:-1])
    else:
        broken.spool.save_checkpoint(broken.spool.last, b"nonsense")
    broken.start()
    broken.say(2.0, first=1)
    broken.settle()
    assert broken.values() == [1.0, 2.0]
    broken.stop()


# -- what is logged about devices --------------------------------------------------------------------------------------


def log_of(site: Site, database: sa.Engine) -> list[tuple[str, str]]:
    return [(kept.entry.device, kept.entry.code) for kept in LogStore(database).list(LogFilter()).items]


def logged(site: Site, code: str, second: int = 0) -> None:
    """An error at that second, over MQTT."""
    said = orjson.dumps({"ts": NOW // 1_000_000 + 1_000 * second, "event": "error", "code": code})
    site.handover.put(Message("forewarn/v1/s/d/events", said, time.time_ns(), site.source, code))


def test_log_entries_are_acknowledged_once_durable_and_kept_once(site: Site, sqlite_engine: sa.Engine) -> None:
    logged(site, "E1")
    wait_until(lambda: site.source.acknowledged == ["E1"], "acknowledged", 30)
    assert site.spool.last == 1
    site.settle()
    logged(site, "E1")
    site.say(1.0)
    logged(site, "E2", second=5)
    site.settle()
    assert log_of(site, sqlite_engine) == [("d", "E2"), ("d", "E1")]
    assert site.values() == [1.0]


def test_log_entries_that_were_not_judged_are_gone_on_with(tmp_path: Path, sqlite_engine: sa.Engine) -> None:
    """The process ends between the commit of the spool and the judge: the next run takes them from there, in place."""
    first = Site(tmp_path, sqlite_engine)
    first.pipeline.recover()
    first.pipeline.receiving.start()
    first.say(1.0)
    logged(first, "E1", second=1)
    first.say(2.0, first=2)
    wait_until(lambda: len(first.source.acknowledged) == 3, "acknowledged", 30)
    first.pipeline.receiving.stop(5.0)
    first.store.close()
    first.local.close()
    assert log_of(first, sqlite_engine) == []
    with running(tmp_path, sqlite_engine) as second:
        second.settle()
        assert log_of(second, sqlite_engine) == [("d", "E1")]
        assert second.values() == [1.0, 2.0]


def test_log_entries_reach_the_engine_between_the_readings_where_they_came(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    usual = Engine.process

    def watched(self: Engine, batch: ReadingBatch, entries: Sequence[Logged] = ()) -> Outcome:
        rows = [f"{value:g}" for value in batch.value.tolist()]
        for entry in reversed(entries):
            rows.insert(entry.row, entry.code)
        seen.extend(rows)
        return usual(self, batch, entries)

    monkeypatch.setattr(Engine, "process", watched)
    site.say(1.0, 2.0)
    logged(site, "E1", second=1)
    site.say(3.0, first=2)
    logged(site, "E2", second=3)
    site.say(4.0, first=4)
    site.settle()
    assert seen == ["1", "2", "E1", "3", "E2", "4"]


def test_requests_with_log_entries_are_answered_once_durable(site: Site, sqlite_engine: sa.Engine) -> None:
    result = site.pipeline.submit([{"device": "a", "event": "mark", "code": "trial"}, {"device": "a"}], LOG)
    assert result.accepted == 1
    assert [(one.index, one.metric) for one in result.rejected] == [(1, None)]
    assert site.spool.last >= 1
    site.settle()
    assert log_of(site, sqlite_engine) == [("a", "trial")]
