"""How many false alarms chance alone explains: a budget is a mean, and what is counted scatters about it."""

from __future__ import annotations

import math

CERTAINTY = 0.999
"""A count that rules at their budget exceed once in a thousand times is not put down to chance."""


def most_by_chance(expected: float, certainty: float = CERTAINTY) -> int:
    """The least count that a Poisson variable of mean `expected` exceeds with a probability below 1 - `certainty`.

    Independent rare events, such as false alarms of many devices, are counted so: Poisson (1837).

    >>> most_by_chance(0.0), most_by_chance(1.0), most_by_chance(7.0), most_by_chance(3000.0)
    (0, 5, 16, 3171)
    """
    if expected <= 0.0:
        return 0
    count = max(0, math.floor(expected - 12.0 * math.sqrt(expected) - 12.0))  # nothing is left below
    below = _share(count, expected)
    while below < certainty:
        count += 1
        below += _share(count, expected)
    return count


def _share(count: int, expected: float) -> float:
    return math.exp(count * math.log(expected) - expected - math.lgamma(count + 1))
