from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evals import scoring
from evals.cases import Case
from evals.comparison import Change, Crash, Flip, compare
from evals.records import Record
from evals.runs import Run, RunInfo, save_run
from evals.scores import Attempt, Metric, Score
from evals.statistics import Interval

Grades = Mapping[str, Sequence[float | None]]
"""Metric -> the grade of each case in turn."""


def not_graded_here(attempt: Attempt) -> Score:
    raise AssertionError(f"{attempt.case.id} is graded again")


def metric(name: str, **more: Any) -> Metric:
    return Metric(name, name.replace("_", " "), "answer", not_graded_here, **more)


PASSED = metric("passed")
FACTS = metric("facts_covered")
WASTE = metric("superfluous", better="lower")
WORDS = metric("answer_words", better="neither", gates=False, unit="words")
METRICS = (PASSED, FACTS, WASTE, WORDS)


def made_run(  # noqa: PLR0913  # each test says what its runs differ in
    name: str,
    grades: Grades,
    *,
    cases: Mapping[int, Mapping[str, Any]] | None = None,
    crashed: Sequence[int] = (),
    unasked: Sequence[int] = (),
    answer: str = "yes",
    **info: Any,
) -> Run:
    """Return a run of the cases c0, c1, ..., which `cases` changes by their place."""
    places = range(len(next(iter(grades.values()))))
    changed = cases or {}
    return Run(
        info=RunInfo(id=name, name=name, created="2024-05-01T12:00:00+00:00", finished=not unasked, **info),
        cases=tuple(_case(place, changed.get(place, {})) for place in places),
        records=tuple(
            Record(case=f"c{place}", question=f"Question {place}?", error="Timeout: slow")
            if place in crashed
            else Record(case=f"c{place}", question=f"Question {place}?", status="answered", text=answer)
            for place in places
            if place not in unasked
        ),
        scores={
            f"c{place}": {name: _score(values[place]) for name, values in grades.items()}
            for place in places
            if place not in crashed and place not in unasked
        },
    )


def _case(place: int, changes: Mapping[str, Any]) -> Case:
    plain = {"id": f"c{place}", "question": f"Question {place}?", "answerable": True}
    return Case.model_validate({**plain, **changes})


def _score(value: float | None) -> Score:
    return Score(value, "" if value == 1 else "not stated" if value is None else "missing: 12 March")


def test_means_and_differences_are_those_of_the_pairs_graded_in_both() -> None:
    a = made_run("a", {"facts_covered": [1.0, 0.5, None, 0.0]})
    b = made_run("b", {"facts_covered": [0.5, 0.5, 1.0, None]})

    (facts,) = compare(a, b, metrics=[FACTS]).metrics

    assert (facts.n, facts.a, facts.b, facts.better, facts.worse, facts.p) == (2, 0.75, 0.5, 0, 1, 1.0)
    assert facts.interval == Interval(-0.25, -0.5, 0.0, 2)
    assert facts.verdict == "no difference can be claimed"


def test_a_loss_in_enough_cases_is_worse_and_a_gain_better() -> None:
    high, low = [1.0] * 30, [1.0] * 15 + [0.5] * 15
    a = made_run("a", {"passed": high, "facts_covered": high, "superfluous": high, "answer_words": high})
    b = made_run("b", {"passed": high, "facts_covered": low, "superfluous": low, "answer_words": low})

    there, back = compare(a, b, metrics=METRICS), compare(b, a, metrics=METRICS)

    assert [found.verdict for found in there.metrics] == ["the same", "worse", "better", "lower"]
    assert [found.verdict for found in back.metrics] == ["the same", "better", "worse", "higher"]
    assert [(found.better, found.worse) for found in there.metrics] == [(0, 0), (0, 15), (15, 0), (0, 15)]
    assert there.conclusion == "B is worse in: facts covered; better in: superfluous; lower in: answer words."
    assert there.level == pytest.approx(1 - 0.05 / 3)


@pytest.mark.parametrize(
    ("lost", "verdict"), [(5, "no difference can be claimed"), (6, "worse"), (7, "worse")]
)
def test_six_lost_cases_are_a_claim_and_five_are_none(lost: int, verdict: str) -> None:
    a = made_run("a", {"passed": [1.0] * 8})
    b = made_run("b", {"passed": [0.0] * lost + [1.0] * (8 - lost)})

    found = compare(a, b, metrics=[PASSED])

    assert found.metrics[0].verdict == verdict


def test_cases_of_one_group_count_as_one() -> None:
    same_article = {place: {"tags": ["fact", "group:storm"]} for place in range(20)}
    a = made_run("a", {"passed": [1.0] * 30}, cases=same_article)
    b = made_run("b", {"passed": [0.0] * 20 + [1.0] * 10}, cases=same_article)

    found = compare(a, b, metrics=[PASSED])

    assert (found.metrics[0].worse, found.metrics[0].p) == (1, 1.0)
    assert found.metrics[0].verdict == "no difference can be claimed"
    assert len(found.broken) == 20


def test_cases_that_cannot_be_paired_are_listed_and_left_out() -> None:
    a = made_run("a", {"passed": [1.0] * 5}, unasked=[3])
    b = made_run("b", {"passed": [0.0] * 6}, cases={1: {"question": "Another?"}, 2: {"tags": ["fact"]}})

    found = compare(a, b, metrics=[PASSED])

    assert (found.cases, found.changed) == (("c0", "c2", "c4"), ("c1",))
    assert (found.only_a, found.only_b) == ((), ("c3", "c5"))
    assert compare(b, a, metrics=[PASSED]).only_a == ("c3", "c5")
    assert found.metrics[0].n == 3
    assert str(found).splitlines()[2:5] == [
        "3 cases in both",
        "left out, question or expectations differ: c1",
        "left out, only in B: c3, c5",
    ]
    assert "Left out, only in B: c3, c5." in found.to_markdown().splitlines()


def test_flipped_cases_are_shown_with_answer_and_reason() -> None:
    a = made_run("a", {"passed": [1.0, 1.0, 0.0, 0.0, None]}, answer="It was in March. [1]")
    b = made_run("b", {"passed": [1.0, 0.0, 1.0, 0.0, 0.0]}, answer="It was in May. [1]")

    found = compare(a, b, metrics=[PASSED])
    words = ("It was in March. [1]", "It was in May. [1]", "missing: 12 March")

    assert found.broken == (Flip("c1", "Question 1?", *words),)
    assert found.mended == (Flip("c2", "Question 2?", *words),)
    assert found.mcnemar == 1.0


def test_a_crash_is_told_and_is_no_failure() -> None:
    a = made_run("a", {"passed": [1.0] * 4}, crashed=[0, 3])
    b = made_run("b", {"passed": [1.0] * 4}, crashed=[1, 3])

    found = compare(a, b, metrics=[PASSED])

    assert found.crashed == (
        Crash("c0", "Question 0?", "A", "Timeout: slow"),
        Crash("c1", "Question 1?", "B", "Timeout: slow"),
    )
    assert (found.metrics[0].n, found.broken) == (1, ())


def test_what_the_runs_were_made_with_is_told_where_it_differs() -> None:
    a = made_run("a", {"passed": [1.0]}, model="quoting", settings={"top_k": 4, "fuse": True}, workers=2)
    b = made_run("b", {"passed": [1.0]}, model="gpt", settings={"top_k": 8, "fuse": True}, prompts={"x": "1"})

    assert compare(a, b, metrics=[PASSED]).changes == (
        Change("model", "quoting", "gpt"),
        Change("workers", 2, 1),
        Change("settings.top_k", 4, 8),
        Change("prompts.x", None, "1"),
    )


def test_runs_without_a_common_case_compare_to_nothing() -> None:
    a = made_run("a", {"passed": [1.0]})
    b = made_run("b", {"passed": [1.0]}, cases={0: {"question": "Another?"}})

    found = compare(a, b, metrics=[PASSED])

    assert found.metrics[0].verdict == "not compared"
    assert found.conclusion.startswith("Nothing can be compared")
    assert json.loads(json.dumps(found.to_dict()))["metrics"][0]["low"] is None


def test_the_metrics_of_the_package_are_compared_unless_others_are_given() -> None:
    a = made_run("a", {"passed": [1.0]})

    assert [found.metric for found in compare(a, a).metrics] == list(scoring.METRICS)
    assert compare(a, a, metrics=[]).metrics == ()


def test_run_folders_are_compared_as_runs_are(tmp_path: Path) -> None:
    a = made_run("a", {"passed": [1.0] * 9, "facts_covered": [1.0] * 9})
    b = made_run("b", {"passed": [0.0] * 9, "facts_covered": [0.5] * 9})
    save_run(a, tmp_path / "a")
    save_run(b, tmp_path / "b")

    from_folders = compare(tmp_path / "a", str(tmp_path / "b"), metrics=METRICS)

    assert from_folders == compare(a, b, metrics=METRICS)


def test_the_dictionary_holds_everything_as_plain_values() -> None:
    a = made_run("a", {"passed": [1.0, 1.0]}, crashed=[1])
    b = made_run("b", {"passed": [0.0, 1.0]}, model="gpt", answer="May")

    plain = compare(a, b, metrics=[PASSED]).to_dict()

    assert json.loads(json.dumps(plain)) == plain
    assert plain == {
        "schema_version": 1,
        "a": {"id": "a", "name": "a", "created": "2024-05-01T12:00:00+00:00", "model": ""},
        "b": {"id": "b", "name": "b", "created": "2024-05-01T12:00:00+00:00", "model": "gpt"},
        "cases": ["c0", "c1"],
        "left_out": {"changed": [], "only_a": [], "only_b": []},
        "level": 0.95,
        "metrics": [
            {
                "metric": "passed",
                "title": "passed",
                "group": "answer",
                "unit": "",
                "better_is": "higher",
                "n": 1,
                "a": 1.0,
                "b": 0.0,
                "difference": -1.0,
                "low": -1.0,
                "high": -1.0,
                "joint_low": -1.0,
                "joint_high": -1.0,
                "better": 0,
                "worse": 1,
                "p": 1.0,
                "p_joint": 1.0,
                "verdict": "no difference can be claimed",
            }
        ],
        "broken": [
            {
                "case": "c0",
                "question": "Question 0?",
                "answer_a": "yes",
                "answer_b": "May",
                "reason": "missing: 12 March",
            }
        ],
        "mended": [],
        "mcnemar": 1.0,
        "crashed": [{"case": "c1", "question": "Question 1?", "run": "A", "error": "Timeout: slow"}],
        "changes": [{"what": "model", "a": "", "b": "gpt"}],
        "conclusion": "No difference can be claimed: what differs (passed) may be chance.",
    }


def test_the_text_is_a_narrow_table_then_the_flipped_cases_then_a_sentence() -> None:
    half = [1.0] * 30 + [0.0] * 10
    a = made_run("before", {"passed": [1.0] * 40, "superfluous": [0.0] * 40, "answer_words": [1234.5] * 40})
    b = made_run("after", {"passed": half, "superfluous": [0.0] * 40, "answer_words": [w * 9 for w in half]})

    lines = str(compare(a, b, metrics=METRICS)).splitlines()

    assert lines[:6] == [
        "A: before",
        "B: after",
        "40 cases in both",
        "",
        "metric       cases       A    B      B-A        95 % interval better worse     p verdict",
        "passed          40   1.000 .750    -.250       -.375 to -.125      0    10  .002 worse",
    ]
    assert lines[6].endswith("     0    40 <.001 lower")
    assert max(map(len, lines)) < 100
    assert "the same: superfluous" in lines
    assert "not compared: facts covered" in lines
    assert lines[lines.index("10 cases passed in A and failed in B (McNemar's p .002):") :][1:4] == [
        "   c30: Question 30?",
        "      B: yes",
        "      why: missing: 12 March",
    ]
    assert lines[-1] == "B is worse in: passed; lower in: answer words."


def test_the_text_of_equal_runs_claims_nothing() -> None:
    a = made_run("a", {"passed": [1.0, 0.0]})

    assert str(compare(a, a, metrics=[PASSED])).splitlines() == [
        "A: a",
        "B: a",
        "2 cases in both",
        "the same: passed",
        "",
        "No difference can be claimed: every case has the same grades in both runs.",
    ]


def test_many_metrics_are_counted_where_nothing_is_claimed() -> None:
    names = [f"share_{place}" for place in range(5)]
    a = made_run("a", {name: [1.0, 0.5] for name in names})
    b = made_run("b", {name: [0.5, 0.5] for name in names})
    measured = [metric(name) for name in names]

    assert "the same: all 5 metrics" in str(compare(a, a, metrics=measured)).splitlines()
    assert compare(a, b, metrics=measured).conclusion == (
        "No difference can be claimed: what differs (share 0, share 1, share 2 and 2 more) may be chance."
    )


def test_long_and_foreign_text_stays_on_its_line_and_within_its_cell() -> None:
    answer = "a | b\n\x1b[31m<script>" + " and so on" * 50
    a = made_run("a", {"passed": [1.0]})
    b = made_run("b", {"passed": [0.0]}, answer=answer)

    found = compare(a, b, metrics=[PASSED])
    row = next(line for line in found.to_markdown().splitlines() if line.startswith("| c0"))

    assert max(map(len, str(found).splitlines())) < 100
    assert "\x1b" not in str(found) + found.to_markdown()
    assert row.startswith(r"| c0 | Question 0? | yes | a \| b \[31m\<script\> and so on")
    assert row.replace(r"\|", "").count("|") == 6


def test_the_page_tells_all_metrics_flips_crashes_and_changes() -> None:
    a = made_run("a", {"passed": [1.0, 0.0, 1.0]}, crashed=[2], settings={"top_k": 4})
    b = made_run("b", {"passed": [0.0, 1.0, 1.0]}, settings={"top_k": 8})

    page = compare(a, b, metrics=[PASSED, FACTS]).to_markdown()

    assert page.startswith("# a (A) and b (B)\n\nNo difference can be claimed: what differs (passed) may be")
    for line in (
        "| passed | 2 | .500 | .500 | .000 | -1.000 to +1.000 | 1 | 1 | 1.000 | the verdict |".replace(
            "the verdict", "no difference can be claimed"
        ),
        "| facts covered | 0 | – | – | – | – | 0 | 0 | 1.000 | not compared |",
        "## 1 case passed in A and failed in B (McNemar's p 1.000)",
        "| c0 | Question 0? | yes | yes | missing: 12 March |",
        "## 1 case failed in A and passed in B",
        "| c2 | Question 2? | A | Timeout: slow |",
        "| settings.top\\_k | 4 | 8 |",
    ):
        assert line in page.splitlines()


def test_an_engine_compared_with_itself_shows_a_difference_in_one_of_twenty_at_most() -> None:
    rng = np.random.default_rng(11)
    measured = [metric("passed"), *(metric(f"share_{place}") for place in range(9))]
    claims = 0
    for _ in range(100):
        quality = rng.beta(2, 1, size=60)
        a, b = (made_run(name, _noisy(rng, quality, measured)) for name in "ab")
        claims += bool(compare(a, b, metrics=measured).with_verdict("better", "worse"))

    assert claims <= 5


def _noisy(rng: np.random.Generator, quality: np.ndarray[Any, Any], measured: Sequence[Metric]) -> Grades:
    return {own.name: rng.binomial(1, quality).astype(float).tolist() for own in measured}
