"""Why a model thinks that a device will fail: what the probability would be without each thing that it saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.reading import FloatArray
from models.supervised.features import LONG_AGO, matrix
from models.supervised.scorer import Risks
from models.supervised.telemetry import AWAY

LEAST = 0.1
"""In log-odds: what changes them by less is no reason."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A thing that speaks for a failure, and how much of the log-odds it is."""

    place: int
    """Of the code or the metric in the model's vocabulary."""
    worth: float


@dataclass(frozen=True, slots=True)
class Reasons:
    """The codes and the metrics that speak for a failure, the strongest first."""

    codes: tuple[Reason, ...]
    metrics: tuple[Reason, ...]


def reasons(risks: Risks, i: int) -> Reasons:
    """Those of instant i: each recent code and each metric away from its baseline is left out in turn."""
    model = risks.model
    drift, log = risks.instants.deviation[[i]], risks.log.take(np.array([i]))
    recent = np.flatnonzero(log.since[0] < LONG_AGO)
    away = np.flatnonzero(np.abs(drift[0]).max(axis=1) > AWAY)
    rows = [matrix(drift, log, model.words)]
    rows += [matrix(drift, log.without(int(code)), model.words) for code in recent]
    for metric in away:
        still = drift.copy()
        still[:, metric] = 0.0
        rows.append(matrix(still, log, model.words))
    odds = model.trees.log_odds(np.concatenate(rows))
    worth = odds[0] - odds[1:]
    return Reasons(_ranked(recent, worth[: len(recent)]), _ranked(away, worth[len(recent) :]))


def _ranked(places: NDArray[np.intp], worth: FloatArray) -> tuple[Reason, ...]:
    found = [Reason(int(place), float(w)) for place, w in zip(places, worth, strict=True) if w >= LEAST]
    return tuple(sorted(found, key=lambda reason: (-reason.worth, reason.place)))
