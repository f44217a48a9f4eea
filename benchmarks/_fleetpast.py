"""A data folder as a service leaves it that has known the fleet of the ingest benchmark for an hour and a half."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from benchmarks._fleet import MEAN, METRICS, PROBE_METRIC, PROBES, SITE, SPREAD, device_name, probe_name
from forewarn.config.settings import DataSettings, Settings
from forewarn.database_admin import upgrade
from forewarn.engine import Engine
from forewarn.live.checkpoint import Checkpoint
from ingest.database import make_engine
from ingest.inbox import inbox_file
from ingest.reading import ReadingBatch
from ingest.registry import Registry
from ingest.registry_store import RegistryStore
from ingest.spool import Spool

HISTORY_ROUNDS = 96
"""Readings of each series before the run; a baseline and its calibration need 80."""
MINUTE = 60 * 10**9


def prepare(folder: Path, devices: int) -> None:
    """Make the folder."""
    registry = Registry()
    for number in range(devices):
        for metric in METRICS:
            registry.series(SITE, device_name(number), metric)
    for number in range(PROBES):
        registry.series(SITE, probe_name(number), PROBE_METRIC)
    state = Checkpoint(_judged(registry, devices).save(), []).encode()
    folder.mkdir(mode=0o700)
    database = make_engine(Settings(data=DataSettings(dir=folder)).database_url)
    upgrade(database)
    RegistryStore(database).save(registry)
    database.dispose()
    local = inbox_file(folder / "spool.db")
    local.open()
    spool = Spool(local)
    spool.open()
    spool.save_checkpoint(0, *state)
    local.close()


def _judged(registry: Registry, devices: int) -> Engine:
    """An engine that has seen a reading a minute of every series."""
    engine = Engine(registry)
    series = np.arange(devices * len(METRICS), dtype=np.int32)
    start = time.time_ns() - HISTORY_ROUNDS * MINUTE
    rng = np.random.default_rng(0)
    for number in range(HISTORY_ROUNDS):
        values = rng.normal(MEAN, SPREAD, (devices, len(METRICS))).round(3).ravel()
        engine.process(ReadingBatch.of(series, np.full(len(series), start + number * MINUTE), values))
    engine.forget_alerts()
    return engine
