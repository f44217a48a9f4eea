"""The scoring rule of the Numenta Anomaly Benchmark: early detections within a window pay, all others cost.

Lavin and Ahmad: "Evaluating Real-Time Anomaly Detection Algorithms: the Numenta Anomaly Benchmark", ICMLA 2015. A
detection at the start of a window is worth 1, at its end hardly anything; the first one of a window counts. A false one
costs up to the profile's weight, less shortly after a window. 100 is perfect, 0 as good as never to detect anything.
Normalised over the series given, so that a part of the benchmark is not comparable with its leaderboard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ingest.reading import BoolArray, FloatArray

PROBATION_SHARE, PROBATION_MOST = 0.15, 750
"""Rows at the start that do not count: a share of the series, of at most its first 5000 rows."""
REST_SHARE = 0.2
"""Of the probation: rows for which a score has to be the highest before it counts, a rest after an alarm."""
SEEDS = 5
NO_WINDOW = -1


@dataclass(frozen=True, slots=True)
class Profile:
    """What is paid for a window that was found, missed, and for a false detection."""

    found: float = 1.0
    missed: float = 1.0
    false: float = 0.11


STANDARD, LOW_FP, LOW_FN = Profile(), Profile(false=0.22), Profile(missed=2.0)


@dataclass(frozen=True, slots=True)
class Series:
    """What the rule pays at each row of one series."""

    pay: FloatArray
    """Inside a window the reward of a first detection there, 0 to 1; outside the cost of a false one, -1 to 0."""
    window: NDArray[np.int64]
    """The window of each row, or NO_WINDOW."""

    @property
    def probation(self) -> int:
        """Rows at the start that do not count."""
        return probation(len(self.pay))

    @property
    def counted(self) -> list[int]:
        """The windows that reach beyond the probation."""
        late = self.window[self.probation :]
        return sorted(set(late[late != NO_WINDOW].tolist()))


def probation(rows: int) -> int:
    """Rows at the start that do not count."""
    return min(int(PROBATION_SHARE * rows), PROBATION_MOST)


def _sigmoid(position: FloatArray) -> FloatArray:
    """From 1 far to the left over 0 at 0 to -1 far to the right."""
    return np.where(position > 3.0, -1.0, 2.0 / (1.0 + np.exp(5.0 * np.minimum(position, 3.0))) - 1.0)


def series_of(rows: int, windows: Sequence[tuple[int, int]]) -> Series:
    """The rule for a series with these windows, first and last row both included, in order."""
    pay, window = np.full(rows, -1.0), np.full(rows, NO_WINDOW)
    ends = [*(first for first, _ in windows[1:]), rows][: len(windows)]
    for number, ((first, last), until) in enumerate(zip(windows, ends, strict=True)):
        inside, after = np.arange(first, last + 1), np.arange(last + 1, until)
        width = last - first + 1
        pay[inside] = _sigmoid((inside - last - 1) / width) / _sigmoid(np.array(-1.0))
        window[inside] = number
        pay[after] = _sigmoid((after - last) / max(width - 1, 1))
    return Series(pay, window)


def at_threshold(series: Sequence[Series], scores: Sequence[FloatArray], threshold: float, profile: Profile) -> float:
    """The normalised score where every value at or above `threshold` is a detection."""
    return _normalised(*_raw(series, [score >= threshold for score in scores], profile), profile)


def _raw(series: Sequence[Series], detected: Sequence[BoolArray], profile: Profile) -> tuple[float, int]:
    """What is paid in all, and how many windows count."""
    paid, windows = 0.0, 0
    for one, hit in zip(series, detected, strict=True):
        counts = hit & (np.arange(len(hit)) >= one.probation)
        paid += profile.false * float(one.pay[counts & (one.window == NO_WINDOW)].sum())
        for number in one.counted:
            found = one.pay[counts & (one.window == number)]
            paid += profile.found * float(found.max()) if len(found) else -profile.missed
        windows += len(one.counted)
    return paid, windows


def _normalised(paid: float, windows: int, profile: Profile) -> float:
    return (
        100.0 * (paid + profile.missed * windows) / ((profile.found + profile.missed) * windows) if windows else np.nan
    )


def best(series: Sequence[Series], scores: Sequence[FloatArray], profile: Profile) -> tuple[float, float]:
    """The best normalised score of all thresholds common to all series, and that threshold."""
    value = np.concatenate([score[one.probation :] for one, score in zip(series, scores, strict=True)])
    gains = [_gains(one, score, profile) for one, score in zip(series, scores, strict=True)]
    order = np.argsort(-value, kind="stable")
    ends = np.flatnonzero(np.append(value[order][1:] != value[order][:-1], True))
    gained = np.concatenate([[0.0], np.cumsum(np.concatenate(gains)[order])[ends]])
    windows = sum(len(one.counted) for one in series)
    top = int(np.argmax(gained))
    threshold = np.inf if top == 0 else float(value[order][ends[top - 1]])
    return _normalised(float(gained[top]) - profile.missed * windows, windows, profile), threshold


def _gains(one: Series, score: FloatArray, profile: Profile) -> FloatArray:
    """What each row after the probation adds to what is paid as the threshold comes down to it."""
    pay, window, value = (column[one.probation :] for column in (one.pay, one.window, score))
    gain = np.where(window == NO_WINDOW, profile.false * pay, 0.0)
    for number in one.counted:
        rows = np.flatnonzero(window == number)
        rows = rows[np.argsort(-value[rows], kind="stable")]
        earned = np.maximum.accumulate(profile.found * pay[rows])
        gain[rows] = np.diff(earned, prepend=-profile.missed)
    return gain


def cross_half(series: Sequence[Series], scores: Sequence[FloatArray]) -> float:
    """The standard score with the threshold of the other random half of the series: mean of both ways and seeds."""
    found = []
    for seed in range(SEEDS):
        order = np.random.default_rng(seed).permutation(len(series)).tolist()
        halves = order[: len(order) // 2], order[len(order) // 2 :]
        for mine, other in (halves, halves[::-1]):
            _, threshold = best([series[n] for n in other], [scores[n] for n in other], STANDARD)
            found.append(at_threshold([series[n] for n in mine], [scores[n] for n in mine], threshold, STANDARD))
    return float(np.nanmean(found))


def rested(score: FloatArray) -> FloatArray:
    """The score where it is higher than all of the rows before it that belong to a rest, elsewhere as low as can be."""
    rest = int(REST_SHARE * probation(len(score)))
    if rest == 0:
        return score.astype(np.float64)
    before = np.concatenate([np.full(rest, -np.inf), score[:-1]])
    return np.where(score > sliding_window_view(before, rest).max(axis=1), score, -np.inf)
