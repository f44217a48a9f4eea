"""What scores are worth against what was wrong: how they rank it, NAB's rule, and whether p-values keep their word."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from statistics import mean
from typing import Any

import numpy as np

from benchmarks import _nab as nab
from benchmarks._episodes import blind, measured, quiet
from benchmarks._ranked import average_precision, vus_pr
from benchmarks._recorded import Machine, Rule
from ingest.reading import FloatArray

LEVELS = (0.01, 0.001, 0.0001)
SEEDS, PHASES = 3, 20
"""Random scores are drawn so often, evenly spaced alerts begin at so many places; means are shown."""
BLIND_ROWS = (100, 150, 200, 300, 400, 600, 800, 1_200)
"""Rows between the blind alarms that NAB's rule is tried with; the best of them is the floor."""
Figures = dict[str, Any]


def by_p(machine: Machine) -> FloatArray:
    """Ranks by p-value, the least the highest; equal ones by score."""
    order = np.lexsort((machine.score, -machine.p_value))
    p, score = machine.p_value[order], machine.score[order]
    rank = np.empty(len(order))
    rank[order] = np.cumsum(np.append(False, (np.diff(p) != 0) | (np.diff(score) != 0)))
    return rank


def ranked(machines: Sequence[Machine], rule: Rule) -> Figures:
    """AP and VUS-PR of each device after its warm-up, averaged over those with something wrong and something right."""
    found: list[tuple[float, float, float]] = []
    for machine in machines:
        counts = machine.time >= machine.warm
        label = machine.labelled[counts]
        if label.any() and not label.all():
            rank = by_p(machine)[counts]
            by_score = average_precision(label, machine.score[counts])
            found.append((vus_pr(label, rank, rule.slope_rows), average_precision(label, rank), by_score))
    means = [mean(column) for column in zip(*found, strict=True)] if found else [None] * 3
    return {"series": len(found), **dict(zip(("vus_pr", "ap", "ap_by_score"), means, strict=True))}


def by_nab(machines: Sequence[Machine]) -> Figures:
    """NAB's scores of the alerts as they were raised, and of the p-values with a rest after each alarm."""
    series = [_series(machine) for machine in machines]
    rested = [nab.rested(-np.log10(machine.p_value)) for machine in machines]
    alerts = [_marks(machine) for machine in machines]
    return {
        "alerts": nab.at_threshold(series, alerts, 1.0, nab.STANDARD),
        "alerts_low_fp": nab.at_threshold(series, alerts, 1.0, nab.LOW_FP),
        "alerts_low_fn": nab.at_threshold(series, alerts, 1.0, nab.LOW_FN),
        "p_rest_cross_half": nab.cross_half(series, rested),
        "p_rest_best": nab.best(series, rested, nab.STANDARD)[0],
    }


def _series(machine: Machine) -> nab.Series:
    edges = [(label.start, label.end) for label in machine.labels]
    windows = [
        (int(np.searchsorted(machine.time, start)), int(np.searchsorted(machine.time, end, "right")) - 1)
        for start, end in edges
    ]
    return nab.series_of(len(machine.time), windows)


def _marks(machine: Machine) -> FloatArray:
    """1 where an alert was raised."""
    marks = np.zeros(len(machine.time))
    places = np.searchsorted(machine.time, [alert.at for alert in machine.alerts], "right") - 1
    marks[places] = 1.0
    return marks


def calibration(machines: Sequence[Machine], rule: Rule) -> Figures:
    """How many normal rows there are, and how many of them have a p-value at or below each level.

    A recovery as long as the fault before it is neither normal nor not.
    """
    kept = []
    for machine in machines:
        normal = np.zeros(len(machine.row_time), np.bool_)
        for first, last in quiet(machine, rule):
            normal |= (machine.row_time >= first) & (machine.row_time < last)
        for label in machine.labels:
            after = label.end + (label.end - label.start)
            normal &= ~((machine.row_time > label.end) & (machine.row_time <= after))
        kept.append(machine.row_p[normal])
    p_value = np.concatenate(kept)
    return {"rows": len(p_value), **{f"{level:g}": int((p_value <= level).sum()) for level in LEVELS}}


# -- floors --------------------------------------------------------------------------------------------------------


def at_random(machines: Sequence[Machine], rule: Rule) -> Figures:
    """The same figures of random p-values: means of some seeds."""
    told: list[Figures] = []
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        noise = [machine.saying(p_value=1.0 - rng.random(len(machine.time))) for machine in machines]
        figures = ranked(noise, rule) if rule.slope_rows else {}
        if rule.nab:
            figures |= {key: value for key, value in by_nab(noise).items() if key.startswith("p_rest")}
        told.append(figures)
    return _means(told)


def evenly_spaced(machines: Sequence[Machine], rule: Rule) -> Figures:
    """The figures of as many alerts of the same mean length that look at no reading; nothing where none was raised."""
    told = []
    for seed in range(PHASES):
        rng = np.random.default_rng(seed)
        others = blind(machines, (rng.random() for _ in repeat(None)))
        if others is None:
            return {}
        told.append(measured(others, rule))
    return _means(told)


def blind_alarms(machines: Sequence[Machine]) -> float:
    """NAB's standard score of an alarm every so many rows: the best of some intervals."""
    series = [_series(machine) for machine in machines]

    def every(rows: int) -> float:
        marks = [np.zeros(len(machine.time)) for machine in machines]
        for one, mark in zip(series, marks, strict=True):
            mark[one.probation :: rows] = 1.0
        return nab.at_threshold(series, marks, 1.0, nab.STANDARD)

    return max(map(every, BLIND_ROWS))


def _means(told: Sequence[Figures]) -> Figures:
    return {key: _mean([one[key] for one in told]) for key in told[0]}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return mean(known) if known else None
