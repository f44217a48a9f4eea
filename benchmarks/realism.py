"""How lifelike ordinary running is: the same statistics of recorded and of simulated series, side by side.

    forewarn bench realism DATA_FOLDER [--plots FOLDER]

DATA_FOLDER holds readings CSV files of the contract (`STEM.csv.gz`, with `STEM.truth.csv` beside it where faults are
known), in any depth. Series are compared by the kind of their metric, each at its own interval; labelled intervals,
and everything after the first of them, are left out. A folder named in benchmarks/rigs.py is also compared with a
machine set to the rig it was recorded on; one of weather with the weather that sites here stand in.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks._lineplot import svg
from benchmarks.rigs import MADE_UP, RIGS
from simulators.climate import Climate, ClimateSpec
from simulators.duration import NS
from simulators.errors import SimulatorError
from simulators.recorded import Row, parse_time, read_rows
from simulators.scenario import Scenario, ScenarioSpec
from simulators.simulation import Simulation
from simulators.tape import FloatArray, TimeArray

FEWEST_READINGS = 300
MOST_READINGS = 50_000
SEEDS = 8
"""Machines set to a rig; enough for a range."""
FEWEST_LEVELS = 32
FEWEST_DAYS = 3
HOUR_NS, DAY_NS = 3600 * NS, 86400 * NS
KINDS = {
    "flow": ("flow",),
    "vibration": ("vibration", "accelerometer", "rms"),
    "temperature": ("temperature", "thermocouple", "temp"),
    "humidity": ("humidity",),
    "current": ("current",),
    "pressure": ("pressure",),
}
"""What a recorded metric's name must contain to be of that kind."""
SOURCES = {
    "vibration": ("pump", "gearmotor", "fan", "compressor"),
    "temperature": ("pump", "gearmotor", "serverroom", "coldroom"),
    "humidity": ("serverroom", "fan", "coldroom"),
    "current": ("pump", "gearmotor"),
    "pressure": ("pump", "compressor"),
    "flow": ("pump",),
}
"""Machines whose channel of that kind is compared."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Shape of a series, free of unit and level.

    `roughness`: spread of the differences of neighbours over √2 × spread of the values; 1 for white noise, towards 0
    for a slow signal. `lag1`, `lag10`: autocorrelation one and ten intervals apart. `daily`: share of the variance
    that the mean course over the day explains, `course`: the same of what changes within the days, each less its mean;
    NaN under three days. `tails`: kurtosis of the differences, 3 for a Gaussian. `relative`: spread over level, NaN for
    what swings about zero.
    """

    roughness: float
    lag1: float
    lag10: float
    daily: float
    course: float
    tails: float
    relative: float


FIELDS = ("roughness", "lag1", "lag10", "daily", "course", "tails", "relative")


def statistics(time: TimeArray, value: FloatArray) -> Statistics:
    """Statistics of one series, times in ns ascending; spreads are robust (scaled interquartile range)."""
    spread, change = _spread(value), np.diff(value)
    centred = value - value.mean()
    variance = float((centred * centred).mean()) or 1.0
    return Statistics(
        roughness=_spread(change) / (np.sqrt(2.0) * spread) if spread else 0.0,
        lag1=float((centred[1:] * centred[:-1]).mean()) / variance,
        lag10=float((centred[10:] * centred[:-10]).mean()) / variance,
        daily=_daily(time, centred, variance),
        course=_within_days(time, value),
        tails=float((change**4).mean() / max((change**2).mean() ** 2, 1e-300)),
        relative=spread / level if (level := abs(float(np.median(value)))) > spread else float("nan"),
    )


def _spread(value: FloatArray) -> float:
    if len(np.unique(value)) < FEWEST_LEVELS:
        return float(value.std())  # quartiles of a few steps say nothing
    low, high = np.percentile(value, [25.0, 75.0])
    return float(high - low) / 1.349 or float(value.std())


def _daily(time: TimeArray, centred: FloatArray, variance: float) -> float:
    if time[-1] - time[0] < FEWEST_DAYS * DAY_NS:
        return float("nan")
    hour = (time // HOUR_NS) % 24
    count = np.bincount(hour, minlength=24)
    course = np.bincount(hour, centred, 24) / np.maximum(count, 1)
    return float((count * course**2).sum() / count.sum() / variance)


def _within_days(time: TimeArray, value: FloatArray) -> float:
    if time[-1] - time[0] < FEWEST_DAYS * DAY_NS:
        return float("nan")
    within = _less_their_days(time, value)
    return _daily(time, within, float((within * within).mean()) or 1.0)


def _less_their_days(time: TimeArray, value: FloatArray) -> FloatArray:
    _, day = np.unique(time // DAY_NS, return_inverse=True)
    return np.asarray(value - (np.bincount(day, value) / np.bincount(day))[day])


def daily_course(time: TimeArray, value: FloatArray) -> FloatArray:
    """Mean of what each hour (UTC) lies above the mean of its day, (24,), in units of the value."""
    hour = (time // HOUR_NS) % 24
    count = np.maximum(np.bincount(hour, minlength=24), 1)
    return np.asarray(np.bincount(hour, _less_their_days(time, value), 24) / count)


def kind_of(metric: str) -> str | None:
    """The kind of a recorded metric, by its name."""
    name = metric.lower()
    return next((kind for kind, words in KINDS.items() if any(word in name for word in words)), None)


@dataclass(frozen=True, slots=True)
class Series:
    """A stretch of ordinary running."""

    source: str
    kind: str
    time: TimeArray
    value: FloatArray

    @property
    def interval_s(self) -> float:
        """Median distance of neighbours."""
        return float(np.median(np.diff(self.time))) / NS


def recorded(folder: Path) -> Iterator[Series]:
    """Every recorded series of a known kind, up to the first labelled fault of its device."""
    for path in sorted(folder.rglob("*.csv.gz")):
        if path.parent.name in MADE_UP:
            continue
        rows: dict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
        for row in read_rows(path):
            if isinstance(row, Row) and kind_of(row.metric):
                rows[row.device, row.metric].append((row.time, row.value))
        ends = _first_fault(path.with_name(path.name.removesuffix(".csv.gz") + ".truth.csv"))
        for (device, metric), pairs in rows.items():
            kept = sorted(pair for pair in pairs if pair[0] < ends.get(device, 1 << 62))[:MOST_READINGS]
            if len(kept) >= FEWEST_READINGS:
                time = np.array([at for at, _ in kept], np.int64)
                value = np.array([value for _, value in kept])
                kind = kind_of(metric)
                assert kind is not None
                if value.std() > 0:
                    yield Series(f"{path.parent.name}/{device}/{metric}", kind, time, value)


def _first_fault(path: Path) -> dict[str, int]:
    """When each device's first labelled interval starts; a breakdown labels the second half of the time before it."""
    if not path.is_file():
        return {}
    ends: dict[str, int] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            at = parse_time(row["start"])
            if at is not None:
                ends[row["device"]] = min(at, ends.get(row["device"], at))
    return ends


def simulated(kind: str, interval_s: float, seconds: float) -> Iterator[Series]:
    """The same kind from the machine models, at that interval."""
    for model in SOURCES[kind]:
        interval = f"{max(round(interval_s * 1000), 1)}ms"
        spec = {
            "description": f"one {model}",
            "timeline": {"interval": interval},
            "device": [{"name": model, "model": model, "metrics": [kind]}],
        }
        sim = Simulation(Scenario(name=model, spec=ScenarioSpec.model_validate(spec)))
        block = sim.block(sim.start, sim.start + int(seconds * NS))
        if len(block) >= FEWEST_READINGS:
            yield Series(f"simulated/{model}/{kind}", kind, block.time, block.value)


def like_the_rig(rig: str, kind: str, interval_s: float, seconds: float) -> Iterator[Series]:
    """The same kind from a machine set to that rig, one for each of some seeds; nothing where no rig is known."""
    scenario = RIGS[rig].scenario(kind, interval_s, seconds) if rig in RIGS else None
    if scenario is None:
        return
    for seed in range(SEEDS):
        sim = Simulation(scenario, seed)
        blocks = list(sim.blocks())
        time, value = (np.concatenate([getattr(block, name) for block in blocks]) for name in ("time", "value"))
        yield Series(f"{rig}/{seed}/{kind}", kind, time, value)


def outdoors(
    kind: str, spec: ClimateSpec, utc_offset_h: float, begin: int, interval_s: float, n: int
) -> Iterator[Series]:
    """Simulated weather from `begin` (ns UTC) on, `n` values, one for each of some seeds."""
    time = begin + np.arange(n) * round(interval_s * NS)
    for seed in range(SEEDS):
        climate, at = Climate(spec, utc_offset_h, seed, "weather"), time / float(NS)
        value = climate.temperature(at) if kind == "temperature" else climate.humidity(at)
        yield Series(f"weather/{seed}/{kind}", kind, time, value)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Series of one kind at about one interval: of one set of recordings, of machines as they are, of its rig."""

    rig: str
    kind: str
    interval_s: float
    real: Sequence[Series]
    shipped: Sequence[Series]
    alike: Sequence[Series]

    def rows(self) -> Iterator[tuple[str, Sequence[Series]]]:
        """(name, series) of each."""
        yield from (("recorded", self.real), ("as shipped", self.shipped), ("set to the rig", self.alike))


def compare(folder: Path) -> list[Comparison]:
    """Recorded against simulated, by set of recordings, kind and interval (to a power of two)."""
    groups: dict[tuple[str, str, int], list[Series]] = defaultdict(list)
    for series in recorded(folder):
        rig = series.source.split("/")[0]
        groups[rig, series.kind, round(np.log2(max(series.interval_s, 0.001)))].append(series)
    found = []
    for (rig, kind, _), members in sorted(groups.items()):
        interval = float(np.median([series.interval_s for series in members]))
        n = int(np.median([len(series.time) for series in members]))
        shipped, alike = _stand_ins(rig, kind, int(members[0].time[0]), interval, n)
        if shipped:
            found.append(Comparison(rig, kind, interval, members, shipped, alike))
    return found


def _stand_ins(rig: str, kind: str, begin: int, interval_s: float, n: int) -> tuple[list[Series], list[Series]]:
    """What stands for recordings: as shipped, and set to the rig."""
    known = RIGS.get(rig)
    if known is not None and known.weather is not None:
        if kind not in ("temperature", "humidity"):
            return [], []
        specs = (ClimateSpec(), known.weather)
        shipped, alike = (list(outdoors(kind, spec, known.utc_offset_h, begin, interval_s, n)) for spec in specs)
        return shipped, alike
    return list(simulated(kind, interval_s, n * interval_s)), list(like_the_rig(rig, kind, interval_s, n * interval_s))


def table(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Lines of a Markdown table: medians and 10 … 90 % ranges."""
    yield "| recordings: kind, interval | series | " + " | ".join(FIELDS) + " |"
    yield "|---|---|" + "---|" * len(FIELDS)
    for one in comparisons:
        for name, series in one.rows():
            if series:
                items = [statistics(member.time, member.value) for member in series]
                cells = " | ".join(_range([getattr(item, field) for item in items]) for field in FIELDS)
                yield f"| {one.rig}: {one.kind}, {one.interval_s:g} s | {name} ({len(series)}) | {cells} |"


def _range(values: Sequence[float]) -> str:
    known = [value for value in values if not np.isnan(value)]
    if not known:
        return "–"
    low, middle, high = np.percentile(known, [10, 50, 90])
    return f"{middle:.2f} ({low:.2f}–{high:.2f})"


LAGS = 60


def autocorrelation(value: FloatArray, lags: int = LAGS) -> FloatArray:
    """Autocorrelation at 0 … `lags` intervals."""
    centred = value - value.mean()
    n = len(centred)
    power = np.abs(np.fft.rfft(centred, 2 * n)) ** 2
    found = np.fft.irfft(power)[: lags + 1]
    return np.asarray(found / max(float(found[0]), 1e-300))


def write_plots(comparisons: Sequence[Comparison], plots: Path) -> list[Path]:
    """Plots as SVG: the median autocorrelation of each comparison and, of long ones, the course of the day."""
    plots.mkdir(parents=True, exist_ok=True)
    written = []
    for one in comparisons:
        path = plots / f"{one.rig}-{one.kind}-{round(one.interval_s)}s.svg"
        lines = {name: _median(series) for name, series in one.rows() if series}
        what = f"{one.kind}, one reading every {one.interval_s:g} s ({one.rig})"
        path.write_text(
            svg(f"Autocorrelation of {what}, by lag in readings", lines, (0.0, 1.0), f"0 … {LAGS}"), "utf-8"
        )
        written.append(path)
        courses = {name: _courses(series) for name, series in one.rows() if series}
        if one.interval_s <= 3600.0 and all(len(course) for course in courses.values()):
            path = plots / f"{one.rig}-{one.kind}-day.svg"
            most = max(float(np.abs(course).max()) for course in courses.values())
            title = f"Course of the day of {one.kind} ({one.rig}), less its mean, by hour UTC"
            path.write_text(svg(title, courses, (-most, most), "0 … 23 h"), "utf-8")
            written.append(path)
    return written


def _median(series: Sequence[Series]) -> FloatArray:
    return np.asarray(np.median([autocorrelation(one.value) for one in series], axis=0))


def _courses(series: Sequence[Series]) -> FloatArray:
    """Median course of the day of those that last long enough; empty if none does."""
    found = [daily_course(one.time, one.value) for one in series if one.time[-1] - one.time[0] >= FEWEST_DAYS * DAY_NS]
    return np.asarray(np.median(found, axis=0)) if found else np.zeros(0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the comparison; 1 if the folder holds nothing to compare with."""
    parser = argparse.ArgumentParser(prog="forewarn bench realism")
    parser.add_argument("data", type=Path, help="folder with recorded readings CSV files")
    parser.add_argument("--plots", type=Path, help="write plots into this folder")
    options = parser.parse_args(arguments)
    try:
        comparisons = compare(options.data)
    except SimulatorError as error:
        print(error)
        return 2
    if not comparisons:
        print(f"{options.data}: no recorded series of a kind that machines here have")
        return 1
    print("\n".join(table(comparisons)))
    if options.plots is not None:
        for path in write_plots(comparisons, options.plots):
            print(path)
    return 0
