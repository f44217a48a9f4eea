"""What each part of the trained model is worth: the same folds without it, and with what was tried and not kept.

Every device is judged by a model of the others; the threshold is the best one over all of them, for each row alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from alerts.operating import CALM, Course, Lookout, best, curve
from forewarn.history.examples import Examples, Sources, collect
from forewarn.history.training import HORIZONS, USUAL_SPAN_S, labelled, noise
from ingest.reading import NS_PER_SECOND, FloatArray
from models.supervised.features import column_names, matrix
from models.supervised.fit import grow, rows_by_others, taught

Keep = Callable[[str], bool]
"""Given the name of a feature: whether the model has it."""
Judge = Callable[[FloatArray, FloatArray], FloatArray]
"""Given drifts to learn from and drifts to judge, both (n, n_metrics, n_spans): a column for the latter."""


@dataclass(frozen=True, slots=True)
class Part:
    """A row of the table."""

    name: str
    keep: Keep = lambda _name: True
    horizon: int = HORIZONS[0]
    beside: Judge | None = None


def _isolation(known: FloatArray, asked: FloatArray) -> FloatArray:
    """How soon trees of random cuts isolate a row (Isolation Forest, Liu, Ting, Zhou 2008)."""
    from sklearn.ensemble import IsolationForest

    forest = IsolationForest(n_estimators=100, random_state=0).fit(known.reshape(len(known), -1))
    return np.asarray(-forest.score_samples(asked.reshape(len(asked), -1)))


LOG = ("since ", "codes/", "distinct codes/", "drift as with", "precision", "recent code", "error:", "mark:")


def _of_log(name: str) -> bool:
    return name.startswith(LOG) or "since any" in name


PARTS = (
    Part("as shipped, 24 h"),
    Part("horizon 48 h", horizon=HORIZONS[1]),
    Part("horizon 72 h", horizon=HORIZONS[2]),
    Part("telemetry only", lambda name: not _of_log(name)),
    Part("log only", lambda name: _of_log(name) and not name.startswith("drift as with")),
    Part("without drift by code", lambda name: not name.startswith(("drift as with", "precision", "recent code"))),
    Part("without maintenance", lambda name: "maintenance" not in name),
    Part("without single metrics", lambda name: not name.startswith("deviation of")),
    Part("without single codes", lambda name: not name.startswith(("error:", "mark:", "since error:", "since mark:"))),
    Part("with an isolation forest", beside=_isolation),
)


def tell(sources: Sources) -> None:
    """Print the table."""
    examples = collect(sources, round(USUAL_SPAN_S * NS_PER_SECOND / HORIZONS[-1]), HORIZONS[-1])
    lookout = Lookout(HORIZONS[-1] * examples.slot_ns, HORIZONS[0] * examples.slot_ns)
    print(f"{'':<26} {'warned':>7} {'false':>6} {'per month':>10} {'threshold':>10} {'from':>6} {'to':>6}")
    for part in PARTS:
        points = curve(list(_courses(examples, sources, part)), lookout, CALM * examples.slot_ns)
        top = best(points)
        equal = [point.threshold for point in points if (point.warned, point.false) == (top.warned, top.false)]
        print(
            f"{part.name:<26} {top.warned:>3}/{top.failures:<3} {top.false:>6} {top.false_per_month:>10.3f} "
            f"{top.threshold:>10.2f} {min(equal):>6.2f} {max(equal):>6.2f}",
            flush=True,
        )


def _courses(examples: Examples, sources: Sources, part: Part) -> Iterator[Course]:
    for device in sorted(examples.names):
        yield _left_out(examples, sources, part, device)


def _left_out(examples: Examples, sources: Sources, part: Part, device: int) -> Course:
    rest = set(examples.names) - {device}
    rows = labelled(examples, sources.labels, part.horizon, rest)
    words = replace(examples.words, recent=part.horizon)
    seen, spread = examples.occurrences(part.horizon).of(rest), noise(examples, rest)
    drift, log = examples.instants.deviation, examples.log
    kept = np.array([part.keep(name) for name in column_names(words)])
    group = examples.instants.device[rows.place]
    known = rows_by_others(drift[rows.place], log.take(rows.place), group, words, seen, spread)[:, kept]
    mine = examples.able_of(device)
    asked = matrix(drift[mine], log.take(mine), taught(words, seen, spread))[:, kept]
    if part.beside is not None:
        normal = drift[rows.place[~rows.failing]]
        known = np.column_stack([known, part.beside(normal, drift[rows.place])]).astype(np.float32)
        asked = np.column_stack([asked, part.beside(normal, drift[mine])]).astype(np.float32)
    odds = grow(known, rows.failing, rows.weight).probability(asked)
    return Course(examples.instants.time[mine], odds, examples.failures[device])
