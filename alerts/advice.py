"""What to do first about an alert: short steps in both languages, by what it is about and which way the value went."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import TypeAlias

from alerts.alert import Explanation, Fact, Kind

Steps: TypeAlias = tuple[Explanation, ...]
_ANY = "_"
_LIKE = {"power": "current", "acceleration": "vibration", "velocity": "vibration", "crest": "kurtosis"}
"""Metrics to which the steps of another apply."""
_WORDS = re.compile(r"[^\W\d_]+")


def first_steps(kind: Kind, metric: str | None, facts: Mapping[str, Fact]) -> Steps:
    """The steps for an alert of that kind on that metric (None: the device as a whole), the first one first.

    >>> first_steps(Kind.SILENCE, "temperature", {})[-1].en
    'Until it reports, nobody watches this metric.'
    """
    table = _table()
    if kind is Kind.SILENCE:
        return table["silence"]["metric" if metric else "device"]
    if kind is Kind.STUCK:
        return table["stuck"][_ANY]
    if kind is Kind.FAILURE_RISK:
        drifting = facts.get("metric")
        return table["failure_risk"][_ANY] + (_about(drifting, facts) if isinstance(drifting, str) else ())
    about = table["together"][_ANY] if metric is None else ()
    leader = metric or facts.get("metric")
    about += _about(leader, facts) if isinstance(leader, str) else ()
    if kind in (Kind.LIMIT, Kind.FORECAST):
        return table[kind][_ANY] + about
    return about + table["expected"][_ANY]


def _about(metric: str, facts: Mapping[str, Fact]) -> Steps:
    """The steps for the quantity that a metric's name speaks of, or for any."""
    table = _table()
    words = (word.lower() for word in reversed(_WORDS.findall(metric)))  # names go from the whole to its part
    known = (_LIKE.get(word, word) for word in words)
    quantity = next((word for word in known if _way(facts) in table.get(word, {})), None)
    return table[_ANY][_ANY] if quantity is None else table[quantity][_way(facts)]


def _way(facts: Mapping[str, Fact]) -> str:
    """Which way the value went: `high` or `low`."""
    if "side" in facts:
        return "low" if facts["side"] == "low" else "high"
    value, expected = facts.get("value"), facts.get("expected")
    below = isinstance(value, int | float) and isinstance(expected, int | float) and value < expected
    return "low" if below else "high"


@lru_cache(maxsize=1)
def _table() -> Mapping[str, Mapping[str, Steps]]:
    """The steps of `advice.toml` by section and key."""
    text = resources.files("alerts").joinpath("advice.toml").read_text(encoding="utf-8")
    return {
        section: {key: tuple(Explanation(en, zh) for en, zh in steps) for key, steps in keys.items()}
        for section, keys in tomllib.loads(text).items()
    }
