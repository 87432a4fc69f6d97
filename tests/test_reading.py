from __future__ import annotations

import re

import numpy as np
import pytest

from rag.minilm import ReadWords
from rag.reading import Likeness, Titled, likenesses, titled
from rag.schema import Span

MEANINGS = {"killed": (1.0, 0.0, 0.0), "died": (0.9, 0.1, 0.0), "civilians": (0.0, 1.0, 0.0)}


class Words:
    """A vocabulary of ten passages in which each content word is as rare as the others."""

    def terms(self, text: str) -> list[str]:
        return [word for word in text.lower().split() if word not in {"how", "many", "of", "the"}]

    def document_frequency(self, term: str) -> int:  # noqa: ARG002  # of every word
        return 1

    def passage_count(self) -> int:
        return 10


def read(texts: list[str]) -> list[ReadWords]:
    """Words that mean something to this model in two dimensions; all others mean the third."""
    return [_read(text) for text in texts]


def _read(text: str) -> ReadWords:
    found = list(re.finditer(r"\w+", text))
    vectors = [MEANINGS.get(match[0].lower(), (0.0, 0.0, 1.0)) for match in found]
    spans = tuple(Span(*match.span()) for match in found)
    return ReadWords(spans, np.array(vectors, dtype=np.float32).reshape(-1, 3))


def likeness(question: str, title: str, sentence: str) -> Likeness:
    return likenesses(question, (1.0, 0.0, 0.0), [titled(title, sentence)], read, Words())[0]


def test_a_word_is_matched_by_one_that_means_the_same() -> None:
    assert likeness("civilians killed", "", "Civilians killed").matched == 1
    assert likeness("civilians killed", "", "Civilians died").matched == 1
    assert likeness("civilians killed", "", "Nobody died").matched == pytest.approx(0.5)
    assert likeness("civilians killed", "", "Talks failed").matched == 0


def test_only_the_words_after_the_title_are_compared() -> None:
    assert likeness("civilians killed", "Civilians killed", "Talks failed") == Likeness(0.0, 0.0)
    assert likeness("killed", "Talks", "Killed") == pytest.approx((1.0, 1.0))


def test_meaning_is_the_mean_of_the_words() -> None:
    assert likeness("killed", "", "killed civilians").meaning == pytest.approx(0.5**0.5)


def test_question_words_without_content_ask_for_nothing() -> None:
    assert likeness("how many of the", "", "Civilians killed").matched == 0
    assert likeness("how many killed", "", "killed").matched == 1


def test_an_empty_sentence_is_like_nothing_and_no_sentences_give_no_likeness() -> None:
    assert likeness("killed", "", "") == Likeness(0.0, 0.0)
    assert likenesses("killed", (1.0, 0.0, 0.0), [], read, Words()) == []


def test_a_title_stands_before_as_a_sentence_of_its_own() -> None:
    assert titled("Talks fail", "They left.") == Titled("Talks fail. They left.", 12)
    assert titled("Why now?", "They left.") == Titled("Why now? They left.", 9)
    assert titled("  ", "They left.") == Titled("They left.", 0)
    assert titled("x" * 500, "They left.").start == 152
