"""The page of a work order that waits, and of one that is reopened."""

import re

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from alerts.alert import Opened
from ingest.database import writing
from tests.alerts.samples import HOUR, make_alert
from tests.api.harness import Site
from tests.api.test_pages import parse
from workorders.closure import ClosureCode
from workorders.pause import PauseReason
from workorders.store import OrderFilter, OrderRow


@pytest.fixture
def url(made: Site) -> str:
    """The page of an order that somebody has taken."""
    (order,) = made.deps().orders.list(OrderFilter()).items
    made.deps().orders.assign(order.number, "wang", "li", made.now)
    return f"/work-orders/{order.number}"


def text_of(page: str) -> str:
    parse(page)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


@pytest.mark.parametrize(
    ("language", "words", "clock"),
    [
        ("en", "Paused since 2026-05-29 04:26 by local: Waiting for parts.", "47 h 59 min left, the clock stands"),
        ("zh", "本机 自 2026-05-29 04:26 起暂停：等待备件。", "剩余 47 小时 59 分钟，停止计时"),
    ],
)
def test_it_waits_and_goes_on(client: TestClient, made: Site, url: str, language: str, words: str, clock: str) -> None:
    headers = {"Accept-Language": language}
    before = text_of(client.get(url, headers=headers).text)
    assert clock not in before
    answer = client.post(f"{url}/pause", data={"reason": "parts", "note": "bearing 6308"}, headers=headers)
    page = text_of(answer.text)
    assert words in page
    assert "bearing 6308" in page
    made.now += 60 * HOUR
    page = text_of(client.get(url, headers=headers).text)
    assert clock in page, "it never becomes overdue"
    assert f"{url}/advance" not in client.get(url).text
    listed = client.get("/work-orders?show=paused", headers=headers).text
    assert ("Paused: Waiting for parts" if language == "en" else "暂停：等待备件") in listed
    page = text_of(client.post(f"{url}/resume", data={"note": "it came"}, headers=headers).text)
    assert clock not in page
    assert ("Paused: Waiting for parts" if language == "en" else "暂停：等待备件") in page, "in the table of the clock"
    assert "2 d 12 h" in page if language == "en" else "2 天 12 小时" in page
    assert "No work orders match." in client.get("/work-orders?show=paused").text


def test_the_newest_intervals_come_first_and_all_where_they_are_asked_for(
    client: TestClient, made: Site, url: str
) -> None:
    orders, number = made.deps().orders, url.rpartition("/")[2]
    for hour in range(4):
        orders.pause(number, PauseReason.ACCESS, "wang", made.now + (2 * hour + 1) * HOUR)
        orders.resume(number, "wang", made.now + (2 * hour + 2) * HOUR)
    made.now += 9 * HOUR
    page = client.get(f"{url}?show=all").text
    assert page.count("Paused: No access") == 2
    assert "4 earlier intervals" in text_of(page)
    whole = client.get(f"{url}?show=all&clock=all").text
    assert f'href="{url}?show=all&amp;clock=all"' in page
    assert (whole.count("Paused: No access"), "earlier intervals" in whole) == (4, False)


def test_another_reason_is_said_in_the_note(client: TestClient, made: Site, url: str) -> None:
    refused = client.post(f"{url}/pause", data={"reason": "other", "note": " "})
    assert refused.status_code == 422
    assert "Say in the note what is waited for." in refused.text
    assert "Paused since" in client.post(f"{url}/pause", data={"reason": "other", "note": "the crane"}).text
    again = client.post(f"{url}/pause", data={"reason": "parts"})
    assert (again.status_code, "The state has changed in the meantime" in again.text) == (409, True)


def test_it_is_reopened_unless_another_one_is_open(client: TestClient, made: Site, url: str) -> None:
    deps, number = made.deps(), url.rpartition("/")[2]
    deps.orders.close(number, ClosureCode.BEARING, "wang", made.now)
    assert 'action="' + f"{url}/reopen" in client.get(url).text
    made.desk.record([Opened(make_alert("pump-1", raised_at=made.now))], made.now)
    (other,) = deps.orders.list(OrderFilter(open=True)).items
    refused = client.post(f"{url}/reopen", data={"note": "it hums again"})
    assert (refused.status_code, f"{other.number}, of the same device or asset, is open" in refused.text) == (409, True)
    assert client.post(f"{url}/reopen", data={"note": " "}).status_code == 422
    deps.orders.close(other.number, ClosureCode.DUPLICATE, "wang", made.now)
    page = text_of(client.post(f"{url}/reopen", data={"note": "it hums again"}).text)
    assert "Reopened 1 ×" in page
    assert "it hums again" in page
    assert "0 of them closed, 1 reopened" in text_of(client.get("/service?month=2026-05").text)


def test_the_date_of_a_forecast_stays(client: TestClient, made: Site, url: str) -> None:
    with writing(made.database) as session:
        session.execute(sa.update(OrderRow).values(by_date=True))
    made.deps().orders.pause(url.rpartition("/")[2], PauseReason.WEATHER, "wang", made.now)
    page = text_of(client.get(url).text)
    assert "The date of the forecast stays as it is." in page
    assert "the clock stands" not in page
