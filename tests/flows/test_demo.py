"""The demo as its user meets it: one command, an alert that says why, its work order, and an end at once."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.servers.browser import SCREENSHOTS, watched_page
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
LOADED_WITHIN_S = 240.0
"""The history of two weeks, on a machine that does other things as well; usually a quarter of a minute."""
ALERT_WITHIN_MS = 60_000
STOP_WITHIN_S = 15.0
"""Five on a machine that has nothing else to do."""
LIVE_READINGS = 12
HEALTHY = "from forewarn.demo import run_demo; run_demo(8000, None, False, print, faults=False)"

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(480)]


@contextmanager
def running(words: list[str], log: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A demo, and the URL of its console once that is printed."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FOREWARN_")}
    with log.open("wb") as out:
        process = subprocess.Popen(
            words,
            cwd=ROOT,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**environment, "PYTHONUNBUFFERED": "1", "DISPLAY": ""},
            start_new_session=True,
        )
        try:

            def console() -> str | None:
                assert process.poll() is None, log.read_text()
                found = re.search(r"console\s+(http://\S+/)", log.read_text())
                return found[1] if found else None

            yield process, wait_until(console, "the demo prints its URLs", LOADED_WITHIN_S) or ""
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)  # it takes its folder away
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def look(page: Page, url: str, name: str) -> None:
    """Open the overview, wait for a high alert with its order, and keep pictures."""
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(url)
    attention = page.locator("article, li, a").filter(has_text=re.compile(r"pump-1.*WO-[0-9A-Z]{8}", re.DOTALL))
    expect(attention.first).to_be_visible(timeout=ALERT_WITHIN_MS)
    page.reload()  # without the notices, which cover a part of the picture
    expect(attention.first).to_be_visible(timeout=ALERT_WITHIN_MS)
    expect(page.locator("#live")).to_have_attribute("data-state", "on")
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


def test_make_demo_shows_an_alert_its_reason_and_its_order_within_a_minute(browser: Browser, tmp_path: Path) -> None:
    log = tmp_path / "demo.log"
    with running(["make", "demo"], log) as (process, url):
        with watched_page(browser) as page:
            look(page, url, "overview")
            page.goto(f"{url}?lang=zh")
            expect(page.get_by_text("工单").first).to_be_visible()
            page.screenshot(path=SCREENSHOTS / "overview.zh.png")
        (first, *_) = items(url, "alerts", device="pump-1", kind="baseline")
        assert "its own baseline" in first["explanation"]["en"]
        assert "自身基线" in first["explanation"]["zh"]
        zones = wait_until(lambda: items(url, "alerts", kind="limit"), "its vibration leaves zone B", timeout_s=60)
        assert {alert["device"] for alert in zones} == {"pump-1"}
        assert "ISO 10816-3 group 2 rigid" in zones[0]["explanation"]["en"]
        order = httpx.get(f"{url}api/v1/work-orders/{first['work_order']}").json()
        assert first["id"] in order["alerts"]
        asked = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)  # what a terminal does on Ctrl-C
        process.wait(timeout=60)
        assert time.monotonic() - asked < STOP_WITHIN_S, log.read_text()
    assert "Traceback" not in log.read_text()


def items(url: str, resource: str, **parameters: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(f"{url}api/v1/{resource}", params=parameters).json()["items"]
    return found


def test_the_same_site_without_faults_raises_nothing(tmp_path: Path) -> None:
    with running([sys.executable, "-c", HEALTHY], tmp_path / "healthy.log") as (_, url):
        began = max(device["last_seen"] for device in items(url, "devices"))

        def live() -> bool:
            window = {"site": "demo-plant", "device": "pump-1", "metric": "vibration", "start": began}
            return len(items(url, "readings", **window)) >= LIVE_READINGS

        wait_until(live, f"{LIVE_READINGS} live readings of a pump", timeout_s=180, every_s=1.0)
        assert items(url, "alerts") == []
        assert items(url, "work-orders") == []
