"""Which alerts a report tells one by one: those that only one configuration raised, then those raised otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alerts.alert import Alert
from forewarn.history.pairing import Pairing, Recorded, Result, Shared, first_hits, over_at, raised_again, touch
from ingest.truth import Label

MOST_CHARTS = 40
"""Alerts of a section that are told with a chart, the most severe first; the others stand in a table."""
MOST_ROWS = 200
"""Rows of that table; the rest is counted, and is in the files."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One alert as the page tells it."""

    result: int
    """Number of the configuration that raised it."""
    alert: Alert
    meanwhile: tuple[Alert, ...] = ()
    """What the other configuration had open on the device at that time."""
    shared: Shared | None = None
    """Where another one raised the same trouble, sooner, later or of another severity."""
    right: bool | None = None
    """Whether a truth file knows of trouble there; None without one."""
    verdict: str | None = None
    """What a person said of the alert that the running service raised for this trouble."""

    @property
    def anchor(self) -> str:
        """Its place on the page."""
        return f"{'abcde'[self.result]}-{self.alert.id}"


@dataclass(frozen=True, slots=True)
class Section:
    """Alerts that are told together; `title` is a word of `words.toml`."""

    title: str
    base: int
    other: int
    entries: tuple[Entry, ...]
    """With a chart."""
    rows: tuple[Entry, ...]
    """Without."""
    more: int
    """Neither."""

    @property
    def total(self) -> int:
        """All alerts of the section."""
        return len(self.entries) + len(self.rows) + self.more


@dataclass(frozen=True, slots=True)
class Known:
    """What else is known about the history."""

    labels: Sequence[Label] | None
    recorded: Sequence[Recorded]
    run_end: int


def sections(results: Sequence[Result], pairings: Sequence[Pairing], known: Known) -> list[Section]:
    """All sections of a report; with a single configuration one of all its alerts."""
    if len(results) == 1:
        return [_section("all", 0, 0, (Entry(0, alert) for alert in results[0].alerts), results, known)]
    found = []
    for other, pairing in enumerate(pairings, 1):
        only_base = (Entry(0, alert) for alert in pairing.only_base)
        only_other = (Entry(other, alert) for alert in pairing.only_other)
        otherwise = (Entry(other, pair.other, shared=pair) for pair in pairing.shared if not pair.same)
        found.append(_section("only_base", 0, other, only_base, results, known))
        found.append(_section("only_other", 0, other, only_other, results, known))
        found.append(_section("otherwise", 0, other, otherwise, results, known))
    return found


def _section(
    title: str, base: int, other: int, entries: Iterable[Entry], results: Sequence[Result], known: Known
) -> Section:
    ranked = sorted(entries, key=lambda e: (-e.alert.severity.rank, e.alert.raised_at, e.alert.id))
    charted = tuple(_completed(entry, (base, other), results, known) for entry in ranked[:MOST_CHARTS])
    rest = sorted(ranked[MOST_CHARTS:], key=lambda e: (e.alert.raised_at, e.alert.id))
    return Section(title, base, other, charted, tuple(rest[:MOST_ROWS]), max(0, len(rest) - MOST_ROWS))


def _completed(entry: Entry, about: tuple[int, int], results: Sequence[Result], known: Known) -> Entry:
    alert = entry.alert
    meanwhile = [
        rival
        for number in about
        if number != entry.result and entry.shared is None
        for rival in results[number].alerts
        if (rival.site, rival.device) == (alert.site, alert.device) and touch(alert, rival, known.run_end)
    ]
    hits = [one for one in first_hits(known.labels, [alert]) if one] if known.labels is not None else None
    judged = (one for one in known.recorded if raised_again(one.alert, [alert], known.run_end))
    verdict = next((str(one.verdict) for one in judged), None)
    right = None if hits is None else bool(hits)
    return Entry(entry.result, alert, tuple(meanwhile), entry.shared, right, verdict)


def lasted_ns(alert: Alert, run_end: int) -> int:
    """How long the condition lasted, as far as the history goes."""
    return over_at(alert, run_end) - alert.onset_at
