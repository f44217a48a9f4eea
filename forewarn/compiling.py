"""`python -m forewarn.compiling`: compiles the loops of the engine and keeps them, so that nobody waits for it later.

Without it they are compiled by the first readings that are judged, which then wait for half a minute, once.
"""

from __future__ import annotations

import numpy as np

from forewarn.engine import Engine, EngineConfig
from ingest.reading import NS_PER_SECOND, ReadingBatch
from ingest.registry import Registry
from models.detectors.limits import LimitRule

METRICS = 3


def compile_loops() -> None:
    """Judge a few readings, and let time go on."""
    registry, rows = Registry(), np.arange(2 * METRICS)
    series = [registry.series("site", "device", f"metric-{number}") for number in range(METRICS)]
    limit = LimitRule("metric-0", "low", high=1e9)  # what is followed for limits only is compiled as well
    engine = Engine(registry, EngineConfig(limits=(limit,)))
    engine.process(ReadingBatch.of(series * 2, rows // METRICS * NS_PER_SECOND, rows.astype(np.float64)))
    engine.tick(METRICS * NS_PER_SECOND)


if __name__ == "__main__":
    compile_loops()
