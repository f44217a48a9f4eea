"""A trained model: what it knows by name, its trees, and what was measured when it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.reading import FloatArray
from models.supervised.features import LogFacts, Vocabulary, column_names, matrix
from models.supervised.telemetry import Instants
from models.supervised.trees import Trees


@dataclass(frozen=True, slots=True)
class RiskModel:
    """Says how likely a device is to fail within `horizon` slots."""

    words: Vocabulary
    trees: Trees
    slot_ns: int
    seen_least: FloatArray
    """The least deviation of each metric over each span in training, shape (n_metrics, n_spans)."""
    seen_most: FloatArray
    """The most: within these bounds the model speaks from experience."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Data span, devices, failures, measures, versions: plain values, see docs/models.md."""
    digest: str = ""
    """SHA-256 of the artefact, empty while it is none."""

    @property
    def horizon_ns(self) -> int:
        """How far it looks ahead."""
        return self.words.recent * self.slot_ns

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the features."""
        return column_names(self.words)

    def probability(self, deviation: FloatArray, log: LogFacts) -> FloatArray:
        """The probability of a failure at each instant; `deviation` as (n, n_metrics, n_spans) of its own metrics."""
        return self.trees.probability(matrix(deviation, log, self.words))

    def familiar(self, deviation: FloatArray) -> NDArray[np.bool_]:
        """Whether drifts such as these occurred in training, for each instant."""
        inside = (deviation >= self.seen_least) & (deviation <= self.seen_most)
        return np.asarray(inside.all(axis=(1, 2)))


def own_metrics(instants: Instants, columns: NDArray[np.intp]) -> Instants:
    """The instants with the metrics of a model, `columns` of the followed ones in its order."""
    return Instants(
        instants.row,
        instants.device,
        instants.time,
        instants.deviation[:, columns],
        instants.seen[:, columns],
        instants.level[:, columns],
        instants.mean[:, columns],
        instants.spread[:, columns],
        instants.since[:, columns],
    )
