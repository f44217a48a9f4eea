"""Debian's Chromium, driven by Playwright; pages that must not fail in silence or load anything from elsewhere."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

from tests.servers.process import ServerError

SCREENSHOTS = Path(__file__).parents[2] / "test-results"
_QUIET = ["--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update"]


def find_chromium() -> str:
    """The path of the machine's Chromium; ServerError saying how to install it."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        raise ServerError("chromium is missing: `make servers` installs it (Debian: apt-get install chromium)")
    return path


def has_sandbox() -> bool:
    """Whether Chromium can use its sandbox: it refuses root, and needs user namespaces (many containers have none)."""
    namespaces = subprocess.run(["unshare", "--user", "true"], capture_output=True, check=False)
    return os.geteuid() != 0 and namespaces.returncode == 0


@contextmanager
def launched() -> Iterator[Browser]:
    """A headless browser. While it is open, this thread cannot run an event loop of its own."""
    flags = [*_QUIET, "--disable-sync", *([] if has_sandbox() else ["--no-sandbox"])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=flags)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def watched_page(browser: Browser) -> Iterator[Page]:
    """A page of a fresh profile; AssertionError afterwards if a script failed or a request left this machine."""
    failures: list[str] = []
    with browser.new_context(locale="en-GB", timezone_id="UTC") as context:
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: failures.append(f"script: {error}"))
        page.on("request", lambda request: failures.extend(_outside(request.url)))
        yield page
    assert not failures, "; ".join(failures)


def _outside(url: str) -> list[str]:
    parts = urlsplit(url)
    local = parts.scheme in {"data", "blob", "about"} or parts.hostname in {"127.0.0.1", "localhost", "::1"}
    return [] if local else [f"request to {url}"]
