"""The whole path on one page: readings and ticks in; scores, alerts and what became of each row out.

    ReadingBatch ─▶ Arrivals ─▶ new rows ─▶ Bank ─▶ scores, p-values ─▶ BaselinePolicy ─┐
                       │            ├─────────────────────────────────▶ LimitPolicy ────┼─▶ AlarmBook ─▶ alert events
                       │            ├─▶ Levels ─▶ blocks ─▶ AlarmSettings ──┘           │
                       │            │               └─────────────────▶ ForecastPolicy ─┤
                       │            ├─▶ Stuck ───────────▶ turns ────▶ StuckPolicy ────┤
                       │            └─▶ Silence ◀─ ticks ─▶ turns ────▶ SilencePolicy ──┤
     log entries ──────│────────────┴─▶ RiskWatch: trained models ─────▶ RiskPolicy ─────┘
                       └─▶ late, duplicate, conflicting rows: counted, stored or dropped, never judged

Pure and deterministic: no clock, no I/O, no randomness. The live service, the backtest and the tests run this class,
and its results do not depend on how the readings are cut into batches. Alerts become work orders in
`workorders.opening`, which needs to know what people did with the earlier ones.
"""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from alerts.alarm_setting import AlarmSettings
from alerts.alert import AlertEvent, Kind
from alerts.book import WHOLE_DEVICE, AlarmBook
from alerts.budget import Budget
from alerts.limits import LimitTable
from alerts.policies.baseline import BaselinePolicy
from alerts.policies.forecast import ForecastPolicy
from alerts.policies.limits import LimitPolicy
from alerts.policies.silence import SilencePolicy
from alerts.policies.stuck import StuckPolicy
from alerts.riskwatch import Models, RiskWatch
from ingest.arrivals import DUPLICATE, NEW, Arrival, Arrivals
from ingest.reading import NS_PER_SECOND, BoolArray, FloatArray, ReadingBatch, TimeArray
from ingest.registry import Registry
from ingest.rows import under
from models.bank import Bank
from models.detectors.limits import LimitRule
from models.detectors.silence import Silence
from models.detectors.stuck import Stuck
from models.levels import Levels
from models.score import DeviceScores, Scores
from models.supervised.eventlog import Logged, moved

STATE_VERSION = 10
"""Grows when a saved state can no longer be read by the code; without it every device is learned anew."""


class StateError(Exception):
    """A saved state cannot be restored: another version, or damaged."""


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """What the user decides about judging."""

    budget: Budget = field(default_factory=lambda: Budget(1.0, "month"))
    limits: tuple[LimitRule, ...] = ()
    models: Models = field(default_factory=Models)
    """Trained models, if there are any."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the rows of a batch; the four add up to its length."""

    judged: int = 0
    late: int = 0
    duplicate: int = 0
    conflict: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one batch or tick led to."""

    scores: Scores
    """Of the rows that were judged; `scores.row` is the row in the batch."""
    devices: DeviceScores
    """Of devices with several metrics as wholes."""
    events: tuple[AlertEvent, ...]
    """In order of the rows that triggered them."""
    duplicate: BoolArray
    """Rows of the batch that repeat an earlier reading and need not be stored again."""
    counts: Counts
    noted: tuple[AlertEvent, ...] = ()
    """What a shadow model would have raised."""
    looked_at: int | None = None
    """Event time (ns UTC) of the first instant that a shadow model judged."""

    @classmethod
    def unjudged(cls, rows: int = 0) -> Outcome:
        """Of so many rows of which nothing is said."""
        return cls(Scores.empty(), DeviceScores.empty(), (), np.zeros(rows, np.bool_), Counts())


class Engine:
    """Judges readings on event time. Not thread-safe: one thread feeds it.

    `bank` judges in place of one of its own: engines that differ in what the user decides alone may share one.
    """

    def __init__(self, registry: Registry, config: EngineConfig | None = None, bank: Bank | None = None) -> None:
        self._registry = registry
        config = config or EngineConfig()
        self._arrivals = Arrivals()
        self._bank = bank or Bank()
        self._silence = Silence(registry)
        self._book = AlarmBook()
        self._on_baseline = BaselinePolicy(registry, self._book, config.budget)
        self._limits = LimitTable(registry, config.limits)
        self._on_limits = LimitPolicy(registry, self._book, self._limits)
        self._levels = Levels()
        self._alarms = AlarmSettings(self._limits)
        self._on_forecast = ForecastPolicy(registry, self._book, self._limits)
        self._on_silence = SilencePolicy(registry, self._book)
        self._stuck = Stuck()
        self._on_stuck = StuckPolicy(registry, self._book)
        self._risk = RiskWatch(registry, self._book, config.budget, config.models)
        self._configured_ns = np.zeros(0)
        self._configured_at = -1

    def process(self, batch: ReadingBatch, entries: Sequence[Logged] = ()) -> Outcome:
        """Judge readings in order of arrival. Rows flagged `Quality.RECORDED` also tick their site.

        `entries` are what was logged about devices meanwhile, in order of the rows before which they arrived.
        """
        arrival = self._arrivals.classify(batch)
        rows = np.flatnonzero(arrival == NEW)
        fresh = batch if len(rows) == len(batch) else batch[rows]
        judgement = self._bank.judge(fresh, self._registry.series_device, self._registry.n_devices)
        silent = self._silence.advance(fresh, self._expected_interval(fresh, judgement.interval_ns))
        if len(fresh):
            self._on_silence.decide(silent, int(fresh.time[0]))
        self._on_stuck.decide(self._stuck.advance(fresh, self._bank.interval.first[: self._registry.n_series]))
        self._on_limits.decide(fresh, judgement, self._follow_levels(fresh))
        self._on_baseline.decide(judgement.verdicts)
        turns = self._risk.decide(fresh, moved(entries, rows))
        number = np.bincount(arrival, minlength=len(Arrival)).tolist()
        return Outcome(
            judgement.scores.at_rows(rows),
            judgement.verdicts.device_scores,
            self._risk.pass_on(turns),
            arrival == DUPLICATE,
            Counts(*number),
            self._risk.noted(),
            self._risk.looked_at,
        )

    def _follow_levels(self, fresh: ReadingBatch) -> FloatArray | None:
        """Series with a limit: are they on their way across it? The ALARM of every row, None where none has any."""
        if not self._limits.rules and not self._on_forecast.open:
            return None
        self._levels.follow(self._limits.limited(), self._registry.n_series)
        alarms = self._alarms.limits(fresh)
        for closed in self._levels.advance(fresh):
            self._alarms.learn(closed, fresh, alarms)
            self._on_forecast.decide(closed)
        return alarms

    def tick(self, now: int) -> Outcome:
        """It is now `now` (ns UTC), at every site whose last reading was a live one."""
        self._on_silence.decide(self._silence.tick(now), now)
        return replace(Outcome.unjudged(), events=self._risk.pass_on(()))

    def use(self, models: Models) -> None:
        """Let these trained models look from now on."""
        self._risk.use(models)

    @property
    def models(self) -> Models:
        """The trained models that look."""
        return self._risk.models

    @property
    def open_alerts(self) -> frozenset[str]:
        """Ids of the alerts that are open."""
        return frozenset(alert.id for alert in self._book.open.values())

    def forget_alerts(self, kept: Collection[str] = ()) -> None:
        """Forget open alerts but those in `kept`: after readings that were to teach and not to tell.

        A condition that lasts opens an alert anew at its next reading.
        """
        for kind, _, series in self._book.forget(kept):
            if kind is Kind.LIMIT:
                self._on_limits.forget(series)
            if kind is Kind.FORECAST:
                self._on_forecast.forget(series)
        self._on_baseline.forget()
        self._risk.forget(kept)

    @property
    def warm(self) -> BoolArray:
        """For every series whether it has enough data for a p-value, shape (n_series,)."""
        return self._bank.warm(self._registry.n_series)

    @property
    def enough_at(self) -> TimeArray:
        """For every series when it will be warm: see `models.warmup.enough_at`."""
        return self._bank.enough_at(self._registry.n_series)

    def _expected_interval(self, batch: ReadingBatch, learned_ns: FloatArray) -> FloatArray:
        """Each row's expected interval in ns: as configured, otherwise as learned."""
        version = self._registry.version
        if self._configured_at != version:
            self._configure(self._registry.changed_since(self._configured_at).tolist())
            self._configured_at = version
        configured = self._configured_ns[batch.series]
        return np.where(np.isnan(configured), learned_ns, configured)

    def _configure(self, changed: Sequence[int]) -> None:
        """Take over how often these series are expected."""
        missing = max(changed, default=-1) + 1 - len(self._configured_ns)
        if missing > 0:
            self._configured_ns = np.concatenate([self._configured_ns, np.full(missing, np.nan)])
        for number in changed:
            interval_s = self._registry.metric(number).interval_s
            self._configured_ns[number] = np.nan if interval_s is None else interval_s * NS_PER_SECOND

    # -- state -----------------------------------------------------------------------------------------------------
    def save(self) -> bytes:
        """The whole state, keyed by names, so that it fits a registry with other numbers."""
        registry, silence = self._registry, self._silence.save()
        head = {
            "version": STATE_VERSION,
            "series": [registry.key(number) for number in range(registry.n_series)],  # some part has a row for each
            "devices": [(d.site, d.name) for _, d in registry.devices()][: len(silence["device"]["clock"])],
            "sites": [registry.site_name(number) for number in range(len(silence["site"]["clock"]))],
            "baseline": self._on_baseline.save(),
            "outliers": self._on_baseline.outliers.save(),
            "recurring": self._on_baseline.recurring.save(),
            "limits": self._on_limits.save(),
            "forecasts": self._on_forecast.save(),
            "baselines": self._alarms.save(),
            "alerts": self._book.save(self._names),
        }
        risk, head["risk"] = self._risk.save(self._names)
        arrays = {f"arrivals/{k}": v for k, v in self._arrivals.save().items()}
        arrays |= {f"bank/{k}": v for k, v in self._bank.save().items()}
        arrays |= {f"stuck/{k}": v for k, v in self._stuck.save().items()}
        arrays |= {f"levels/{k}": v for k, v in self._levels.save().items()}
        arrays |= {f"risk/{k}": v for k, v in risk.items()}
        arrays |= {f"silence/{part}/{k}": v for part, table in silence.items() for k, v in table.items()}
        buffer = io.BytesIO()
        text = np.frombuffer(json.dumps(head).encode(), np.uint8)
        np.savez(buffer, head=text, **arrays)  # type: ignore[arg-type]  # numpy types the keywords as its own flag
        return buffer.getvalue()

    def restore(self, blob: bytes) -> None:
        """Take back a saved state. Raises StateError if it is of another version or damaged."""
        with _readable(blob) as packed:
            arrays = dict(packed)
            head = json.loads(arrays.pop("head").tobytes())
        if head["version"] != STATE_VERSION:
            raise StateError(f"the saved state has version {head['version']}, this release reads {STATE_VERSION}")
        series = np.array([self._registry.series(*key) for key in head["series"]], np.int32)
        devices = np.array([self._device(*key) for key in head["devices"]], np.int32)
        sites = np.array([self._registry.find_site(name) for name in head["sites"]], np.int32)
        self._arrivals.restore(under(arrays, "arrivals/"), series)
        self._bank.restore(under(arrays, "bank/"), series, devices)
        tables = {name: under(arrays, f"silence/{name}/") for name in ("site", "device", "series")}
        self._silence.restore(tables, sites, devices, series)
        self._stuck.restore(under(arrays, "stuck/"), series)
        self._on_baseline.restore((int(devices[number]), row, rarest) for number, row, rarest in head["baseline"])
        self._on_baseline.outliers.restore(  # a state of before they were remembered has none
            (int(devices[device]), row, int(series[number]), at, facts)
            for device, row, number, at, facts in head.get("outliers", ())
        )
        self._on_baseline.recurring.restore(  # nor of when they were unusual
            (int(devices[device]), *episode) for device, *episode in head.get("recurring", ())
        )
        self._on_limits.restore([(int(series[number]), states) for number, states in head["limits"]])
        if "forecasts" in head:  # a state of before there were any has none
            self._levels.restore(under(arrays, "levels/"), series)
            self._alarms.restore((int(series[number]), level) for number, level in head["baselines"])
            self._on_forecast.restore([(int(series[number]), *times) for number, *times in head["forecasts"]])
        self._book.restore(head["alerts"], self._numbers)
        if "risk" in head:  # a state of before there were trained models has none
            self._risk.restore(under(arrays, "risk/"), head["risk"], series, devices, self._numbers)

    def _names(self, device: int, series: int) -> tuple[str, str, str | None]:
        known = self._registry.device(device)
        return known.site, known.name, None if series == WHOLE_DEVICE else self._registry.metric(series).name

    def _numbers(self, key: Iterable[Any]) -> tuple[int, int]:
        site, device, metric = key
        number = self._device(site, device)
        return number, WHOLE_DEVICE if metric is None else self._registry.series(site, device, metric)

    def _device(self, site: str, device: str) -> int:
        number = self._registry.find_device(site, device)
        if number is None:
            raise StateError(f"the saved state speaks of device {device!r} of site {site!r}, which has no series")
        return number


def saved_models(blob: bytes) -> tuple[str | None, str | None]:
    """Digests of the active model and the shadow of a saved state. Raises StateError if it cannot be read."""
    with _readable(blob) as packed:
        active, shadow = json.loads(packed["head"].tobytes()).get("risk", {}).get("digests", (None, None))
    return active, shadow


@contextmanager
def _readable(blob: bytes) -> Iterator[Mapping[str, NDArray[Any]]]:
    try:
        with np.load(io.BytesIO(blob), allow_pickle=False) as packed:
            yield packed
    except (ValueError, OSError, KeyError, EOFError, BadZipFile) as error:
        raise StateError(f"the saved state of the engine cannot be read: {error}") from error
