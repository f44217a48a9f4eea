"""`forewarn train`: from readings, a log and known failures to a model, with measures on devices it had not seen.

    examples ─▶ labelled by the failures ─▶ left out device by device ─▶ curve of thresholds, for several horizons
                              └───────────▶ grown on all, with the best horizon ─▶ model

What failures show themselves by, and how long before, is not known beforehand: that horizon is taken with which devices
left out were judged best.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alerts.operating import CALM, SLACK, THRESHOLDS, Course, Lookout, Point, best, curve, smoothed
from alerts.wording import duration
from forewarn.history.examples import SETTLED_AFTER, BoolArray, Examples, Progress, Sources, collect
from ingest.errors import InputError
from ingest.reading import NS_PER_SECOND, FloatArray
from ingest.times import format_time
from ingest.truth import NORMAL, Label
from models.supervised.features import matrix
from models.supervised.fit import grow, rows_by_others, taught
from models.supervised.model import RiskModel
from models.supervised.telemetry import SPANS, WARM_AFTER

HORIZONS = (24, 48, 72)
"""Those that are tried, in slots; the last is the span of time that the user asks about."""
USUAL_SPAN_S = 72 * 3600.0
LEAST_FAILURES = 3
FOLDS = 5
ROWS = 5_000
"""Rows of failing, of eventful and of uneventful times are thinned to so many each; those that stay count for more.
All of a large fleet take longer and warn no better: neighbours tell much the same."""
EVENTFUL = 24.0
"""Slots after a code in which a row is not uneventful."""
NORMAL_WORTH = 3.0
"""A time of which people said that nothing was wrong counts for so many."""
MARGIN = 1.25
"""Drifts up to this times those of training are familiar."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A model, not an artefact yet, and what was measured."""

    model: RiskModel
    point: Point
    """Of the best threshold without a budget."""
    warnings: tuple[str, ...] = ()
    """What was passed over, in a line each."""


def train(
    sources: Sources,
    span_s: float = USUAL_SPAN_S,
    progress: Progress | None = None,
    horizons: Sequence[int] = HORIZONS,
) -> Trained:
    """Train on what `sources` hold, as `gathered` and `learned` do one after the other."""
    return learned(gathered(sources, span_s, progress), sources, horizons=horizons)


def gathered(sources: Sources, span_s: float = USUAL_SPAN_S, progress: Progress | None = None) -> Examples:
    """What there is to learn from; warnings are wanted within `span_s` before failures, a third of it ahead at best.

    Raises InputError if there is nothing.
    """
    return collect(sources, round(span_s * NS_PER_SECOND / HORIZONS[-1]), HORIZONS[-1], progress)


def n_grown(examples: Examples, horizons: Sequence[int] = HORIZONS) -> int:
    """How many models are grown by `learned`: one for each fold and horizon, and the one that is kept."""
    return len(horizons) * len(folds(examples)) + 1


def learned(
    examples: Examples, sources: Sources, progress: Progress | None = None, horizons: Sequence[int] = HORIZONS
) -> Trained:
    """The model that comes of them; `progress` is told how many models were grown so far.

    Raises InputError if there is too little to learn from.
    """
    _check(examples, sources, min(horizons))
    number = count(1)

    def grown() -> None:
        if progress is not None:
            progress(next(number))

    tried = [(horizon, measured(examples, sources.labels, horizon, grown)) for horizon in horizons]
    horizon, points = max(tried, key=lambda one: _rank(one[1]))
    model = fitted(examples, sources.labels, horizon)
    point = best(points)
    facts = _facts(examples, sources, horizon, points, point, model)
    return Trained(replace(model, facts=facts), point, examples.warnings)


def words(trained: Trained) -> str:
    """What came of it, in a line."""
    facts, point = trained.model.facts, trained.point
    learned = facts["trained_on"]
    return (
        f"{learned['failures']} failures of {len(learned['devices'])} devices; devices left out: "
        f"{point.warned} of {point.failures} failures warned of at least {duration(facts['warned_ahead_s'])} ahead, "
        f"{point.false_per_month:.2g} false alarms per device-month"
    )


def _rank(points: list[Point]) -> tuple[float, int]:
    """How good a horizon is: by its best threshold, and by how many are as good."""
    use = smoothed(points)
    return max(use), sum(one >= max(use) - SLACK for one in use)


def _check(examples: Examples, sources: Sources, horizon: int) -> None:
    """Raise InputError if there is too little to learn from, with warnings wanted `horizon` slots before failures."""
    rows = labelled(examples, sources.labels, horizon, set(examples.names))
    if rows.failing.all() and len(rows.place):
        raise InputError("all readings are of times just before failures: nothing tells of machines that do not fail")
    before = rows.place[rows.failing]
    device, until = examples.instants.device[before], examples.until_failure()[before]
    failed_at = examples.instants.time[before] + np.rint(until * examples.slot_ns).astype(np.int64)
    failures, devices = len(np.unique(np.c_[device, failed_at], axis=0)), len(np.unique(device))
    if failures < LEAST_FAILURES or devices < 2:
        found = (
            f"too few failures have readings before them, after {WARM_AFTER} slots of warm-up: {failures} on {devices}"
        )
        wanted = (
            f"at least {LEAST_FAILURES} on 2 devices are needed, from rows of kind 'failure' or 'fault' in --truth, "
            "entries 'failure' in --events, or what people said of alerts (--from-store)"
        )
        raise InputError("; ".join((f"{found} devices", wanted, *examples.warnings)))


# -- rows and labels -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Labelled:
    """Which instants are learned from, and as what."""

    place: NDArray[np.intp]
    failing: BoolArray
    weight: FloatArray


def labelled(examples: Examples, labels: Sequence[Label], horizon: int, devices: set[int]) -> Labelled:
    """The instants of `devices` that say something: the time after a failure and the unknown end are left out."""
    until, since = examples.until_failure(), examples.since_failure()
    failing = until <= horizon
    told = failing | (examples.until_end() >= horizon)
    use = examples.able & told & (since >= SETTLED_AFTER) & np.isin(examples.instants.device, list(devices))
    normal = _said_normal(examples, labels)
    weight = np.where(normal & ~failing, NORMAL_WORTH, 1.0)
    eventful = ~failing & (normal | (np.min(examples.log.since, axis=1, initial=np.inf) < EVENTFUL))
    kept = []
    for sort in (failing, eventful, ~failing & ~eventful):
        rows = np.flatnonzero(use & sort)
        every = max(1, -(-len(rows) // ROWS))
        kept.append(rows[::every])
        weight[kept[-1]] *= every
    place = np.sort(np.concatenate(kept))
    return Labelled(place, failing[place], weight[place])


def _said_normal(examples: Examples, labels: Sequence[Label]) -> BoolArray:
    found = np.zeros(len(examples.instants), np.bool_)
    device_of = {name: device for device, name in examples.names.items()}
    for label in labels:
        device = device_of.get((label.site, label.device))
        if label.kind == NORMAL and device is not None:
            mine = examples.of(device)
            time = examples.instants.time[mine]
            found[mine] |= (time >= label.start) & (time <= label.end)
    return found


def noise(examples: Examples, devices: set[int]) -> FloatArray:
    """How far metrics of these devices drift on any day, shape (n_metrics,)."""
    mine = examples.able & np.isin(examples.instants.device, list(devices))
    drift = examples.instants.deviation[:, :, SPANS.index(24)][mine]
    return np.asarray(drift.std(axis=0)) if len(drift) else np.zeros(drift.shape[1])


# -- the model, and what it is worth ---------------------------------------------------------------------------------


def fitted(examples: Examples, labels: Sequence[Label], horizon: int, devices: set[int] | None = None) -> RiskModel:
    """A model grown on these devices, or on all."""
    devices = set(examples.names) if devices is None else devices
    words = replace(examples.words, recent=horizon)
    seen = examples.occurrences(horizon).of(devices)
    spread = noise(examples, devices)
    rows = labelled(examples, labels, horizon, devices)
    drift = examples.instants.deviation[rows.place]
    features = rows_by_others(
        drift, examples.log.take(rows.place), examples.instants.device[rows.place], words, seen, spread
    )
    trees = grow(features, rows.failing, rows.weight)
    mine = examples.able & np.isin(examples.instants.device, list(devices))
    all_drift = examples.instants.deviation[mine]
    least, most = MARGIN * all_drift.min(axis=0, initial=0.0), MARGIN * all_drift.max(axis=0, initial=0.0)
    return RiskModel(taught(words, seen, spread), trees, examples.slot_ns, least, most)


def measured(
    examples: Examples, labels: Sequence[Label], horizon: int, grown: Callable[[], None] = lambda: None
) -> list[Point]:
    """What each threshold would have come to on devices that were left out, a fold at a time; `grown` hears of each."""
    courses: list[Course] = []
    for left_out in folds(examples):
        rest = set(examples.names) - left_out
        if len(np.unique(labelled(examples, labels, horizon, rest).failing)) < 2:
            continue  # nothing to tell apart
        model = fitted(examples, labels, horizon, rest)
        courses += [course(examples, model, device) for device in sorted(left_out)]
        grown()
    lookout = Lookout(HORIZONS[-1] * examples.slot_ns, HORIZONS[0] * examples.slot_ns)
    return curve(courses, lookout, CALM * examples.slot_ns)


def course(examples: Examples, model: RiskModel, device: int) -> Course:
    """A device over time, as the model judges it."""
    mine = examples.able_of(device)
    rows = matrix(examples.instants.deviation[mine], examples.log.take(mine), model.words)
    return Course(examples.instants.time[mine], model.trees.probability(rows), examples.failures[device])


def folds(examples: Examples) -> list[set[int]]:
    """Devices in as many groups as there are, at most FOLDS; those with failures are dealt out first."""
    order = sorted(examples.names, key=lambda device: (-len(examples.failures[device]), examples.names[device]))
    number = min(FOLDS, len(order))
    return [set(order[place::number]) for place in range(number)]


def _facts(
    examples: Examples, sources: Sources, horizon: int, points: list[Point], point: Point, model: RiskModel
) -> dict[str, Any]:
    """What is kept beside the trees, for people and for the policy."""
    from importlib.metadata import version

    slot_s = examples.slot_ns / NS_PER_SECOND
    return {
        "trained_on": {
            "devices": sorted("/".join(name) for name in examples.names.values()),
            "excluded": sorted(sources.exclude),
            "readings": examples.readings,
            "entries": len(examples.entries),
            "failures": sum(map(len, examples.failures.values())),
            "start": format_time(examples.span[0]),
            "end": format_time(examples.span[1]),
        },
        "slot_s": slot_s,
        "horizon_s": horizon * slot_s,
        "warned_within_s": HORIZONS[-1] * slot_s,
        "warned_ahead_s": HORIZONS[0] * slot_s,
        "measures": point.plain() | {"folds": len(folds(examples))},
        "curve": [one.plain() for one in points],
        "thresholds": len(THRESHOLDS),
        "trees": len(model.trees.root),
        "forewarn": version("forewarn"),
        "scikit-learn": version("scikit-learn"),
    }
