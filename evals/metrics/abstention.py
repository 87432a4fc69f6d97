"""How well a confidence tells when to decline. Report by kind of unanswerable question, never pooled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Point(NamedTuple):
    """What comes of answering only at a confidence of `threshold` or more."""

    coverage: float
    """Answered / all."""
    risk: float
    """Wrong / answered."""
    threshold: float


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float | None:
    """Return the probability that a positive has the higher score than a negative, ties counting half.

    The Mann-Whitney U divided by the number of pairs (Hanley and McNeil 1982); None without a pair.
    """
    if not positive or not negative:
        return None
    ranked = np.sort(np.asarray(negative, dtype=float))
    below = np.searchsorted(ranked, positive, side="left")
    not_above = np.searchsorted(ranked, positive, side="right")
    return float((below + not_above).mean() / 2 / len(ranked))


def risk_coverage(confidences: Sequence[float], right: Sequence[bool]) -> list[Point]:
    """Return the curve of El-Yaniv and Wiener (2010), one point for each confidence, the surest first."""
    pairs = sorted(zip(confidences, right, strict=True), reverse=True)
    points: list[Point] = []
    wrong = 0
    for n, (confidence, is_right) in enumerate(pairs, start=1):
        wrong += not is_right
        if n == len(pairs) or pairs[n][0] != confidence:
            points.append(Point(n / len(pairs), wrong / n, confidence))
    return points


def aurc(confidences: Sequence[float], right: Sequence[bool]) -> float:
    """Return the area under the risk-coverage curve (Geifman and El-Yaniv 2017), lower is better.

    The risk at the threshold that just lets a case through, averaged over the cases. Raises ValueError
    without a case.
    """
    points = risk_coverage(confidences, right)
    if not points:
        raise ValueError("There is no case; a curve needs one.")
    before = [0.0, *(point.coverage for point in points)]
    return sum(p.risk * (p.coverage - b) for p, b in zip(points, before, strict=False))
