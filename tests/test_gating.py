from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from evals.cases import SEEDS
from evals.gating import GateError, GateResult, baseline_for, bless, gate
from evals.runs import FILES, Run, load_run, save_run
from evals.scores import Metric
from evals.sets import SETS
from tests.test_comparison import FACTS, PASSED, WASTE, WORDS, Grades, made_run, metric

VERBATIM = metric("quotes_verbatim", hard=True)
SECONDS = metric("seconds", better="lower", unit="s")
METRICS = (PASSED, FACTS, WASTE, WORDS, VERBATIM, SECONDS)
PIN = {"tags": ["fact", "pinned"]}


def held(run: Run, baseline: Run | None, **more: Any) -> GateResult:
    return gate(run, baseline, metrics=METRICS, **more)


# --- hard checks


def test_one_quote_that_is_not_verbatim_closes_the_gate_with_and_without_a_baseline() -> None:
    good = made_run("before", {"passed": [1.0] * 4, "quotes_verbatim": [1.0, 1.0, 1.0, None]})
    bad = made_run("after", {"passed": [1.0] * 4, "quotes_verbatim": [1.0, 0.5, 1.0, None]})
    line = "quotes verbatim: below 1 in 1 case: c1 (missing: 12 March)."

    assert held(bad, good).failures == held(bad, None).failures == [line]
    assert not held(bad, good).passed
    assert held(good, None) == GateResult(
        passed=True, failures=[], notes=["There is no baseline: only the hard checks were made."]
    )


def test_many_broken_cases_are_counted_and_some_are_named() -> None:
    bad = made_run("after", {"quotes_verbatim": [0.0] * 7 + [1.0]})

    assert held(bad, None).failures == [
        "quotes verbatim: below 1 in 7 cases: "
        + ", ".join(f"c{place} (missing: 12 March)" for place in range(5))
        + " and 2 more."
    ]


# --- pinned cases


@pytest.mark.parametrize(
    ("after", "more", "lost"),
    [
        (0.0, {}, "c0 fails now (missing: 12 March)"),
        (None, {}, "c0 cannot be graded (not stated)"),
        (1.0, {"crashed": [0]}, "c0 crashed (Timeout: slow)"),
        (1.0, {"unasked": [0]}, "c0 was not asked"),
    ],
)
@pytest.mark.parametrize("pinned_in", ["baseline", "run"])
def test_a_pinned_case_that_passed_must_pass(
    after: float | None, more: dict[str, Any], lost: str, pinned_in: str
) -> None:
    pins = {name: {0: PIN} if name == pinned_in else {} for name in ("baseline", "run")}
    before = made_run("before", {"passed": [1.0] * 4}, cases=pins["baseline"])
    grades = {"passed": [after, 1.0, 1.0, 1.0]}
    now = made_run("after", grades, cases=pins["run"], **more)

    result = held(now, before)

    assert result.failures == [f"Pinned case passed in the baseline: {lost}."]
    assert not result.passed


def test_a_case_that_is_not_pinned_or_never_passed_may_fail() -> None:
    before = made_run("before", {"passed": [1.0, 0.0, 1.0]}, cases={1: PIN})
    after = made_run("after", {"passed": [0.0, 0.0, 1.0]}, cases={1: PIN})

    assert held(after, before).passed


def test_a_pinned_case_that_changed_or_went_is_a_note() -> None:
    before = made_run("before", {"passed": [1.0] * 4}, cases={0: PIN, 3: PIN})
    after = made_run("after", {"passed": [0.0, 1.0, 1.0]}, cases={0: {**PIN, "question": "Another?"}})

    result = held(after, before)

    assert result.passed
    assert result.notes == [
        "2 cases compared with before.",
        "Left out, as question or expectations differ from the baseline's: c0.",
        "Pinned case c0 has changed and guards nothing until a run of it is blessed.",
        "Pinned case c3 is not among the cases of this run.",
    ]


# --- certain drops


@pytest.mark.parametrize(("lost", "closes"), [(5, False), (6, True), (12, True)])
def test_five_lost_cases_are_noise_and_more_are_not(lost: int, *, closes: bool) -> None:
    before = made_run("before", {"passed": [1.0] * 60})
    after = made_run("after", {"passed": [0.0] * lost + [1.0] * (60 - lost)})

    result = held(after, before)

    assert result.passed is not closes
    assert len(result.failures) == closes
    assert ("too few cases to tell it from chance" in "".join(result.notes)) is not closes


def test_a_drop_is_told_with_its_figures() -> None:
    before = made_run("before", {"facts_covered": [1.0] * 40})
    after = made_run("after", {"facts_covered": [1.0] * 20 + [0.7] * 20})

    (told,) = held(after, before).failures

    assert told == (
        "facts covered: 1.000 in the baseline, .850 now (40 cases, 20 worse, 0 better). "
        "The loss is at least .105 (interval at 95.00%), the tolerance .020."
    )


def test_a_certain_loss_within_the_tolerance_passes() -> None:
    before = made_run("before", {"facts_covered": [1.0] * 40})
    after = made_run("after", {"facts_covered": [0.97] * 40})

    assert not held(after, before).passed
    assert held(after, before, tolerance=0.05).passed


def test_gains_and_metrics_that_do_not_gate_leave_it_open() -> None:
    low, high = [0.0] * 40, [1.0] * 40
    before = made_run("before", {"facts_covered": low, "superfluous": high, "answer_words": high})
    after = made_run("after", {"facts_covered": high, "superfluous": low, "answer_words": low})

    assert held(after, before).passed
    assert len(held(before, after).failures) == 2


def test_the_tolerance_of_a_metric_with_a_unit_is_a_share_of_the_baseline() -> None:
    before = made_run("before", {"seconds": [10.0] * 40})
    slower = {by: made_run("after", {"seconds": [10.0 + by] * 40}) for by in (0.1, 1.0)}

    assert held(slower[0.1], before).passed
    (told,) = held(slower[1.0], before).failures
    assert told.endswith("The loss is at least 1.0 (interval at 95.00%), the tolerance 0.2.")


def test_a_metric_that_hardly_grades_any_more_is_a_note() -> None:
    before = made_run("before", {"passed": [1.0] * 10, "facts_covered": [1.0] * 10})
    after = made_run("after", {"passed": [1.0] * 10, "facts_covered": [1.0] * 3 + [None] * 7})

    assert held(after, before).notes == [
        "10 cases compared with before.",
        "facts covered: 10 cases are graded in the baseline, 3 of them now.",
    ]


# --- emptiness


@pytest.mark.parametrize(
    ("after", "more", "said"),
    [
        ([1.0] * 4, {"crashed": [0, 1, 2]}, "of 4 cases, 3 crashed .* first error: Timeout"),
        ([1.0] * 4, {"unasked": [0, 1, 2]}, "0 crashed and 3 were not asked"),
        ([], {}, "of 0 cases"),
        ([None] * 4, {}, "no graded case in common"),
        ([1.0], {"cases": {0: {"question": "Another?"}}}, r"\(0 asked in both, 1 changed\)"),
    ],
)
def test_a_run_that_shows_nothing_is_an_error_and_no_pass(
    after: list[float | None], more: dict[str, Any], said: str
) -> None:
    before = made_run("before", {"passed": [1.0] * 4})

    with pytest.raises(GateError, match=said) as error:
        held(made_run("after", {"passed": after}, **more), before)

    assert error.value.exit_code == 2
    assert "rag eval run" in str(error.value) or "rag eval bless" in str(error.value)


def test_without_a_baseline_something_must_be_graded_by_a_hard_check() -> None:
    with pytest.raises(GateError, match="no baseline, and no case is graded by a hard check"):
        held(made_run("after", {"passed": [1.0] * 4, "quotes_verbatim": [None] * 4}), None)


def test_half_of_the_cases_may_crash_but_they_are_named() -> None:
    before = made_run("before", {"passed": [1.0] * 4})
    after = made_run("after", {"passed": [1.0] * 4}, crashed=[1], unasked=[3])

    assert held(after, before) == GateResult(
        passed=True,
        failures=[],
        notes=["3 cases compared with before.", "Crashed: c1 (Timeout: slow).", "Not asked: c3."],
    )


# --- noise and real drops


def noisy_engine(rng: np.random.Generator, measured: Sequence[Metric]) -> tuple[Grades, Grades]:
    """Return two runs of an engine that is lucky or not with each of 60 questions; some are easier."""
    ease = rng.beta(2, 1, size=60)
    return _grades(rng, ease, measured), _grades(rng, ease, measured)


def _grades(rng: np.random.Generator, ease: NDArray[np.float64], measured: Sequence[Metric]) -> Grades:
    """Return pass or fail, and shares that hang together with it."""
    lucky = rng.random(60) < ease
    shares = {own.name: rng.binomial(3, np.where(lucky, (1 + ease) / 2, ease)) / 3 for own in measured}
    return {name: own.tolist() for name, own in {**shares, "passed": lucky.astype(float)}.items()}


MEASURED = (PASSED, FACTS, *(metric(f"share_{place}") for place in range(13)))


def test_a_noisy_engine_held_against_itself_closes_the_gate_once_in_twenty_even_without_tolerance() -> None:
    rng = np.random.default_rng(17)
    closed = 0
    for _ in range(200):
        before, after = noisy_engine(rng, MEASURED)
        runs = made_run("after", after), made_run("before", before)
        closed += not gate(*runs, tolerance=0.0, metrics=MEASURED).passed

    assert 0 < closed <= 10


def test_facts_lost_in_half_of_the_cases_are_seen_through_the_noise() -> None:
    rng = np.random.default_rng(19)
    closed = 0
    for _ in range(40):
        before, after = noisy_engine(rng, MEASURED[2:])
        steady = rng.beta(4, 1, size=60).clip(0.4).round(2)
        lost = np.where(rng.permutation(60) < 30, steady - 0.3, steady)
        a = made_run("a", {**before, "facts_covered": steady.tolist()})
        b = made_run("b", {**after, "facts_covered": lost.tolist()})
        closed += not gate(b, a, metrics=MEASURED).passed

    assert closed >= 38


# --- blessing


def saved(folder: Path, **more: Any) -> Run:
    grades: Mapping[str, Sequence[float | None]] = more.pop("grades", {"passed": [1.0] * 3})
    save_run(made_run(folder.name, grades, **more), folder)
    (folder / "report.html").write_text("<html>", encoding="utf-8")
    return load_run(folder)


def test_blessing_copies_the_contract_and_nothing_else(tmp_path: Path) -> None:
    run = saved(tmp_path / "run-1")
    baseline = tmp_path / "cases" / "seeds.baseline"

    assert bless(run, baseline) == baseline
    assert {path.name: path.read_bytes() for path in baseline.iterdir()} == {
        name: (tmp_path / "run-1" / name).read_bytes() for name in FILES
    }
    assert [path.name for path in baseline.parent.iterdir()] == ["seeds.baseline"]
    assert gate(tmp_path / "run-1", baseline, metrics=METRICS).passed


def test_a_new_baseline_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    baseline = tmp_path / "seeds.baseline"
    bless(saved(tmp_path / "run-1"), baseline)
    saved(tmp_path / "run-2")
    bless(tmp_path / "run-2", baseline)

    assert load_run(baseline).info.id == "run-2"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run-1", "run-2", "seeds.baseline"]


def test_leavings_of_a_killed_blessing_are_no_hindrance(tmp_path: Path) -> None:
    for name in ("seeds.baseline.new", "seeds.baseline.old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "half").write_text("", encoding="utf-8")

    bless(saved(tmp_path / "run-1"), tmp_path / "seeds.baseline")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["run-1", "seeds.baseline"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"unasked": [1]}, "was interrupted"),
        ({"crashed": [1]}, r"1 case crashed \(c1\)"),
        ({"grades": {"passed": [None] * 3}}, "has no grades"),
    ],
)
def test_a_run_with_holes_is_no_baseline(tmp_path: Path, more: dict[str, Any], said: str) -> None:
    with pytest.raises(GateError, match=said):
        bless(saved(tmp_path / "run-1", **more), tmp_path / "seeds.baseline")

    assert not (tmp_path / "seeds.baseline").exists()


def test_crashed_cases_can_be_blessed_by_force_and_a_run_in_memory_cannot(tmp_path: Path) -> None:
    run = saved(tmp_path / "run-1", crashed=[1])

    assert load_run(bless(run, tmp_path / "seeds.baseline", force=True)).info.id == "run-1"
    with pytest.raises(GateError, match="not saved as a whole"):
        bless(made_run("memory", {"passed": [1.0]}), tmp_path / "seeds.baseline", force=True)


def test_a_folder_that_holds_something_else_is_never_replaced(tmp_path: Path) -> None:
    run = saved(tmp_path / "run-1")
    (tmp_path / "articles").mkdir()
    (tmp_path / "articles" / "a.txt").write_text("words", encoding="utf-8")

    with pytest.raises(GateError, match="is no baseline and stays as it is"):
        bless(run, tmp_path / "articles")
    with pytest.raises(GateError, match="is no baseline and stays as it is"):
        bless(run, tmp_path / "run-1")
    (tmp_path / "run-1" / "report.html").unlink()
    with pytest.raises(GateError, match="is the run itself"):
        bless(run, tmp_path / "run-1")

    assert (tmp_path / "articles" / "a.txt").read_text(encoding="utf-8") == "words"


def test_a_baseline_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    run = saved(tmp_path / "run-1")

    with pytest.raises(GateError, match=r"cannot be written \(Not a directory\)"):
        bless(run, tmp_path / "run-1" / "run.json" / "seeds.baseline")


def test_the_baseline_stands_beside_the_first_file_of_cases() -> None:
    assert baseline_for([Path("mine/storms.jsonl"), Path("b.jsonl")]) == Path("mine/storms.baseline")
    assert baseline_for([]) == baseline_for([SEEDS]) == SEEDS.with_name("seeds.baseline")
    assert baseline_for(SETS["stories"].files) == SEEDS.with_name("stories") / "baseline"
