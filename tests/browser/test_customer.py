"""The page of an order as its customer meets it, in Chromium: both languages, phone and desktop, without scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SIZES, Console, Look
from tests.browser.test_console import overflow, settle
from workorders.store import OrderFilter

pytestmark = pytest.mark.timeout(240)


def solved(console: Console) -> tuple[str, str]:
    """The number of an order whose work is done, and the address of its customer's page."""
    deps = console.made.deps()
    order = deps.orders.list(OrderFilter(device="pump-1")).items[0]
    while not order.stage.solved:
        order = deps.orders.advance(order.number, "li.wei", console.made.now)
    secret = deps.links.make(order.number, "dispatcher", console.made.now)
    return order.number, f"{console.base}/customer/{secret}"


def test_a_customer_rates_and_complains(own_console: Console, look: Look) -> None:
    number, url = solved(own_console)
    watched = look(url, "phone", "zh", scripts=False)
    page = watched.page
    page.get_by_text("非常满意").click()
    page.get_by_label("意见").fill("很快。\n谢谢！")
    page.get_by_role("button", name="提交评价").click()
    expect(page.get_by_text("评分 5 分")).to_be_visible()
    page.get_by_label("哪里不满意？").fill("地面没有清理。")
    page.get_by_role("button", name="提交投诉").click()
    expect(page.get_by_text("待处理")).to_be_visible()
    order = own_console.made.deps().orders.get(number)
    assert order.rating is not None
    assert (order.rating.score, order.rating.comment) == (5, "很快。\n谢谢！")
    assert [one.text for one in order.open_complaints] == ["地面没有清理。"]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("size", SIZES)
def test_page(own_console: Console, look: Look, size: str, language: str) -> None:
    number, url = solved(own_console)
    deps = own_console.made.deps()
    deps.complaints.take(number, "No-one-cleaned-the-floor-" * 20, None, own_console.made.now)
    watched = look(url, size, language)
    expect(watched.page.locator("[name=score]")).to_have_count(5)
    for width in (SIZES[size][0], 320):
        watched.page.set_viewport_size({"width": width, "height": 800})
        assert overflow(watched.page) == []
    watched.picture(f"customer-{size}-{language}")


def test_a_link_that_was_made_stays_while_the_page_follows(own_console: Console, look: Look) -> None:
    order = own_console.made.deps().orders.list(OrderFilter(device="pump-1")).items[0]
    watched = look(f"{own_console.base}/work-orders/{order.number}", "phone")
    page = watched.page
    settle(page)
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_label("Send this to the customer").input_value()
    response = page.request.post(f"{own_console.base}/api/v1/work-orders/{order.number}/note", data={"note": "rang"})
    assert response.ok
    expect(page.locator(".history")).to_contain_text("rang")
    expect(page.get_by_label("Send this to the customer")).to_have_value(link)
    assert overflow(page) == []
    page.get_by_role("button", name="Revoke the link").click()
    expect(page.get_by_text("The customer has no link.")).to_be_visible()
    expect(page.get_by_label("Send this to the customer")).to_have_count(0)
