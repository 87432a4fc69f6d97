"""Grades -> summary: every metric with its interval and its trivial baselines, by tag, turn and kind.

docs/run-folder.md describes the keys.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from .baselines import BASELINES, SHUFFLING, answers_of
from .metrics.abstention import aurc, risk_coverage
from .metrics.cost import PRICES_OF, percentile, price
from .records import Record
from .runs import SCHEMA, Run
from .scores import Attempt, Metric, Score
from .scoring import METRICS, score_attempt
from .statistics import Bootstrap, Interval, auroc_interval, wilson

Json = dict[str, Any]

BY_TAG = ("passed", "facts_covered", "citation_precision", "citation_recall")
"""Metrics that are told for every tag and every turn."""
_RESAMPLES_OF_A_PART = 2_000
"""Enough for the two digits of an interval over the few cases of a tag; there are dozens of them."""


def score_all(attempts: Iterable[Attempt]) -> dict[str, dict[str, Score]]:
    """Grade attempts: case id -> metric -> grade."""
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
        "turns": [{"turn": turn, **_part(run, own)} for turn, own in _by(attempts, lambda a: (a.case.turn,))],
        "abstention": _abstention(graded),
        "speed": _speed(run, graded),
        "cost": _cost(run, graded),
        "worst": worst(run),
        "judged": None,
        "labels": None,
    }


def column(run: Run, attempts: Sequence[Attempt], metric: str) -> list[float | None]:
    """Return the grades of some attempts by one metric."""
    return [run.score(attempt.case.id, metric).value for attempt in attempts]


def _groups(attempts: Sequence[Attempt]) -> list[str | None]:
    return [attempt.case.group for attempt in attempts]


# --- metrics


def _metrics(run: Run, attempts: Sequence[Attempt]) -> list[Json]:
    bootstrap = Bootstrap(len(attempts), groups=_groups(attempts))
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
    """Return a number as plain JSON has it, with six digits after the point."""
    return value if isinstance(value, int) else round(float(value), 6)


def _unscored(run: Run, attempts: Sequence[Attempt], metric: str) -> dict[str, int]:
    scores = [run.score(attempt.case.id, metric) for attempt in attempts]
    return dict(Counter(score.reason for score in scores if score.value is None).most_common())


Graded = tuple[Record, Mapping[str, Score]]


def _baseline_means(run: Run, attempts: Sequence[Attempt]) -> dict[str, dict[str, float | None]]:
    """Return baseline -> metric -> mean; None where the baseline does what the engine does."""
    records = [attempt.record for attempt in attempts]
    known: list[list[Graded]] = [[(a.record, run.scores.get(a.case.id, {}))] for a in attempts]
    means: dict[str, dict[str, float | None]] = {}
    for name, baseline in BASELINES.items():
        metrics = [metric for metric in METRICS if metric.group != "retrieval" or name == SHUFFLING]
        made = zip(attempts, answers_of(records, run.passages, baseline), known, strict=True)
        scores = [_grades(*each, metrics) for each in made]
        own = {metric.name: _mean([grades[metric.name] for grades in scores]) for metric in metrics}
        means[name] = {metric.name: own.get(metric.name) for metric in METRICS}
    return means


def _grades(
    attempt: Attempt, record: Record, known: list[Graded], metrics: Sequence[Metric]
) -> Mapping[str, Score]:
    """Grade what a baseline made of a case, unless something equal was graded before."""
    names = {metric.name for metric in metrics}
    for other, scores in known:
        if names <= scores.keys() and other == record:
            return scores
    made = Attempt(attempt.case, record, attempt.passages, attempt.gold)
    known.append((record, {metric.name: metric.score(made) for metric in metrics}))
    return known[-1][1]


def _mean(scores: Sequence[Score]) -> float | None:
    values = [score.value for score in scores if score.value is not None]
    return _rounded(sum(values) / len(values)) if values else None


# --- parts of a run


def _by(
    attempts: Sequence[Attempt], keys: Callable[[Attempt], Iterable[Any]]
) -> list[tuple[Any, list[Attempt]]]:
    """Group attempts by each of their keys; most frequent first, then by name."""
    groups: dict[Any, list[Attempt]] = {}
    for attempt in attempts:
        for key in dict.fromkeys(keys(attempt)):
            groups.setdefault(key, []).append(attempt)
    return sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))


def _part(run: Run, attempts: Sequence[Attempt]) -> Json:
    bootstrap = Bootstrap(len(attempts), groups=_groups(attempts), resamples=_RESAMPLES_OF_A_PART)
    intervals = bootstrap.intervals([column(run, attempts, name) for name in BY_TAG])
    return {
        "n": len(attempts),
        "metrics": {name: _interval(own) for name, own in zip(BY_TAG, intervals, strict=True)},
    }


# --- abstention


def _abstention(attempts: Sequence[Attempt]) -> Json:
    answerable = [attempt for attempt in attempts if attempt.case.answerable]
    kinds = _by([a for a in attempts if not a.case.answerable], lambda a: (a.case.kind,))
    return {"kinds": [_kind(kind, own, answerable) for kind, own in kinds]}


def _kind(kind: str, attempts: Sequence[Attempt], answerable: Sequence[Attempt]) -> Json:
    """Tell the questions of one kind from all answerable ones; kinds are never pooled."""
    declined = sum(attempt.record.abstained for attempt in attempts)
    wrongly = sum(attempt.record.abstained for attempt in answerable)
    both = [*answerable, *attempts]
    sure = _sure(both)
    confidences, right = [each.confidence for each in sure], [each.answerable for each in sure]
    return {
        "kind": kind,
        "n": len(attempts),
        "declined": _interval(wilson(declined, len(attempts))),
        "precision": _interval(wilson(declined, declined + wrongly)),
        "auroc": _auroc(both),
        "risk_coverage": [[_rounded(v) for v in point] for point in risk_coverage(confidences, right)],
        "aurc": _rounded(aurc(confidences, right)) if sure else None,
    }


class _Sure(NamedTuple):
    """How sure the engine was of a question."""

    confidence: float
    answerable: bool
    group: str | None


def _sure(attempts: Iterable[Attempt]) -> list[_Sure]:
    """Return what is known of these questions, the least sure first."""
    known = [
        _Sure(confidence, a.case.answerable, a.case.group)
        for a in attempts
        if (confidence := a.record.confidence) is not None and math.isfinite(confidence)
    ]
    return sorted(known, key=lambda each: each.confidence)


def _auroc(attempts: Iterable[Attempt]) -> Json | None:
    """Return how well the confidence tells answerable questions from those of one kind."""
    sure = sorted(_sure(attempts), key=lambda each: not each.answerable)
    interval = auroc_interval(
        [each.confidence for each in sure if each.answerable],
        [each.confidence for each in sure if not each.answerable],
        groups=[each.group for each in sure],
    )
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


def _cost(run: Run, attempts: Sequence[Attempt]) -> Json:
    records = [attempt.record for attempt in attempts]
    prompts = [record.prompt_tokens for record in records if record.prompt_tokens is not None]
    completions = [record.completion_tokens for record in records if record.completion_tokens is not None]
    if len(prompts) < len(records) or len(completions) < len(records):
        nothing = {"prompt_tokens": None, "completion_tokens": None, "usd": None, "prices_of": PRICES_OF}
        return {**nothing, "reason": "the engine does not tell its prompts"}
    models = [_model(run, record) for record in records]
    prices = [price(*each) for each in zip(models, prompts, completions, strict=True)]
    unknown = sorted({model for model, usd in zip(models, prices, strict=True) if usd is None})
    return {
        "prompt_tokens": sum(prompts),
        "completion_tokens": sum(completions),
        "usd": None if unknown else _rounded(sum(usd for usd in prices if usd is not None)),
        "prices_of": PRICES_OF,
        "reason": f"no price is known for {', '.join(unknown)}" if unknown else None,
    }


def _model(run: Run, record: Record) -> str:
    """Return the model that read and wrote the tokens; where it failed, quoting gave the answer."""
    asked = run.info.settings.get("llm") if record.notice else None
    return str(asked).removeprefix("openai:") if asked else record.model


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
