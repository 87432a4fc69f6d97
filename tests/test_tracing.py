from __future__ import annotations

import pytest

from rag.answering import DECLINE
from rag.citations import (
    UNSUPPORTED,
    Footnoter,
    Given,
    Marker,
    MarkerReader,
    Place,
    SentenceEnd,
    SentenceReader,
    Source,
    Words,
)
from rag.schema import Article, Passage, Span
from rag.sentences import sentence_spans
from rag.tracing import trace

TALKS = Article(
    "talks.txt",
    "Talks",
    "Turkey mediated the talks in Istanbul. Qatar helped on 7 November. "
    "Mr. Asif spoke of a “complete deadlock”.",
)
BORDER = Article(
    "border.txt", "Border", "Kabul blamed Islamabad. Four civilians were killed at the frontier."
)
BRIDGE = Article("bridge.txt", "Bridge", "The bridge was closed. Repairs will take long, engineers said.")


def source(number: int, article: Article) -> Source:
    spans = tuple(sentence_spans(article.text))
    return Source(number, Passage(f"p{number}", article.id, 0, len(article.text), 9, spans), article, 1.0)


SOURCES = [source(1, TALKS), source(2, BORDER), source(3, BRIDGE)]


def footnoted(reply: str, *, given: int = 3, drop: bool = False, size: int = 1) -> Footnoter:
    """Check a reply cut into pieces, and what is shown against the text."""
    footnoter = Footnoter(SOURCES, exempt=[DECLINE], trace=trace, drop=drop)
    markers, sentences = MarkerReader(), SentenceReader()
    shown = footnoter.feed(Given(given))
    events = [event for n in range(0, len(reply), size) for event in markers.feed(reply[n : n + size])]
    for event in (*events, *markers.finish()):
        shown += "".join(footnoter.feed(e) for e in sentences.feed(event))
    shown += "".join(footnoter.feed(e) for e in sentences.finish())
    assert shown == footnoter.text
    return footnoter


def words(place: Place | None) -> str | None:
    return place and place.source.article.text[place.span.start : place.span.end]


@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        ("Four civilians were killed.", "Four civilians were killed at the frontier."),
        ("The talks in Istanbul were mediated by Turkey.", "Turkey mediated the talks in Istanbul."),
        ("Engineers said repairs will take long.", "Repairs will take long, engineers said."),
        (
            "Turkey mediated talks in Istanbul, and Qatar helped on 7 November.",
            "Turkey mediated the talks in Istanbul. Qatar helped on 7 November.",
        ),
        ("Five civilians were killed at the frontier.", None),
        ("Norway mediated the talks in Istanbul.", None),
        ("Asif spoke of a “complete success”.", None),
        ("Engineers said the damage will take money.", None),
        ("Qatar.", None),
        ("It was good.", None),
        ("", None),
    ],
)
def test_a_sentence_without_a_marker_is_found_where_it_stands_or_nowhere(
    sentence: str, found: str | None
) -> None:
    assert words(trace(sentence, [], SOURCES)) == found


def test_facts_that_are_scattered_over_a_passage_do_not_make_a_source() -> None:
    """All its facts are in the passage, but no one there says it."""
    assert trace("Asif spoke of a “complete deadlock” in Istanbul.", [], SOURCES) is None


@pytest.mark.parametrize(
    ("sentence", "cited", "found"),
    [
        ("Four civilians were killed.", 1, "Four civilians were killed at the frontier."),
        ("Engineers said repairs will take long.", 1, "Repairs will take long, engineers said."),
        ("Four civilians were killed.", 2, None),
        ("Five civilians were killed.", 1, None),
        ("Turkey mediated the long repairs.", 1, None),
        ("Nothing of the kind was said.", 1, None),
    ],
)
def test_a_footnote_moves_only_to_where_the_sentence_stands(
    sentence: str, cited: int, found: str | None
) -> None:
    assert words(trace(sentence, [SOURCES[cited - 1]], SOURCES)) == found


def test_a_footnote_stays_when_two_cited_sources_hold_the_sentence_together() -> None:
    assert trace("Qatar and Kabul spoke of civilians on 7 November.", SOURCES[:2], SOURCES) is None


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_how_each_footnote_came_about_is_recorded(size: int) -> None:
    reply = (
        "Turkey mediated the talks [1]. Four civilians were killed [1]. "
        "Engineers said repairs will take long. Norway won [1]. Norway lost. Four civilians were killed [9]."
    )

    footnoter = footnoted(reply, size=size)

    assert footnoter.text == (
        "Turkey mediated the talks. [1] Four civilians were killed. [2] "
        f"Engineers said repairs will take long. [3] Norway won. [1] {UNSUPPORTED} "
        f"Norway lost. {UNSUPPORTED} Four civilians were killed. [2]"
    )
    assert [sentence.origin for sentence in footnoter.sentences] == [
        *["answerer", "repointed", "found", "answerer", "answerer", "found"]
    ]
    assert [citation.origin for citation in footnoter.citations] == [*["answerer", "repointed", "found"]]
    assert [citation.article for citation in footnoter.citations] == [TALKS, BORDER, BRIDGE]
    assert [sentence.to_dict()["origin"] for sentence in footnoter.sentences][3:5] == ["answerer", None]
    assert footnoter.citations[1].to_dict()["origin"] == "repointed"
    assert footnoter.unknown_markers == 1


def test_only_sources_that_the_model_was_given_are_searched() -> None:
    footnoter = footnoted("Four civilians were killed. The bridge was closed [3].", given=1)

    assert footnoter.text == f"Four civilians were killed. {UNSUPPORTED} The bridge was closed. {UNSUPPORTED}"
    assert footnoter.unknown_markers == 1


def test_a_span_that_the_answerer_knows_is_never_moved() -> None:
    footnoter = Footnoter(SOURCES, trace=trace)
    for event in (Words("Four civilians were killed."), Marker(1, Span(0, 38)), SentenceEnd()):
        footnoter.feed(event)

    assert footnoter.text == f"Four civilians were killed. [1] {UNSUPPORTED}"


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_what_fails_can_be_left_out(size: int) -> None:
    reply = (
        f"Norway won [1].\nTurkey mediated the talks [1]. Norway lost. Four civilians were killed. {DECLINE}"
    )

    footnoter = footnoted(reply, drop=True, size=size)

    assert footnoter.text == f"Turkey mediated the talks. [1] Four civilians were killed. [2] {DECLINE}"
    assert footnoter.dropped == ["Norway won.", "Norway lost."]
    for sentence in footnoter.sentences:
        assert footnoter.text[sentence.start : sentence.end] == sentence.text
    for citation in footnoter.citations:
        assert footnoter.text[citation.answer_start : citation.answer_end] == f"[{citation.number}]"


def test_nothing_of_a_sentence_is_shown_before_it_may_stay() -> None:
    footnoter = Footnoter(SOURCES, trace=trace, drop=True)

    assert footnoter.feed(Words("Four civilians")) == footnoter.feed(Words(" were killed.")) == ""
    assert footnoter.feed(SentenceEnd()) == footnoter.text == "Four civilians were killed. [1]"
