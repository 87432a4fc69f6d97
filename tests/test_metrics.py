from __future__ import annotations

import pytest

from evals.metrics.abstention import Point, aurc, auroc, risk_coverage
from evals.metrics.cost import percentile, price


def test_auroc_is_the_share_of_pairs_in_order_and_ties_count_half() -> None:
    assert auroc([0.9, 0.5], [0.5, 0.1]) == 3.5 / 4
    assert auroc([1.0], [0.0]) == 1.0
    assert auroc([0.0], [1.0]) == 0.0
    assert auroc([0.3, 0.3], [0.3]) == 0.5


def test_auroc_of_no_pair_is_not_known() -> None:
    assert auroc([], [0.5]) is None
    assert auroc([0.5], []) is None


def test_the_risk_coverage_curve_has_a_point_for_each_confidence() -> None:
    points = risk_coverage([0.1, 0.8, 0.9, 0.8], [False, True, True, False])

    assert points == [Point(0.25, 0.0, 0.9), Point(0.75, 1 / 3, 0.8), Point(1.0, 0.5, 0.1)]
    assert risk_coverage([], []) == []


def test_aurc_averages_the_risk_over_the_cases() -> None:
    by_hand = 0.25 * 0 + 0.5 * (1 / 3) + 0.25 * 0.5

    assert aurc([0.1, 0.8, 0.9, 0.8], [False, True, True, False]) == pytest.approx(by_hand)
    assert aurc([0.9, 0.1], [True, False]) < aurc([0.1, 0.9], [True, False])
    with pytest.raises(ValueError, match="no case"):
        aurc([], [])


def test_a_price_is_for_a_million_tokens() -> None:
    assert price("gpt-4o-mini", 1_000_000, 500_000) == pytest.approx(0.45)
    assert price("gpt-4.1-2025-04-14", 1_000, 0) == pytest.approx(0.002)


def test_an_unknown_model_has_no_price_unless_nothing_was_asked_of_it() -> None:
    assert price("mystery", 10, 0) is None
    assert price("quoting", 0, 0) == 0.0


def test_percentiles_are_linear_between_the_values() -> None:
    assert percentile([4, 1, 3, 2], 50) == 2.5
    assert percentile([4, 1, 3, 2], 95) == pytest.approx(3.85)
    assert percentile([], 50) is None
