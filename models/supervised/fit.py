"""Grows the trees of a model with scikit-learn, and learns which drift goes with which code.

Greedy Function Approximation: A Gradient Boosting Machine, Friedman 2001; Stochastic Gradient Boosting, Friedman 2002.
Failures are few, so several forests of small trees, each grown from other samples, are averaged into one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.reading import FloatArray
from models.supervised.features import LogFacts, Vocabulary, matrix
from models.supervised.trees import LEAF, Trees

TREES, DEPTH, RATE = 60, 4, 0.08
SAMPLE, COLUMNS, LEAF_ROWS = 0.3, 0.3, 10
"""Share of the rows and columns that a tree sees, and the fewest rows of a leaf."""
SEEDS = 3
"""Forests that are averaged."""
PRIOR = 2.0
"""A code's precision is drawn to that of all codes as if so many more entries had been seen."""

BoolArray = NDArray[np.bool_]


def grow(rows: NDArray[np.float32], failing: BoolArray, weight: FloatArray) -> Trees:
    """The trees that tell failing rows from others, shape (n, n_columns); `weight` has shape (n,).

    Deterministic: the seeds are 0, 1, …
    """
    from sklearn.ensemble import GradientBoostingClassifier

    forests = []
    for seed in range(SEEDS):
        forest = GradientBoostingClassifier(
            n_estimators=TREES, learning_rate=RATE, max_depth=DEPTH, subsample=SAMPLE, max_features=COLUMNS,
            min_samples_leaf=LEAF_ROWS, random_state=seed,
        )  # fmt: skip
        forests.append(forest.fit(rows, failing, sample_weight=weight))
    share = float(np.average(failing, weights=weight))
    return as_arrays(forests, float(np.log(share / (1.0 - share))))


def as_arrays(forests: Sequence[object], intercept: float) -> Trees:
    """The trees of scikit-learn's classifiers, averaged, as one set of arrays."""
    roots, columns, at = [], [], 0
    for forest in forests:
        for (tree,) in forest.estimators_:  # type: ignore[attr-defined]  # scikit-learn carries no types
            grown = tree.tree_
            leaf = grown.children_left == LEAF
            rate = forest.learning_rate / len(forests)  # type: ignore[attr-defined]
            columns.append(
                (
                    np.where(leaf, LEAF, grown.feature).astype(np.int32),
                    np.where(leaf, 0.0, grown.threshold),
                    np.where(leaf, LEAF, grown.children_left + at).astype(np.int32),
                    np.where(leaf, LEAF, grown.children_right + at).astype(np.int32),
                    np.where(leaf, rate * grown.value[:, 0, 0], 0.0),
                )
            )
            roots.append(at)
            at += len(leaf)
    joined = [np.concatenate(parts) for parts in zip(*columns, strict=True)]
    return Trees(intercept, np.array(roots, np.int32), *joined)


# -- which drift goes with which code --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Entries of known codes on devices that could be judged; columns of one length."""

    code: NDArray[np.intp]
    group: NDArray[np.intp]
    """The device."""
    drift: FloatArray
    """Deviations of all metrics at that time, shape (n, n_metrics)."""
    failed: BoolArray
    """Whether a failure followed within the horizon."""

    def of(self, groups: Iterable[int]) -> Occurrences:
        """Those of these devices."""
        return self._only(np.isin(self.group, list(groups)))

    def without(self, group: int) -> Occurrences:
        """Those of other devices."""
        return self._only(self.group != group)

    def _only(self, some: BoolArray) -> Occurrences:
        return Occurrences(self.code[some], self.group[some], self.drift[some], self.failed[some])


def taught(words: Vocabulary, seen: Occurrences, noise: FloatArray) -> Vocabulary:
    """The vocabulary with the lessons of these entries; a metric drifts by `noise` on any day, shape (n_metrics,).

    A code's signature is the mean drift before failures, less what chance makes of so few.
    """
    n_codes, n_metrics = len(words.codes), len(words.metrics)
    signature, precision = np.zeros((n_codes, n_metrics)), np.zeros(n_codes)
    overall = float(seen.failed.mean()) if len(seen.failed) else 0.0
    for code in range(n_codes):
        mine = seen.code == code
        failed = mine & seen.failed
        hits = int(failed.sum())
        precision[code] = (hits + PRIOR * overall) / (mine.sum() + PRIOR)
        if hits:
            drift = seen.drift[failed].mean(axis=0)
            beyond = np.sign(drift) * np.maximum(np.abs(drift) - noise / np.sqrt(hits), 0.0)
            length = float(np.linalg.norm(beyond))
            signature[code] = beyond / length if length > 0 else 0.0
    return words.with_signatures(signature, precision)


def rows_by_others(
    deviation: FloatArray,
    log: LogFacts,
    group: NDArray[np.intp],
    words: Vocabulary,
    seen: Occurrences,
    noise: FloatArray,
) -> NDArray[np.float32]:
    """Features for training: those of a device are made with what the other devices taught, as they will be used."""
    parts, places = [], []
    for device in np.unique(group).tolist():
        mine = np.flatnonzero(group == device)
        lessons = taught(words, seen.without(device), noise)
        parts.append(matrix(deviation[mine], log.take(mine), lessons))
        places.append(mine)
    rows = np.concatenate(parts)
    made = np.empty_like(rows)
    made[np.concatenate(places)] = rows
    return made
