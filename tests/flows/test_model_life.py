"""The life of a model beside a service that never stops: trained, shadow, judged by people, promoted, trained anew."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from forewarn.history.importing import run_import
from ingest.logentry import Event, LogEntry
from ingest.tables import read_table
from ingest.times import parse_time
from tests.failing_fleet import HOUR, START, Fleet, fleet
from tests.flows.test_model_kill import model, post, risks
from tests.live import WITHIN_S, Live, live, make_settings
from tests.waiting import wait_until

HISTORY, JUDGED, END = 26, 44, 56
"""Days: until when is history, until when the shadow looks on."""


def with_failures() -> Fleet:
    """A fleet whose log tells of its failures as well."""
    made = fleet(n_devices=4, days=END, seed=6)
    made.entries += [LogEntry(at, None, device, Event.FAILURE, "stopped") for device, at in made.failures]
    made.entries.sort(key=lambda entry: (entry.time, entry.device, entry.event))
    return made


def history_of(site: Fleet) -> Fleet:
    """Its first days."""
    end = START + HISTORY * 24 * HOUR
    return Fleet(
        site.values[:, :, : HISTORY * 24],
        [entry for entry in site.entries if entry.time < end],
        [failure for failure in site.failures if failure[1] < end],
    )


@contextmanager
def training(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """`forewarn train` in a process of its own."""
    command = [sys.executable, "-c", "from forewarn.cli import main; main()", "train", *map(str, arguments)]
    with subprocess.Popen(command, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as one:
        yield one
        said, _ = one.communicate(timeout=200)
        assert one.returncode == 0, said


def models(service: Live) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = service.http.get("/api/v1/models").json()["items"]
    return found


def looks(service: Live, model_id: str, state: str) -> None:
    def so() -> bool:
        return any(one["id"] == model_id and one["state"] == state and one["looks"] for one in models(service))

    wait_until(so, f"the {state} model looks", WITHIN_S)


def say_what_it_was(service: Live, site: Fleet) -> tuple[str, str]:
    """What people would: a closure code, or a word on the alert; ids of one with a code and of one that was nothing."""
    right = wrong = ""
    for alert in service.items("alerts", kind="baseline"):
        at = parse_time(alert["raised_at"])
        if any(name == alert["device"] and at <= failed <= at + 72 * HOUR for name, failed in site.failures):
            number = alert["work_order"]
            if number is None:
                continue
            right = alert["id"]
            if service.http.get(f"/api/v1/work-orders/{number}").json()["closed_at"] is None:
                body = {"code": "bearing", "note": "replaced"}
                assert service.http.post(f"/api/v1/work-orders/{number}/close", json=body).status_code == 200
        else:
            wrong = alert["id"]
            said = {"verdict": "not_anomaly"}
            assert service.http.post(f"/api/v1/alerts/{wrong}/feedback", json=said).status_code == 200
    return right, wrong


@pytest.mark.timeout(600)
def test_the_life_of_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = with_failures()
    readings, events, truth = history_of(site).write(tmp_path)
    settings = make_settings(tmp_path)
    monkeypatch.setenv("FOREWARN_DATA__DIR", str(settings.data.dir))
    first, second = tmp_path / "first.model", tmp_path / "second.model"
    with training(readings, "--events", events, "--truth", truth, "--out", first):
        run_import([readings], settings, log=events)
    with live(settings) as service:
        wait_until(service.ready, "ready", WITHIN_S)

        model("add", str(first))
        (shadow,) = models(service)
        assert (shadow["state"], shadow["review"]["reason"]) == ("shadow", "not_looked")
        assert shadow["trained_on"]["failures"] == len(history_of(site).failures)
        looks(service, shadow["id"], "shadow")

        post(service, site, HISTORY, JUDGED)
        service.settle()
        assert risks(service) == set(), "nobody is told what a shadow finds"
        review = models(service)[0]["review"]
        assert review["against"] == "baseline"
        assert review["shadow"]["raised"] >= review["shadow"]["warned"] >= 3
        right, wrong = say_what_it_was(service, site)

        review = models(service)[0]["review"]
        assert (review["may_promote"], review["reason"]) == (True, "better"), review
        answer = service.http.post(f"/api/v1/models/{shadow['id']}/promote", json={"note": "a month of shadow"})
        assert (answer.status_code, answer.json()["actions"][-1]["forced"]) == (200, False)
        looks(service, shadow["id"], "active")

        with training("--from-store", "--last", "7300d", "--out", second) as process:
            post(service, site, JUDGED, END)
            service.settle()
            wait_until(lambda: risks(service), "the active model warns", WITHIN_S)
            assert process.poll() is None or second.exists()
        alert = service.items("alerts", kind="failure_risk")[-1]
        assert alert["work_order"]

        model("add", str(second))
        active, shadow = models(service)
        assert (active["state"], shadow["state"], shadow["name"]) == ("active", "shadow", "second.model")
        assert shadow["trained_on"]["failures"] > active["trained_on"]["failures"]
        assert shadow["review"]["against"] == "model"
        looks(service, shadow["id"], "shadow")
        assert service.ready()

        export_labels(tmp_path, right, wrong)


def export_labels(folder: Path, right: str, wrong: str) -> None:
    """One id all the way: the alert that people judged is in the label that the next training learns from."""
    command = [sys.executable, "-c", "from forewarn.cli import main; main()", "export", "labels", "--out", "labels.csv"]
    subprocess.run(command, cwd=folder, env=os.environ, check=True, timeout=60, capture_output=True)
    rows = [row for _, row in read_table(folder / "labels.csv", ("kind", "alert_ids", "work_orders", "codes"))]
    kinds = {alert: row for row in rows for alert in row["alert_ids"].split()}
    assert kinds[right]["kind"] == "failure"
    assert "bearing" in kinds[right]["codes"]
    assert kinds[right]["work_orders"]
    assert kinds[wrong]["kind"] == "not_anomaly"
