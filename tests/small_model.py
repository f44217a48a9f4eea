"""A model of one question, made by hand: has a metric drifted as it does when its code means something?"""

from __future__ import annotations

from typing import Any

import numpy as np

from models.supervised.artefact import decode, encode
from models.supervised.features import Vocabulary, column_names
from models.supervised.model import RiskModel
from models.supervised.telemetry import SPANS
from models.supervised.trees import LEAF, Trees

PROVEN = {"threshold": 0.5, "warned": 9, "failures": 10, "false": 1, "device_months": 20.0}
LOW, HIGH = float(1 / (1 + np.exp(3.0))), float(1 / (1 + np.exp(-3.0)))
"""What it says."""


def small_model(
    reach: float = 20.0, drift: float = 1.0, point: dict[str, Any] | None = None, **facts: Any
) -> RiskModel:
    """It knows the fleet of `tests.failing_fleet`; drifts beyond `reach` are new to it."""
    words = Vocabulary(
        ("flow", "heat"),
        ("error:E0", "error:E1"),
        ("maintenance:part-0",),
        np.array([[-1.0, 0.0], [0.0, 1.0]]),
        np.array([0.5, 0.5]),
        24,
    )
    place = column_names(words).index(f"drift as with a code/{SPANS[1]}")
    trees = Trees(
        -2.0,
        np.array([0], np.int32),
        np.array([place, LEAF, LEAF], np.int32),
        np.array([drift, 0.0, 0.0]),
        np.array([1, LEAF, LEAF], np.int32),
        np.array([2, LEAF, LEAF], np.int32),
        np.array([0.0, -1.0, 5.0]),
    )
    bounds = np.full((2, len(SPANS)), reach)
    told = {"curve": [PROVEN if point is None else point], "slot_s": 3600.0} | facts
    return decode(encode(RiskModel(words, trees, 3600 * 10**9, -bounds, bounds, told)))
