"""A backtest reads what a service has stored, changes nothing of it, and knows what people said."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alerts.alert import Alert, Opened, Verdict
from alerts.notify.policy import NotifyConfig
from alerts.store import AlertStore
from forewarn.config.setting_types import as_budget
from forewarn.config.settings import AlarmSettings, DataSettings, Settings, StoreSettings
from forewarn.database_admin import open_database
from forewarn.history import storehistory
from forewarn.history.backtest import Inputs
from forewarn.history.comparison import run_comparison
from forewarn.history.importing import run_import
from forewarn.history.origin import Files
from forewarn.history.storehistory import open_history, open_to_read, verdicts
from forewarn.history.variants import Variant
from ingest.errors import InputError
from ingest.logbook import read_logbook
from ingest.reading import ReadingBatch
from ingest.registry import Registry
from tests.failing_fleet import HOUR, fleet
from tests.failing_fleet import START as FLEET_START
from tests.forewarn.history.test_backtest import START as FIRST
from tests.forewarn.history.test_backtest import rows, stamp, write_site
from tests.servers.influxdb import Database
from tests.small_model import small_model
from workorders.desk import Desk

MINUTE = 60 * 10**9
START = int(FIRST.timestamp()) * 10**9
END = START + 600 * MINUTE


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a service that has stored a site's ten hours."""
    made = Settings(
        data=DataSettings(dir=tmp_path / "data"), alarms=AlarmSettings(budget=as_budget("1 per device-week"))
    )
    write_site(tmp_path / "site.csv")
    run_import([tmp_path / "site.csv"], made)
    return made


def readings(settings: Settings, start: int = START, end: int = END, warm_up: int = 0) -> list[ReadingBatch]:
    with open_history(settings, start, end, warm_up) as history:
        return list(history.batches(history.registry(settings), None))


def digests(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.glob("*.db")):
        yield path.name, hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_store_gives_the_results_of_the_file(settings: Settings, tmp_path: Path) -> None:
    before = list(digests(settings.data.dir))
    variants = [Variant("one", settings)]
    with open_history(settings, START, END, 0) as history:
        run_comparison(history, tmp_path / "stored", variants, Inputs())
    run_comparison(Files([tmp_path / "site.csv"]), tmp_path / "filed", variants, Inputs())
    for name in ("alerts.csv", "work_orders.csv"):
        assert (tmp_path / "stored" / name).read_bytes() == (tmp_path / "filed" / name).read_bytes()
    assert len(rows(tmp_path / "stored" / "alerts.csv")) >= 2
    scores = [sorted(map(str, rows(tmp_path / name / "scores.csv"))) for name in ("stored", "filed")]
    assert scores[0] == scores[1], "in the order of a file, readings of one time come by name"
    assert list(digests(settings.data.dir)) == before, "nothing is written to what the service keeps"


def test_a_model_looks_at_the_log_of_the_service(tmp_path: Path) -> None:
    site = fleet(n_devices=2, days=25, seed=3)
    readings, events, _ = site.write(tmp_path)
    settings = Settings(data=DataSettings(dir=tmp_path / "data"))
    run_import([readings], settings, log=events)
    variants, end = [Variant("one", settings)], FLEET_START + 25 * 24 * HOUR
    with open_history(settings, FLEET_START, end, 0) as history:
        run_comparison(history, tmp_path / "stored", variants, Inputs(model=small_model()))
    beside = Inputs(model=small_model(), entries=read_logbook(events))
    run_comparison(Files([readings]), tmp_path / "filed", variants, beside)
    found, expected = (rows(tmp_path / name / "alerts.csv") for name in ("stored", "filed"))
    assert found == expected
    assert any("logged" in row["explanation"] for row in found)


def test_what_comes_before_teaches_and_is_not_told(settings: Settings, tmp_path: Path) -> None:
    since = START + 410 * MINUTE  # in the middle of the hot spell
    with open_history(settings, since, END, 410 * MINUTE) as history:
        _, told = run_comparison(history, tmp_path / "out", [Variant("one", settings)], Inputs())
    assert told.readings == 190 * 3
    assert told.start == since
    scores, alerts = rows(tmp_path / "out" / "scores.csv"), rows(tmp_path / "out" / "alerts.csv")
    assert min(row["time"] for row in scores) == stamp(410)
    assert float(scores[0]["p_value"]) < 1, "the detectors are warm"
    assert all(alert["raised_at"] >= stamp(410) for alert in alerts)
    (hot,) = [alert for alert in alerts if alert["kind"] == "baseline"]
    assert hot["raised_at"] <= stamp(412), "a condition that lasts is raised at once"


@pytest.mark.parametrize("most", [7, 50, 100_000])
def test_stretches_fit_the_memory_whatever_the_rate(
    settings: Settings, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ReadingBatch.concat(readings(settings))
    monkeypatch.setattr(storehistory, "TOO_MANY", most)
    monkeypatch.setattr(storehistory, "ROWS_WANTED", most)
    monkeypatch.setattr(storehistory, "ROWS_AT_ONCE", most)
    parts = readings(settings)
    assert max(map(len, parts)) <= most
    found = ReadingBatch.concat(parts)
    assert found.time.tolist() == whole.time.tolist() == sorted(whole.time.tolist())
    assert found.series.tolist() == whole.series.tolist()
    assert np.array_equal(found.value, whole.value)
    assert len(whole) == 600 * 3 - 60


def test_an_influxdb_gives_the_same_readings(
    settings: Settings, influx_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storehistory, "TOO_MANY", 200)
    store = StoreSettings(url=influx_database.url, bucket=influx_database.bucket)
    other = settings.model_copy(update={"data": DataSettings(dir=tmp_path / "other"), "store": store})
    run_import([tmp_path / "site.csv"], other)
    stored, remote = (ReadingBatch.concat(readings(one)) for one in (settings, other))
    assert remote.time.tolist() == stored.time.tolist()
    assert remote.series.tolist() == stored.series.tolist()
    assert np.array_equal(remote.value, stored.value)


def test_an_empty_stretch_is_an_error_that_names_it(settings: Settings) -> None:
    with pytest.raises(InputError, match="holds no reading from 2020"):
        readings(settings, START - 6 * 365 * 24 * 60 * MINUTE, START - 365 * 24 * 60 * MINUTE)


def test_nothing_in_the_time_that_counts_is_an_error(settings: Settings, tmp_path: Path) -> None:
    with (
        open_history(settings, END, END + MINUTE, 600 * MINUTE) as history,
        pytest.raises(InputError, match="no reading in the time that counts"),
    ):
        run_comparison(history, tmp_path / "out", [Variant("one", settings)], Inputs())


def test_without_a_service_there_is_nothing(tmp_path: Path) -> None:
    other = Settings(data=DataSettings(dir=tmp_path / "other"))
    with pytest.raises(InputError, match="there is no database: no service with these settings has run"):
        readings(other)
    open_database(f"sqlite:///{tmp_path / 'other.db'}").dispose()
    (tmp_path / "other").mkdir()
    (tmp_path / "other.db").rename(tmp_path / "other" / "forewarn.db")
    with pytest.raises(InputError, match=r"telemetry\.db: no such file"):
        readings(other)
    assert sorted(path.name for path in (tmp_path / "other").iterdir()) == ["forewarn.db"]


def record(settings: Settings, alerts: list[Alert]) -> AlertStore:
    """The alerts as the live service would have recorded them."""
    database = open_database(settings.database_url)
    registry = Registry()
    Desk(database, registry, NotifyConfig()).record([Opened(alert) for alert in alerts], END)
    return AlertStore(database)


def test_what_people_said_is_held_against_each_configuration(settings: Settings, tmp_path: Path) -> None:
    with open_history(settings, START, END, 0) as history:
        _, alone = run_comparison(history, tmp_path / "first", [Variant("one", settings)], Inputs())
    hot, silent = (
        next(alert for alert in alone.results[0].alerts if alert.kind == kind) for kind in ("baseline", "silence")
    )
    unseen = replace(
        hot, id="a-unseen", onset_at=START + MINUTE, raised_at=START + MINUTE, cleared_at=START + 2 * MINUTE
    )
    live = record(settings, [hot, silent, unseen])
    live.feedback(unseen.id, "li", END, Verdict.ANOMALY)
    live.feedback(hot.id, "li", END, Verdict.NOT_ANOMALY)
    live.feedback(hot.id, "li", END + 1, Verdict.ANOMALY)
    live.feedback(silent.id, "wang", END, Verdict.NOT_ANOMALY, "radio was moved")
    rare = settings.model_copy(update={"alarms": AlarmSettings(budget=as_budget("0.000001 per device-month"))})
    with open_history(settings, START, END, 0) as history:
        said = verdicts(history.database)
        variants = [Variant("one", settings), Variant("other", rare)]
        _, told = run_comparison(history, tmp_path / "out", variants, Inputs(), said)
    assert {one.alert.id: one.verdict for one in told.recorded} == {
        unseen.id: Verdict.ANOMALY,
        silent.id: Verdict.NOT_ANOMALY,
        hot.id: Verdict.ANOMALY,
    }
    figures = json.loads((tmp_path / "out" / "comparison.json").read_text("utf-8"))["configurations"]
    for figure in figures:
        assert figure["feedback"] == {
            "anomaly": {"alerts": 2, "raised": 1},
            "not_anomaly": {"alerts": 1, "raised": 1},
        }
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert '<span class="bad"><span lang="en">not raised</span>' in page, "the one that none of them raises"
    with open_history(settings, START, END, 0) as history:
        run_comparison(history, tmp_path / "out", variants[:1], Inputs(), verdicts(history.database))
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "people said: an anomaly" in page
    assert "people said: no anomaly" in page


def test_a_database_of_another_release_is_refused(settings: Settings) -> None:
    database = open_database(settings.database_url)
    with database.execution_options(writes=True).begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'older'")
    database.dispose()
    with pytest.raises(InputError, match="of another release"):
        open_to_read(settings.database_url)
