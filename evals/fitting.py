"""The abstention threshold that suits one's own cases, and what each other one would cost."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from .cases import CaseError
from .runs import Run
from .statistics import Interval, wilson

FOLDS = 10
FEWEST = 5
"""Questions of a sort that a fit needs."""


class Observation(NamedTuple):
    """How sure the engine was of one question, and whether the articles answer it."""

    confidence: float
    answerable: bool


class Cost(NamedTuple):
    """What a threshold does."""

    threshold: float
    wrongly_declined: float
    """Share of the answerable questions that are declined."""
    rightly_declined: float
    """Share of the unanswerable questions that are declined."""

    @property
    def balanced_accuracy(self) -> float:
        """Mean of the shares that are treated rightly, of both sorts."""
        return (1 - self.wrongly_declined + self.rightly_declined) / 2


class Fit(NamedTuple):
    """A fitted threshold."""

    chosen: Cost
    """On the very cases that it was fitted on."""
    current: Cost
    """What the threshold of the run does on them."""
    wrongly_declined: Interval
    """On cases that were left out of the fit, ten times a tenth."""
    rightly_declined: Interval
    trade_off: list[Cost]
    """From declining nothing to declining nearly everything."""


def observations(run: Run) -> list[Observation]:
    """Return what a run tells of the confidence of its engine; a case that crashed tells nothing."""
    return [
        Observation(attempt.record.confidence, attempt.case.answerable)
        for attempt in run.attempts
        if attempt.record.confidence is not None
    ]


def fit(seen: Sequence[Observation], *, current: float, max_wrong: float = 0.05) -> Fit:
    """Choose the threshold that declines most unanswerable questions and at most a share of the others.

    Raises CaseError when there are fewer than five questions of a sort.
    """
    for answerable, sort in ((True, "answerable"), (False, "unanswerable")):
        count = sum(o.answerable == answerable for o in seen)
        if count < FEWEST:
            found = f"is 1 {sort} case" if count == 1 else f"are {count} {sort} cases"
            raise CaseError(f"There {found} with a confidence; a fit needs five, better fifty.")
    wrong, right = (_held_out(seen, max_wrong, answerable=answerable) for answerable in (True, False))
    return Fit(choose(seen, max_wrong), cost(seen, current), wrong, right, _spread(seen))


def choose(seen: Sequence[Observation], max_wrong: float) -> Cost:
    """Return the best threshold that may be had; of equal ones, the lowest."""
    allowed = [each for each in _costs(seen, _thresholds(seen)) if each.wrongly_declined <= max_wrong]
    return max(allowed, key=lambda each: (each.rightly_declined, -each.threshold))


def cost(seen: Sequence[Observation], threshold: float) -> Cost:
    """Return what a threshold does to these questions: it declines those with less confidence."""
    return _costs(seen, [threshold])[0]


def _costs(seen: Sequence[Observation], thresholds: Iterable[float]) -> list[Cost]:
    yes = sorted(o.confidence for o in seen if o.answerable)
    no = sorted(o.confidence for o in seen if not o.answerable)
    return [
        Cost(t, bisect_left(yes, t) / max(1, len(yes)), bisect_left(no, t) / max(1, len(no)))
        for t in thresholds
    ]


def _thresholds(seen: Sequence[Observation]) -> list[float]:
    """Return what declines nothing, and the middles between neighbouring confidences."""
    values = sorted({o.confidence for o in seen})
    return [min([0.0, *values[:1]]), *((a + b) / 2 for a, b in pairwise(values))]


def _spread(seen: Sequence[Observation], points: int = 12) -> list[Cost]:
    """Return some thresholds with their costs, evenly over the confidences."""
    thresholds = _thresholds(seen)
    step = max(1, len(thresholds) // points)
    return _costs(seen, thresholds[::step])


def _held_out(seen: Sequence[Observation], max_wrong: float, *, answerable: bool) -> Interval:
    """Fit ten times without a tenth of each sort; return how much of one sort in these tenths is declined."""
    sorts = [[o for o in seen if o.answerable], [o for o in seen if not o.answerable]]
    declined: list[bool] = []
    for fold in range(FOLDS):
        fitted = choose([o for sort in sorts for n, o in enumerate(sort) if n % FOLDS != fold], max_wrong)
        left_out = sorts[0 if answerable else 1][fold::FOLDS]
        declined += [o.confidence < fitted.threshold for o in left_out]
    share = wilson(sum(declined), len(declined))
    assert share is not None, "there are five of each sort"
    return share
