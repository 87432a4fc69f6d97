from __future__ import annotations

from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.metrics.retrieval import (
    Place,
    Ranked,
    by_formula,
    distinct_share,
    first_holds,
    holds,
    overlap,
    rank_articles,
    rank_quotes,
    ranked,
)
from evals.scores import Gold
from rag.schema import Span

NOTHING = Ranked(0.0, 0.0, 0.0, 0.0, 0.0)


def passage(article: str, start: int, end: int) -> Place:
    return Place(article, Span(start, end))


def quote(article: str, start: int, end: int) -> tuple[Gold, ...]:
    return (Gold(article, (Span(start, end),)),)


def test_two_items_at_ranks_two_and_four_have_these_grades() -> None:
    by_hand = (1 / log2(3) + 1 / log2(5)) / (1 / log2(2) + 1 / log2(3))

    grades = ranked((False, True, False, True, False), 2)

    assert grades == pytest.approx((0.0, 1.0, 0.4, 0.5, by_hand))
    assert grades.all_at_5 == 1.0


def test_one_of_two_items_in_the_first_place_has_these_grades() -> None:
    grades = ranked((True,), 2)

    assert grades == pytest.approx((0.5, 0.5, 0.2, 1.0, 1 / (1 + 1 / log2(3))))
    assert grades.all_at_5 == 0.0


def test_empty_retrieval_is_zero_throughout() -> None:
    assert ranked((), 3) == NOTHING


def test_an_item_below_rank_ten_is_not_seen() -> None:
    assert ranked((False,) * 10 + (True,), 1) == NOTHING


@given(st.lists(st.booleans(), max_size=15), st.integers(0, 5))
def test_no_grade_is_above_one(found: list[bool], unfound: int) -> None:
    grades = ranked(tuple(found), max(1, sum(found) + unfound))

    assert all(0 <= grade <= 1 + 1e-9 for grade in grades)


def test_an_item_counts_once_at_its_best_rank() -> None:
    assert first_holds([[], [0], [0], [0, 1, 2], []]) == (False, True, False, True, True, False)


def test_articles_rank_by_their_best_passage_each_once() -> None:
    grades = rank_articles(["a", "a", "a", "b", "c"], [quote("b", 0, 9), quote("c", 0, 9)])

    assert grades == rank_articles(["a", "b", "c"], [(Gold("b"),), (Gold("c"),)])
    assert (grades.mrr, grades.recall_at_1, grades.recall_at_5) == (0.5, 0.0, 1.0)


def test_two_quotes_of_an_article_are_one_article_to_find() -> None:
    grades = rank_articles(["a", "b"], [quote("a", 0, 9), quote("a", 20, 29)])

    assert grades == pytest.approx((1.0, 1.0, 0.2, 1.0, 1.0))


def test_any_alternative_is_enough() -> None:
    either = (Gold("a", (Span(0, 10),)), Gold("b", (Span(0, 10),)))

    assert rank_articles(["c", "b", "a"], [either]).mrr == 0.5
    assert rank_quotes([passage("b", 0, 10)], [either]) == pytest.approx((1.0, 1.0, 0.2, 1.0, 1.0))


def test_who_needs_an_article_needs_no_other_one_beside_it() -> None:
    either = (Gold("a"), Gold("b"))

    assert rank_articles(["a"], [(Gold("a"),), either]).recall_at_1 == 1.0


def test_a_passage_holds_a_quote_when_it_has_half_of_its_characters() -> None:
    gold = Gold("a", (Span(10, 20),))

    assert holds(passage("a", 0, 15), gold)
    assert not holds(passage("a", 0, 14), gold)
    assert not holds(passage("b", 0, 30), gold)
    assert holds(passage("a", 90, 99), Gold("a"))


def test_a_quote_may_stand_in_several_places() -> None:
    assert holds(passage("a", 50, 60), Gold("a", (Span(0, 10), Span(50, 60))))


def test_a_repeated_passage_takes_a_rank_and_finds_nothing() -> None:
    gold = [quote("a", 0, 10), quote("a", 50, 60)]
    first, second = passage("a", 0, 20), passage("a", 45, 65)

    once = rank_quotes([first, second], gold)
    twice = rank_quotes([first, first, second], gold)

    assert once.ndcg_at_10 == pytest.approx(1.0)
    assert twice.ndcg_at_10 == pytest.approx((1 + 1 / log2(4)) / (1 + 1 / log2(3)))
    assert (twice.recall_at_5, twice.precision_at_5) == pytest.approx((1.0, 0.4))


def test_distinct_passages_are_a_share_of_all() -> None:
    assert distinct_share(["a", "b"]) == 1.0
    assert distinct_share(["a", "b", "a", "a"]) == 0.5


def test_spans_that_only_touch_share_nothing() -> None:
    assert overlap(Span(0, 5), Span(5, 9)) == 0
    assert overlap(Span(0, 6), Span(5, 9)) == 1
    assert overlap(Span(7, 9), Span(0, 3)) == 0


@given(st.lists(st.booleans(), max_size=15), st.integers(0, 5))
def test_the_formulas_say_what_ir_measures_says(found: list[bool], missed: int) -> None:
    pytest.importorskip("ir_measures", reason="it has no wheels for Linux on ARM")
    wanted = max(1, sum(found) + missed)

    assert ranked(tuple(found), wanted) == pytest.approx(by_formula(tuple(found), wanted))
