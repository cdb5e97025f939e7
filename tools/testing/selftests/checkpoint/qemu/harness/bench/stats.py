# SPDX-License-Identifier: GPL-2.0
"""Medians, and how far they can be trusted. Nothing is thrown away."""
import random
import statistics

RESAMPLES = 2000


def interval(values: list[float]) -> tuple[float, float]:
    """A bootstrap interval of the median: 95 of 100 resamples have theirs in it."""
    # The same numbers give the same interval.
    dice = random.Random(1)
    found = sorted(statistics.median(dice.choices(values, k=len(values)))
                   for _ in range(RESAMPLES))
    return found[int(RESAMPLES * 0.025)], found[int(RESAMPLES * 0.975) - 1]


def ratios(upper: dict[int, float], lower: dict[int, float]) -> list[float]:
    """Of each round that has both: what was measured side by side is compared."""
    return [upper[nr] / lower[nr] for nr in sorted(upper.keys() & lower.keys()) if lower[nr]]
