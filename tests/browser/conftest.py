"""A console in front of the plant, served for real, and browsers to look at it with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from api.app import create_app
from tests.api.conftest import serving
from tests.api.harness import Site, site
from tests.api.people import act, earlier
from tests.api.plant import LIMITS, fill
from tests.api.test_models import add
from tests.servers.browser import SCREENSHOTS

SIZES = {"desktop": (1440, 900), "phone": (375, 812)}
PATIENCE_MS = 30_000
"""A machine that does other things as well must not fail a test."""
expect.set_options(timeout=PATIENCE_MS)
LOCALES = {"en": "en-GB", "zh": "zh-CN"}


@dataclass
class Console:
    """A served console and what is behind it."""

    made: Site
    base: str


@contextmanager
def console_over(folder: Path) -> Iterator[Console]:
    """The plant with its troubles behind a console."""
    with site(folder, limits=LIMITS) as made:
        earlier(made)
        fill(made)
        made.deps().records.save(made.registry)
        act(made)
        add(made.database)
        with serving(create_app(made.deps())) as base:
            yield Console(made, base)


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console that is only looked at."""
    with console_over(tmp_path_factory.mktemp("console")) as one:
        yield one


@pytest.fixture
def own_console(tmp_path: Path) -> Iterator[Console]:
    """A console of the test's own."""
    with console_over(tmp_path) as one:
        yield one


@dataclass
class Watched:
    """A page, and what its browser complained of."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def heard(self, message: ConsoleMessage) -> None:
        """A line of the browser's console."""
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def picture(self, name: str) -> None:
        """Keep a picture."""
        folder = SCREENSHOTS / "console"
        folder.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=folder / f"{name}.png", full_page="phone" in name)


Look = Callable[..., Watched]


@pytest.fixture
def look(browser: Browser) -> Iterator[Look]:
    """Opens a page: `look(url, size="phone", language="zh", dark=True)`. Nothing may go wrong on it unnoticed."""
    opened: list[Watched] = []
    with ExitStack() as stack:

        def one(
            url: str, size: str = "desktop", language: str = "en", dark: bool = False, scripts: bool = True
        ) -> Watched:
            width, height = SIZES[size]
            context = stack.enter_context(
                browser.new_context(
                    viewport={"width": width, "height": height},
                    locale=LOCALES[language],
                    color_scheme="dark" if dark else "light",
                    timezone_id="America/New_York",
                    java_script_enabled=scripts,
                )
            )
            watched = Watched(context.new_page())
            watched.page.set_default_timeout(PATIENCE_MS)
            watched.page.on("console", watched.heard)
            watched.page.on("pageerror", lambda error: watched.complaints.append(f"script: {error}"))
            watched.page.goto(url)
            opened.append(watched)
            return watched

        yield one
        for watched in opened:
            watched.page.close()
    assert [line for watched in opened for line in watched.complaints] == []
