from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rag import minilm
from rag.articles import read_article
from rag.passages import MAX_TOKEN_CHARACTERS, split_article
from rag.schema import Article, Passage, Span
from rag.sentences import paragraph_spans, sentence_spans, trim
from tests.conftest import SEEDS

_PIECES = st.sampled_from(
    [
        "The talks failed. ", "Dr. Smith left on Jan. 5. ", "“No,” she said. ", "1,234.56 ", "..", "!?", "…",
        "\n\n", "\n", " ", "\u00a0", "\u2028", "\u200b", "\u200d", "👨‍👩‍👧 ", "🇵🇰", "e\u0301", "ﷺ",
        "日本の首相は会談について述べた。", "नमस्ते ", "http://example.org/a?b=c ", "\x00", "\ufffd",
        "x" * 150, "ab" * 40 + " ", "word " * 300,
    ]
)  # fmt: skip
_STORABLE = st.characters(exclude_categories=["Cs"])
TEXTS = st.one_of(
    st.text(_STORABLE), st.lists(st.one_of(_PIECES, st.text(_STORABLE, max_size=8)), max_size=40).map("".join)
)


def split(text: str, max_tokens: int = 32) -> list[Passage]:
    article = Article(uri="file:///a.txt", title="A", text=text)
    return split_article(article, max_tokens=max_tokens, count_tokens=minilm.count_tokens)


def visible(text: str) -> str:
    return "".join(text.split())


@settings(max_examples=250, deadline=None)
@given(TEXTS, st.sampled_from([32, 64, 256]))
@example("x" * 20_000, 256)
@example("ab1" * 3_000 + ". " + "y" * 40_000, 32)
@example("½ﬃ" * 2_000, 32)
def test_passages_hold_every_character_once_in_order_and_fit(text: str, max_tokens: int) -> None:
    passages = split(text, max_tokens)
    pieces = [text[p.start : p.end] for p in passages]

    assert visible("".join(pieces)) == visible(text)
    assert minilm.count_tokens(pieces) == [p.tokens for p in passages]
    assert all(p.tokens <= max_tokens for p in passages)
    assert all(len(piece) <= (max_tokens + 1) * MAX_TOKEN_CHARACTERS for piece in pieces)
    assert all(piece == piece.strip() != "" for piece in pieces)
    assert all(a.end <= b.start for a, b in pairwise(passages))
    for passage in passages:
        inside = [text[s.start : s.end] for s in passage.sentences]
        assert (passage.sentences[0].start, passage.sentences[-1].end) == (passage.start, passage.end)
        assert visible("".join(inside)) == visible(text[passage.start : passage.end])
        assert all(a.end <= b.start for a, b in pairwise(passage.sentences))
    assert len({p.id for p in passages}) == len(passages)


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_sentences_hold_every_character_once_and_cross_no_blank_line(text: str) -> None:
    spans = sentence_spans(text)

    assert visible("".join(text[s.start : s.end] for s in spans)) == visible(text)
    assert all(text[s.start : s.end].strip() == text[s.start : s.end] != "" for s in spans)
    assert all("\n\n" not in text[s.start : s.end] for s in spans)


def test_sentences_of_news_are_whole() -> None:
    text = "Dr. Khan met the U.S. envoy on Jan. 5. “It failed,” he said.\n\nNo date was set"

    assert [text[s.start : s.end] for s in sentence_spans(text)] == [
        "Dr. Khan met the U.S. envoy on Jan. 5.",
        "“It failed,” he said.",
        "No date was set",
    ]


def test_paragraphs_are_runs_between_blank_lines() -> None:
    text = "\n a\nb \n \t\n\n c\n"

    assert [text[s.start : s.end] for s in paragraph_spans(text)] == ["a\nb", "c"]
    assert trim("  ", Span(0, 2)) == Span(2, 2)


def test_the_seeds_become_passages_of_whole_sentences() -> None:
    for path in sorted(SEEDS.iterdir()):
        article = read_article(path)
        passages = split_article(article, max_tokens=256, count_tokens=minilm.count_tokens)

        sentences = [span for passage in passages for span in passage.sentences]
        assert sentences == sentence_spans(article.text)
        assert [p.id for p in passages] == [
            f"{article.id}-{article.text_hash[:8]}-{n}" for n in range(len(passages))
        ]


def test_a_long_sentence_is_cut_at_white_space() -> None:
    text = ("alpha beta gamma delta " * 40).strip() + "."

    pieces = [text[p.start : p.end] for p in split(text)]

    assert len(pieces) > 5
    assert all(word.rstrip(".") in {"alpha", "beta", "gamma", "delta"} for p in pieces for word in p.split())


def test_a_word_of_any_length_that_counts_as_one_token_is_cut_by_characters() -> None:
    assert minilm.count_tokens(["x" * 100_000]) == [3]

    assert [p.end - p.start for p in split("x" * 1_200 + " end")] == [512, 512, 180]


def test_parts_that_are_more_tokens_together_than_apart_still_fit() -> None:
    def count(texts: Sequence[str]) -> list[int]:  # a word that was cut counts double when it is whole
        return [2 + len(text.replace(" ", "")) + 40 * ("ab" in text.replace(" ", "")) for text in texts]

    article = Article(uri="file:///a.txt", title="A", text="a\n\nb\n\nc")

    passages = split_article(
        article, max_tokens=32, count_tokens=lambda texts: count([t.replace("\n", "") for t in texts])
    )

    assert [(p.start, p.end, p.tokens) for p in passages] == [(0, 1, 3), (3, 7, 4)]


@pytest.mark.parametrize("text", ["", " \n\n ", "\u2003"])
def test_no_text_makes_no_passages(text: str) -> None:
    assert split(text) == []
