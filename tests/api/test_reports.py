"""`/reports/alarm-health` and its page: figures of what the service has, and the budget beside what people said."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from alerts.alert import Kind, Verdict
from alerts.health import asked
from alerts.store import AlertFilter, AlertStore
from api.board import Board
from ingest.reading import NS_PER_DAY
from ingest.times import format_time
from tests.alerts.samples import HOUR, make_alert
from tests.alerts.test_store import keep
from tests.api.conftest import client_of, replace_deps
from tests.api.harness import Site
from tests.api.test_pages import parse

URL = "/api/v1/reports/alarm-health"


def test_the_report_counts_what_the_service_raised(plant_client: TestClient, plant: Site) -> None:
    told = plant_client.get(URL).json()
    alerts = AlertStore(plant.database).list(AlertFilter()).items
    assert told["raised"] == len(alerts) > 1
    assert sum(told["by_kind"].values()) == sum(told["by_severity"].values()) == len(alerts)
    assert [one["name"] for one in told["figures"]] == list(asked()[1])
    assert told["devices"] == 7, "all of the plant but the one that is retired"


def test_the_time_begins_with_the_first_alert_but_is_a_day_at_least(client: TestClient, made: Site) -> None:
    told = client.get(URL).json()
    assert (told["start"], told["end"]) == (format_time(made.now - NS_PER_DAY), format_time(made.now))
    keep(made.database, make_alert(raised_at=made.now - 3 * NS_PER_DAY))
    assert client.get(URL).json()["start"] == format_time(made.now - 3 * NS_PER_DAY)
    assert client.get(URL, params={"days": 2}).json()["start"] == format_time(made.now - 2 * NS_PER_DAY)


def test_what_people_say_of_alerts_is_what_the_budget_is_measured_by(client: TestClient, made: Site) -> None:
    alerts = [make_alert(kind=Kind.BASELINE, raised_at=made.now - hour * HOUR) for hour in range(1, 4)]
    store = keep(made.database, *alerts)
    before = client.get(URL).json()["budget"]
    assert (before["accepted"], before["raised"], before["unanswered"], before["false"]) == (1.0, 3, 3, 0)
    store.feedback(alerts[0].id, "li", made.now, Verdict.NOT_ANOMALY)
    store.feedback(alerts[1].id, "li", made.now, Verdict.ANOMALY)
    after = client.get(URL).json()
    assert (after["budget"]["right"], after["budget"]["false"], after["budget"]["unanswered"]) == (1, 1, 1)
    assert after["budget"]["least"] == pytest.approx(1 / after["budget"]["device_months"])
    (most, *_) = after["frequent"]
    assert (most["device"], most["raised"], most["false"]) == ("pump-1", 3, 1)


def test_after_a_restart_the_devices_are_those_that_were_heard_before(made: Site) -> None:
    with client_of(replace_deps(made, board=Board())) as client:
        assert client.get(URL).json()["devices"] == 1


@pytest.mark.parametrize("days", ["0", "367", "many"])
def test_days_that_make_no_sense_are_named(looking: TestClient, days: str) -> None:
    answer = looking.get(URL, params={"days": days})
    assert answer.status_code == 422
    assert "days" in answer.text


@pytest.mark.parametrize(("language", "words"), [("en", "False alarms and the budget"), ("zh", "误报与预算")])
def test_the_page_in_both_languages(looking: TestClient, language: str, words: str) -> None:
    answer = looking.get("/alarm-health", params={"lang": language, "days": 7})
    assert answer.status_code == 200
    assert words in answer.text
    parse(answer.text)
    assert 'href="/alarm-health"' in looking.get("/alerts").text
