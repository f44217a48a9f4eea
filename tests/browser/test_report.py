"""The page of a backtest as a person meets it, opened from a disk in Chromium: both languages, phone and desktop."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from alerts.budget import Budget
from forewarn.config.settings import AlarmSettings, FileSettings, Settings, SiteSettings
from forewarn.history.backtest import read_inputs
from forewarn.history.comparison import run_comparison
from forewarn.history.origin import Files
from forewarn.history.variants import Variant
from tests.browser.conftest import SIZES, Look
from tests.browser.test_console import overflow
from tests.forewarn.history.test_backtest import stamp, write_site
from tests.forewarn.history.test_comparison import LIMIT

pytestmark = pytest.mark.timeout(240)
HEADINGS = {"en": ("Side by side", "Over time"), "zh": ("逐项对比", "时间分布")}


@pytest.fixture(scope="module")
def page_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a comparison: the other configuration has a limit, and a larger budget."""
    folder = tmp_path_factory.mktemp("report")
    site = write_site(folder / "site.csv")
    truth, limits = folder / "truth.csv", folder / "limits.toml"
    truth.write_text(f"site,device,metric,start,end,kind\nplant,pump-1,,{stamp(400)},{stamp(430)},overheating\n")
    limits.write_text(LIMIT)
    zone = SiteSettings(timezone="Asia/Shanghai")
    base = Settings(site=zone)
    other = Settings(site=zone, limits=FileSettings(file=limits), alarms=AlarmSettings(budget=Budget(10.0, "day")))
    variants = [Variant("base.toml", base), Variant("other.toml", other)]
    run_comparison(Files([site]), folder / "out", variants, read_inputs(truth, None))
    return (folder / "out" / "report.html").as_uri()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("size", SIZES)
def test_page(page_url: str, look: Look, size: str, language: str, dark: bool) -> None:
    watched = look(page_url, size, language, dark)
    for heading in HEADINGS[language]:
        expect(watched.page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    assert overflow(watched.page) == []
    watched.picture(f"report-{size}-{language}-{'dark' if dark else 'light'}")


@pytest.mark.parametrize("width", [320, 600, 1024])
def test_no_width_needs_sideways_scrolling(page_url: str, look: Look, width: int) -> None:
    watched = look(page_url)
    watched.page.set_viewport_size({"width": width, "height": 800})
    assert overflow(watched.page) == []


def test_the_language_is_switched_in_the_page(page_url: str, look: Look) -> None:
    page = look(page_url).page
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("heading", name="逐项对比")).to_be_visible()
    expect(page.get_by_role("heading", name="Side by side")).to_be_hidden()
    expect(page.locator(".lead").first).to_contain_text("温度")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Side by side")).to_be_visible()


def test_without_scripts_the_page_is_complete_in_english(page_url: str, look: Look) -> None:
    page = look(page_url, language="zh", scripts=False).page
    expect(page.get_by_role("heading", name="Side by side")).to_be_visible()
    expect(page.get_by_role("heading", name="逐项对比")).to_be_hidden()
    expect(page.locator(".canvas").first).to_be_visible()


def test_a_bar_leads_to_its_alert(page_url: str, look: Look) -> None:
    page = look(page_url).page
    card = page.locator("details.entry").first
    card.locator("summary").click()
    expect(card).not_to_have_attribute("open", re.compile(""))
    page.locator(f'.over-time a.bar[href="#{card.get_attribute("id")}"]').click()
    expect(card).to_have_attribute("open", "")
    expect(card.locator(".canvas").first).to_be_in_viewport()


def test_the_reading_under_the_pointer_is_told(page_url: str, look: Look) -> None:
    page = look(page_url).page
    box = page.locator(".plot-box").first
    box.locator(".canvas").hover()
    expect(box.locator(".readout")).to_have_text(re.compile(r"2026-01-05 1\d:\d\d · [\d.]+"))
    page.mouse.move(0, 0)
    expect(box.locator(".readout")).to_have_text("")


def test_a_chart_shows_where_the_alert_was(page_url: str, look: Look) -> None:
    """The limit was broken from minute 400 to 430; the mark stands two minutes after the shade begins."""
    page = look(page_url).page
    card = page.locator("details.entry", has_text="is above the limit of 60 °C").first
    canvas, shade = card.locator(".canvas"), card.locator(".trouble")
    boxes = [place.bounding_box() for place in (canvas, shade, card.locator(".mark"))]
    assert all(boxes)
    whole, span, mark = (box for box in boxes if box)
    assert whole["x"] < span["x"] < mark["x"] + 2 < span["x"] + span["width"] < whole["x"] + whole["width"]
    expect(card.locator("path.line")).to_have_attribute("d", re.compile(r"^M[\d.]+ [\d.]+L"))
    expect(card.locator(".limit")).to_contain_text("limit 60", use_inner_text=True)
    expect(card.locator(".strip .bar.known")).to_have_count(1)
