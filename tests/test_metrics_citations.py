from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.metrics.citations import (
    covered,
    is_verbatim,
    keeps_negation,
    markers_in,
    missing_from,
    needs_footnote,
    negates,
    own_markers,
    points_at,
    precision,
    recall,
    resolving,
    superfluous,
)
from evals.metrics.retrieval import Place
from evals.scores import Gold
from rag.answering import DECLINE
from rag.schema import Span

QUOTE = "The delegation left Istanbul on 7 November without an agreement."


def place(start: int, end: int, article: str = "a") -> Place:
    return Place(article, Span(start, end))


def test_markers_are_read_as_the_engine_reads_them() -> None:
    assert markers_in("so [1] and [2, 4-6] and 【7†source】, not [his] nor (8) of them") == (1, 2, 4, 5, 6, 7)
    assert markers_in("none") == ()


def test_a_marker_that_the_article_holds_itself_is_none_of_the_answers() -> None:
    assert own_markers("The study [1] was wrong [99]", ["The study [1] was wrong"]) == (99,)
    assert own_markers("The study was wrong", ["The study [1] was wrong"]) == ()


def test_a_number_of_two_footnotes_names_neither() -> None:
    assert resolving([1, 2, 3, 2]) == {1, 3}


@pytest.mark.parametrize(
    ("quote", "stands", "passage", "verbatim"),
    [
        ("Four died.", "Four died.", place(0, 50), True),
        ("Four died.", "Four died.", None, True),
        ("Four died.", "Five died.", place(0, 50), False),
        ("Four died.", None, place(0, 50), False),
        ("Four died.", "Four died.", place(11, 50), False),
        ("Four died.", "Four died.", place(0, 50, "b"), False),
        (" ", " ", None, False),
    ],
)
def test_a_verbatim_quote_stands_at_its_place_inside_its_passage(
    quote: str, stands: str | None, passage: Place | None, *, verbatim: bool
) -> None:
    assert is_verbatim(quote, stands, place(10, 20), passage) is verbatim


@pytest.mark.parametrize(
    ("sentence", "needs"),
    [
        ("The talks ended badly.", True),
        ("The talks ended.", False),
        ("— The talks … ended!", False),
        ("Did the talks end badly?", False),
        ("Did the talks end badly? [1]", False),
        (DECLINE, False),
    ],
)
def test_questions_headings_and_declining_need_no_footnote(sentence: str, *, needs: bool) -> None:
    assert needs_footnote(sentence) is needs


def test_a_fact_is_missing_when_no_source_holds_it() -> None:
    sources = ["They met on 7 November.", "They met in Istanbul."]

    assert missing_from("On 7 November they met in Istanbul [1].", sources) == []
    assert missing_from("On 8 November they met in Doha.", sources) == ["8 November", "Doha"]


def test_a_sentence_that_begins_inside_a_number_is_not_verbatim() -> None:
    assert missing_from("4 people died.", ["14 people died."]) == ["4"]
    assert missing_from("Prices rose by 4", ["Prices rose by 4.5 percent."]) == ["4"]


def test_negation_is_told_by_its_words() -> None:
    assert all(map(negates, ("It did NOT end", "they didn’t", "without a deal", "Nobody came", "he cannot")))
    assert not any(map(negates, ("a knot of nobles", "the notes", "nonetheless it ended")))


def test_a_negation_put_in_or_left_out_is_seen() -> None:
    assert keeps_negation("They left without a deal.", (QUOTE,))
    assert not keeps_negation("They left with a deal.", (QUOTE,))
    assert not keeps_negation("The talks did not end.", ("The talks ended.",))
    assert keeps_negation("The talks did not end [1].", ("The talks went on.", "No end was seen."))


def test_words_that_stand_in_the_quote_keep_its_negation() -> None:
    assert keeps_negation("The delegation left  Istanbul on 7 November", (QUOTE,))


def test_a_footnote_is_superfluous_when_the_others_do() -> None:
    other = "Markets in Karachi opened higher."
    sentence = "On 7 November the delegation left Istanbul."

    assert superfluous(sentence, [QUOTE, other], [QUOTE, other]) == [False, True]
    assert superfluous(sentence, [other], [other]) == [False]


def test_a_footnote_that_holds_a_fact_alone_is_needed() -> None:
    first, second = "Four civilians were killed on the border.", "It was Zabihullah Mujahid who said it."

    assert superfluous(
        "Four civilians were killed on the border, said Mujahid.", [first, second], [first, second]
    ) == [False, False]


def test_two_footnotes_that_say_the_same_are_both_kept() -> None:
    copies = [QUOTE, QUOTE + " It was Friday."]

    assert superfluous("The delegation left Istanbul on 7 November.", copies, copies) == [False, False]


@pytest.mark.parametrize(
    ("note", "points"),
    [
        (place(0, 15), True),  # half of the quote
        (place(0, 14), False),  # less than half of either
        (place(18, 22), True),  # half of the footnote
        (place(20, 30), False),
        (place(10, 20, "b"), False),
    ],
)
def test_a_footnote_points_at_a_quote_that_it_shares_half_with(note: Place, *, points: bool) -> None:
    assert points_at(note, Gold("a", (Span(10, 20),))) is points


def test_a_gold_article_takes_every_footnote_into_it() -> None:
    assert points_at(place(900, 950), Gold("a"))
    assert recall([place(900, 950)], [(Gold("a"),), (Gold("b"),)]) == 0.5


def test_precision_counts_footnotes_and_recall_gold_items() -> None:
    gold = [(Gold("a", (Span(0, 10),)), Gold("b", (Span(0, 10),))), (Gold("a", (Span(50, 60),)),)]
    notes = [place(0, 10), place(0, 10, "b"), place(80, 90)]

    assert precision(notes, gold) == 2 / 3
    assert recall(notes, gold) == 1 / 2
    assert recall([], gold) == 0.0


def test_footnotes_cover_a_quote_together() -> None:
    gold = [(Gold("a", (Span(0, 100),)),)]

    assert recall([place(0, 30)], gold) == 0.0
    assert recall([place(0, 30), place(60, 80)], gold) == 1.0
    assert recall([place(0, 30), place(0, 30)], gold) == 0.0


spans = st.tuples(st.integers(0, 20), st.integers(0, 20)).map(lambda pair: Span(min(pair), max(pair)))


@given(spans, st.lists(spans, max_size=5))
def test_characters_that_several_spans_hold_are_covered_once(span: Span, by: list[Span]) -> None:
    held = {n for other in by for n in range(*other)} & set(range(*span))

    assert covered(span, by) == len(held)
