"""Runs of equal keys in an array that is ordered by them: where they begin and end, and what came before."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ingest.reading import BoolArray

Column = TypeVar("Column", bound=NDArray[Any])


def run_starts(keys: NDArray[Any]) -> BoolArray:
    """Whether each key is the first of its run.

    >>> run_starts(np.array([3, 3, 5])).tolist()
    [True, False, True]
    """
    found = np.empty(len(keys), np.bool_)
    found[:1] = True
    np.not_equal(keys[1:], keys[:-1], out=found[1:])
    return found


def run_ends(keys: NDArray[Any]) -> BoolArray:
    """Whether each key is the last of its run.

    >>> run_ends(np.array([3, 3, 5])).tolist()
    [False, True, True]
    """
    found = np.empty(len(keys), np.bool_)
    found[-1:] = True
    np.not_equal(keys[1:], keys[:-1], out=found[:-1])
    return found


def run_lengths(starts: NDArray[np.intp], n: int) -> NDArray[np.intp]:
    """How long each run is, of the places where they begin and the number of keys.

    >>> run_lengths(np.array([0, 2]), 3).tolist()
    [2, 1]
    """
    found = np.empty(len(starts), np.intp)
    found[-1:] = n
    found[:-1] = starts[1:]
    found -= starts
    return found


def shifted(values: Column, first: Any) -> Column:
    """The value before each, and `first` before the first one.

    >>> shifted(np.array([7, 8, 9]), 0).tolist()
    [0, 7, 8]
    """
    found: Column = np.empty_like(values)
    found[:1] = first
    found[1:] = values[:-1]
    return found
