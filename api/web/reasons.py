"""Why something was not taken, or does not work, in the language of who reads it.

The service says its reasons in English: parsers, files, logs, the API and the database know no other. A page finds the
template that a reason was made from in `locale/reasons.toml`, and fills the Chinese one with the same values.

temperature: value should be a finite number, not a text; and 2 more
├── clauses, between semicolons
└── head (a metric, an address, a key), template, values: known words are translated, others stay as they are
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

LONGEST = 1_200
"""Characters; a longer reason is mostly what somebody else said, and is not looked through."""
MOST_CLAUSES = 32
MOST_MARKS = 3
"""Semicolons and colons that may stand within a clause, for those who name their metrics that way."""
DEEPEST = 2
"""Quotes within quotes: what a database says of a disk."""
_FIELD = re.compile(r"\{(\w+)\}")
_SPACED = re.compile(r"( ?)\{(\w+)\}( ?)(?!\{)")
_WIDE = re.compile(r"[^\x00-\u2fff]|[“”]")
_QUOTE = "quote"
"""The value that may hold anything, also the marks between clauses and behind a head."""
_KEY = "key"
"""The value that is a name in a payload or a file, also where that is one of the known words."""


@dataclass(frozen=True, slots=True)
class _Template:
    """A reason as it is made, and in Chinese."""

    strict: re.Pattern[str]
    loose: re.Pattern[str]
    """The same with values that hold semicolons and colons."""
    own: str
    """The longest text of its own: without it nothing matches, and it is quickly looked for."""
    zh: str


@dataclass(frozen=True, slots=True)
class _Catalog:
    words: dict[str, str]
    templates: tuple[_Template, ...]
    """Those with most words of their own come first."""


@lru_cache
def _catalog() -> _Catalog:
    file = resources.files("api.web").joinpath("locale", "reasons.toml")
    said = tomllib.loads(file.read_text(encoding="utf-8"))
    ordered = sorted(said["reasons"].items(), key=lambda pair: -len(_FIELD.sub("", pair[0])))
    return _Catalog(said["words"], tuple(_template(en, zh) for en, zh in ordered))


def _template(en: str, zh: str) -> _Template:
    own = max(_FIELD.split(en)[::2], key=len)
    return _Template(_pattern(en, r"(?:(?!: |; ).)+?"), _pattern(en, r".+?"), own, zh)


def _pattern(en: str, inside: str) -> re.Pattern[str]:
    """What matches the texts that a template makes, its values being like `inside`."""
    texts = _FIELD.split(en)[::2]
    values = [f"(?P<{name}>{r'.+?' if name == _QUOTE else inside})" for name in _FIELD.findall(en)]
    whole = "".join(re.escape(text) + value for text, value in zip(texts, [*values, ""], strict=True))
    return re.compile(whole, re.DOTALL)


@lru_cache(maxsize=1_024)
def in_chinese(reason: str) -> str | None:
    """The reason in Chinese; None if no part of it is known.

    >>> in_chinese("t: value should be a finite number, not a text; and 2 more")
    't：数值应为有限的数字，收到的是文本；另有 2 处'
    """
    return _told(reason, 0)


def _told(reason: str, depth: int) -> str | None:
    parts, told, known, at = reason.split("; "), list[str](), False, 0
    if len(reason) > LONGEST or len(parts) > MOST_CLAUSES:
        return None
    while at < len(parts):
        text, end = _next_clause(parts, at, depth)
        known |= text is not None
        told.append(parts[at] if text is None else text)
        at = end
    return "；".join(told) if known else None


def _next_clause(parts: list[str], at: int, depth: int) -> tuple[str | None, int]:
    """The clause that begins with part `at`, and where the next one does."""
    for end in range(at + 1, min(at + 1 + MOST_MARKS, len(parts)) + 1):
        text = _clause("; ".join(parts[at:end]), depth)
        if text is not None:
            return text, end
    return None, at + 1


def _clause(text: str, depth: int) -> str | None:
    templates = [template for template in _catalog().templates if template.own in text]
    starts = [0, *(found.end() for found in re.finditer(": ", text))][: 1 + MOST_MARKS]
    for loose in (False, True):
        for start in starts:
            for template in templates:
                found = (template.loose if loose else template.strict).fullmatch(text, start)
                if found is not None:
                    values = {name: _value(name, value, depth) for name, value in found.groupdict().items()}
                    return text[:start].replace(": ", "：") + _filled(template.zh, values)
    return None


def _value(name: str, text: str, depth: int) -> str:
    if name == _QUOTE:
        return (_told(text, depth + 1) if depth < DEEPEST else None) or text
    return text if name == _KEY else _catalog().words.get(text, text)


def _filled(zh: str, values: Mapping[str, str]) -> str:
    """A text with its values; beside Chinese ones there are no spaces."""

    def put(found: re.Match[str]) -> str:
        value = values[found[2]]
        before, after = (
            space * (_WIDE.match(edge) is None) for space, edge in ((found[1], value[0]), (found[3], value[-1]))
        )
        return f"{before}{value}{after}"

    return _SPACED.sub(put, zh)
