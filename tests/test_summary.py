from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from evals.baselines import BASELINES
from evals.metrics.cost import PRICES_OF
from evals.records import CitationRecord, PassageRecord, Record, SentenceRecord, SourceRecord
from evals.runs import SCHEMA, Run, RunInfo
from evals.scores import Gold, Score
from evals.scoring import METRICS
from evals.statistics import wilson
from evals.summary import BY_TAG, column, score_all, summarise, worst
from rag.answering import DECLINE
from rag.schema import Span
from tests.fake_engines import KILLED, LEFT, TALKS, case

PASSAGE = PassageRecord(
    id=f"talks.txt#0-{len(TALKS.text)}",
    article="talks.txt",
    start=0,
    end=len(TALKS.text),
    text=TALKS.text,
)
LAST = len(LEFT) + 1
NOTE = CitationRecord(
    number=1,
    passage=PASSAGE.id,
    article="talks.txt",
    start=LAST,
    end=len(TALKS.text),
    quote=KILLED,
    stands=KILLED,
)
GOLD = {"quote": KILLED, "article": "talks.txt"}


def answered(id_: str, *, confidence: float | None = 0.8, **fields: Any) -> Record:
    """Return an answer of one sentence with one footnote."""
    made: dict[str, Any] = {
        "case": id_,
        "question": "?",
        "status": "answered",
        "text": f"{KILLED} [1]",
        "sentences": (SentenceRecord(text=KILLED, start=0, end=len(KILLED), citations=(1,)),),
        "citations": (NOTE,),
        "sources": (SourceRecord(passage=PASSAGE.id, score=1.0),),
        "confidence": confidence,
        "model": "quoting",
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "seconds": {"retrieve": 0.1, "total": 0.2},
    }
    return Record(**{**made, **fields})


def declined(id_: str, *, confidence: float | None = 0.1, **fields: Any) -> Record:
    return answered(
        id_,
        confidence=confidence,
        **({"status": "abstained", "text": DECLINE, "sentences": (), "citations": ()} | fields),
    )


CASES = (
    case("right", must_include=["four"], expected_sources=[GOLD], tags=["fact", "fact", "group:a"]),
    case("wrong", must_include=["five"], expected_sources=[GOLD], tags=["fact", "date", "group:a"]),
    case("lost", must_include=["four"], history=[{"question": "Who?"}], tags=["date"]),
    case("far", answerable=False, tags=["far"]),
    case("near", answerable=False, tags=["near", "pinned"]),
    case("nearer", answerable=False, tags=["near"]),
    case("broken", must_include=["four"], tags=["fact"]),
)
RECORDS = (
    answered("right"),
    answered("wrong", confidence=0.6, seconds={"retrieve": 0.3, "answer": 0.5, "total": 0.8}),
    declined("lost", confidence=0.4, turn=2),
    declined("far"),
    answered("near", confidence=0.6),
    declined("nearer", confidence=None),
    Record(case="broken", question="?", error="ValueError: no"),
)


def graded(*records: Record, **info: Any) -> Run:
    """Return a run of these records, graded; of the records above when none are given."""
    found = Run(
        info=RunInfo(id="r", name="r", created="", **info),
        cases=CASES,
        records=records or RECORDS,
        passages={PASSAGE.id: PASSAGE},
        gold={
            placed.id: ((Gold("talks.txt", (Span(LAST, len(TALKS.text)),)),),)
            for placed in CASES
            if placed.expected_sources
        },
    )
    return replace(found, scores=score_all(found.attempts))


RUN = graded(wall_seconds=2.0)
SUMMARY = summarise(RUN)


def metric(name: str) -> dict[str, Any]:
    return next(entry for entry in SUMMARY["metrics"] if entry["name"] == name)


def test_the_summary_names_what_was_graded_and_what_crashed() -> None:
    assert {name: SUMMARY[name] for name in ("schema_version", "cases", "graded", "crashed")} == {
        "schema_version": SCHEMA,
        "cases": 7,
        "graded": 6,
        "crashed": [{"case": "broken", "error": "ValueError: no"}],
    }
    assert (SUMMARY["judged"], SUMMARY["labels"]) == (None, None)
    assert SUMMARY["baselines"] == list(BASELINES)
    assert json.loads(json.dumps(SUMMARY, allow_nan=False)) == SUMMARY


def test_every_metric_has_its_mean_interval_and_what_is_unscored() -> None:
    assert [entry["name"] for entry in SUMMARY["metrics"]] == [each.name for each in METRICS]
    passed = metric("passed")
    assert {name: passed[name] for name in ("title", "group", "better", "hard", "unit", "value", "n")} == {
        "title": "passed",
        "group": "outcome",
        "better": "higher",
        "hard": False,
        "unit": "",
        "value": 0.5,  # right, far and nearer of six
        "n": 6,
    }
    assert 0 <= passed["low"] < 0.5 < passed["high"] <= 1
    assert passed["unscored"] == {"the case crashed: ValueError: no": 1}
    assert metric("quote_recall_at_1") | {"baselines": {}} == {
        "name": "quote_recall_at_1",
        "title": "gold quotes among 1",
        "group": "retrieval",
        "better": "higher",
        "hard": False,
        "unit": "",
        "value": 1.0,
        "low": 1.0,
        "high": 1.0,
        "n": 2,
        "unscored": {
            "the articles hold no answer": 3,
            "no expected sources": 1,
            "the case crashed: ValueError: no": 1,
        },
        "baselines": {},
    }
    assert column(RUN, RUN.attempts, "passed") == [1.0, 0.0, 0.0, 1.0, 0.0, 1.0, None]


def test_every_metric_stands_beside_its_trivial_baselines() -> None:
    assert metric("passed")["baselines"] == {
        "first sentences": 0.333333,  # right and lost of six; wrong and the three others fail
        "whole passage": 0.333333,
        "random sentences": 0.333333,
        "never answer": 0.5,
        "always answer": 0.333333,
    }
    assert metric("answered")["baselines"] == {
        "first sentences": 1.0,
        "whole passage": 1.0,
        "random sentences": 1.0,
        "never answer": 0.0,
        "always answer": 1.0,
    }
    assert metric("citation_precision")["baselines"] == {
        "first sentences": 0.5,
        "whole passage": 0.5,
        "random sentences": 0.5,
        "never answer": None,
        "always answer": 1.0,
    }
    assert metric("quote_recall_at_1")["baselines"] == {
        "first sentences": None,
        "whole passage": None,
        "random sentences": 1.0,
        "never answer": None,
        "always answer": None,
    }


def test_tags_and_turns_are_parts_of_the_run() -> None:
    tags = {entry["tag"]: entry for entry in SUMMARY["tags"]}

    assert [(entry["tag"], entry["n"]) for entry in SUMMARY["tags"]] == [
        ("fact", 3), ("date", 2), ("near", 2), ("far", 1),
    ]  # fmt: skip
    assert set(tags["fact"]["metrics"]) == set(BY_TAG)
    # Both scored cases are of one group, which cannot be drawn otherwise.
    assert tags["fact"]["metrics"]["passed"] == {"value": 0.5, "low": 0.5, "high": 0.5, "n": 2}
    assert tags["far"]["metrics"]["passed"] == {"value": 1.0, "low": 1.0, "high": 1.0, "n": 1}
    assert tags["far"]["metrics"]["facts_covered"] == {"value": None, "low": None, "high": None, "n": 0}
    assert [(entry["turn"], entry["n"]) for entry in SUMMARY["turns"]] == [(1, 6), (2, 1)]


def test_abstention_is_told_by_kind() -> None:
    near, far = SUMMARY["abstention"]["kinds"]
    half = wilson(1, 2)
    assert half is not None

    assert (near["kind"], near["n"], near["declined"]) == (
        "near",
        2,
        {"value": 0.5, "low": round(half.low, 6), "high": round(half.high, 6), "n": 2},
    )
    assert (far["kind"], far["n"], far["declined"]["value"]) == ("far", 1, 1.0)
    # .8, .6, .4 against .6: above, equal, below; and against .1.
    assert (near["auroc"]["value"], near["auroc"]["n"]) == (0.5, 4)
    assert (far["auroc"]["value"], far["auroc"]["low"], far["auroc"]["high"]) == (1.0, 1.0, 1.0)
    # .8, .6 and .4 are answerable, .6 is not; or .1 is not.
    assert near["risk_coverage"] == [[0.25, 0.0, 0.8], [0.75, 0.333333, 0.6], [1.0, 0.25, 0.4]]
    assert near["aurc"] == pytest.approx(0.25 * 0 + 0.5 / 3 + 0.25 / 4, abs=1e-6)
    assert far["risk_coverage"] == [
        [0.25, 0.0, 0.8], [0.5, 0.0, 0.6], [0.75, 0.0, 0.4], [1.0, 0.25, 0.1],
    ]  # fmt: skip


@pytest.mark.parametrize("confidence", [None, math.nan, math.inf])
def test_without_a_confidence_there_is_no_curve(confidence: float | None) -> None:
    found = summarise(graded(*(r.model_copy(update={"confidence": confidence}) for r in RECORDS)))

    assert [kind["risk_coverage"] for kind in found["abstention"]["kinds"]] == [[], []]
    assert [kind["aurc"] for kind in found["abstention"]["kinds"]] == [None, None]
    assert [kind["auroc"] for kind in found["abstention"]["kinds"]] == [None, None]
    assert json.dumps(found, allow_nan=False)


def test_confidences_of_one_sort_only_tell_nothing_apart() -> None:
    found = summarise(graded(declined("far"), declined("near")))

    assert [kind["auroc"] for kind in found["abstention"]["kinds"]] == [None, None]
    assert [kind["aurc"] for kind in found["abstention"]["kinds"]] == [1.0, 1.0]


def test_times_are_told_by_stage() -> None:
    stages = {entry["stage"]: entry for entry in SUMMARY["speed"]["stages"]}

    assert list(stages) == ["retrieve", "total", "answer"]
    assert stages["answer"] == {"stage": "answer", "p50": 0.5, "p95": 0.5}
    assert stages["total"] == {"stage": "total", "p50": 0.2, "p95": pytest.approx(0.65)}
    assert (SUMMARY["speed"]["wall_seconds"], SUMMARY["speed"]["questions_per_second"]) == (2.0, 3.5)
    assert summarise(graded())["speed"]["questions_per_second"] is None


@pytest.mark.parametrize(
    ("tokens", "llm", "cost"),
    [
        ([{}], None, (0, 0, 0.0, None)),
        (
            [{"model": "gpt-4o", "prompt_tokens": 1000, "completion_tokens": 100}, {}],
            "openai:gpt-4o",
            (1000, 100, 0.0035, None),
        ),
        (
            [{"notice": "It failed.", "prompt_tokens": 1000, "completion_tokens": 0}],
            "openai:gpt-4o",
            (1000, 0, 0.0025, None),
        ),
        (
            [{"notice": "It failed.", "prompt_tokens": 1000, "completion_tokens": 0}],
            None,
            (1000, 0, None, "no price is known for quoting"),
        ),
        (
            [
                {"model": "zeta", "prompt_tokens": 1, "completion_tokens": 1},
                {"model": "alpha", "prompt_tokens": 1, "completion_tokens": 1},
            ],
            None,
            (2, 2, None, "no price is known for alpha, zeta"),
        ),
        (
            [{"prompt_tokens": None}, {}],
            None,
            (None, None, None, "the engine does not tell its prompts"),
        ),
        (
            [{"completion_tokens": None}, {}],
            None,
            (None, None, None, "the engine does not tell its prompts"),
        ),
    ],
)
def test_tokens_are_added_up_and_priced(
    tokens: list[dict[str, Any]],
    llm: str | None,
    cost: tuple[int | None, int | None, float | None, str | None],
) -> None:
    records = [answered(each.id, **fields) for each, fields in zip(CASES, tokens, strict=False)]
    found = summarise(graded(*records, settings={"llm": llm}))["cost"]

    assert (found["prompt_tokens"], found["completion_tokens"], found["usd"], found["reason"]) == cost
    assert found["prices_of"] == PRICES_OF


def test_the_worst_cases_are_those_with_a_broken_footnote_then_the_pinned_then_the_emptiest() -> None:
    half = {"facts_covered": Score(0.5), "passed": Score(0.0)}
    scores = {
        "right": {"passed": Score(1.0)},
        "wrong": half,
        "lost": {"passed": Score(0.0), "facts_covered": Score(0.0)},
        "far": {"passed": Score(0.0)},
        "near": {"passed": Score(0.0)},
        "nearer": {**half, "quotes_verbatim": Score(0.5)},
        "broken": {"passed": Score(None, "crashed")},
    }

    assert worst(replace(RUN, scores=scores)) == ["nearer", "near", "far", "lost", "wrong"]
    assert SUMMARY["worst"] == ["near", "lost", "wrong"]


def test_a_run_without_records_has_a_summary_of_the_same_form() -> None:
    empty = summarise(replace(RUN, records=()))

    assert empty.keys() == SUMMARY.keys()
    assert (empty["cases"], empty["graded"], empty["tags"], empty["worst"]) == (7, 0, [], [])
    assert {entry["value"] for entry in empty["metrics"]} == {None}
    assert empty["cost"]["usd"] == 0
    assert json.dumps(empty, allow_nan=False)
