"""Puts a report together: what was compared, what came out and the charts, in one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import resources
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from alerts.alert import Alert, Explanation, Verdict
from alerts.metric_names import metric_zh, shown_unit
from api.web.format import clock_time
from forewarn.history.pairing import Pairing, Recorded, Result, first_hits, raised_again
from forewarn.history.variants import AS_SHIPPED, Differing, RuleChange
from forewarn.report.chart import Chart
from forewarn.report.entries import Section, lasted_ns
from forewarn.report.figures import in_short, rows
from forewarn.report.plot import DAY, HOUR, time_ticks
from forewarn.report.timeline import Bar, bars, period_length_s, periods
from forewarn.report.words import both, console, length, say, told
from ingest.reading import NS_PER_SECOND
from ingest.truth import FAILURE, Label

MOST_DEVICES = 40
"""Devices shown over time, those with the most alerts first."""
MOST_TROUBLES = 100
PERIOD_WORDS = {
    HOUR: "raised_an_hour", 6 * HOUR: "raised_in_6h", DAY: "raised_a_day", 7 * DAY: "raised_a_week",
    28 * DAY: "raised_in_4w",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Compared:
    """Everything a report is about. Times in ns UTC."""

    results: Sequence[Result]
    """The first is what the others are compared with."""
    pairings: Sequence[Pairing]
    """Of the first with each other."""
    start: int
    end: int
    devices: int
    readings: int
    source: Explanation
    labels: Sequence[Label] | None
    recorded: Sequence[Recorded]
    differing: Sequence[Differing]
    rules: Sequence[Sequence[RuleChange]]
    """Of each other."""
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """One device over time: a lane for each configuration."""

    site: str
    device: str
    lanes: tuple[tuple[Bar, ...], ...]


@dataclass(frozen=True, slots=True)
class Trouble:
    """A label, and for each configuration how it was found; None: it was not."""

    label: Label
    found: tuple[Markup | None, ...]


def render(compared: Compared, sections: Sequence[Section], charts: Mapping[str, Chart]) -> str:
    """The page; `charts` by the anchor of their entry."""
    environment = Environment(
        loader=PackageLoader("forewarn.report", "."), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.globals |= {
        "say": say,
        "told": told,
        "both": both,
        "console": console,
        "clock": partial(clock_time, zone=compared.zone),
        "percent": _percent,
        "metric": _metric,
        "unit": shown_unit,
        "lasted": lambda alert: both(length(lasted_ns(alert, compared.end) / NS_PER_SECOND)),
        "span": lambda ns: length(abs(ns) / NS_PER_SECOND),
        "letter": lambda index: "ABCDE"[index],
    }
    template = environment.get_template("report.html")
    results = compared.results
    raised = [periods(r.alerts, compared.start, compared.end, compared.zone) for r in results]
    return template.render(
        c=compared,
        names=[told("as_shipped") if r.name == AS_SHIPPED else Explanation(r.name, r.name) for r in results],
        style=_text("api.web", "static/console.css") + _text("forewarn.report", "report.css"),
        script=_text("forewarn.report", "report.js"),
        icon=_text("api.web", "static/icon.svg"),
        short=[in_short(results, n, pairing) for n, pairing in enumerate(compared.pairings, 1)],
        rows=rows(results, compared.labels, compared.recorded, compared.end),
        periods=raised,
        most=max([1, *(period.total for one in raised for period in one)]),
        period_word=PERIOD_WORDS[period_length_s(compared.start, compared.end)],
        times=time_ticks(compared.start, compared.end, compared.zone, 8),
        devices=_devices(compared),
        more_devices=max(0, len(_with_alerts(compared)) - MOST_DEVICES),
        sections=sections,
        charts=charts,
        anchors={entry.anchor for section in sections for entry in (*section.entries, *section.rows)},
        troubles=_troubles(compared),
        said=_said(compared),
        orders=_orders(compared),
    )


def _text(package: str, path: str) -> str:
    return resources.files(package).joinpath(path).read_text(encoding="utf-8")


def _percent(share: float) -> str:
    """A share as a length in style sheets."""
    return f"{100 * share:.2f}%".replace(".00%", "%")


def _metric(name: str | None) -> Markup:
    return say("whole_device") if name is None else both(Explanation(name, metric_zh(name)))


def _with_alerts(compared: Compared) -> list[tuple[str, str]]:
    """Devices with alerts: those of which configurations say most differently first, then those with most alerts."""
    counts: dict[tuple[str, str], list[int]] = {}
    for number_, result in enumerate(compared.results):
        for alert in result.alerts:
            counts.setdefault((alert.site, alert.device), [0] * len(compared.results))[number_] += 1
    return sorted(counts, key=lambda key: (min(counts[key]) - max(counts[key]), -sum(counts[key]), key))


def _devices(compared: Compared) -> list[DeviceRow]:
    made = []
    for site, device in _with_alerts(compared)[:MOST_DEVICES]:
        lanes = [[a for a in r.alerts if (a.site, a.device) == (site, device)] for r in compared.results]
        made.append(DeviceRow(site, device, tuple(tuple(_bars(lane, compared)) for lane in lanes)))
    return made


def _bars(alerts: Sequence[Alert], compared: Compared) -> list[Bar]:
    return bars(alerts, compared.start, compared.end, compared.end)


def _troubles(compared: Compared) -> list[Trouble]:
    labels = list(compared.labels or ())[:MOST_TROUBLES]
    hits = [first_hits(labels, result.alerts) for result in compared.results]
    return [Trouble(label, tuple(_how_found(label, one[n]) for one in hits)) for n, label in enumerate(labels)]


def _how_found(label: Label, alert: Alert | None) -> Markup | None:
    if alert is None:
        return None
    if label.kind == FAILURE:
        return say("before_failure", span=length((label.end - alert.raised_at) / NS_PER_SECOND))
    return say("after", span=length((alert.raised_at - label.start) / NS_PER_SECOND))


def _said(compared: Compared) -> list[tuple[Recorded, tuple[Alert | None, ...]]]:
    ranked = sorted(compared.recorded, key=lambda one: (one.verdict is not Verdict.ANOMALY, one.alert.raised_at))
    return [
        (one, tuple(raised_again(one.alert, result.alerts, compared.end) for result in compared.results))
        for one in ranked[:MOST_TROUBLES]
    ]


def _orders(compared: Compared) -> list[tuple[tuple[str, str], tuple[int | None, ...]]]:
    """Devices whose order is opened at another time, or not at all, with some configuration: (device, times)."""
    opened = [{(o.site, o.device): o.opened_at for o in reversed(r.orders)} for r in compared.results]
    devices = sorted({key for one in opened for key in one})
    found = [(key, tuple(one.get(key) for one in opened)) for key in devices]
    return [(key, times) for key, times in found if any(at != times[0] for at in times)]
