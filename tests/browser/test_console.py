"""The console as a person meets it, in Chromium: four pages, both languages, phone and desktop."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from alerts.alert import OPEN_STATES, Kind, Severity, State
from alerts.store import AlertFilter
from api.access.principal import Role
from api.publish import publish_alert
from ingest.reading import Quality, ReadingBatch
from ingest.registry import Device, Metric, UnitState
from ingest.rejects import Reject, RejectSource, Which
from tests.api.harness import MINUTE
from tests.browser.conftest import SIZES, Console, Look, Watched
from workorders.closure import ClosureCode
from workorders.pause import PauseReason
from workorders.store import OrderFilter

pytestmark = pytest.mark.timeout(240)
WORDS = {
    "en": {
        "overview": "Needs attention",
        "device": "About this device",
        "alerts": "What to do",
        "orders": "Next step",
        "models": "All versions",
        "rejects": "Read it once more",
    },
    "zh": {
        "overview": "需要关注",
        "device": "设备信息",
        "alerts": "处理",
        "orders": "下一步",
        "models": "全部版本",
        "rejects": "重新读取",
    },
}


def paths(console: Console) -> dict[str, str]:
    """The pages, with something chosen where there is a list."""
    deps = console.made.deps()
    alert = deps.alerts.list(AlertFilter(device="coldroom-1", kinds=[Kind.BASELINE])).items[0]
    order = deps.orders.list(OrderFilter(device="coldroom-1")).items[0]
    return {
        "overview": "/",
        "device": "/devices/plant/pump-1?range=24h",
        "alerts": f"/alerts/{alert.id}",
        "orders": f"/work-orders/{order.number}",
        "models": f"/models/{deps.models.models.list()[0].id}",
        "rejects": f"/rejects/{deps.rejects.oldest(1)[0]}",
    }


def settle(page: Page) -> None:
    """Wait until the page is live and its charts are drawn."""
    expect(page.locator("#live")).to_have_attribute("data-state", "on")
    expect(page.locator("[data-chart]:not([data-points])")).to_have_count(0)


def overflow(page: Page) -> list[str]:
    """What is wider than the screen."""
    found: list[str] = page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll('body *')]
            .filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName + '.' + e.className)"""
    )
    return found


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["overview", "device", "alerts", "orders", "models", "rejects"])
def test_page(console: Console, look: Look, name: str, size: str, language: str, dark: bool) -> None:
    watched = look(console.base + paths(console)[name], size, language, dark)
    settle(watched.page)
    expect(watched.page.get_by_role("heading", name=WORDS[language][name], exact=True)).to_be_visible()
    assert overflow(watched.page) == []
    watched.picture(f"{name}-{size}-{language}-{'dark' if dark else 'light'}")


@pytest.mark.parametrize("width", [320, 375, 600, 768, 1024, 1280])
def test_no_width_needs_sideways_scrolling(console: Console, look: Look, width: int) -> None:
    watched = look(console.base)
    watched.page.set_viewport_size({"width": width, "height": 800})
    for path in (
        *paths(console).values(),
        "/alerts?show=all",
        "/work-orders?show=all",
        "/rejects",
        "/alarm-health",
        "/service",
        "/devices/north/logger%207",
    ):
        watched.page.goto(console.base + path)
        settle(watched.page)
        assert overflow(watched.page) == [], path


@pytest.mark.parametrize("size", SIZES)
def test_names_of_any_length_need_no_sideways_scrolling(own_console: Console, look: Look, size: str) -> None:
    made = own_console.made
    site, device = "s" * 128, "d" * 128
    made.registry.put_device(Device(site, device))
    for name in ("vibration", "m" * 128):
        series = made.registry.put_metric(site, device, Metric(name, "mm/s", UnitState.KNOWN, "mm/s"))
        time = made.now + np.arange(-9, 1) * MINUTE
        made.feed(ReadingBatch.of(np.full(10, series), time, np.full(10, 9.0), int(Quality.RECORDED)))
    alert, order = chosen(own_console, device), made.deps().orders.list(OrderFilter(device=device)).items[0]
    page = look(own_console.base, size).page
    for path in (
        "/",
        f"/devices/{site}/{device}",
        f"/alerts/{alert}",
        f"/work-orders/{order.number}",
        "/alarm-health",
        "/service",
    ):
        page.goto(own_console.base + path)
        settle(page)
        assert overflow(page) == [], path


def test_chinese_heads_of_tables_are_not_broken_letter_by_letter(console: Console, look: Look) -> None:
    page = look(f"{console.base}/service", "phone", "zh").page
    settle(page)
    first = page.get_by_role("rowheader", name="首次响应").bounding_box()
    assert first
    assert first["width"] > first["height"]


def test_charts_show_what_is_stored(console: Console, look: Look) -> None:
    page = look(f"{console.base}/devices/plant/coldroom-1?range=6h").page
    settle(page)
    chart = page.locator('[data-metric="temperature"]')
    expect(chart).to_have_attribute("data-points", "360")
    box = chart.locator(".plot").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2)
    expect(chart.locator(".readout")).to_have_text(
        re.compile(r"May 29, 0[23]:\d\d:40\s+·\s+-?[\d.]+ °C\s+·\s+expected .* – ")
    )
    page.get_by_role("link", name="7 d").click()
    expect(page).to_have_url(re.compile("range=7d"))
    settle(page)
    expect(chart).to_have_attribute("data-points", re.compile(r"\d+"))


def test_a_device_without_readings(console: Console, look: Look) -> None:
    page = look(f"{console.base}/devices/north/compressor-old").page
    expect(page.get_by_text("Nothing was ever heard of this device.")).to_be_visible()
    page.goto(f"{console.base}/devices/north/logger%207?range=1h")
    settle(page)
    expect(page.get_by_text("no unit").first).to_be_visible()


# -- live --------------------------------------------------------------------------------------------------------------


def test_a_new_alert_shows_by_itself(own_console: Console, look: Look) -> None:
    made = own_console.made
    watched = look(own_console.base, "phone", "zh")
    page = watched.page
    settle(page)
    count = str(open_alerts(own_console))
    expect(page.locator(".nav .count").first).to_have_text(count)
    expect(page.locator("#page")).not_to_contain_text("Feed pump 2：")
    vibration = made.registry.series("plant", "pump-2", "vibration")
    for _ in range(7):
        made.now += MINUTE
        made.feed(ReadingBatch.of([vibration], [made.now], [9.0], 1))
    expect(page.locator("#toasts")).to_contain_text("Feed pump 2：")
    expect(page.locator("#page .row").filter(has_text="pump-2").first).to_be_visible()
    expect(page.locator(".nav .count").first).not_to_have_text(count)
    watched.picture("new-alert-phone-zh")
    page.locator("#toasts a").first.click()
    expect(page).to_have_url(re.compile(r"/alerts/a-[0-9a-f]+"))
    expect(page.locator("#detail")).to_contain_text("pump-2")


def test_what_is_held_back_is_no_notice(own_console: Console, look: Look) -> None:
    made = own_console.made
    page = look(own_console.base).page
    settle(page)
    alert = made.deps().alerts.list(AlertFilter(device="pump-1")).items[0]
    for state in (State.SUPPRESSED, State.SHELVED, State.ACTIVE):
        publish_alert(made.hub, made.registry, replace(alert, id=f"a-{state}", state=state), "opened")
    expect(page.locator("#toasts a")).to_have_attribute("href", "/alerts/a-active")


def test_readings_arrive_in_the_chart(own_console: Console, look: Look) -> None:
    made = own_console.made
    page = look(f"{own_console.base}/devices/plant/pump-2?range=1h").page
    settle(page)
    chart = page.locator('[data-metric="current"]')
    made.now += MINUTE // 2
    made.feed(ReadingBatch.of([made.registry.series("plant", "pump-2", "current")], [made.now], [12.3], 1))
    expect(chart).to_have_attribute("data-newest", "2026-05-28T20:27:10.000Z")
    marks = int(chart.get_attribute("data-marks") or 0)
    made.now += MINUTE
    made.feed(ReadingBatch.of([made.registry.series("plant", "pump-2", "current")], [made.now], [12.9], 1))
    expect(chart).to_have_attribute("data-marks", str(marks + 1))


def test_small_lines_follow_on_a_screen_that_is_left_open(console: Console, look: Look) -> None:
    page = look(console.base).page
    page.clock.install()
    page.reload()
    settle(page)
    expect(page.locator('[data-hx-get="/devices/plant/pump-1/spark"] path').first).to_be_attached()
    expect(page.locator(".spark.htmx-request")).to_have_count(0)  # for one that waits five minutes would give up
    with page.expect_response("**/devices/plant/pump-1/spark"):
        page.clock.fast_forward(300_000)


def test_the_readings_around_an_alert_follow_until_it_is_over(own_console: Console, look: Look) -> None:
    made = own_console.made
    alert = made.deps().alerts.list(AlertFilter(device="pump-1", states=[State.ACTIVE])).items[0]
    page = look(f"{own_console.base}/alerts/{alert.id}").page
    settle(page)
    made.now += MINUTE
    made.feed(ReadingBatch.of([made.registry.series("plant", "pump-1", "vibration")], [made.now], [6.0], 1))
    page.evaluate("document.body.dispatchEvent(new CustomEvent('resync'))")
    newest = datetime.fromtimestamp(made.now / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    expect(page.locator('[data-metric="vibration"]')).to_have_attribute("data-newest", newest)


@pytest.mark.parametrize("size", SIZES)
def test_the_console_says_when_it_is_not_live(own_console: Console, look: Look, size: str) -> None:
    watched = look(own_console.base, size)
    settle(watched.page)
    watched.page.context.set_offline(True)
    own_console.made.hub.close()
    expect(watched.page.locator("#live")).to_have_attribute("data-state", "off")
    expect(watched.page.get_by_text("Offline")).to_be_visible()
    watched.complaints.clear()


# -- people ------------------------------------------------------------------------------------------------------------


def open_alerts(console: Console) -> int:
    """How many alerts are open."""
    return len(console.made.deps().alerts.list(AlertFilter(states=OPEN_STATES)).items)


def chosen(console: Console, device: str) -> str:
    return console.made.deps().alerts.list(AlertFilter(device=device)).items[0].id


def test_acknowledge_and_give_feedback(own_console: Console, look: Look) -> None:
    page = look(f"{own_console.base}/alerts/{chosen(own_console, 'pump-1')}").page
    settle(page)
    page.get_by_label("Note (optional)").first.fill("on my way")
    page.get_by_role("button", name="Acknowledge").click()
    detail = page.locator("#detail")
    expect(detail.locator(".chips").first).to_contain_text("Acknowledged")
    expect(detail.locator(".history")).to_contain_text("on my way")
    expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
    expect(page.locator(".list .row[aria-current]")).to_contain_text("Acknowledged")
    expect(detail).to_be_focused()
    page.get_by_role("button", name="No, a false alarm").click()
    expect(detail.locator(".history")).to_contain_text("No, a false alarm")
    detail.get_by_text("Close this alert").click()
    detail.get_by_role("button", name="Close").click()
    expect(detail.locator(".chips").first).to_contain_text("Closed")


def test_somebody_else_was_faster(own_console: Console, look: Look) -> None:
    alert = chosen(own_console, "pump-1")
    watched = look(f"{own_console.base}/alerts/{alert}")
    settle(watched.page)
    watched.page.route("**/api/v1/stream**", lambda route: route.abort())
    own_console.made.deps().alerts.acknowledge(alert, "li.wei", own_console.made.now)
    watched.page.get_by_role("button", name="Acknowledge").click()
    expect(watched.page.get_by_role("alert")).to_contain_text("The state has changed in the meantime")
    expect(watched.page.locator("#detail")).to_contain_text("li.wei")
    assert [line for line in watched.complaints if "409" not in line] == []
    watched.complaints.clear()


def test_an_order_from_assignment_to_the_end(own_console: Console, look: Look) -> None:
    order = own_console.made.deps().orders.list(OrderFilter(device="pump-1")).items[0]
    watched = look(f"{own_console.base}/work-orders/{order.number}", "phone")
    page = watched.page
    settle(page)
    page.get_by_label("Assigned to").fill("li.wei")
    page.get_by_role("button", name="Assign", exact=True).click()
    expect(page.locator(".history")).to_contain_text("li.wei")
    page.get_by_role("button", name="Next: Assignment").click()
    expect(page.locator('[aria-current="step"]')).to_have_attribute("title", "Assignment")
    page.get_by_text("Close this order").click()
    page.get_by_label("What was it?").select_option("bearing")
    page.locator("details[open]").get_by_label("Note (optional)").fill("bearing replaced")
    page.get_by_role("button", name="Close", exact=True).click()
    expect(page.locator(".history")).to_contain_text("bearing replaced")
    expect(page.locator(".stages .done")).to_have_count(2)
    assert own_console.made.deps().orders.get(order.number).closure_note == "bearing replaced"


def test_an_order_waits_and_is_reopened(own_console: Console, look: Look) -> None:
    deps = own_console.made.deps()
    order = deps.orders.list(OrderFilter(device="pump-1")).items[0]
    watched = look(f"{own_console.base}/work-orders/{order.number}", "phone", "zh")
    page = watched.page
    settle(page)
    expect(page.get_by_text("暂停：工作需要等待")).to_have_count(0)
    page.get_by_label("负责人").fill("li.wei")
    with page.expect_event("requestfinished", lambda request: request.redirected_from is not None):
        page.get_by_role("button", name="指派", exact=True).click()
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(
        0
    )  # it would close a form again
    page.get_by_text("暂停：工作需要等待").click()
    page.get_by_label("在等什么？").select_option("parts")
    page.get_by_role("button", name="暂停", exact=True).click()
    expect(page.locator(".due")).to_contain_text("停止计时")
    own_console.made.now += 90 * MINUTE
    page.evaluate("document.body.dispatchEvent(new CustomEvent('resync'))")
    expect(page.locator("table")).to_contain_text("暂停：等待备件")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="恢复", exact=True).click()
    expect(page.locator(".due")).not_to_contain_text("停止计时")
    deps.orders.close(order.number, ClosureCode.BEARING, "li.wei", own_console.made.now)
    page.reload()
    page.get_by_label("为什么没有结束？").fill("又有异响")
    page.get_by_role("button", name="重新打开", exact=True).click()
    expect(page.locator(".history")).to_contain_text("又有异响")
    assert deps.orders.get(order.number).reopened == 1


def test_the_tab_tells_how_many_alerts_are_urgent(own_console: Console, look: Look) -> None:
    made = own_console.made
    page = look(f"{own_console.base}/work-orders").page
    settle(page)
    urgent = open_alerts(own_console)
    expect(page).to_have_title(f"({urgent}) Work orders · Forewarn")
    made.deps().alerts.close(chosen(own_console, "pump-1"), "li.wei", made.now)
    page.evaluate("document.body.dispatchEvent(new CustomEvent('resync'))")
    expect(page).to_have_title(f"({urgent - 1}) Work orders · Forewarn")


def test_a_form_that_is_open_stays_open_while_the_page_follows(own_console: Console, look: Look) -> None:
    order = own_console.made.deps().orders.list(OrderFilter(device="pump-1")).items[0]
    page = look(f"{own_console.base}/work-orders/{order.number}").page
    settle(page)
    page.get_by_text("Close this order").click()
    page.get_by_label("What was it?").select_option("bearing")
    own_console.made.deps().orders.assign(order.number, "li.wei", "ada", own_console.made.now)
    page.evaluate("document.body.dispatchEvent(new CustomEvent('resync'))")
    expect(page.locator(".history")).to_contain_text("li.wei")
    expect(page.get_by_label("What was it?")).to_be_visible()
    expect(page.get_by_label("What was it?")).to_have_value("bearing")
    expect(page.get_by_text("Pause: the work has to wait")).to_have_count(1)
    own_console.made.deps().orders.pause(order.number, PauseReason.PARTS, "li.wei", own_console.made.now)
    page.evaluate("document.body.dispatchEvent(new CustomEvent('resync'))")
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    expect(page.get_by_text("Pause: the work has to wait")).to_have_count(0)
    expect(page.get_by_label("What was it?")).to_have_value("bearing")


def test_a_form_that_is_of_no_use_any_more_goes_while_the_page_follows(own_console: Console, look: Look) -> None:
    made = own_console.made
    alert = chosen(own_console, "pump-1")
    page = look(f"{own_console.base}/alerts/{alert}").page
    settle(page)
    page.get_by_text("Shelve this alert").click()
    made.deps().alerts.shelve(alert, "li.wei", made.now, made.now + 10**15, "known")
    page.evaluate("document.body.dispatchEvent(new CustomEvent('resync'))")
    expect(page.locator(".history")).to_contain_text("li.wei")
    expect(page.get_by_text("Shelve this alert")).to_have_count(0)
    expect(page.get_by_text("Close this alert")).to_have_count(1)


def test_a_reject_is_read_once_more(own_console: Console, look: Look) -> None:
    made = own_console.made
    payload = b'{"when": 1779998400, "t": {"bearing": 41.5}, "load": "12.5"}'
    made.rejects.add(
        [Reject(made.now, RejectSource.MQTT, "hall/press-1/state", "no adapter reads this topic", payload)] * 3
    )
    watched = look(f"{own_console.base}/rejects", "phone", "zh")
    page = watched.page
    settle(page)
    page.get_by_text("hall/press-1/state").first.click()
    mapping = page.get_by_label("映射（TOML）")
    mapping.fill(mapping.input_value() + "# mine")
    page.evaluate("document.body.dispatchEvent(new CustomEvent('resync'))")
    expect(page.locator(".htmx-request")).to_have_count(0)
    expect(mapping).to_have_value(re.compile(r"\$\.t\.bearing[^$]+# mine"))
    page.get_by_label("同时处理该主题的其他 2 条").check()
    page.get_by_role("button", name="试读").click()
    expect(page.get_by_role("heading", name="可读出 3 个读数")).to_be_visible()
    expect(page.locator("tbody tr").first).to_contain_text("press-1")
    settle(page)
    page.evaluate("document.body.dispatchEvent(new CustomEvent('resync'))")
    expect(page.locator(".htmx-request")).to_have_count(0)
    expect(mapping).to_have_value(re.compile(r"\$\.t\.bearing"))
    expect(page.get_by_role("heading", name="可读出 3 个读数")).to_be_visible()
    assert overflow(page) == []
    watched.picture("reject-tried-phone-zh")
    page.get_by_role("button", name="重放").click()
    expect(page.get_by_role("status").filter(has_text="已接收")).to_contain_text("已接收 3 个读数。")
    assert made.rejects.list(10, which=Which(topic="hall/#")).items == ()


def test_everything_works_without_scripts(own_console: Console, look: Look) -> None:
    page = look(f"{own_console.base}/alerts/{chosen(own_console, 'pump-1')}", scripts=False).page
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator("#detail .chips").first).to_contain_text("Acknowledged")
    page.get_by_label("Severity").select_option("critical")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator(".list .row")).to_have_count(1)


def test_filters_and_the_way_back_on_a_phone(console: Console, look: Look) -> None:
    page = look(f"{console.base}/alerts?show=all&severity=high", "phone").page
    high = len(console.made.deps().alerts.list(AlertFilter(severities=[Severity.HIGH])).items)
    expect(page.locator(".list .row")).to_have_count(high)
    page.locator(".list .row").first.click()
    expect(page.locator(".list")).to_be_hidden()
    page.locator(".back").click()
    expect(page.get_by_label("Severity")).to_have_value("high")
    expect(page.locator(".list .row")).to_have_count(high)


def test_language_is_switched_and_remembered(console: Console, look: Look) -> None:
    page = look(f"{console.base}/alerts?show=all").page
    page.get_by_role("link", name="中文").click()
    expect(page.get_by_role("heading", name="报警", exact=True)).to_be_visible()
    page.get_by_role("link", name="总览").click()
    expect(page.get_by_text("需要关注")).to_be_visible()


def test_signing_in_and_out(own_console: Console, look: Look) -> None:
    made = own_console.made
    made.deps().access.add_user("li.wei", Role.OPERATOR, "correct horse", made.now)
    watched = look(f"{own_console.base}/work-orders?show=all", "phone", "zh")
    page = watched.page
    watched.picture("sign-in-phone-zh")
    page.get_by_label("用户名").fill("li.wei")
    page.get_by_label("密码").fill("wrong")
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("alert")).to_contain_text("用户名或密码不正确")
    page.get_by_label("用户名").fill("li.wei")
    page.get_by_label("密码").fill("correct horse")
    page.get_by_role("button", name="登录").click()
    expect(page).to_have_url(f"{own_console.base}/work-orders?show=all")
    settle(page)
    made.deps().access.remove_user("li.wei")
    made.deps().access.add_user("anna" * 16, Role.VIEWER, "correct horse", made.now)
    page.reload()
    page.get_by_label("用户名").fill("anna" * 16)
    page.get_by_label("密码").fill("correct horse")
    page.get_by_role("button", name="登录").click()
    settle(page)
    for width in (761, 768, 1181, 1280, SIZES["phone"][0]):
        page.set_viewport_size({"width": width, "height": 800})
        assert overflow(page) == [], width
    page.get_by_role("button", name="退出登录").click()
    expect(page.get_by_role("button", name="登录")).to_be_visible()
    _only_refusals(watched)


def _only_refusals(watched: Watched) -> None:
    """A browser complains of every 401 in its console; of anything else it must not."""
    assert [line for line in watched.complaints if "401" not in line] == []
    watched.complaints.clear()


def test_by_keyboard(console: Console, look: Look) -> None:
    page = look(console.base).page
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#page$"))
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_css("outline-style", "solid")
