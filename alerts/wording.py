"""Numbers, spans of time, limits and probabilities as people read them, in English and Chinese."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from alerts.alert import Explanation, Fact
from alerts.metric_names import shown_unit

_SPANS = ((86_400, "d", "天"), (3600, "h", "小时"), (60, "min", "分钟"))
LEAST_PLAIN, MOST_PLAIN = 1e-6, 1e15
"""Numbers between are written without an exponent."""
NOTHING = 1e-9
"""What is smaller than this share of a number is nothing beside it: arithmetic leaves it behind."""
_GIVEN, _RECKONED = ("value", "limit"), ("average", "expected", "low", "high")
"""Facts about one quantity, in its unit."""


def number(value: float, step: float = math.inf) -> str:
    """A number for people: four significant digits, no exponent where it can be helped.

    `step` is a difference that has to be seen.

    >>> number(21.0), number(0.001234), number(123456.0), number(1e300)
    ('21', '0.001234', '123456', '1e+300')
    >>> number(50.004), number(50.004, 0.004)
    ('50', '50.004')
    """
    if value == 0:
        return "0"
    if not LEAST_PLAIN <= abs(value) < MOST_PLAIN:
        return f"{value:.4g}"
    digits = max(0, 3 - _magnitude(value), -_magnitude(step) if 0 < step < math.inf else 0)
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _magnitude(value: float) -> int:
    return math.floor(math.log10(abs(value)))


def compared(evidence: Mapping[str, Fact]) -> Mapping[str, str]:
    """The facts that are compared with each other, as numbers that can be told apart.

    >>> compared({"value": 50.004, "limit": 50.0, "unit": "Hz"})
    {'value': '50.004', 'limit': '50'}
    >>> compared({"value": 0.2017, "expected": 0.0, "low": -7e-12, "high": 7e-12})
    {'value': '0.2017', 'expected': '0', 'low': '0', 'high': '0'}
    """
    names = (*_GIVEN, *_RECKONED)
    facts = {name: float(fact) for name in names if isinstance(fact := evidence.get(name), int | float)}
    told = "average" if "average" in facts else "value"
    nothing = NOTHING * max((abs(facts[name]) for name in (told, "expected", "limit") if name in facts), default=0.0)
    pairs = ((told, "expected"), ("low", "high"), ("value", "limit"))
    steps = (abs(facts[one] - facts[other]) for one, other in pairs if one in facts and other in facts)
    step = min((step for step in steps if step > nothing), default=math.inf)
    dust = min(nothing, NOTHING)
    return {name: number(fact if name in _GIVEN or abs(fact) > dust else 0.0, step) for name, fact in facts.items()}


def duration(seconds: float, zh: bool = False) -> str:
    """A time span for people.

    >>> duration(62.0856), duration(7200), duration(5400, zh=True)
    ('62 s', '2 h', '1.5 小时')
    """
    for length, en, name in _SPANS:
        if seconds >= 2 * length or (length != 60 and seconds >= 1.5 * length):
            return f"{number(round(seconds / length, 1))} {name if zh else en}"
    return f"{number(round(seconds, None if seconds >= 10 else 1))} {'秒' if zh else 's'}"


LIKELY = 0.5
"""Probability from which on a failure is called likely; thresholds follow from the budget and may lie far below."""


def how_likely(probability: Fact) -> tuple[str, str]:
    """A word for a probability, English and Chinese.

    >>> how_likely(0.03)
    ('possible', '可能')
    """
    return ("likely", "很可能") if float(probability or 0.0) >= LIKELY else ("possible", "可能")


def with_unit(shown: str, unit: Fact) -> str:
    """A number as it is shown, with its unit."""
    return f"{shown} {shown_unit(unit)}".rstrip()


def limit_name(evidence: Mapping[str, Fact]) -> Explanation:
    """What a limit is called, in brackets, to stand behind it; nothing where it has no name."""
    label = evidence.get("label")
    return Explanation(f" ({label})", f"（{evidence.get('label_zh') or label}）") if label else Explanation("", "")


def time_range(ends: Sequence[float], zh: bool = False) -> str:
    """A span of time from one number of seconds to another, in the unit of the later one.

    >>> time_range([6 * 86400, 11.4 * 86400]), time_range([4 * 3600, 5.5 * 3600], zh=True)
    ('6 to 11 d', '4 至 5.5 小时')
    """
    length, en, name = next(unit for unit in _SPANS if ends[1] >= 2 * unit[0] or unit is _SPANS[-1])
    digits = 0 if ends[1] - ends[0] >= 3 * length else 1
    early, late = (number(round(end / length, digits)) for end in ends)
    return f"{early} 至 {late} {name}" if zh else f"{early} to {late} {en}"


EVENT_ZH = {"maintenance": "维护", "failure": "故障", "mark": "标记"}


def codes_zh(codes: str) -> str:
    """The codes that a fact of a failure risk lists, for those who read Chinese.

    >>> codes_zh("E17, maintenance oil")
    'E17、维护 oil'
    """
    said = (code.partition(" ") for code in codes.split(", "))
    return "、".join(f"{EVENT_ZH.get(first, first)}{space}{rest}" for first, space, rest in said)
