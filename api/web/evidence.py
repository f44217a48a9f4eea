"""The facts behind an alert or an order as lines that a person reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from zoneinfo import ZoneInfo

from alerts.alert import Explanation, Fact
from alerts.leading import names_in
from alerts.wording import codes_zh, compared, limit_name, with_unit
from api.web.format import NOTHING, clock_time, metric_name, percent, quantity, span
from api.web.i18n import Translator

Line = tuple[str, str]


def lines(facts: Mapping[str, Fact], t: Translator, zone: ZoneInfo) -> list[Line]:
    """(label, text) of every fact that means something to a person, in a fixed order; others by their own name."""
    unit = facts.get("unit")
    found = [line(facts, str(unit) if unit else None, t, zone) for line in _LINES]
    known = [one for one in found if one is not None]
    others = [(name, _plain(fact)) for name, fact in facts.items() if name not in _TOLD and fact is not None]
    return known + others


_Teller = Callable[[Mapping[str, Fact], str | None, Translator, ZoneInfo], Line | None]


def _number(name: str) -> _Teller:
    def tell(facts: Mapping[str, Fact], unit: str | None, t: Translator, _zone: ZoneInfo) -> Line | None:
        fact = facts.get(name)
        return (t(f"evidence.{name}"), quantity(float(fact), unit)) if isinstance(fact, int | float) else None

    return tell


def _compared(name: str) -> _Teller:
    """A number that is compared with others."""

    def tell(facts: Mapping[str, Fact], unit: str | None, t: Translator, _zone: ZoneInfo) -> Line | None:
        shown = compared(facts).get(name)
        return (t(f"evidence.{name}"), with_unit(shown, unit)) if shown else None

    return tell


def _count(name: str) -> _Teller:
    def tell(facts: Mapping[str, Fact], _unit: str | None, t: Translator, _zone: ZoneInfo) -> Line | None:
        fact = facts.get(name)
        return (t(f"evidence.{name}"), str(fact)) if isinstance(fact, int) else None

    return tell


def _band(facts: Mapping[str, Fact], unit: str | None, t: Translator, _zone: ZoneInfo) -> Line | None:
    shown = compared(facts)
    if "low" not in shown or "high" not in shown:
        return None
    return t("evidence.band"), t("evidence.from_to", low=shown["low"], high=with_unit(shown["high"], unit))


def _limit(facts: Mapping[str, Fact], unit: str | None, t: Translator, _zone: ZoneInfo) -> Line | None:
    shown = compared(facts).get("limit")
    return (t("evidence.limit"), with_unit(shown, unit) + t.of(limit_name(facts))) if shown else None


def _distances(facts: Mapping[str, Fact], _unit: str | None, t: Translator, _zone: ZoneInfo) -> Line | None:
    """How far the value is off, counted in how far it usually is."""
    fact = facts.get("distances")
    return (t("evidence.distances"), t("evidence.times", n=quantity(fact))) if isinstance(fact, int | float) else None


def _length(name: str) -> _Teller:
    def tell(facts: Mapping[str, Fact], _unit: str | None, t: Translator, _zone: ZoneInfo) -> Line | None:
        fact = facts.get(name)
        return (t(f"evidence.{name}"), span(fact, t)) if isinstance(fact, int | float) and fact > 0 else None

    return tell


def _rarity(facts: Mapping[str, Fact], _unit: str | None, t: Translator, _zone: ZoneInfo) -> Line | None:
    one_in = facts.get("one_in")
    if not isinstance(one_in, int | float):
        return None
    text = t("evidence.rarer" if facts.get("rarer") else "evidence.one_in", n=f"{one_in:,.0f}")
    return t("evidence.rarity"), text


def _last(facts: Mapping[str, Fact], _unit: str | None, t: Translator, zone: ZoneInfo) -> Line | None:
    at = facts.get("last_at")
    return (t("evidence.last_at"), clock_time(at, zone, seconds=True)) if isinstance(at, int) else None


def _moment(facts: Mapping[str, Fact], _unit: str | None, t: Translator, zone: ZoneInfo) -> Line | None:
    """When it was read; of a silence, when it was noticed."""
    at = facts.get("at")
    label = t("evidence.noticed") if "limit_s" in facts else t("evidence.at")
    return (label, clock_time(at, zone, seconds=True)) if isinstance(at, int) else None


def _leader(facts: Mapping[str, Fact], _unit: str | None, t: Translator, _zone: ZoneInfo) -> Line | None:
    """The metric that an alert on several is mostly about."""
    metric = facts.get("metric")
    label = t("evidence.leader") if "one_in" in facts else t("evidence.metric")
    return (label, metric_name(metric, t)) if isinstance(metric, str) and metric else None


def _since(facts: Mapping[str, Fact], _unit: str | None, t: Translator, zone: ZoneInfo) -> Line | None:
    """When a value began to grow, or to repeat itself; of a baseline, when the device began to be unusual."""
    at = facts.get("since_at")
    named = {"one_in": "evidence.unusual_since", "run": "evidence.equal_since"}
    label = next((key for fact, key in named.items() if fact in facts), "evidence.since_at")
    return (t(label), clock_time(at, zone)) if isinstance(at, int) else None


def _moved_first(facts: Mapping[str, Fact], _unit: str | None, t: Translator, zone: ZoneInfo) -> Line | None:
    first, at = _listed(facts, ("moved_first", "moved_with"), t), facts.get("moved_first_at")
    if not first or not isinstance(at, int):
        return None
    return t("evidence.moved_first"), t("evidence.moved_at", metrics=first, time=clock_time(at, zone))


def _moved_then(facts: Mapping[str, Fact], _unit: str | None, t: Translator, _zone: ZoneInfo) -> Line | None:
    then = _listed(facts, ("moved_then",), t)
    return (t("evidence.moved_then"), then) if then else None


def _recurs(facts: Mapping[str, Fact], _unit: str | None, t: Translator, _zone: ZoneInfo) -> Line | None:
    every, times, of = (facts.get(name) for name in ("recurs_every", "recurred", "recurred_of"))
    return (t("evidence.recurs"), t(f"evidence.recurs_every_{every}", times=times, of=of)) if every else None


def _listed(facts: Mapping[str, Fact], names: Sequence[str], t: Translator) -> str:
    """The metrics that facts of those names list."""
    metrics = [metric for name in names for metric in names_in(facts.get(name))]
    return t.between.join(metric_name(metric, t) for metric in metrics)


def _time(name: str) -> _Teller:
    def tell(facts: Mapping[str, Fact], _unit: str | None, t: Translator, zone: ZoneInfo) -> Line | None:
        at = facts.get(name)
        return (t(f"evidence.{name}"), clock_time(at, zone)) if isinstance(at, int) else None

    return tell


def _together(facts: Mapping[str, Fact], _unit: str | None, t: Translator, _zone: ZoneInfo) -> Line | None:
    return (t("evidence.together"), t("evidence.several")) if facts.get("together") else None


def _crossing(facts: Mapping[str, Fact], _unit: str | None, t: Translator, zone: ZoneInfo) -> Line | None:
    earliest, latest, confidence = (facts.get(name) for name in ("earliest_at", "latest_at", "confidence"))
    if not isinstance(earliest, int) or not isinstance(latest, int) or not isinstance(confidence, float):
        return None
    ends = {"earliest": clock_time(earliest, zone), "latest": clock_time(latest, zone)}
    return t("evidence.crossing"), t("evidence.crossing_is", **ends, confidence=percent(confidence))


def _percent(facts: Mapping[str, Fact], _unit: str | None, t: Translator, _zone: ZoneInfo) -> Line | None:
    share = facts.get("probability")
    return (t("evidence.probability"), f"{quantity(100 * share)} %") if isinstance(share, int | float) else None


def _word(name: str) -> _Teller:
    def tell(facts: Mapping[str, Fact], _unit: str | None, t: Translator, _zone: ZoneInfo) -> Line | None:
        fact = facts.get(name)
        return (t(f"evidence.{name}"), fact) if isinstance(fact, str) and fact else None

    return tell


def _codes(facts: Mapping[str, Fact], _unit: str | None, t: Translator, _zone: ZoneInfo) -> Line | None:
    codes = facts.get("codes")
    if not isinstance(codes, str) or not codes:
        return None
    return t("evidence.codes"), t.of(Explanation(codes, codes_zh(codes)))


_LINES: tuple[_Teller, ...] = (
    _percent,
    _length("horizon_s"),
    _codes,
    _time("code_at"),
    _leader,
    _compared("value"),
    _limit,
    _compared("expected"),
    _number("off"),
    _band,
    _compared("average"),
    _distances,
    _rarity,
    _time("metric_since_at"),
    _moved_first,
    _moved_then,
    _recurs,
    _crossing,
    _time("likely_at"),
    _number("per_day"),
    _since,
    _count("run"),
    _count("longest"),
    _length("held_s"),
    _length("limit_s"),
    _length("interval_s"),
    _length("usual_gap_s"),
    _together,
    _time("since"),
    _last,
    _moment,
    _word("model"),
)
_TOLD = frozenset(
    {"value", "limit", "label", "label_zh", "side", "expected", "low", "high", "unit", "p_value", "one_in", "together"}
    | {"held_s", "limit_s", "interval_s", "usual_gap_s", "last_at", "at"}
    | {"per_day", "since_at", "earliest_at", "likely_at", "latest_at", "confidence"}
    | {"probability", "horizon_s", "codes", "code_at", "metric", "off", "since", "model"}
    | {"average", "distances", "rarer", "moved_first", "moved_first_at", "moved_with", "moved_then", "metric_since_at"}
    | {"run", "longest", "recurs_every", "recurred", "recurred_of"}
)


def _plain(fact: Fact) -> str:
    return quantity(fact) if isinstance(fact, float) else NOTHING if fact is None else str(fact)
