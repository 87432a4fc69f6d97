"""The abstention threshold that suits one's own cases, and what each other one would cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .cases import CaseError
from .runs import Run
from .statistics import Interval, wilson

FOLDS = 10


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
    """Return what a run tells about the confidence of its engine."""
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
        if count < 5:
            raise CaseError(f"There are {count} {sort} cases with a confidence; a fit needs five, better fifty.")
    wrong, right = _held_out(seen, max_wrong)
    chosen = choose(seen, max_wrong)
    return Fit(chosen, cost(seen, current), wrong, right, _spread(seen))


def choose(seen: Sequence[Observation], max_wrong: float) -> Cost:
    """Return the best threshold that may be had; of equal ones, the lowest."""
    allowed = [c for t in _thresholds(seen) if (c := cost(seen, t)).wrongly_declined <= max_wrong]
    return max(allowed, key=lambda c: (c.rightly_declined, -c.threshold))


def cost(seen: Sequence[Observation], threshold: float) -> Cost:
    """Return what a threshold does to these questions."""
    yes = [o.confidence < threshold for o in seen if o.answerable]
    no = [o.confidence < threshold for o in seen if not o.answerable]
    return Cost(threshold, sum(yes) / max(1, len(yes)), sum(no) / max(1, len(no)))


def _thresholds(seen: Sequence[Observation]) -> list[float]:
    """Return 0, and the middles between neighbouring confidences."""
    values = sorted({o.confidence for o in seen})
    return [0.0, *((a + b) / 2 for a, b in zip(values, values[1:], strict=False))]


def _spread(seen: Sequence[Observation], points: int = 12) -> list[Cost]:
    """Return some thresholds with their costs, evenly over the confidences."""
    thresholds = _thresholds(seen)
    step = max(1, len(thresholds) // points)
    return [cost(seen, threshold) for threshold in thresholds[::step]]


def _held_out(seen: Sequence[Observation], max_wrong: float) -> tuple[Interval, Interval]:
    """Fit ten times without a tenth of each sort, and count what happens to the tenth."""
    sorts = [[o for o in seen if o.answerable], [o for o in seen if not o.answerable]]
    declined: dict[bool, list[bool]] = {True: [], False: []}
    for fold in range(FOLDS):
        fitted = choose([o for sort in sorts for n, o in enumerate(sort) if n % FOLDS != fold], max_wrong)
        for o in (o for sort in sorts for n, o in enumerate(sort) if n % FOLDS == fold):
            declined[o.answerable].append(o.confidence < fitted.threshold)
    return tuple(wilson(sum(own), len(own)) for own in declined.values())  # type: ignore[return-value]  # two
