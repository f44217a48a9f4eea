"""Boosted trees as plain arrays, climbed by all rows at once.

The same sums as scikit-learn's GradientBoostingClassifier, which grew them (`models.supervised.fit`): features are
compared as float32, leaf values add up to the log-odds of a failure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.reading import FloatArray

LEAF = -1
ROWS_AT_ONCE = 512
MAX_TREES, MAX_DEPTH = 4096, 64
"""More would take memory and time for each row that nobody has; `fit` grows 180 of depth 4."""


class TreesError(ValueError):
    """Arrays that are no trees."""


@dataclass(frozen=True, slots=True)
class Trees:
    """All trees one after the other; a node is a place in the columns, a child stands behind its parent."""

    intercept: float
    """Log-odds before any tree."""
    root: NDArray[np.int32]
    """Place of each tree's first node, shape (n_trees,)."""
    feature: NDArray[np.int32]
    """Column that a node asks about, LEAF for leaves, shape (n_nodes,)."""
    threshold: FloatArray
    """A row goes left if its feature is at most that."""
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: FloatArray
    """What a leaf adds to the log-odds."""

    def log_odds(self, rows: NDArray[np.float32]) -> FloatArray:
        """The sum over all trees for each row, shape (n,); `rows` has shape (n, n_columns)."""
        climb = _Climb.of(self)
        blocks = [climb.leaves(rows[at : at + ROWS_AT_ONCE]) for at in range(0, len(rows), ROWS_AT_ONCE)]
        sums = [self.value.take(leaves).sum(axis=1) + self.intercept for leaves in blocks]
        return np.concatenate(sums) if sums else np.zeros(0)

    def probability(self, rows: NDArray[np.float32]) -> FloatArray:
        """The probability of a failure for each row."""
        with np.errstate(over="ignore"):  # endless odds against it are a probability of nothing
            return np.asarray(1.0 / (1.0 + np.exp(-self.log_odds(rows))))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The columns by name, for `of_arrays`."""
        names = ("root", "feature", "threshold", "left", "right", "value")
        return {name: getattr(self, name) for name in names} | {"intercept": np.array([self.intercept])}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]], n_columns: int) -> Trees:
        """Undo `arrays`. Raises TreesError if these are no trees over that many columns: a climb always ends."""
        try:
            trees = cls(
                float(_column(arrays, "intercept", np.float64)[0]),
                _column(arrays, "root", np.int32),
                _column(arrays, "feature", np.int32),
                _column(arrays, "threshold", np.float64),
                _column(arrays, "left", np.int32),
                _column(arrays, "right", np.int32),
                _column(arrays, "value", np.float64),
            )
        except (KeyError, IndexError, TypeError) as error:
            raise TreesError(f"the trees lack {error}") from error
        trees._check(n_columns)
        return trees

    def _check(self, n_columns: int) -> None:
        n = len(self.feature)
        if not all(len(column) == n for column in (self.threshold, self.left, self.right, self.value)):
            raise TreesError("the columns of the trees differ in length")
        inner = self.feature != LEAF
        place = np.flatnonzero(inner)
        if ((self.feature[inner] < 0) | (self.feature[inner] >= n_columns)).any():
            raise TreesError("a tree asks about a feature that there is not")
        for child in (self.left[inner], self.right[inner]):
            if ((child <= place) | (child >= n)).any():
                raise TreesError("a tree does not end")
        if ((self.root < 0) | (self.root >= n)).any():
            raise TreesError("a tree begins nowhere")
        if len(self.root) > MAX_TREES or self._deeper(MAX_DEPTH):
            raise TreesError(f"there are more than {MAX_TREES} trees, or one is deeper than {MAX_DEPTH}")
        numbers = (self.threshold, self.value, np.array([self.intercept]))
        if not all(np.isfinite(column).all() for column in numbers):
            raise TreesError("a tree holds what is no number")

    def _deeper(self, depth: int) -> bool:
        """Whether a climb may take more steps than that."""
        node = np.unique(self.root)
        for _ in range(depth):
            node = node[self.feature[node] != LEAF]
            node = np.unique(np.r_[self.left[node], self.right[node]])
        return bool((self.feature[node] != LEAF).any())


@dataclass(frozen=True, slots=True)
class _Climb:
    """The nodes as a climb needs them: a leaf leads to itself, so that all rows take the same steps."""

    root: NDArray[np.intp]
    inner: NDArray[np.bool_]
    feature: NDArray[np.intp]
    threshold: FloatArray
    child: NDArray[np.intp]
    """Of node i: at 2i the right one, at 2i + 1 the left one."""

    @classmethod
    def of(cls, trees: Trees) -> _Climb:
        """Those of these trees."""
        inner, here = trees.feature != LEAF, np.arange(len(trees.feature))
        child = np.column_stack([np.where(inner, trees.right, here), np.where(inner, trees.left, here)])
        feature = np.where(inner, trees.feature, 0).astype(np.intp)
        return cls(trees.root.astype(np.intp), inner, feature, trees.threshold, child.ravel())

    def leaves(self, rows: NDArray[np.float32]) -> NDArray[np.intp]:
        """Where each row ends in each tree, shape (n, n_trees)."""
        node = np.broadcast_to(self.root, (len(rows), len(self.root)))
        cell, start = rows.ravel(), rows.shape[1] * np.arange(len(rows))[:, None]
        while self.inner.take(node).any():
            goes_left = cell.take(self.feature.take(node) + start) <= self.threshold.take(node)
            node = self.child.take(2 * node + goes_left)
        return node


def _column(arrays: Mapping[str, NDArray[Any]], name: str, kind: type[np.generic]) -> NDArray[Any]:
    column = arrays[name]
    if column.ndim != 1 or column.dtype != kind:
        raise TreesError(f"the trees' column {name!r} should hold {np.dtype(kind)} in one row")
    return column
