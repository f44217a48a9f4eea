"""The page's texts: the same placeholders in both languages, all that are asked for, and none that nobody uses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from alerts.alert import Explanation
from forewarn.report import words as module
from forewarn.report.words import say, words

HERE = Path(module.__file__).parent
ASKED = re.compile(r"""\b(?:say|told)\(\s*["'](\w+)["'](?! ~)""")
MADE = {
    *("period_day", "period_week", "period_month", "verdict_anomaly", "verdict_not_anomaly", "right", "false"),
    *("was_later", "was_sooner", "anomaly", "not_anomaly", "only_base", "only_other", "otherwise", "all"),
    *("only_base_hint", "only_other_hint", "otherwise_hint", "all_hint", "side_by_side", "in_short"),
    *("raised_an_hour", "raised_in_6h", "raised_a_day", "raised_a_week", "raised_in_4w", "confirmed", "refuted"),
    *("delay", "lead"),
}
"""Keys that are put together or chosen."""


def sources() -> str:
    history = HERE.parent / "history"
    paths = [*HERE.glob("*.py"), *HERE.glob("*.html"), history / "origin.py", history / "storehistory.py"]
    return "".join(path.read_text("utf-8") for path in paths)


@pytest.mark.parametrize("key", words())
def test_both_languages_have_the_same_placeholders(key: str) -> None:
    text = words()[key]
    placeholders = [sorted(re.findall(r"{(\w+)}", part)) for part in (text.en, text.zh)]
    assert placeholders[0] == placeholders[1]
    assert re.search(r"[\u4e00-\u9fff]", text.zh)


@pytest.mark.parametrize("key", words())
def test_chinese_has_its_own_punctuation(key: str) -> None:
    assert not re.search(r"[,:;()]", words()[key].zh)


def test_every_text_is_used_and_every_text_that_is_used_is_there() -> None:
    assert set(ASKED.findall(sources())) | MADE == set(words())


def test_names_from_outside_are_escaped() -> None:
    assert "<script>" not in str(say("only_base", base="<script>", n=1))
    assert "&lt;b&gt;" in str(say("only_base", base=Explanation("<b>", "粗"), n=1))
