"""Grades -> summary: every metric with its interval and its trivial baselines, by tag, turn and kind.

docs/run-folder.md describes the keys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .baselines import BASELINES, answers_of
from .metrics.abstention import aurc, auroc, risk_coverage
from .metrics.cost import PRICES_OF, percentile, price
from .runs import SCHEMA, Run
from .scores import Attempt, Metric, Score
from .scoring import METRICS, score_attempt
from .statistics import Bootstrap, Interval, statistic_interval

Json = dict[str, Any]
Values = Sequence[float | None]

BY_TAG = ("passed", "facts_covered", "citation_precision", "citation_recall")
"""Metrics that are told for every tag and every turn."""


def score_all(attempts: Iterable[Attempt]) -> dict[str, dict[str, Score]]:
    """Grade attempts; case id -> metric -> grade."""
    return {attempt.case.id: score_attempt(attempt) for attempt in attempts}


def summarise(run: Run) -> Json:
    """Return the summary of a graded run, as JSON-ready values."""
    attempts = run.attempts
    graded = [attempt for attempt in attempts if attempt.record.error is None]
    return {
        "schema_version": SCHEMA,
        "cases": len(run.cases),
        "graded": len(graded),
        "crashed": [{"case": a.case.id, "error": a.record.error} for a in attempts if a.record.error],
        "metrics": _metrics(run, attempts),
        "baselines": list(BASELINES),
        "tags": [{"tag": tag, **_part(run, own)} for tag, own in _by(attempts, lambda a: a.case.kinds)],
        "turns": [
            {"turn": turn, **_part(run, own)} for turn, own in _by(attempts, lambda a: (a.case.turn,))
        ],
        "abstention": _abstention(graded),
        "speed": _speed(run, graded),
        "cost": _cost(graded),
        "worst": worst(run),
        "judged": None,
        "labels": None,
    }


def column(run: Run, attempts: Sequence[Attempt], metric: str) -> list[float | None]:
    """Return the grades of some attempts by one metric."""
    return [run.score(attempt.case.id, metric).value for attempt in attempts]


# --- metrics


def _metrics(run: Run, attempts: Sequence[Attempt]) -> list[Json]:
    bootstrap = Bootstrap(len(attempts), groups=[attempt.case.group for attempt in attempts])
    intervals = bootstrap.intervals([column(run, attempts, metric.name) for metric in METRICS])
    trivial = _baseline_means(run, attempts)
    return [
        {
            "name": metric.name,
            "title": metric.title,
            "group": metric.group,
            "better": metric.better,
            "hard": metric.hard,
            "unit": metric.unit,
            **_interval(interval),
            "unscored": _unscored(run, attempts, metric.name),
            "baselines": {name: means[metric.name] for name, means in trivial.items()},
        }
        for metric, interval in zip(METRICS, intervals, strict=True)
    ]


def _interval(interval: Interval | None) -> Json:
    if interval is None:
        return {"value": None, "low": None, "high": None, "n": 0}
    return {name: _rounded(value) for name, value in interval._asdict().items()}


def _rounded(value: float) -> float:
    return value if isinstance(value, int) else round(float(value), 6)


def _unscored(run: Run, attempts: Sequence[Attempt], metric: str) -> dict[str, int]:
    scores = [run.score(attempt.case.id, metric) for attempt in attempts]
    return dict(Counter(score.reason for score in scores if score.value is None).most_common())


def _baseline_means(run: Run, attempts: Sequence[Attempt]) -> dict[str, dict[str, float | None]]:
    """Return baseline -> metric -> mean; None where the baseline does what the engine does."""
    return {name: _means_of(name, run, attempts) for name in BASELINES}


def _means_of(name: str, run: Run, attempts: Sequence[Attempt]) -> dict[str, float | None]:
    records = answers_of([attempt.record for attempt in attempts], run.passages, BASELINES[name])
    pairs = zip(attempts, records, strict=True)
    scores = [
        run.scores[attempt.case.id]
        if record is attempt.record
        else score_attempt(Attempt(attempt.case, record, attempt.passages, attempt.gold))
        for attempt, record in pairs
    ]
    return {metric.name: _baseline_mean(name, metric, scores) for metric in METRICS}


def _baseline_mean(name: str, metric: Metric, scores: Sequence[Mapping[str, Score]]) -> float | None:
    if metric.group == "retrieval" and name != "random sentences":
        return None
    values = [score.value for own in scores if (score := own[metric.name]).value is not None]
    return _rounded(float(np.mean(values))) if values else None


# --- parts of a run


def _by(
    attempts: Sequence[Attempt], keys: Callable[[Attempt], Iterable[Any]]
) -> list[tuple[Any, list[Attempt]]]:
    """Group attempts by each of their keys; most frequent first, then by name."""
    groups: dict[Any, list[Attempt]] = {}
    for attempt in attempts:
        for key in keys(attempt):
            groups.setdefault(key, []).append(attempt)
    return sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))


def _part(run: Run, attempts: Sequence[Attempt]) -> Json:
    bootstrap = Bootstrap(len(attempts), groups=[attempt.case.group for attempt in attempts])
    intervals = bootstrap.intervals([column(run, attempts, name) for name in BY_TAG])
    return {
        "n": len(attempts),
        "metrics": {name: _interval(own) for name, own in zip(BY_TAG, intervals, strict=True)},
    }


# --- abstention


def _abstention(attempts: Sequence[Attempt]) -> Json:
    answerable = [attempt for attempt in attempts if attempt.case.answerable]
    sure = [(a.record.confidence, a.case.answerable) for a in attempts if a.record.confidence is not None]
    confidences, right = [c for c, _ in sure], [r for _, r in sure]
    kinds = _by([a for a in attempts if not a.case.answerable], lambda a: (a.case.kind,))
    return {
        "kinds": [_kind(kind, own, answerable) for kind, own in kinds],
        "risk_coverage": [[_rounded(v) for v in point] for point in risk_coverage(confidences, right)],
        "aurc": _rounded(aurc(confidences, right)) if sure else None,
    }


def _kind(kind: str, attempts: Sequence[Attempt], answerable: Sequence[Attempt]) -> Json:
    declined = [float(attempt.record.abstained) for attempt in attempts]
    return {
        "kind": kind,
        "n": len(attempts),
        "declined": _interval(Bootstrap(len(declined)).interval(declined)),
        "auroc": _auroc(answerable, attempts),
    }


def _auroc(answerable: Sequence[Attempt], others: Sequence[Attempt]) -> Json | None:
    """Return how well the confidence tells answerable questions from those of one kind."""
    sure = [
        (attempt.record.confidence, attempt.case.answerable)
        for attempt in (*answerable, *others)
        if attempt.record.confidence is not None
    ]

    def of(indices: Sequence[int]) -> float | None:
        yes = [sure[i][0] for i in indices if sure[i][1]]
        no = [sure[i][0] for i in indices if not sure[i][1]]
        return auroc(yes, no) if yes and no else None

    interval = statistic_interval(len(sure), of) if sure else None
    return _interval(interval) if interval else None


# --- speed and cost


def _speed(run: Run, attempts: Sequence[Attempt]) -> Json:
    stages = list(dict.fromkeys(stage for attempt in attempts for stage in attempt.record.seconds))
    times = {
        stage: [a.record.seconds[stage] for a in attempts if stage in a.record.seconds] for stage in stages
    }
    wall = run.info.wall_seconds
    return {
        "stages": [
            {"stage": stage, "p50": percentile(values, 50), "p95": percentile(values, 95)}
            for stage, values in times.items()
        ],
        "wall_seconds": wall,
        "questions_per_second": len(run.records) / wall if wall else None,
    }


def _cost(attempts: Sequence[Attempt]) -> Json:
    records = [attempt.record for attempt in attempts]
    prompts = [record.prompt_tokens for record in records]
    completions = [record.completion_tokens for record in records]
    if None in prompts or None in completions:
        nothing = {"prompt_tokens": None, "completion_tokens": None, "usd": None, "prices_of": PRICES_OF}
        return {**nothing, "reason": "the engine does not tell its prompts"}
    prices = [_price(record) for record in records]
    unknown = sorted({record.model for record, usd in zip(records, prices, strict=True) if usd is None})
    return {
        "prompt_tokens": sum(prompts),
        "completion_tokens": sum(completions),
        "usd": None if unknown else sum(usd for usd in prices if usd is not None),
        "prices_of": PRICES_OF,
        "reason": f"no price is known for {', '.join(unknown)}" if unknown else None,
    }


def _price(record: Any) -> float | None:
    if not record.prompt_tokens and not record.completion_tokens:
        return 0.0
    usd: float | None = price(record.model, record.prompt_tokens, record.completion_tokens)
    return usd


# --- failures


def worst(run: Run) -> list[str]:
    """Return the ids of the cases that failed, worst first: broken footnotes, pinned ones, least facts."""

    def rank(attempt: Attempt) -> tuple[bool, bool, float, str]:
        id_ = attempt.case.id
        hard = [run.score(id_, metric.name).value for metric in METRICS if metric.hard]
        broken = any(value is not None and value < 1 for value in hard)
        return not broken, not attempt.case.pinned, run.score(id_, "facts_covered").value or 0.0, id_

    failed = [a for a in run.attempts if run.score(a.case.id, "passed").value == 0]
    return [attempt.case.id for attempt in sorted(failed, key=rank)]
