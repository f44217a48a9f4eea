"""The page's texts: each is written in both languages, and the page shows one of them."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from functools import lru_cache
from importlib import resources

from markupsafe import Markup, escape

from alerts.alert import Explanation
from api.web.format import span as span_of
from api.web.i18n import Language, Translator, filled

BOTH = Markup('<span lang="en">{en}</span><span lang="zh-CN">{zh}</span>')
SPEAKERS = {language: Translator(language) for language in Language}


@lru_cache
def words() -> dict[str, Explanation]:
    """Every text of `words.toml` by its key."""
    text = resources.files("forewarn.report").joinpath("words.toml").read_text(encoding="utf-8")
    return {key: Explanation(**pair) for key, pair in tomllib.loads(text).items()}


def both(text: Explanation) -> Markup:
    """A text in both languages, as the page holds it."""
    return BOTH.format(en=text.en, zh=text.zh) if text.en != text.zh else escape(text.en)


def say(key: str, **values: object) -> Markup:
    """The text with that key and its placeholders filled; a value may be a text in both languages itself.

    >>> str(say("missed"))
    '<span lang="en">missed</span><span lang="zh-CN">未发现</span>'
    """
    return both(told(key, **values))


def told(key: str, **values: object) -> Explanation:
    """The same, as plain texts."""
    text = words()[key]
    one = {name: value.en if isinstance(value, Explanation) else value for name, value in values.items()}
    other = {name: value.zh if isinstance(value, Explanation) else value for name, value in values.items()}
    return Explanation(filled(text.en, one), filled(text.zh, other))


def in_both(make: Callable[[Translator], str]) -> Explanation:
    """What `make` gives in each language."""
    return Explanation(make(SPEAKERS[Language.EN]), make(SPEAKERS[Language.ZH]))


def console(key: str) -> Explanation:
    """A word of the console, `severity.high` say; where it has none, the last part of the key."""
    return in_both(lambda t: t.optional(key, key.rpartition(".")[2]))


def length(seconds: float) -> Explanation:
    """A length of time."""
    return in_both(lambda t: span_of(seconds, t))
