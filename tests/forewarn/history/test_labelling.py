"""Labels from a service's database to a file, and training on what its store holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from alerts.alert import Verdict
from alerts.store import AlertStore
from forewarn.cli import main
from forewarn.config.settings import DataSettings, Settings
from forewarn.database_admin import open_database
from forewarn.history.backtest import read_inputs
from forewarn.history.examples import Sources, collect
from forewarn.history.importing import run_import
from forewarn.history.labelling import read_log
from forewarn.history.storehistory import open_history
from ingest.logbook import read_logbook
from ingest.tables import read_table
from ingest.truth import FAILURE, FAULT, NORMAL, read_truth
from tests.failing_fleet import HOUR, START, fleet
from tests.workorders.test_review import NOW, baseline, close, tell, write_failures
from workorders.closure import ClosureCode

SITE = fleet(n_devices=3, days=20)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=DataSettings(dir=tmp_path / "forewarn-data"))


@pytest.fixture
def database(settings: Settings) -> Iterator[sa.Engine]:
    made = open_database(settings.database_url)
    yield made
    made.dispose()


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert isinstance(left.value.code, int)
    return left.value.code


def test_labels_lead_back_to_alert_order_and_code(
    database: sa.Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fault, warned, false = baseline("a", 100), baseline("b", 200), baseline("c", 300)
    tell(database, [fault, warned, false, baseline("d", 400)])
    write_failures(database, ("b", 230), ("e", 250))
    close(database, fault, ClosureCode.BEARING)
    close(database, warned, ClosureCode.UNSPECIFIED)
    alerts = AlertStore(database)
    alerts.feedback(warned.id, "ann", NOW, Verdict.ANOMALY)
    alerts.feedback(false.id, "ann", NOW, Verdict.NOT_ANOMALY)
    assert run("export", "labels", "--out", "labels.csv") == 0
    assert capsys.readouterr().out == "2 failures, 1 faults, 1 times without: labels.csv\n"
    rows = [row for _, row in read_table(Path("labels.csv"), ("device", "kind", "alert_ids", "work_orders", "codes"))]
    orders = {one.id: alerts.get(one.id).work_order or "" for one in (fault, warned, false)}
    assert [tuple(row.values()) for row in rows] == [
        ("a", "fault", fault.id, orders[fault.id], "bearing"),
        ("b", "failure", warned.id, orders[warned.id], "unspecified"),
        ("e", "failure", "", "", ""),
        ("c", "not_anomaly", false.id, orders[false.id], ""),
    ]
    assert [label.kind for label in read_truth(Path("labels.csv"))] == [FAULT, FAILURE, FAILURE, NORMAL]
    in_backtest = read_inputs(Path("labels.csv"), None).labels
    assert in_backtest is not None
    assert [label.kind for label in in_backtest] == [FAULT, FAILURE, FAILURE], "nothing to be found in a normal time"


def test_what_is_learned_from_the_store_is_what_is_learned_from_files(
    settings: Settings, tmp_path: Path, database: sa.Engine
) -> None:
    readings, events, truth = SITE.write(tmp_path)
    with events.open("a") as file:
        for _, row in read_table(truth, ("end", "device")):
            file.write(f"{row['end']},{row['device']},failure,stopped\n")
    run_import([readings], settings, clock=lambda: NOW, log=events)
    expected = collect(Sources([readings], read_logbook(events)), HOUR, 72)
    with open_history(settings, START, NOW, 0) as history:
        found = collect(Sources((), read_log(history.database), stored=history.every), HOUR, 72)
    assert set(found.names.values()) == set(expected.names.values())
    assert found.readings == expected.readings
    assert {found.names[n]: times for n, times in found.failures.items()} == {
        expected.names[n]: times for n, times in expected.failures.items()
    }
    assert (found.words.metrics, found.words.codes) == (expected.words.metrics, expected.words.codes)
    np.testing.assert_array_equal(found.instants.deviation, expected.instants.deviation)
    np.testing.assert_array_equal(found.log.since, expected.log.since)


def test_faults_that_people_confirmed_are_learned_from(tmp_path: Path) -> None:
    readings, _, truth = SITE.write(tmp_path)
    as_faults = tmp_path / "labels.csv"
    as_faults.write_text(truth.read_text().replace(",failure", ",fault"))
    one, other = (collect(Sources([readings], (), read_truth(path)), HOUR, 72) for path in (truth, as_faults))
    assert one.failures == other.failures
    assert sum(map(len, one.failures.values())) == len(SITE.failures)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["export", "labels"], "Missing option '--out'", id="no file"),
        pytest.param(["export", "labels", "--out", "no/where.csv"], "no/where.csv: cannot be written", id="no folder"),
        pytest.param(["export", "labels", "--out", "a", "--horizon", "1s"], "between a minute and 400 days", id="span"),
        pytest.param(["train", "--out", "m"], "or --from-store", id="no readings"),
        pytest.param(["train", "a.csv", "--from-store", "--out", "m"], "not from both", id="two sources"),
        pytest.param(["train", "a.csv", "--last", "9d", "--out", "m"], "only with --from-store", id="span of files"),
        pytest.param(
            ["train", "--from-store", "--last", "1h", "--out", "m"], "the store holds no reading", id="an empty store"
        ),
    ],
)
def test_a_mistake_gets_a_line(
    settings: Settings, tmp_path: Path, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    readings = tmp_path / "some.csv"
    readings.write_text("time,site,device,metric,value\n2026-01-01T00:00:00Z,s,d,m,1\n")
    run_import([readings], settings, clock=lambda: NOW)
    assert run(*arguments) == 2
    line = capsys.readouterr().err
    assert told in line
    assert line.count("\n") == 1


def test_without_a_service_there_is_nothing_to_export(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("export", "labels", "--out", "labels.csv") == 2
    assert "no service with these settings has run" in capsys.readouterr().err
