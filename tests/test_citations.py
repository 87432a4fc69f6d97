from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.answering import DECLINE
from rag.citations import (
    UNSUPPORTED,
    Event,
    Footnoter,
    Marker,
    MarkerReader,
    SentenceEnd,
    SentenceReader,
    Source,
    Words,
    align,
)
from rag.facts import missing_facts
from rag.schema import Article, Passage, Span
from rag.sentences import sentence_spans

FIRST = Article(
    "a.txt",
    "First",
    "Turkey mediated the talks in Istanbul. Qatar helped on 7 November. "
    "Mr. Asif spoke of a “complete deadlock”.",
)
SECOND = Article("b.txt", "Second", "Kabul blamed Islamabad. Four civilians were killed.")


def source(number: int, article: Article) -> Source:
    spans = tuple(sentence_spans(article.text))
    return Source(number, Passage(f"p{number}", article.id, 0, len(article.text), 9, spans), article, 1.0)


SOURCES = [source(1, FIRST), source(2, SECOND)]


def read_markers(pieces: Iterable[str]) -> Iterator[Words | Marker]:
    reader = MarkerReader()
    for piece in pieces:
        yield from reader.feed(piece)
    yield from reader.finish()


def read(pieces: Iterable[str]) -> Iterator[Event]:
    reader = SentenceReader()
    for event in read_markers(pieces):
        yield from reader.feed(event)
    yield from reader.finish()


def footnoted(*pieces: str, sources: Iterable[Source] = SOURCES) -> tuple[Footnoter, list[str]]:
    footnoter = Footnoter(list(sources), exempt=[DECLINE])
    shown = [footnoter.feed(event) for event in read(pieces)]
    return footnoter, shown


def joined(events: Iterable[Words | Marker]) -> list[str | int]:
    """Words that follow each other become one, as their cutting means nothing."""
    whole: list[str | int] = []
    for event in events:
        if isinstance(event, Marker):
            whole.append(event.number)
        elif whole and isinstance(whole[-1], str):
            whole[-1] += event.text
        else:
            whole.append(event.text)
    return whole


@pytest.mark.parametrize(
    ("text", "read_as"),
    [
        ("a [1]", ["a ", 1]),
        ("a [1][2].", ["a ", 1, 2, "."]),
        ("a [1, 2]", ["a ", 1, 2]),
        ("a [1-3]", ["a ", 1, 2, 3]),
        ("a [1–3]", ["a ", 1, 2, 3]),
        ("a [3-1]", ["a ", 3, 1]),
        ("a [1-99]", ["a ", 1, 99]),
        ("a [1 and 2]", ["a ", 1, 2]),
        ("a 【1】", ["a ", 1]),
        ("a 【1†source】", ["a ", 1]),
        ("a [1†L1-L5/x.html]", ["a ", 1]),
        ("a [Source 1]", ["a ", 1]),
        ("a [sources: 1, 2]", ["a ", 1, 2]),
        ("a [Source 1; Source 2]", ["a ", 1, 2]),
        ("a [^1]", ["a ", 1]),
        ("a [ 1 ]", ["a ", 1]),
        ("a [1][1]", ["a ", 1, 1]),
        ("a [2021]", ["a [2021]"]),
        ("a [sic]", ["a [sic]"]),
        ("a [link](http://x)", ["a [link](http://x)"]),
        ("a [] [1", ["a [] [1"]),
        ("a [[1]]", ["a [", 1, "]"]),
        ("a [" + " " * 90 + "1]", ["a [" + " " * 90 + "1]"]),
        ("", []),
    ],
)
def test_forms_of_markers(text: str, read_as: list[str | int]) -> None:
    assert joined(read_markers([text])) == read_as
    assert joined(read_markers(text)) == read_as


_ALPHABET = st.sampled_from(
    [
        *[
            "[",
            "]",
            "【",
            "】",
            "1",
            "2",
            "[1]",
            " [2].",
            "[9]",
            "†",
            ", ",
            "-",
            " ",
            "\n",
            ".",
            "!",
            '"',
            "^",
        ],
        *["Source ", "Turkey ", "Qatar", "mediated", "Mr. Asif", "U.S.", " 7 November", "“", "”", "…", "1. "],
        *["x" * 70, " " * 40],
    ]
)
_TEXT = st.lists(_ALPHABET, max_size=30).map("".join) | st.text(max_size=120)


@st.composite
def cut_text(draw: st.DrawFn) -> tuple[str, list[str]]:
    text = draw(_TEXT)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    return text, [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@settings(deadline=None, max_examples=200)
@given(cut_text())
def test_markers_are_the_same_however_the_text_is_cut(cut: tuple[str, list[str]]) -> None:
    text, pieces = cut
    whole = joined(read_markers([text]))
    assert joined(read_markers(pieces)) == whole == joined(read_markers(text))


@settings(deadline=None, max_examples=200)
@given(cut_text())
def test_nothing_of_a_marker_is_ever_let_through(cut: tuple[str, list[str]]) -> None:
    """After every piece, what came out is a beginning of what comes out of the whole text."""
    text, pieces = cut
    whole = joined(read_markers([text]))
    reader = MarkerReader()
    events: list[Words | Marker] = []
    for piece in pieces:
        events += reader.feed(piece)
        passed = joined(events)
        if passed and isinstance(passed[-1], str):
            last = str(passed.pop())
            assert str(whole[len(passed)]).startswith(last)
        assert passed == whole[: len(passed)]


@settings(deadline=None, max_examples=200)
@given(cut_text())
def test_an_answer_is_the_same_however_its_reply_is_cut(cut: tuple[str, list[str]]) -> None:
    text, pieces = cut
    whole, _ = footnoted(text)
    for given_pieces in (pieces, list(text)):
        other, shown = footnoted(*given_pieces)
        assert "".join(shown) == other.text == whole.text
        assert other.sentences == whole.sentences
        assert other.citations == whole.citations
        assert other.unknown_markers == whole.unknown_markers


@settings(deadline=None, max_examples=200)
@given(_TEXT)
def test_offsets_and_numbers_are_right(text: str) -> None:
    footnoter, _ = footnoted(text)
    for sentence in footnoter.sentences:
        assert footnoter.text[sentence.start : sentence.end] == sentence.text == sentence.text.strip()
        marked = footnoter.text[sentence.end :].startswith(
            "".join([" "] * bool(sentence.citations) + [f"[{n}]" for n in sentence.citations])
        )
        assert marked
    for citation in footnoter.citations:
        shown = footnoter.text[citation.answer_start : citation.answer_end]
        assert shown == f"[{citation.number}]"
        assert citation.article.text[citation.start : citation.end] == citation.quote
        assert citation.verdict.located
    assert [c.number for c in footnoter.citations] == list(range(1, len(footnoter.citations) + 1))
    used = [number for sentence in footnoter.sentences for number in sentence.citations]
    assert list(dict.fromkeys(used)) == [c.number for c in footnoter.citations]
    starts = [citation.answer_start for citation in footnoter.citations]
    assert starts == sorted(starts)


@settings(deadline=None, max_examples=200)
@given(_TEXT)
def test_a_number_in_brackets_is_always_a_footnote(text: str) -> None:
    """No cutting or nesting of markers forges one."""
    footnoter, _ = footnoted(text)
    used = sum(len(sentence.citations) for sentence in footnoter.sentences)
    assert len(re.findall(r"\[\d{1,3}\]", footnoter.text)) == used


@settings(deadline=None, max_examples=200)
@given(_TEXT)
def test_a_sentence_that_fails_is_marked(text: str) -> None:
    footnoter, _ = footnoted(text)
    unsound = [s for s in footnoter.sentences if not s.sound and not footnoter.is_exempt(s.text)]
    assert footnoter.text.count(UNSUPPORTED) == len(unsound)
    texts = [s.text for s in SOURCES]
    for sentence in footnoter.sentences:
        if sentence.sound:
            assert missing_facts(sentence.text, texts) == []


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("Turkey mediated the talks [1].", "Turkey mediated the talks. [1]"),
        ("Turkey mediated the talks. [1]", "Turkey mediated the talks. [1]"),
        (
            "Turkey mediated the talks.[1] Qatar helped.[1]",
            "Turkey mediated the talks. [1] Qatar helped. [2]",
        ),
        ("Turkey [1] mediated[1] the talks", "Turkey mediated the talks [1]"),
        ("Turkey mediated [1] , and so on.", "Turkey mediated, and so on. [1]"),
        ("Qatar helped [1], Mr. Asif spoke [1].", "Qatar helped, Mr. Asif spoke. [1]"),
        (
            "[1] Turkey mediated.\n[2] Kabul blamed Islamabad.",
            "Turkey mediated. [1]\nKabul blamed Islamabad. [2]",
        ),
        ("Turkey mediated.\n\n[1]\n\nQatar helped. [1]", "Turkey mediated. [1]\nQatar helped. [2]"),
        ("Turkey mediated.\n[1]", "Turkey mediated. [1]"),
        ("[1] Turkey mediated.", "Turkey mediated. [1]"),
        ("1. Turkey mediated. [1]\n2. Qatar helped. [1]", "1. Turkey mediated. [1]\n2. Qatar helped. [2]"),
        ("Turkey mediated.", f"Turkey mediated. {UNSUPPORTED}"),
        ("Erdogan mediated. [1]", f"Erdogan mediated. [1] {UNSUPPORTED}"),
        ("Qatar helped on 8 November. [1]", f"Qatar helped on 8 November. [1] {UNSUPPORTED}"),
        ("Five civilians were killed. [2]", f"Five civilians were killed. [1] {UNSUPPORTED}"),
        ('Asif spoke of a "fiasco". [1]', f'Asif spoke of a "fiasco". [1] {UNSUPPORTED}'),
        ("Turkey mediated. [7]", f"Turkey mediated. {UNSUPPORTED}"),
        ("Turkey met Kabul. [1][2]", "Turkey met Kabul. [1][2]"),
        ("Turkey mediated. [1]\n—\n", "Turkey mediated. [1]\n—"),
        (DECLINE, DECLINE),
        (f"{DECLINE} [1]", DECLINE),
        (f"Turkey mediated. [1] {DECLINE}", f"Turkey mediated. [1] {DECLINE}"),
        (" \n", ""),
    ],
)
def test_a_reply_becomes_a_footnoted_text(reply: str, text: str) -> None:
    assert footnoted(reply)[0].text == text


def test_unknown_markers_are_removed_and_counted() -> None:
    footnoter, _ = footnoted("Turkey mediated [0][3][1, 9]. Qatar helped [1].")

    assert footnoter.text == "Turkey mediated. [1] Qatar helped. [2]"
    assert footnoter.unknown_markers == 3


def test_one_number_stands_for_one_span_and_takes_over_a_failure() -> None:
    footnoter, _ = footnoted("Turkey mediated the talks. [1] Turkey mediated the talks 99 times. [1]")

    assert (
        footnoter.text
        == f"Turkey mediated the talks. [1] Turkey mediated the talks 99 times. [1] {UNSUPPORTED}"
    )
    (citation,) = footnoter.citations
    assert citation.quote == "Turkey mediated the talks in Istanbul."
    assert (citation.answer_start, citation.answer_end) == (27, 30)
    assert str(citation.verdict) == "located, not consistent (not in the source: 99)"
    assert [sentence.sound for sentence in footnoter.sentences] == [True, False]


def test_a_span_outside_its_passage_is_not_located() -> None:
    footnoter = Footnoter(SOURCES)
    events: list[Event] = [Words(" Turkey "), Words(" mediated. "), Marker(1, Span(500, 600))]
    events.append(SentenceEnd())
    for event in events:
        footnoter.feed(event)

    assert footnoter.text == f"Turkey  mediated. [1] {UNSUPPORTED}"
    assert not footnoter.citations[0].verdict.located
    assert not footnoter.sentences[0].sound
    assert footnoter.text[: footnoter.sentences[0].end] == footnoter.sentences[0].text


def test_markers_of_a_piece_without_words_go_to_the_next_sentence() -> None:
    footnoter = Footnoter(SOURCES)
    events: list[Event] = [
        Words(" — "),
        Marker(1),
        SentenceEnd(),
        Words(" "),
        Words("Turkey mediated."),
        SentenceEnd(),
    ]
    shown = [footnoter.feed(event) for event in events]

    assert "".join(shown) == footnoter.text == "— Turkey mediated. [1]"


@pytest.mark.parametrize(
    ("sentence", "quote"),
    [
        ("Mediation in Istanbul was by Turkey.", "Turkey mediated the talks in Istanbul."),
        ("There was a complete deadlock.", "Mr. Asif spoke of a “complete deadlock”."),
        (
            "Turkey mediated talks in Istanbul and Qatar helped on 7 November.",
            "Turkey mediated the talks in Istanbul. Qatar helped on 7 November.",
        ),
        ("Nothing alike", "Turkey mediated the talks in Istanbul."),
    ],
)
def test_a_statement_is_aligned_with_the_words_that_it_goes_by(sentence: str, quote: str) -> None:
    span = align(sentence, SOURCES[0])
    assert FIRST.text[span.start : span.end] == quote
