from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rag.citations import Source
from rag.models.reader import Reading, Window
from rag.reading import LEAST_BEHIND, WEIGHTS, WINDOW, Candidate, Signs, candidates, is_odd
from rag.schema import Article, Passage, Span
from tests.readings import Reader, Vocabulary, read_by, source

QUESTION = "Who owns the mill in Arlon?"
OWNS = "Dana Pruitt owns the mill."
BURNT = "It burnt on Friday."


def passage_of(lengths: Sequence[int], gaps: Sequence[int]) -> Source:
    """Return a passage, behind other words of its article, whose sentences have these lengths."""
    text, spans = "Before it. ", []
    for n, length in enumerate(lengths):
        text += " " * gaps[n % len(gaps)]
        spans.append(Span(len(text), len(text) + length))
        text += f"{chr(97 + n % 26) * (length - 1)}."
    article = Article("test:a", "News", f"{text} After it.")
    return Source(1, Passage("p", article.id, spans[0].start, spans[-1].end, 9, tuple(spans)), article, 1.0)


PASSAGES = st.builds(
    passage_of,
    st.lists(st.integers(1, 700), min_size=1, max_size=30),
    st.lists(st.integers(0, 9), min_size=1, max_size=5),
)


def read(given_source: Source) -> tuple[list[Window], list[Candidate]]:
    reader = Reader({})
    return reader.windows, candidates(QUESTION, [given_source], reader, Vocabulary())


@settings(max_examples=200, deadline=None)
@given(PASSAGES)
@example(passage_of([WINDOW + 1, WINDOW, 1, WINDOW + 1], [1]))
@example(passage_of([WINDOW // 2, WINDOW // 2, WINDOW // 2], [0]))
def test_every_sentence_is_read_in_windows_that_are_no_longer_than_in_training(one: Source) -> None:
    article, (windows, _) = one.article, read(one)
    read_sentences = [window.text[slice(*span)] for window in windows for span in window.sentences]

    assert set(read_sentences) == {article.text[slice(*span)] for span in one.passage.sentences}
    for window in windows:
        assert window.text in article.text
        assert (window.sentences[0].start, window.sentences[-1].end) == (0, len(window.text))
        assert len(window.text) <= WINDOW or len(window.sentences) == 1
        assert all(a.end <= b.start for a, b in pairwise(window.sentences))


@settings(max_examples=200, deadline=None)
@given(PASSAGES)
def test_every_sentence_is_a_candidate_once_with_its_place_in_the_article(one: Source) -> None:
    article, (_, found) = one.article, read(one)

    assert sorted(c.position for c in found) == list(range(len(one.passage.sentences)))
    for candidate in found:
        assert candidate.span == one.passage.sentences[candidate.position]
        assert article.text[slice(*candidate.span)] == candidate.text
        assert candidate.span.start <= candidate.answer.start <= candidate.answer.end <= candidate.span.end
        assert article.text[slice(*candidate.answer)] == candidate.words


def test_a_window_begins_with_the_last_sentence_of_the_one_before() -> None:
    windows, _ = read(passage_of([200, 200, 200, 200, 600, 20, 20], [1]))

    assert [window.text.replace(" ", "")[::100] for window in windows] == [
        "aabb",
        "bbcc",
        "ccdd",
        "dd",
        "eeeeee",
        "f",
    ]
    assert [len(window.sentences) for window in windows] == [2, 2, 2, 1, 1, 2]


def test_a_window_is_read_under_its_title() -> None:
    reader = Reader({})

    candidates(QUESTION, [source(f"{OWNS} {BURNT}", title="Fire in Arlon")], reader, Vocabulary())

    assert reader.questions == [QUESTION]
    assert reader.windows == [Window("Fire in Arlon", f"{OWNS} {BURNT}", (Span(0, 26), Span(27, 46)))]


def test_a_sentence_that_two_windows_hold_counts_as_in_the_better() -> None:
    one = passage_of([200, 200, 200, 200], [1])
    margins = iter((1.0, 2.0, 5.0, 3.0, 4.0, 6.0))

    def by_turns(_: str, windows: Sequence[Window]) -> list[list[Reading]]:
        return [[Reading(next(margins), span) for span in window.sentences] for window in windows]

    found = candidates(QUESTION, [one], by_turns, Vocabulary())

    assert [(c.position, c.signs.margin) for c in found] == [(3, 6.0), (1, 5.0), (2, 4.0), (0, 1.0)]


@pytest.mark.parametrize("given_sources", [[], [source("")], [source(" \n")]])
def test_without_a_sentence_the_reader_is_not_asked(given_sources: list[Source]) -> None:
    reader = Reader({})

    assert candidates(QUESTION, given_sources, reader, Vocabulary()) == []
    assert reader.questions == []


def test_the_words_that_answer_are_found_in_the_article() -> None:
    best, other = read_by({OWNS: (6.0, "Dana Pruitt")}, QUESTION, [source(f"{BURNT} {OWNS}")])

    assert (best.text, best.words, best.position) == (OWNS, "Dana Pruitt", 1)
    assert best.answer == Span(20, 31)
    assert (other.text, other.words) == (BURNT, "")


def test_the_signs_are_read_off_the_sentence_its_window_and_its_passage() -> None:
    far = source(f"{OWNS} {BURNT}", title="Arlon")
    near = source("Mill", 2, article="b", title="In bold", score=3.5)
    common, rare = math.log(1 + 10 / 2.5), math.log(1 + 10 / 1.5)
    owns, mill = (rare + common) / (2 * rare + common), common / (2 * rare + common)

    found = candidates(QUESTION, [far, near], Reader({OWNS: (6.0, "Dana Pruitt")}), Vocabulary({"mill": 2}))

    assert {c.text: c.signs for c in found} == {
        OWNS: pytest.approx(Signs(6.0, owns, 1.0, -2.5, 0.0)),
        BURNT: pytest.approx(Signs(-20.0, 0.0, 1.0, -2.5, 0.0)),
        "Mill": pytest.approx(Signs(-20.0, mill, mill, 0.0, 1.0)),
    }


def test_a_passage_counts_as_no_further_behind_than_the_least() -> None:
    far, near = source(OWNS, score=0.0), source(BURNT, 2, article="b", score=30.0)

    found = {c.source.number: c.signs.retrieval for c in read_by({}, QUESTION, [far, near])}

    assert found == {1: LEAST_BEHIND, 2: 0.0}


@pytest.mark.parametrize("sign", Signs._fields)
def test_the_score_is_the_weighted_sum_of_the_signs(sign: str) -> None:
    (plain,) = read_by({}, QUESTION, [source(OWNS)])
    more = replace(plain, signs=plain.signs._replace(**{sign: getattr(plain.signs, sign) + 0.5}))

    assert more.score - plain.score == pytest.approx(getattr(WEIGHTS, sign) / 2)


def test_the_margin_and_the_words_of_a_question_speak_for_a_sentence_and_oddness_against_it() -> None:
    assert min(WEIGHTS.margin, WEIGHTS.matched, WEIGHTS.context) > 0 > WEIGHTS.odd


def test_equals_stand_in_the_order_of_their_passages() -> None:
    one, two = source(f"{BURNT} {BURNT}"), source(BURNT, 2, article="b")

    found = read_by({}, QUESTION, [two, one])

    assert [(c.source.number, c.position) for c in found] == [(1, 0), (1, 1), (2, 0)]


@pytest.mark.parametrize(
    "sentence", ["They met in Doha.", "He said: “They met.”", "It is over (again!).", "They met at 10:30."]
)
def test_a_statement_is_not_odd(sentence: str) -> None:
    assert not is_odd(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "Did they meet?",
        "“Did they meet?”",
        "More:What we know",
        "The winners in bold:",
        "► They met in Doha.",
        "Storm closes Harlow bridge",
        "",
    ],
)
def test_questions_links_and_lines_without_an_end_are_odd(sentence: str) -> None:
    assert is_odd(sentence)
