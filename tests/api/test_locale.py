"""Everything a person reads is there in both languages, and no template says anything by itself."""

import re
import string
from html.parser import HTMLParser
from pathlib import Path

import pytest

from alerts.alert import Kind, Severity, State, Verdict
from alerts.health import Keeping, asked
from alerts.model_store import ModelActionKind, ModelState
from alerts.store import ActionKind
from api.devices import DeviceState
from api.guard import Reason
from api.web import alerts as alert_page
from api.web import device as device_page
from api.web import models as model_page
from api.web import render
from api.web import work_orders as order_page
from api.web.figures import Health
from api.web.i18n import Language, Translator, choose, texts
from ingest.machine import Foundation
from ingest.registry import Criticality
from ingest.rejects import RejectSource
from workorders.customer import SCORES
from workorders.order import Priority, Stage
from workorders.sla import Why
from workorders.store import EVENT_KINDS

WEB = Path(alert_page.__file__).parent
TEMPLATES = sorted((WEB / "templates").glob("*.html"))
SPOKEN_ATTRIBUTES = {"title", "alt", "placeholder", "aria-label", "label", "summary"}


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_have_the_same_keys() -> None:
    assert texts(Language.EN).keys() == texts(Language.ZH).keys()


@pytest.mark.parametrize("key", texts(Language.EN).keys())
def test_both_texts_say_the_same(key: str) -> None:
    en, zh = texts(Language.EN)[key], texts(Language.ZH)[key]
    assert en.strip() == en != ""
    assert zh.strip() == zh != ""
    assert placeholders(en) == placeholders(zh)


def test_chinese_is_chinese() -> None:
    same = {key for key, text in texts(Language.ZH).items() if not re.search(r"[\u4e00-\u9fff]", text)}
    assert same == {
        "app.name",
        "language.tag",
        "language.other",
        "language.other_code",
        "language.other_tag",
        "order.engine",
    }


def families() -> dict[str, set[str]]:
    """Keys that are put together while the program runs: prefix, and what may follow it."""
    return {
        "access.reason.": {reason.name.lower() for reason in Reason},
        "alarm_figure.": set(asked()[1]),
        "clock_why.": set(Why),
        "criticality.": set(Criticality),
        "device.": {"title", "class", "asset", "customer", "team", "owner"}
        | {f"{to}{end}" for to in ("retire", "unretire") for end in ("", "_hint")},
        "device.state.": {state.name.lower() for state in DeviceState},
        "did.": set(ActionKind),
        "due.late_": {"response", "solve"},
        "evidence.recurs_every_": {"day", "week"},
        "due.left_": {"response", "solve"},
        "event.": set(EVENT_KINDS),
        "foundation.": set(Foundation),
        "health.": set(Health),
        "keeping.": set(Keeping),
        "keeping_hint.": set(Keeping),
        "kind.": set(Kind),
        "model_did.": set(ModelActionKind),
        "model_state.": set(ModelState),
        "models.": {*model_page.FIGURES, "told_model", "told_baseline", "may", "may_not"},
        "part.": {*render.PARTS, "judging_less", "other"},
        "priority.": set(Priority),
        "range.": set(device_page.RANGES),
        "reason.": {"said", "store"},
        "reject_source.": set(RejectSource),
        "score.": set(map(str, SCORES)),
        "severity.": set(Severity),
        "show.": set(alert_page.SHOWS),
        "show_orders.": set(order_page.SHOWS),
        "stage.": set(Stage),
        "state.": set(State),
        "verdict.": set(Verdict),
    }


def used_keys() -> set[str]:
    """Every key that templates and code ask for."""
    sources = [path.read_text(encoding="utf-8") for path in (*TEMPLATES, *WEB.glob("*.py"))]
    found = {key for text in sources for key in re.findall(r"""\bt\(\s*f?["']([a-z_0-9.]+)["']""", text)}
    found |= {key for text in sources for key in re.findall(r"""["']((?:time|due|evidence)\.[a-z_]+)["']""", text)}
    found |= {f"evidence.{name}" for name in ("value", "expected", "held_s", "limit_s", "interval_s", "usual_gap_s")}
    found |= {f"evidence.{name}" for name in ("per_day", "likely_at", "average", "metric_since_at", "run", "longest")}
    found |= {f"evidence.{name}" for name in ("off", "horizon_s", "codes", "code_at", "since", "model")}
    found |= {f"{prefix}{end}" for prefix, ends in families().items() for end in ends}
    return {key for key in found if not key.endswith(".") and key not in families()}


def test_every_text_that_is_asked_for_is_there_and_the_other_way_round() -> None:
    there, used = set(texts(Language.EN)), used_keys()
    assert used - there == set(), "asked for, but not there"
    assert {key for key in there - used if not key.startswith("problem.")} == set(), "there, but never asked for"


def test_chinese_texts_have_chinese_punctuation() -> None:
    """GB/T 15834: beside a Chinese character a comma, colon, semicolon or bracket is one of full width."""
    narrow = re.compile(r"[一-龥][,;:?!()]|[,;:?!()][一-龥]")
    assert {key: text for key, text in texts(Language.ZH).items() if narrow.search(text)} == {}


def test_problems_that_people_meet_have_a_text() -> None:
    for status in (401, 403, 404, 405, 409, 413, 422, 429, 500, 503):
        assert {f"problem.{status}", f"problem.detail.{status}"} <= texts(Language.EN).keys()


class Literals(HTMLParser):
    """Collects the words that a template would say whatever the language, and the code it would run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.code: list[str] = []

    def handle_data(self, data: str) -> None:
        if re.search(r"[^\W\d_]", data):
            self.found.append(data.strip())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name.startswith(("on", "hx-on", "data-hx-on")) or name == "style" or (value or "").startswith("js:"):
                self.code.append(f"{name}={value}")
            if (name in SPOKEN_ATTRIBUTES or name.startswith("data-word")) and re.search(r"[^\W\d_]", value or ""):
                self.found.append(f"{name}={value}")


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_says_anything_by_itself(template: Path) -> None:
    assert parsed(template).found == []


def parsed(template: Path) -> Literals:
    text = template.read_text(encoding="utf-8")
    parser = Literals()
    parser.feed(re.sub(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", "", text, flags=re.DOTALL))
    return parser


@pytest.mark.parametrize("script", sorted((WEB / "static").glob("*.js")), ids=lambda path: path.name)
def test_no_script_says_anything_by_itself(script: Path) -> None:
    assert not re.search(r"[\u4e00-\u9fff]", script.read_text(encoding="utf-8"))
    said = re.findall(r"textContent\s*=\s*[\"'`]([^\"'`$]*[A-Za-z][^\"'`]*)", script.read_text(encoding="utf-8"))
    assert said == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_runs_or_loads_anything_foreign(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)", text), "inline script"
    assert parsed(template).code == [], "inline handler or style"
    assert not re.search(r"(?:src|href)\s*=\s*[\"'](?:https?:)?//", text), "from elsewhere"
    assert "|safe" not in text.replace(" ", "")


@pytest.mark.parametrize(
    ("wished", "remembered", "configured", "accepted", "spoken"),
    [
        (None, None, None, None, "en"),
        ("zh", "en", "en", "en", "zh"),
        ("fr", "zh", "en", "en", "zh"),
        (None, None, "zh", "en", "zh"),
        (None, "en", "zh", "zh", "en"),
        (None, None, None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        (None, None, None, "en-US,zh;q=0.9", "en"),
        (None, None, None, "de, zh-TW;q=0.3, en;q=0.1", "zh"),
        (None, None, None, "zh;q=0, de", "en"),
        (None, None, None, ";;q=x,,zh;q=high", "en"),
    ],
)
def test_which_language(
    wished: str | None, remembered: str | None, configured: str | None, accepted: str | None, spoken: str
) -> None:
    assert choose(wished, remembered, configured, accepted) == spoken


def test_an_unknown_key_is_an_error() -> None:
    with pytest.raises(KeyError):
        Translator(Language.EN)("no.such.key")
