from __future__ import annotations

import pytest

from evals.cases import CaseError
from evals.fitting import Cost, Observation, choose, cost, fit, observations
from evals.records import Record
from evals.runs import Run, RunInfo
from evals.statistics import wilson
from tests.fake_engines import case

YES = [Observation(value, answerable=True) for value in (0.35, 0.5, 0.6, 0.8, 0.9)]
NO = [Observation(value, answerable=False) for value in (0.1, 0.2, 0.3, 0.4, 0.7)]
SEEN = [*YES, *NO]


def test_a_threshold_declines_what_is_less_sure() -> None:
    assert cost(SEEN, 0.0) == Cost(0.0, 0.0, 0.0)
    assert cost(SEEN, 0.35) == Cost(0.35, 0.0, 0.6)
    assert cost(SEEN, 0.36) == Cost(0.36, 0.2, 0.6)
    assert cost(SEEN, 1.0) == Cost(1.0, 1.0, 1.0)
    assert cost(SEEN, 0.36).balanced_accuracy == pytest.approx(0.7)
    assert cost([], 0.5) == Cost(0.5, 0.0, 0.0)


@pytest.mark.parametrize(
    ("max_wrong", "threshold", "wrong", "right"),
    [(0.0, 0.325, 0.0, 0.6), (0.2, 0.45, 0.2, 0.8), (0.59, 0.45, 0.2, 0.8), (0.6, 0.75, 0.6, 1.0)],
)
def test_the_best_threshold_that_may_be_had_lies_between_two_questions(
    max_wrong: float, threshold: float, wrong: float, right: float
) -> None:
    assert choose(SEEN, max_wrong) == pytest.approx(Cost(threshold, wrong, right))


def test_of_thresholds_that_decline_alike_the_lowest_is_taken() -> None:
    seen = [*YES, Observation(0.1, answerable=False)]

    assert choose(seen, 1.0).threshold == pytest.approx(0.225)


def test_confidences_below_zero_leave_a_threshold_that_declines_nothing() -> None:
    seen = [Observation(-0.5, answerable=True), Observation(-0.4, answerable=False)]

    assert choose(seen, 0.0) == Cost(-0.5, 0.0, 0.0)


def test_a_fit_is_told_on_the_cases_that_it_saw_and_on_those_left_out() -> None:
    fitted = fit(SEEN, current=0.55, max_wrong=0.2)

    assert fitted.chosen == pytest.approx(Cost(0.45, 0.2, 0.8))
    assert fitted.current == Cost(0.55, 0.4, 0.8)
    # The nth of each sort is left out; of four answerable ones none may be declined. The thresholds are
    # .45, .325, .275, .325, .325: they decline .35 of the answerable, .1 and .2 of the unanswerable ones.
    assert fitted.wrongly_declined == wilson(1, 5)
    assert fitted.rightly_declined == wilson(2, 5)
    assert [round(each.threshold, 3) for each in fitted.trade_off] == [
        0.0, 0.15, 0.25, 0.325, 0.375, 0.45, 0.55, 0.65, 0.75, 0.85,
    ]  # fmt: skip
    assert fitted.trade_off[0] == Cost(0.0, 0.0, 0.0)


def test_many_cases_are_shown_by_some_of_their_thresholds() -> None:
    seen = [Observation(n / 1000, answerable=n % 2 == 0) for n in range(1000)]

    assert 12 <= len(fit(seen, current=0.5).trade_off) <= 24


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (YES, "There are 0 unanswerable cases with a confidence; a fit needs five, better fifty."),
        ([*YES[:1], *NO], "There are 1 answerable case with a confidence"),
        ([*YES, *NO[:4]], "There are 4 unanswerable cases"),
    ],
)
def test_a_fit_needs_five_of_each_sort(seen: list[Observation], told: str) -> None:
    with pytest.raises(CaseError, match=told.replace("There are 1", "There is 1")):
        fit(seen, current=0.3)


def test_a_run_tells_the_confidence_of_every_case_that_did_not_crash() -> None:
    run = Run(
        info=RunInfo(id="r", name="r", created=""),
        cases=(case("a"), case("b", answerable=False), case("c")),
        records=(
            Record(case="a", question="a", status="answered", confidence=0.9),
            Record(case="b", question="b", status="abstained", confidence=0.1),
            Record(case="c", question="c", error="no"),
        ),
    )

    assert observations(run) == [Observation(0.9, answerable=True), Observation(0.1, answerable=False)]
