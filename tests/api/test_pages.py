"""The console's pages as they leave the server."""

import re
from html import escape
from html.parser import HTMLParser
from typing import Any

import pytest
from fastapi.testclient import TestClient

from alerts.store import AlertFilter
from api.web.suggest import suggest
from ingest.adapters.adapter import DeviceStatus
from ingest.adapters.mapping import parse_mapping_text
from ingest.reading import ReadingBatch
from ingest.registry import Device
from ingest.rejects import Reject, RejectSource
from tests.api.harness import MINUTE, Site
from workorders.store import OrderFilter

VOID = {"br", "hr", "img", "input", "link", "meta", "path", "rect", "circle"}
PATHS = (
    "/",
    "/devices/plant/pump-1",
    "/devices/north/logger%207",
    "/alerts",
    "/work-orders?show=all",
    "/rejects",
    "/login",
)


class Balanced(HTMLParser):
    """Fails on tags that are left open, and collects ids and the names of form fields without a label."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.bare: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids += [found["id"] or ""] if "id" in found else []
        if tag in {"input", "select", "textarea"} and found.get("type") != "hidden" and "label" not in self.open:
            self.bare.append(str(found))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"


def parse(text: str) -> Balanced:
    parser = Balanced()
    parser.feed(text)
    assert parser.open == []
    return parser


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("path", PATHS)
def test_every_page_in_both_languages(plant_client: TestClient, path: str, language: str) -> None:
    answer = plant_client.get(path, headers={"Accept-Language": language})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert f'<html lang="{"zh-CN" if language == "zh" else "en"}">' in answer.text
    found = parse(answer.text)
    assert len(found.ids) == len(set(found.ids))
    assert found.bare == [], "fields without a label"


def test_details_of_alerts_and_orders(plant_client: TestClient, plant: Site) -> None:
    deps = plant.deps()
    for alert in deps.alerts.list(AlertFilter()).items:
        text = plant_client.get(f"/alerts/{alert.id}").text
        parse(text)
        assert escape(alert.explanation.en) in text
    for order in deps.orders.list(OrderFilter()).items:
        text = plant_client.get(f"/work-orders/{order.number}?show=all").text
        parse(text)
        assert escape(order.cause.en) in text
        assert text.count("<li class=") >= 9
        assert f'data-device="{order.device}" data-metric="' in text, "the readings around the alert that opened it"


def test_an_alert_about_a_whole_device_shows_all_its_metrics(plant_client: TestClient, plant: Site) -> None:
    (alert,) = plant.deps().alerts.list(AlertFilter(device="coldroom-2")).items
    assert alert.metric is None
    page = plant_client.get(f"/alerts/{alert.id}").text
    assert re.findall(r'data-device="coldroom-2" data-metric="(\w+)"', page) == ["temperature", "humidity"]
    assert "begin with the gateway" in page


def test_the_language_is_remembered(looking: TestClient) -> None:
    assert "总览" in looking.get("/?lang=zh").text
    assert "总览" in looking.get("/", headers={"Accept-Language": "en"}).text
    assert "Overview" in looking.get("/?lang=en").text
    looking.cookies.clear()
    assert "总览" in looking.get("/", headers={"Accept-Language": "zh-CN"}).text


def test_times_are_of_the_site(looking: TestClient) -> None:
    text = looking.get("/alerts").text
    assert 'datetime="2026-05-28T20:25:40Z" title="2026-05-29 04:25:40 Asia/Shanghai"' in text


@pytest.mark.parametrize(
    ("language", "part", "text"),
    [
        ("en", "judging", "nothing raises an alert. Restart the service."),
        ("zh", "mqtt", "MQTT 没有数据进来。"),
        ("en", "something new", "A part of the service does not work."),
    ],
)
def test_every_page_says_what_does_not_work(
    client: TestClient, made: Site, language: str, part: str, text: str
) -> None:
    pages = [path for path in PATHS[:-1] if "north" not in path]
    assert not any("troubles" in client.get(path).text for path in pages)
    made.down[part] = "<refused>"
    made.degraded["models"] = "one is damaged"
    for path in pages:
        page = parse_and_return(client.get(path, headers={"Accept-Language": language}).text)
        assert text in page
        said = "原文：" if language == "zh" else ""
        assert f"{part}: {said}&lt;refused&gt;" in page
        assert f"models: {said}one is damaged" in page


@pytest.mark.parametrize(("language", "text"), [("en", "all others are judged as ever"), ("zh", "其余照常判断")])
def test_what_is_judged_less_is_not_called_down(client: TestClient, made: Site, language: str, text: str) -> None:
    made.degraded["judging"] = "1 entries are stored but not judged, last 3 readings of plant/pump-1: KeyError: 7"
    page = client.get("/", headers={"Accept-Language": language}).text
    assert text in page
    assert "no longer judged" not in page
    assert "不会有任何报警" not in page


def test_all_is_quiet_only_while_everything_works(made: Site, client: TestClient) -> None:
    for alert in client.get("/api/v1/alerts").json()["items"]:
        client.post(f"/api/v1/alerts/{alert['id']}/close")
    assert "All quiet" in client.get("/").text
    made.down["mqtt"] = "connection refused"
    assert "All quiet" not in client.get("/").text


def test_alerts_and_orders_tell_how_the_device_stands_and_who_looks_after_it(client: TestClient, made: Site) -> None:
    known = Device("plant", "pump-1", "pump", owner="li.wei", team="rotating", customer="Northwind", title="Feed pump")
    made.registry.put_device(known)
    made.feed(ReadingBatch.of([0], [made.now], [71.5]))
    (alert,) = client.get("/api/v1/alerts").json()["items"]
    (order,) = client.get("/api/v1/work-orders").json()["items"]
    for path, menu in ((f"/alerts/{alert['id']}", "Alerts"), (f"/work-orders/{order['number']}", "Work orders")):
        page = parse_and_return(client.get(path).text)
        assert f"<title>(1) Feed pump: temperature above its limit · {menu} · Forewarn</title>" in page
        assert re.search(r"<dt>Newest</dt><dd>temperature <strong>71.5\s°C</strong> .*just now", page)
        for name, value in (("Owner", "li.wei"), ("Team", "rotating"), ("Customer", "Northwind")):
            assert f"<dt>{name}</dt><dd>{value}</dd>" in page
    assert 'name="assignee" required maxlength="128" value="li.wei"' in page, "suggested: who looks after it"
    assert client.delete("/api/v1/devices/plant/pump-1").status_code == 204
    for path in (f"/alerts/{alert['id']}", f"/work-orders/{order['number']}"):
        assert "<dt>Newest</dt>" not in client.get(path).text


def test_one_is_not_several(client: TestClient, made: Site) -> None:
    assert "1 alert on 1 device<" in client.get("/alarm-health").text
    assert "1 order opened" in client.get("/service").text
    made.rejects.add([Reject(made.now, RejectSource.MQTT, "a", "no adapter reads this topic", b"x")] * 2)
    page = client.get(f"/rejects/{made.rejects.list(1).items[0].id}").text
    assert "1 byte " in page
    assert "Also the 1 other one of this topic" in page
    assert "1 reading was taken. 2 rejects are left" in client.get("/rejects?taken=1&left=2").text


def test_what_devices_are_called_cannot_become_markup(client: TestClient, made: Site) -> None:
    name = "<b>x"
    made.registry.put_device(Device("plant", name, title='"><script>alert(1)</script>', customer="<i>"))
    number = made.registry.series("plant", name, "temperature")
    for minute, value in enumerate((40.0, 66.0)):
        made.feed(ReadingBatch.of([number], [made.now - (2 - minute) * MINUTE], [value]))
    page = client.get("/devices/plant/%3Cb%3Ex")
    assert page.status_code == 200
    for text in (page.text, client.get("/").text, client.get("/alerts").text, client.get("/work-orders").text):
        assert "<script>alert" not in text
        assert "<b>x" not in text
        parse(text)


def test_acknowledge_from_the_page(client: TestClient) -> None:
    (alert,) = client.get("/api/v1/alerts").json()["items"]
    url = f"/alerts/{alert['id']}"
    answer = client.post(f"{url}/acknowledge?show=all", data={"note": "on my way"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{url}?show=all")
    page = client.get(answer.headers["location"]).text
    assert "on my way" in page
    assert "Acknowledged" in page
    assert "本机 ·" in client.get(f"{url}?lang=zh").text, "nobody signs in here"
    client.cookies.clear()
    late = client.post(f"{url}/acknowledge", data={"note": ""})
    assert late.status_code == 409
    assert 'role="alert"' in late.text
    parse(late.text)


def test_shelving_from_the_page(client: TestClient) -> None:
    (alert,) = client.get("/api/v1/alerts").json()["items"]
    url = f"/alerts/{alert['id']}"
    assert '<option value="8.0" selected>8 h' in client.get(url).text
    page = client.post(f"{url}/shelve?show=all", data={"hours": "4", "note": "waits for a part"}).text
    assert "Shelved until" in page
    assert "waits for a part" in page
    assert f"{url}/shelve" not in page
    parse(page)
    assert f"{url}/shelve" in client.post(f"{url}/unshelve").text
    late = client.post(f"{url}/unshelve")
    assert late.status_code == 409
    parse(late.text)


def test_feedback_and_closing_from_the_page(client: TestClient) -> None:
    (alert,) = client.get("/api/v1/alerts").json()["items"]
    url = f"/alerts/{alert['id']}"
    assert client.post(f"{url}/feedback", data={"verdict": "not_anomaly", "note": "door"}).status_code == 200
    assert client.post(f"{url}/close", data={}).status_code == 200
    page = client.get(url).text
    assert "No, a false alarm" in page
    assert "/acknowledge" not in page
    assert client.post(f"{url}/feedback", data={"verdict": "perhaps"}).status_code == 422


def test_an_order_from_the_page(client: TestClient) -> None:
    (order,) = client.get("/api/v1/work-orders").json()["items"]
    url = f"/work-orders/{order['number']}"
    assert client.post(f"{url}/assign", data={"assignee": "li.wei"}).status_code == 200
    page = client.post(f"{url}/advance", data={"note": "x"}).text
    assert 'aria-current="step" title="Assignment"' in page
    page = client.post(f"{url}/note", data={"note": "spare part ordered"}).text
    assert re.search(r"<strong>Note</strong>.*?spare part ordered", parse_and_return(page), re.DOTALL)
    assert client.post(f"{url}/note", data={"note": ""}).status_code == 422
    assert client.post(f"{url}/close", data={"note": "x"}).status_code == 422, "the code has to be chosen"
    assert client.post(f"{url}/close", data={"code": "leak", "note": "sealed"}).status_code == 200
    page = client.get(f"{url}?show=all").text
    assert "sealed" in page
    assert re.findall(r'<li class="(\w*)" title', page) == ["done", "done", *[""] * 7], "seven stages were skipped"
    assert "Leak" in page
    assert client.post(f"{url}/advance", data={}).status_code == 409


@pytest.mark.parametrize(
    ("query", "devices"),
    [
        ("show=open", {"pump-1", "coldroom-1", "coldroom-2"}),
        ("show=all", {"pump-1", "coldroom-1", "coldroom-2", "ahu-1"}),
        ("show=active&kind=silence", {"coldroom-2"}),
        ("show=all&severity=critical", {"pump-1"}),
        ("show=all&device=ahu-1", {"ahu-1"}),
        ("show=nonsense&severity=nonsense&kind=", {"pump-1", "coldroom-1", "coldroom-2"}),
        ("q=feed+PUMP", {"pump-1"}),
        ("q=room-", {"coldroom-1", "coldroom-2"}),
        ("q=chen.fang&severity=high&kind=silence", {"coldroom-2"}),
        ("q=100%25", set()),
        ("show=all&site=north&device=ahu-1", set()),
    ],
)
def test_alert_filters(plant_client: TestClient, query: str, devices: set[str]) -> None:
    text = plant_client.get(f"/alerts?{query}").text
    rows = re.findall(r'<a class="row.*?</a>', text, flags=re.DOTALL)
    assert set(re.findall(r"<span>[^<]* / ([^<]*)</span>", " ".join(rows))) == devices


def test_an_alert_or_order_is_found_by_its_number(plant_client: TestClient, plant: Site) -> None:
    orders = plant.deps().orders.list(OrderFilter(open=True)).items
    for path in ("/alerts", "/work-orders"):
        text = plant_client.get(f"{path}?q={orders[0].number[3:].lower()}").text
        assert {order.number for order in orders if f">{order.number}</span>" in text} == {orders[0].number}


def test_a_long_list_of_open_orders_begins_with_what_is_due_first(
    plant_client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = re.findall(r'href="/work-orders/(WO-\w+)', plant_client.get("/work-orders").text)
    assert len(whole) == 3
    monkeypatch.setattr("api.web.work_orders.MOST_ROWS", 2)
    page = parse_and_return(plant_client.get("/work-orders").text)
    assert re.findall(r'href="/work-orders/(WO-\w+)', page) == whole[:2]
    assert "The 2 that are due first are shown" in page
    assert "due first are shown" not in plant_client.get("/work-orders?show=closed").text


def test_the_lists_of_a_device_hold_its_own_and_lead_out_again(plant_client: TestClient) -> None:
    page = plant_client.get("/devices/plant/pump-1").text
    for path in ("/alerts", "/work-orders"):
        assert f'href="{path}?site=plant&amp;device=pump-1&amp;show=all"' in page
        found = parse_and_return(plant_client.get(f"{path}?site=plant&device=pump-1&show=all").text)
        assert '<input type="hidden" name="device" value="pump-1">' in found
        assert '<a href="?show=all">all devices</a>' in found
        assert "all devices" not in plant_client.get(path).text


def test_chart_data(plant_client: TestClient) -> None:
    url = "/devices/plant/coldroom-1/chart?metric=temperature&range=6h"
    data = plant_client.get(url).json()
    assert len({len(data[name]) for name in ("time", "value", "low", "expected", "high")}) == 1
    assert len(data["time"]) == 360
    assert {a["severity"] for a in data["alerts"]} == {"high"}
    assert sorted(a["limit"] is None for a in data["alerts"]) == [False, True]
    assert data["marks"], "the open door stands out"
    assert all(data["start"] <= at <= data["end"] for at, _ in data["marks"])
    assert plant_client.get("/devices/plant/coldroom-1/chart?metric=nothing").json()["time"] == []
    assert plant_client.get("/devices/plant/coldroom-1/chart").status_code == 422


def test_sparkline(plant_client: TestClient) -> None:
    assert '<path d="M' in plant_client.get("/devices/plant/pump-1/spark").text
    assert "<path" not in plant_client.get("/devices/north/compressor-old/spark").text


def test_many_devices(client: TestClient, made: Site) -> None:
    for number in range(230):
        made.registry.put_device(Device("big", f"device-{number:03}"))
    page = client.get("/").text
    assert page.count('class="device ') == 200
    assert "200 of 231 devices are shown" in page
    assert "Feed pump: temperature above its limit" in page, "what needs attention comes first"
    found = client.get("/?q=DEVICE-22").text
    assert found.count('class="device ') == 10
    assert 'value="DEVICE-22"' in found
    assert "Never heard 230" in page, "the devices of a site are counted, not those that are shown"
    assert client.get("/?q=bIg").text.count('class="device ') == 200, "a site is found by its name"
    assert "No devices match." in client.get("/?q=nothing").text


def test_a_value_is_marked_while_what_was_wrong_with_it_lasts(client: TestClient, made: Site) -> None:
    assert '<span class="off">' in client.get("/").text
    for _ in range(5):
        made.now += MINUTE
        made.feed(ReadingBatch.of([0], [made.now], [40.0]))
    page = client.get("/").text
    assert '<span class="off">' not in page
    assert 'class="device tone-high"' in page, "nobody took note yet"


def test_the_open_order_of_a_device_that_was_deleted(client: TestClient, made: Site) -> None:
    order = made.deps().orders.list(OrderFilter(device="pump-1")).items[0]
    assert client.delete("/api/v1/devices/plant/pump-1").status_code == 204
    assert order.closed_at is None
    page = parse_and_return(client.get(f"/work-orders/{order.number}").text)
    assert 'name="assignee" required maxlength="128" value=""' in page, "nobody to suggest while nobody signs in"


def test_states_of_a_metric_are_listed_as_the_language_does(plant_client: TestClient) -> None:
    for language, states in (("en", "no unit, learning"), ("zh", "无单位、学习中")):
        assert states in plant_client.get(f"/devices/north/logger%207?lang={language}").text


def test_what_is_known_of_a_device_is_changed_on_its_page(client: TestClient, made: Site) -> None:
    url = "/devices/plant/pump-1"
    assert 'value="Feed pump"' in parse_and_return(client.get(url).text)
    said = {
        "title": " Main pump ",
        "asset": "feed pump 1",
        "owner": "li.wei",
        "criticality": "low",
        "customer": "<Northwind>",
    }
    page = parse_and_return(client.post(f"{url}/change", data=said).text)
    assert "<h1>Main pump</h1>" in page
    assert "&lt;Northwind&gt;" in page
    device = made.registry.device(0)
    assert (device.title, device.owner, device.criticality) == ("Main pump", "li.wei", "low")
    assert device.asset == "feed pump 1"
    assert device.asset_class is None, "what is left empty is not known"
    assert client.post(f"{url}/change", data={"criticality": "none"}).status_code == 422
    assert client.post("/devices/plant/nobody/change", data=said).status_code == 404


def test_a_device_is_taken_out_of_service_and_put_back(client: TestClient, made: Site) -> None:
    url = "/devices/plant/pump-1"
    for to, retired in (("retire", True), ("unretire", False)):
        assert f'action="{url}/{to}"' in client.get(url).text
        assert client.post(f"{url}/{to}").status_code == 200
        assert made.registry.device(0).retired is retired


def test_any_of_many_metrics_can_be_charted(client: TestClient, made: Site) -> None:
    names = [f"m{number:02}" for number in range(12)]
    series = [made.registry.series("plant", "logger", name) for name in names]
    made.feed(ReadingBatch.of(series, [made.now - MINUTE] * 12, [1.0] * 12))

    def charts(query: str) -> list[str]:
        return re.findall(
            r'data-device="logger" data-metric="(m\d\d)"', client.get(f"/devices/plant/logger{query}").text
        )

    assert charts("") == names[:8]
    assert charts("?metric=m11&range=1h") == ["m11", *names[:7]]
    assert charts("?metric=nothing") == names[:8]
    page = client.get("/devices/plant/logger?range=1h&metric=m11").text
    assert "4 more metrics" in page
    assert 'href="?range=1h&amp;metric=m10"' in page
    assert 'href="?range=7d&amp;metric=m11"' in page


def test_a_device_that_is_offline_is_marked(client: TestClient, made: Site) -> None:
    def marked(word: str) -> list[bool]:
        return [f">{word}</span>" in client.get(page).text for page in ("/", "/devices/plant/pump-1")]

    assert marked("offline") == [False, False]
    made.board.note_statuses([DeviceStatus("plant", "pump-1", False, made.now)])
    assert marked("offline") == [True, True]
    client.get("/?lang=zh")
    assert marked("离线") == [True, True]
    made.board.note_statuses([DeviceStatus("plant", "pump-1", True, made.now)])
    assert marked("离线") == [False, False]
    assert "<dd>在线</dd>" in client.get("/devices/plant/pump-1").text


@pytest.mark.parametrize(
    ("language", "text"), [("en", "learning, enough data about 08:21"), ("zh", "学习中，约 08:21 数据足够")]
)
def test_a_device_that_is_learned_says_until_when(client: TestClient, made: Site, language: str, text: str) -> None:
    """Twenty readings, one a minute, the last a minute ago (04:25): 236 are missing."""
    number = made.registry.series("plant", "fan-1", "temperature")
    time = [made.now - (20 - k) * MINUTE for k in range(20)]
    made.feed(ReadingBatch.of([number] * 20, time, [20.0 + k % 3 for k in range(20)]))

    def told() -> list[int]:
        return [client.get(f"{page}?lang={language}").text.count(text) for page in ("/", "/devices/plant/fan-1")]

    assert told() == [1, 2], "on the page of the device also beside its metric"
    made.now += 300 * MINUTE
    assert told() == [0, 0], "it has stopped: nothing is promised any more"


# -- rejects -----------------------------------------------------------------------------------------------------------


def last_reject(made: Site, topic: str, payload: bytes, count: int = 1) -> int:
    made.rejects.add([Reject(made.now, RejectSource.MQTT, topic, "no adapter reads this topic", payload)] * count)
    return made.rejects.list(1).items[0].id


def test_a_reject_with_what_was_sent_and_a_mapping_to_begin_with(client: TestClient, made: Site) -> None:
    number = last_reject(made, "factory/press", b'{"t": {"bearing": 41.5}, "<b>": 1}')
    text = client.get(f"/rejects/{number}").text
    parse(text)
    assert "&#34;bearing&#34;: 41.5" in text
    assert "$.t.bearing" in text
    assert "<b>" not in text
    assert client.get("/rejects/999").status_code == 404


def test_a_reject_that_is_no_text(plant_client: TestClient, plant: Site) -> None:
    binary = plant.rejects.list(1).items[0]
    text = plant_client.get(f"/rejects/{binary.id}").text
    parse(text)
    assert "ff 00" in text


def read(client: TestClient, number: int, **fields: str) -> Any:
    return client.post(f"/rejects/{number}/read", data=fields, follow_redirects=False)


def test_a_suggested_mapping_can_be_tried_and_replayed_at_once(client: TestClient, made: Site) -> None:
    number = last_reject(made, "factory/press", b'{"t": {"bearing": 41.5}}', count=3)
    mapping = suggest("factory/press", b'{"t": {"bearing": 41.5}}')
    tried = read(client, number, do="try", mapping=mapping, all="true")
    assert "It would give 3 readings" in parse_and_return(tried.text)
    assert made.rejects.count().kept == 3
    done = read(client, number, do="replay", mapping=mapping, all="true")
    assert (done.status_code, done.headers["location"]) == (303, "/rejects?taken=3&left=0")
    assert "3 readings were taken." in client.get(done.headers["location"]).text
    assert made.rejects.count().kept == 0
    assert made.registry.find("default", "press", "bearing") is not None


def parse_and_return(text: str) -> str:
    parse(text)
    return text


def test_what_is_wrong_with_a_mapping_is_told_and_it_stays_in_the_form(client: TestClient, made: Site) -> None:
    number = last_reject(made, "factory/press", b'{"t": 1}')
    answer = read(client, number, do="try", mapping="[[mapping]]\ntopic = 'my own'")
    assert answer.status_code == 422
    assert "mapping: mapping 1: device is missing" in answer.text
    assert "my own" in answer.text
    assert read(client, number, do="delete").status_code == 422
    made.full = True
    answer = read(client, number, do="replay", mapping=suggest("factory/press", b'{"t": 1}'))
    assert (answer.status_code, "the spool is full" in answer.text) == (503, True)


@pytest.mark.parametrize(
    ("topic", "payload", "paths"),
    [
        ("a/b", b'{"x": 1, "y": {"z w": 2.5, "on": true, "s": "3"}, "l": [1]}', ["$.x", "$.y['z w']"]),
        ("b", b'{"\xc3\xa4": 1, "it\'s": 2}', ["$['\u00e4']"]),
        ("a/b", b"21.5", ["$"]),
        ("a/b", b"{oops", []),
        ("", b'{"x": 1}', []),
        ("a/b", b'{"s": "text"}', []),
    ],
)
def test_a_suggestion_reads_the_numbers_of_its_payload(topic: str, payload: bytes, paths: list[str]) -> None:
    text = suggest(topic, payload)
    mappings = parse_mapping_text(text, "suggestion")
    assert [value.value.text for mapping in mappings for value in mapping.values] == paths
    assert all(mapping.match(topic) for mapping in mappings)
