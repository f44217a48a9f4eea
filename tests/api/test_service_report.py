"""`/reports/service` and its page: a month of orders, in the time zone of the site."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from ingest.reading import NS_PER_SECOND
from tests.api.harness import Site
from tests.api.test_pages import parse
from workorders.closure import ClosureCode

URL = "/api/v1/reports/service"


def test_the_report_of_this_month_and_the_one_before(client: TestClient, made: Site) -> None:
    (order,) = client.get("/api/v1/work-orders").json()["items"]
    told = client.get(URL).json()
    assert (told["month"], told["before"]["month"]) == ("2026-05", "2026-04")
    assert (told["start"], told["end"]) == ("2026-04-30T16:00:00Z", "2026-05-31T16:00:00Z"), "in Shanghai"
    assert (told["opened"], told["closed"], told["before"]["opened"]) == (1, 0, 0)
    assert told["response"]["met"] is None, "it is not due yet"

    made.now += 3_600 * NS_PER_SECOND
    made.deps().orders.close(order["number"], ClosureCode.OVERHEATING, "li", made.now)
    told = client.get(URL, params={"month": "2026-05"}).json()
    assert (told["response"]["share"], told["solution"]["share"], told["solution"]["met"]) == (1.0, 1.0, True)
    assert told["found"] == {"overheating": 1}
    assert told["response"]["median_s"] == pytest.approx(3_660)
    assert client.get(URL, params={"month": "2026-06"}).json()["before"] == {
        name: value for name, value in told.items() if name != "before"
    }


def test_what_customers_said(client: TestClient, made: Site) -> None:
    (order,) = client.get("/api/v1/work-orders").json()["items"]
    url = f"/api/v1/work-orders/{order['number']}"
    client.post(f"{url}/close")
    client.post(f"{url}/ratings", json={"score": 4})
    client.post(f"{url}/complaints", json={"text": "too loud"})
    told = client.get(URL).json()
    assert told["satisfaction"] == {
        "solved": 1,
        "rated": 1,
        "response_rate": 1.0,
        "mean": 4.0,
        "asked": 4.5,
        "met": False,
    }
    assert (told["complaints"]["counted"], told["complaints"]["kept"], told["complaints"]["met"]) == (1, 0, False)
    assert told["before"]["satisfaction"]["mean"] is None
    page = client.get("/service", params={"lang": "en"}).text
    assert "1 of 1 rated (100 %)" in page
    assert "Complaints closed" in page


@pytest.mark.parametrize("month", ["2026-13", "2026", "may", "0001-01", "2026-05-01"])
def test_what_is_no_month_is_named(looking: TestClient, month: str) -> None:
    answer = looking.get(URL, params={"month": month})
    assert answer.status_code == 422
    assert "month" in answer.json()["detail"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page(client: TestClient, language: str) -> None:
    answer = client.get("/service", params={"lang": language})
    assert answer.status_code == 200
    parse(answer.text)
    assert 'href="?month=2026-04"' in answer.text
    assert 'href="?month=2026-06"' not in answer.text, "not yet"
    assert 'href="/service"' in client.get("/work-orders").text
