"""How lifelike ordinary running is: the same statistics of recorded and of simulated series, side by side.

    forewarn bench realism DATA_FOLDER [--plots FOLDER]

DATA_FOLDER holds readings CSV files of the contract (`STEM.csv.gz`, with `STEM.truth.csv` beside it where faults are
known), in any depth. Series are compared by the kind of their metric, each at its own interval; labelled intervals,
and everything after the first of them, are left out. A folder named in benchmarks/rigs.py is also compared with a
machine set to the rig it was recorded on.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.rigs import MADE_UP, RIGS
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
    that the mean course over the day explains, NaN under three days. `tails`: kurtosis of the differences, 3 for a
    Gaussian. `relative`: spread over level, NaN for what swings about zero.
    """

    roughness: float
    lag1: float
    lag10: float
    daily: float
    tails: float
    relative: float


FIELDS = ("roughness", "lag1", "lag10", "daily", "tails", "relative")


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
        tails=float((change**4).mean() / max((change**2).mean() ** 2, 1e-300)),
        relative=spread / level if (level := abs(float(np.median(value)))) > spread else float("nan"),
    )


def _spread(value: FloatArray) -> float:
    if len(np.unique(value)) < FEWEST_LEVELS:
        return float(value.std())  # quartiles of a few steps say nothing
    low, high = np.percentile(value, [25.0, 75.0])
    return float(high - low) / 1.349 or float(value.std())


def _daily(time: TimeArray, centred: FloatArray, variance: float) -> float:
    if time[-1] - time[0] < 3 * 86400 * NS:
        return float("nan")
    hour = (time // (3600 * NS)) % 24
    count = np.bincount(hour, minlength=24)
    course = np.bincount(hour, centred, 24) / np.maximum(count, 1)
    return float((count * course**2).sum() / count.sum() / variance)


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
        length = float(np.median([len(series.time) for series in members])) * interval
        made = list(simulated(kind, interval, length))
        if made:
            found.append(
                Comparison(rig, kind, interval, members, made, list(like_the_rig(rig, kind, interval, length)))
            )
    return found


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
_COLOURS = {"recorded": "#1f77b4", "as shipped": "#d95f02", "set to the rig": "#1b9e77"}


def autocorrelation(value: FloatArray, lags: int = LAGS) -> FloatArray:
    """Autocorrelation at 0 … `lags` intervals."""
    centred = value - value.mean()
    n = len(centred)
    power = np.abs(np.fft.rfft(centred, 2 * n)) ** 2
    found = np.fft.irfft(power)[: lags + 1]
    return np.asarray(found / max(float(found[0]), 1e-300))


def write_plots(comparisons: Sequence[Comparison], plots: Path) -> list[Path]:
    """A plot for each comparison: median autocorrelation of recorded and of simulated series, as SVG."""
    plots.mkdir(parents=True, exist_ok=True)
    written = []
    for one in comparisons:
        path = plots / f"{one.rig}-{one.kind}-{round(one.interval_s)}s.svg"
        lines = {name: _median(series) for name, series in one.rows() if series}
        title = f"{one.kind}, one reading every {one.interval_s:g} s ({one.rig})"
        path.write_text(_svg(title, lines), encoding="utf-8")
        written.append(path)
    return written


def _median(series: Sequence[Series]) -> FloatArray:
    return np.asarray(np.median([autocorrelation(one.value) for one in series], axis=0))


def _svg(title: str, lines: Mapping[str, FloatArray], width: int = 480, height: int = 200) -> str:
    left, top, bottom = 40, 30, 170
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{left}" y="18">Autocorrelation of {title}, by lag in readings</text>',
    ]
    for level in (0.0, 0.5, 1.0):
        y_of = bottom - level * (bottom - top)
        parts.append(f'<path d="M{left},{y_of:.1f}H{width - 10}" stroke="#ddd"/>')
        parts.append(f'<text x="10" y="{y_of + 4:.1f}">{level}</text>')
    for number, (name, value) in enumerate(lines.items()):
        x = np.linspace(left, width - 10, len(value)).tolist()
        y = (bottom - np.clip(value, -0.2, 1.0) * (bottom - top)).tolist()
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        parts.append(f'<polyline fill="none" stroke="{_COLOURS[name]}" stroke-width="1.5" points="{points}"/>')
        parts.append(f'<text x="{width - 290 + 95 * number}" y="{height - 8}" fill="{_COLOURS[name]}">{name}</text>')
    parts.append(f'<text x="{left}" y="{height - 8}">0 … {LAGS}</text></svg>')
    return "\n".join(parts) + "\n"


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
