from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from alerts.alert import Kind, Opened, State
from alerts.notify.policy import NotifyConfig
from alerts.store import AlertFilter, AlertStore
from api.board import Board, SeriesState
from forewarn.config.configured import engine_config, make_store
from forewarn.config.settings import DataSettings, FileSettings, Settings
from forewarn.database_admin import open_database
from forewarn.engine import Engine, EngineConfig
from forewarn.history import importing
from forewarn.history.importing import REJECTS_NAME, run_import
from forewarn.live.checkpoint import Checkpoint
from forewarn.live.folder import DataFolder
from forewarn.retry import TRIES
from ingest.errors import InputError, RetryableError
from ingest.inbox import FILE_NAME, inbox_file
from ingest.keyed import KeyedBatch
from ingest.log_store import LogFilter, LogStore
from ingest.reading import ReadingBatch
from ingest.registry import Registry
from ingest.registry_store import RegistryStore
from ingest.spool import Spool
from ingest.stores.sqlite import SqliteStore
from ingest.stores.store import Refused
from ingest.times import format_time
from models.detectors.limits import LimitRule
from workorders.desk import Desk
from workorders.store import OrderFilter, OrderStore

MINUTE = 60 * 10**9
START = 1_767_225_600 * 10**9
NOW = START + 100 * 24 * 60 * MINUTE
N = 3000


def values(n: int = N, seed: int = 0) -> list[float]:
    """An ordinary signal, one value a minute."""
    told: list[float] = np.random.default_rng(seed).normal(20.0, 1.0, n).round(3).tolist()
    return told


def write(path: Path, told: Sequence[float], *, begin: int = 0, device: str = "pump") -> Path:
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(("time", "site", "device", "metric", "value", "unit"))
        out.writerows((START + (begin + n) * MINUTE, "plant", device, "t", value, "°C") for n, value in enumerate(told))
    return path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=DataSettings(dir=tmp_path / "data"))


def checkpoint_of(settings: Settings) -> tuple[Registry, int, Checkpoint]:
    """What the service would go on from: the registry, the position and the checkpoint."""
    local = inbox_file(settings.data.dir / FILE_NAME)
    local.open()
    spool = Spool(local)
    spool.open()
    saved = spool.load_checkpoint()
    local.close()
    assert saved is not None
    registry = Registry()
    database = open_database(settings.database_url)
    RegistryStore(database).load(registry)
    database.dispose()
    return registry, saved[0], Checkpoint.decode(saved[1])


def engine_of(settings: Settings, limits: tuple[LimitRule, ...] = ()) -> tuple[Engine, int]:
    """The engine as the service would find it, and the position it goes on from."""
    registry, position, checkpoint = checkpoint_of(settings)
    engine = Engine(registry, EngineConfig(limits=limits))
    engine.restore(checkpoint.engine)
    return engine, position


def last_heard(settings: Settings, device: str) -> SeriesState:
    """What the service would show of a device before it reports anything."""
    registry, _, checkpoint = checkpoint_of(settings)
    board, series = Board(), registry.find("plant", device, "t")
    board.restore(checkpoint.board, registry)
    assert series is not None
    return board.of(series)


def live(engine: Engine, told: Sequence[float], begin: int) -> list[object]:
    times = [START + (begin + n) * MINUTE for n in range(len(told))]
    return list(engine.process(ReadingBatch.of([0] * len(told), times, told)).events)


def alerts_and_orders(settings: Settings) -> tuple[int, int]:
    database = open_database(settings.database_url)
    try:
        return len(AlertStore(database).list(AlertFilter()).items), len(OrderStore(database).list(OrderFilter()).items)
    finally:
        database.dispose()


def test_history_is_stored_and_the_baseline_is_warm(settings: Settings, tmp_path: Path) -> None:
    told = run_import([write(tmp_path / "a.csv", values())], settings, clock=lambda: NOW)
    assert (told.readings, told.judged, told.bad_rows, told.refused) == (N, N, 0, 0)
    store = make_store(settings)
    store.prepare()
    kept = store.readings("plant", "pump", "t", START, NOW, 10_000)
    assert kept.value.tolist() == values()
    assert len(store.scores("plant", "pump", "t", START, NOW, 10_000)) > N // 2
    store.close()
    engine, position = engine_of(settings)
    assert position == 0
    assert engine.warm.tolist() == [True]
    assert live(engine, [20.0], N) == []
    assert len(live(engine, [60.0] * 20, N + 1)) > 0, "it knows at once what is unusual"


def test_what_was_heard_last_is_shown_however_long_ago_and_that_there_is_enough_data(
    settings: Settings, tmp_path: Path
) -> None:
    run_import([write(tmp_path / "a.csv", values())], settings, clock=lambda: NOW)
    shown = SeriesState(START + (N - 1) * MINUTE, values()[-1], NOW, warm=True)
    assert last_heard(settings, "pump") == shown
    run_import([write(tmp_path / "b.csv", [1.0], device="fan")], settings, clock=lambda: NOW + MINUTE)
    assert last_heard(settings, "fan") == SeriesState(START, 1.0, NOW + MINUTE)
    assert last_heard(settings, "pump") == shown, "an import of others takes nothing away"


def test_nobody_is_told_and_what_lasts_is_told_when_it_goes_on(settings: Settings, tmp_path: Path) -> None:
    history = [*values(), *[60.0] * 50]
    told = run_import([write(tmp_path / "a.csv", history)], settings, clock=lambda: NOW)
    assert told.events == []
    assert alerts_and_orders(settings) == (0, 0)
    engine, _ = engine_of(settings)
    assert engine.open_alerts == frozenset()
    opened = live(engine, [60.0] * 5, len(history))
    assert [event.alert.kind for event in opened if isinstance(event, Opened)] == [Kind.BASELINE]


def test_a_limit_that_history_broke_opens_anew_only_when_it_is_broken_again(tmp_path: Path) -> None:
    limits = tmp_path / "limits.toml"
    limits.write_text('[[limit]]\nmetric = "t"\nhigh = 50\nhysteresis = 5\n', "utf-8")
    settings = Settings(data=DataSettings(dir=tmp_path / "data"), limits=FileSettings(file=limits))
    run_import([write(tmp_path / "a.csv", [20.0, 60.0, 60.0])], settings, clock=lambda: NOW)
    assert alerts_and_orders(settings) == (0, 0)
    engine, _ = engine_of(settings, limits=engine_config(settings).limits)
    assert engine.open_alerts == frozenset()
    assert live(engine, [48.0, 20.0], 3) == [], "inside, though not by the hysteresis yet"
    opened = live(engine, [61.0], 5)
    assert [event.alert.kind for event in opened if isinstance(event, Opened)] == [Kind.LIMIT]


def test_the_same_file_again_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", values())
    run_import([file], settings, clock=lambda: NOW)
    again = run_import([file], settings, clock=lambda: NOW)
    assert (again.readings, again.judged, again.late + again.duplicate) == (N, 0, N)
    store = make_store(settings)
    store.prepare()
    assert len(store.readings("plant", "pump", "t", START, NOW, 10_000)) == N
    store.close()


def test_several_imports_are_one_history(settings: Settings, tmp_path: Path) -> None:
    whole, parts = Settings(data=DataSettings(dir=tmp_path / "whole")), values()
    run_import([write(tmp_path / "all.csv", parts)], whole, clock=lambda: NOW)
    run_import([write(tmp_path / "a.csv", parts[:1000])], settings, clock=lambda: NOW)
    run_import([write(tmp_path / "b.csv", parts[1000:], begin=1000)], settings, clock=lambda: NOW)
    (one, _), (other, _) = engine_of(whole), engine_of(settings)
    assert live(one, [60.0] * 20, N) == live(other, [60.0] * 20, N)


def test_an_alert_that_was_open_before_may_return_and_is_kept_otherwise(settings: Settings, tmp_path: Path) -> None:
    run_import([write(tmp_path / "a.csv", values())], settings, clock=lambda: NOW)
    engine, _ = engine_of(settings)
    events = engine.process(
        ReadingBatch.of([0] * 20, [START + (N + n) * MINUTE for n in range(20)], [60.0] * 20)
    ).events
    database = open_database(settings.database_url)
    Desk(database, engine._registry, NotifyConfig()).record(events, NOW)
    local = inbox_file(settings.data.dir / FILE_NAME)
    local.open()
    spool = Spool(local)
    spool.open()
    spool.save_checkpoint(7, *Checkpoint(engine.save(), [["s", "d", []]], b"").encode())
    local.close()
    assert len(engine.open_alerts) == 1
    known = engine.open_alerts
    run_import([write(tmp_path / "b.csv", [60.0, 60.0], begin=N + 20)], settings, clock=lambda: NOW)
    after, position = engine_of(settings)
    assert (after.open_alerts, position) == (known, 7), "it is still open, and the spool is gone on with where it was"
    run_import([write(tmp_path / "c.csv", values(500, seed=1), begin=N + 30)], settings, clock=lambda: NOW)
    assert engine_of(settings)[0].open_alerts == frozenset()
    (alert,) = AlertStore(database).list(AlertFilter()).items
    assert alert.state is not State.ACTIVE
    assert alert.cleared_at is not None
    database.dispose()


def test_bad_rows_are_kept_beside_the_data(settings: Settings, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", [1.0, 2.0])
    with file.open("a") as out:
        out.write("tomorrow,plant,pump,t,1,\n")
        out.write(f"{NOW + 10**9 * 86_400 * 2},plant,pump,t,1,\n")
    told = run_import([file], settings, clock=lambda: NOW)
    assert (told.readings, told.bad_rows) == (2, 2)
    rows = list(csv.reader((settings.data.dir / REJECTS_NAME).read_text("utf-8").splitlines()))
    assert [row[0] for row in rows] == ["line", "4", "5"]
    assert "lies too far in the future" in rows[2][1]
    run_import([write(tmp_path / "b.csv", [3.0], begin=5)], settings, clock=lambda: NOW)
    assert not (settings.data.dir / REJECTS_NAME).exists()


def test_it_does_not_run_beside_the_service(settings: Settings, tmp_path: Path) -> None:
    with DataFolder(settings.data.dir), pytest.raises(InputError, match="is in use by another forewarn"):
        run_import([write(tmp_path / "a.csv", [1.0])], settings)


def test_a_file_of_no_use_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    run_import([write(tmp_path / "a.csv", values())], settings, clock=lambda: NOW)
    before = engine_of(settings)[0].save()
    with pytest.raises(InputError, match="no usable row"):
        run_import([write(tmp_path / "b.csv", [])], settings, clock=lambda: NOW)
    assert engine_of(settings)[0].save() == before


class Shaky(SqliteStore):
    """A store that is away for some calls and refuses a row."""

    failures = 0

    def write(self, readings: KeyedBatch) -> list[Refused]:
        if self.failures:
            self.failures -= 1
            raise RetryableError("http://influx: no answer")
        return [*super().write(readings), Refused(0, "type conflict")]


@pytest.mark.parametrize("failures", [3, 99])
def test_a_store_that_is_away_is_tried_again_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("forewarn.retry.time.sleep", waits.append)
    registry = Registry()
    store = Shaky(tmp_path / "t.db")
    store.prepare()
    store.failures = failures
    files = [write(tmp_path / "a.csv", [1.0, 2.0])]

    def go() -> importing.Imported:
        return importing.import_files(
            files, registry, Engine(registry), store, Board(), lambda *_: None, now=NOW, future_ns=0
        )

    if failures > TRIES:
        with pytest.raises(RetryableError):
            go()
        assert waits == [1, 2, 4, 8, 16]
    else:
        told = go()
        assert waits == [1, 2, 4]
        assert (told.refused, told.refusal) == (1, "type conflict")
    store.close()


def test_the_log_beside_the_readings_is_kept_and_known(settings: Settings, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", values(100))
    log = tmp_path / "events.csv"
    times = [format_time(at) for at in (*(START + n * MINUTE for n in (5, 50, 500)), NOW + 25 * 60 * MINUTE)]
    told_of = zip(times, ("error", "maintenance", "failure", "mark"), strict=True)
    rows = [f"{at},pump,{event},E{n}" for n, (at, event) in enumerate(told_of)]
    log.write_text("\n".join(["time,device,event,code", *rows, f"{times[0]},fan,error,E9"]) + "\n")
    told = run_import([path], settings, clock=lambda: NOW, log=log)
    assert [(one.entry.site, one.entry.code) for one in told.entries] == [("plant", f"E{n}") for n in range(3)]
    assert told.entries_left == 2, "of a device without readings, and in the future"
    database = open_database(settings.database_url)
    kept = LogStore(database).list(LogFilter()).items
    database.dispose()
    assert [(one.entry.code, one.received_at) for one in kept] == [("E2", NOW), ("E1", NOW), ("E0", NOW)]
    engine, _ = engine_of(settings)
    assert b"maintenance:E1" in engine.save()
    assert b"failure:E2" in engine.save(), "though it comes after the last reading"
