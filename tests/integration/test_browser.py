"""The browser fixture is a real Chromium that notices what goes wrong."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.servers.browser import watched_page

PAGES = {
    "/": "<title>轴承</title><p id=a>old</p><script>document.all.a.textContent = 'new'</script>",
    "/broken": "<script>throw new Error('on purpose')</script>",
    "/elsewhere": "<img src='http://192.0.2.1/picture.png'>",
}


class Site(BaseHTTPRequestHandler):
    """Answers each path with the page of that name."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(PAGES.get(self.path, "").encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Quiet."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(60)


def test_a_page_runs_its_scripts_and_knows_chinese(page: Page, site: str) -> None:
    page.goto(site)
    assert page.title() == "轴承"
    assert page.locator("#a").text_content() == "new"


def test_a_screenshot_shows_chinese_characters_and_no_boxes(page: Page, site: str, tmp_path: Path) -> None:
    page.goto(site)
    pictures = []
    for text in ("轴承", "温度", "\U0010fffd\U0010fffd"):
        page.set_content(f"<p style='font-size: 40px'>{text}</p>")
        pictures.append(page.screenshot(path=tmp_path / "picture.png"))
    assert len(set(pictures)) == 3


@pytest.mark.parametrize(
    ("path", "failure"),
    [
        pytest.param("/broken", "on purpose", id="a script that fails"),
        pytest.param("/elsewhere", "192.0.2.1", id="a request to another machine"),
    ],
)
def test_a_page_notices(browser: Browser, site: str, path: str, failure: str) -> None:
    with pytest.raises(AssertionError, match=failure):
        visit(browser, site + path)


def visit(browser: Browser, url: str) -> None:
    with watched_page(browser) as page:
        page.goto(url, wait_until="domcontentloaded")
