"""River's half-space trees as a reference: a model for each series, reading by reading, as River is used.

River is none of our dependencies: where it is not installed, the figure is left out, and the benchmark says how to
get it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Any

import numpy as np

HOW_TO_GET_IT = "River is not installed: pip install river"
MODELS = 100
"""Series with a model each: enough that they do not all lie in the processor's cache. Each takes about a megabyte."""
WINDOW = 250
"""River's own default: a model scores nothing before."""
READINGS = 50
"""Of each series, timed once the models score."""


@dataclass(frozen=True, slots=True)
class Forest:
    """What River came to in this run."""

    per_second: float
    """Readings scored and learned per CPU second."""
    version: str


def half_space_trees(models: int = MODELS, readings: int = READINGS) -> Forest | None:
    """Readings per CPU second of `anomaly.HalfSpaceTrees` as it comes; None where River is not installed."""
    try:
        anomaly: Any = import_module("river.anomaly")
    except ImportError:
        return None
    forest = [anomaly.HalfSpaceTrees(window_size=WINDOW, seed=number) for number in range(models)]
    values = np.random.default_rng(0).uniform(0.0, 1.0, (WINDOW + readings, models)).tolist()
    _feed(forest, values[:WINDOW])
    begun = time.process_time()
    _feed(forest, values[WINDOW:])
    return Forest(models * readings / (time.process_time() - begun), version("river"))


def _feed(forest: list[Any], rows: list[list[float]]) -> None:
    for row in rows:
        for model, value in zip(forest, row, strict=True):
            model.score_one({"value": value})
            model.learn_one({"value": value})
