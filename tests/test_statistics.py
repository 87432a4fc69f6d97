from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from evals.metrics.abstention import auroc
from evals.statistics import (
    Bootstrap,
    Interval,
    Signs,
    auroc_interval,
    mcnemar,
    sign_test,
    signs,
    swap_test,
    wilson,
)


def test_the_interval_of_two_values_is_that_of_their_four_resamples() -> None:
    # 00, 01, 10, 11 are equally likely, so that the middle half of the means is from 0 or .5 to .5 or 1.
    interval = Bootstrap(2).interval([0.0, 1.0], level=0.4)

    assert interval == Interval(0.5, 0.5, 0.5, 2)
    assert Bootstrap(2).interval([0.0, 1.0]) == Interval(0.5, 0.0, 1.0, 2)


def test_percentiles_are_those_of_all_resamples() -> None:
    values = [0.1, 0.4, 0.4, 0.7, 1.0]
    means = [np.mean(resample) for resample in product(values, repeat=5)]

    found = Bootstrap(5).interval(values)

    assert found is not None
    assert found[:3] == pytest.approx([0.52, *np.quantile(means, [0.025, 0.975])], abs=0.02)


def test_intervals_hold_the_true_mean_about_as_often_as_they_say() -> None:
    samples = np.random.default_rng(3).beta(2, 1, size=(400, 70))  # skewed, with the mean 2/3

    found = Bootstrap(70).intervals(samples.tolist())
    held = np.mean([interval is not None and interval.low <= 2 / 3 <= interval.high for interval in found])

    assert 0.92 <= held <= 0.97


def test_cases_of_a_group_are_drawn_together() -> None:
    samples = np.random.default_rng(5).normal(size=(300, 20)).repeat(5, axis=1)
    groups = [f"group:{article}" for article in range(20) for _ in range(5)]

    together = Bootstrap(100, groups).intervals(samples.tolist())
    apart = Bootstrap(100).intervals(samples.tolist())

    assert 0.88 <= _covering_zero(together) <= 0.97
    assert _covering_zero(apart) < 0.75


def test_a_case_without_a_group_stands_for_itself() -> None:
    values = [0.0, 0.2, 0.9, 1.0]

    assert Bootstrap(4, [None] * 4).interval(values) == Bootstrap(4).interval(values)
    assert Bootstrap(4, ["a", "b", "c", None]).interval(values) == Bootstrap(4).interval(values)


def test_unscored_values_are_left_out_not_counted_as_zero() -> None:
    values = [1.0, None, 0.0, None, 1.0, 1.0]
    alone = Bootstrap(6).interval(values)

    assert alone is not None
    assert (alone.value, alone.n) == (0.75, 4)
    assert 0.0 <= alone.low < 0.75 < alone.high == 1.0
    assert Bootstrap(6).interval([None] * 6) is None
    assert Bootstrap(0).interval([]) is None


def test_what_never_varies_has_an_interval_of_its_own_width() -> None:
    assert Bootstrap(1).interval([0.3]) == Interval(0.3, 0.3, 0.3, 1)
    assert Bootstrap(3).interval([None, 0.3, None]) == Interval(0.3, 0.3, 0.3, 1)
    assert Bootstrap(3).interval([0.1, 0.1, 0.1]) == Interval(0.1, 0.1, 0.1, 3)


def test_many_metrics_at_once_have_the_intervals_that_each_has() -> None:
    rows = np.random.default_rng(7).random((25, 70)).tolist()
    rows[3][:60] = [None] * 60

    together = Bootstrap(70).intervals(rows, level=0.99)

    assert together == [Bootstrap(70).interval(row, level=0.99) for row in rows]


def test_a_higher_level_is_wider() -> None:
    values = np.random.default_rng(9).random(50).tolist()
    narrow, wide = Bootstrap(50).interval(values, 0.8), Bootstrap(50).interval(values, 0.999)

    assert narrow is not None
    assert wide is not None
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high


def test_auroc_is_resampled_without_the_draws_that_have_no_pair() -> None:
    found = auroc_interval([0.9, 0.8, 0.3], [0.6, 0.2, 0.1])

    assert found is not None
    assert (found.value, found.n, found.high) == (8 / 9, 6, 1.0)
    assert found.low < 0.7
    assert found == auroc_interval([0.9, 0.8, 0.3], [0.6, 0.2, 0.1])
    assert auroc_interval([0.9], []) is None


def test_auroc_of_ties_is_a_half_and_equals_the_metric() -> None:
    rng = np.random.default_rng(3)
    yes, no = rng.integers(0, 5, 40).tolist(), rng.integers(0, 4, 60).tolist()

    found = auroc_interval(yes, no)

    assert found is not None
    assert found.value == pytest.approx(auroc(yes, no))
    assert found.low < found.value < found.high
    assert auroc_interval([1.0], [1.0]) == Interval(0.5, 0.5, 0.5, 2)


def test_auroc_of_grouped_cases_draws_whole_groups() -> None:
    yes, no = [0.9, 0.1], [0.5, 0.5]

    alone = auroc_interval(yes, no)
    paired = auroc_interval(yes, no, groups=["a", "b", "a", "b"])

    assert alone is not None
    assert paired is not None
    assert (paired.low, paired.high) == (0.0, 1.0) == (alone.low, alone.high)
    assert auroc_interval(yes, no, groups=["a", "a", "a", "a"]) == Interval(0.5, 0.5, 0.5, 4)


@pytest.mark.parametrize(
    ("b", "c", "p"),
    [
        (2, 9, 0.06543),  # the example of R's exact2x2: 21, 9, 2, 12
        (150, 86, 3.716e-05),  # Agresti, approval ratings: 794, 150, 86, 570
        (5, 12, 0.1435),
        (0, 5, 0.0625),
        (0, 6, 0.03125),
        (4, 4, 1.0),
        (0, 0, 1.0),
    ],
)
def test_mcnemar_is_exact_and_knows_no_direction(b: int, c: int, p: float) -> None:
    assert mcnemar(b, c) == mcnemar(c, b) == pytest.approx(p, rel=1e-3)


def test_signs_are_counted_by_group_and_unscored_cases_have_none() -> None:
    rows: list[list[float | None]] = [[1.0, -1.0, -1.0, 0.5], [None, 2.0, 0.0, None]]

    assert signs(rows) == [Signs(up=2, down=2), Signs(up=1, down=0)]
    assert signs(rows, ["a", None, "a", "b"]) == [Signs(up=1, down=1), Signs(up=1, down=0)]
    assert signs([[0.1, 0.2, -0.3]], ["a", "a", "a"]) == [Signs(up=0, down=0)]


@pytest.mark.parametrize(("lost", "p"), [(1, 1.0), (5, 2 / 32), (6, 2 / 64), (10, 2 / 1024)])
def test_swapping_one_row_of_equal_steps_is_tossing_a_coin(lost: int, p: float) -> None:
    (found,) = swap_test([[-1.0] * lost + [0.0] * 20])

    assert found == pytest.approx(p, abs=0.005)


def test_rows_that_go_together_count_as_one_and_others_cost_certainty() -> None:
    row, rng = [1.0] * 7 + [0.0] * 33, np.random.default_rng(1)
    others = rng.choice([-1.0, 1.0], size=(20, 40)).tolist()

    alone, twice, among = (
        swap_test([row]),
        swap_test([row, row, [-2 * d for d in row]]),
        swap_test([row, *others]),
    )

    assert twice == alone * 3
    assert alone[0] == pytest.approx(2 / 128, abs=0.004)
    assert among[0] > 0.05


def test_cases_of_a_group_are_swapped_together_and_rows_without_a_difference_are_sure() -> None:
    assert swap_test([[1.0] * 12], ["a"] * 6 + ["b"] * 6) == pytest.approx([0.5], abs=0.03)
    assert swap_test([[0.0, None], [None, None]]) == [1.0, 1.0]
    assert swap_test([[], []]) == [1.0, 1.0]


def test_the_swap_test_finds_a_difference_in_noise_as_often_as_it_says() -> None:
    rng = np.random.default_rng(13)
    noise = (rng.normal(size=(5, 25)) * (rng.random((5, 25)) < 0.5) for _ in range(200))

    found = [min(swap_test(rows.tolist())) < 0.05 for rows in noise]

    assert 0.01 <= np.mean(found) <= 0.08


def test_the_sign_test_has_the_textbook_value() -> None:
    assert sign_test(8, 2) == pytest.approx(0.109375)  # Zar, hind and fore legs of ten deer
    assert sign_test(1500, 1500) == 1.0
    assert sign_test(0, 1000) == 2**-999


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        # Newcombe, "Two-sided confidence intervals for the single proportion", 1998, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_has_the_published_ends(successes: int, n: int, low: float, high: float) -> None:
    found = wilson(successes, n)

    assert found is not None
    assert found == pytest.approx((successes / n, low, high, n), abs=5e-5)


def test_wilson_is_open_where_all_succeed_and_silent_without_cases() -> None:
    found = wilson(60, 60)

    assert found is not None
    assert (found.low < 0.95, found.high) == (True, 1.0)
    assert wilson(0, 0) is None


def _covering_zero(intervals: list[Interval | None]) -> float:
    return float(np.mean([i is not None and i.low <= 0 <= i.high for i in intervals]))
