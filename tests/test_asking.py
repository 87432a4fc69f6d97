from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.base.response.schema import StreamingResponse
from llama_index.core.chat_engine.types import AgentChatResponse
from llama_index.core.schema import NodeWithScore
from pydantic import BaseModel

from evals.asking import Reply, ask, ask_all, declines_by_phrase
from evals.corpus import Corpus
from evals.records import CitationRecord, PassageRecord, Record, SentenceRecord, SourceRecord
from rag import Answer, Article, QueryEngine
from rag.answering import DECLINE
from rag.errors import UsageError
from rag.llm import count_tokens
from rag.settings import Settings
from tests.fake_engines import (
    ARTICLES,
    CLOSED,
    KILLED,
    LEFT,
    MARKETS,
    OPENED,
    TALKS,
    FakeChat,
    FakeEngine,
    case,
    node,
    responded,
)
from tests.openai_server import OpenAIServer, error, reply

CORPUS = Corpus.from_articles(ARTICLES)
ALL = f"talks.txt#0-{len(TALKS.text)}"


def said(text: str | None, *nodes: NodeWithScore) -> Reply:
    """Return what is kept of another engine's answer."""
    return ask(case("q"), FakeEngine({"q": responded(text, *nodes)}), CORPUS)


def passage(kept: NodeWithScore) -> PassageRecord:
    (only,) = said("Yes. [1]", kept).passages
    return only


# --- Footnoted's own answers


def test_an_own_answer_is_kept_with_what_stands_at_its_footnotes(engine: QueryEngine) -> None:
    corpus = Corpus.of(engine.index)
    answer = engine.query("Who mediated the talks?")
    kept = ask(case("who", question="Who mediated the talks?"), engine, corpus)
    record = kept.record

    assert (record.case, record.question, record.turn) == ("who", "Who mediated the talks?", 1)
    assert (record.status, record.text, record.model) == ("answered", answer.text, "quoting")
    assert (record.error, record.reason, record.notice, record.used_history) == (None, None, None, False)
    assert (record.prompt_tokens, record.completion_tokens) == (0, 0)
    assert (record.confidence, record.unknown_markers) == (answer.confidence, 0)
    assert set(record.seconds) == {"embed", "retrieve", "answer", "total"}
    assert [s.text for s in record.sentences] == [s.text for s in answer.sentences]
    assert all(record.text[s.start : s.end] == s.text for s in record.sentences)
    assert len(record.sources) == len(answer.source_nodes) == len(kept.passages)
    assert {p.id for p in kept.passages} == {s.passage for s in record.sources}
    assert all(corpus.read(p.article, p.span) == p.text for p in kept.passages)
    assert record.citations
    for note, own in zip(record.citations, answer.citations, strict=True):
        assert note.stands == note.quote == own.quote
        assert corpus.read(note.article, note.span) == note.quote
        assert note.passage in {p.id for p in kept.passages}


def test_declining_keeps_its_reason_and_its_confidence(engine: QueryEngine) -> None:
    record = ask(case("Who won the cup?"), engine, Corpus.of(engine.index)).record

    assert (record.status, record.text, record.citations) == ("abstained", DECLINE, ())
    assert record.reason is not None
    assert 0 <= (record.confidence or -1) < 0.3


def test_an_article_that_vanished_is_named_without_its_folder_and_nothing_stands_there(
    engine: QueryEngine,
) -> None:
    kept = ask(case("Who mediated the talks?"), engine, Corpus.from_articles(ARTICLES))

    assert {p.article[:2] for p in kept.passages} == {"?/"}
    assert {(p.start, p.end) for p in kept.passages} == {(0, 0)}
    assert {note.article[:2] for note in kept.record.citations} == {"?/"}
    assert {note.stands for note in kept.record.citations} == {None}
    assert all(note.passage in {p.id for p in kept.passages} for note in kept.record.citations)
    assert str(Path.cwd()) not in kept.record.model_dump_json()


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


@pytest.fixture(scope="module")
def asked(server: OpenAIServer, seeds_index: Path) -> Iterator[QueryEngine]:
    settings = Settings(llm="openai:gpt-4o-mini", llm_base_url=server.url)
    with QueryEngine.open(seeds_index, settings=settings) as opened:
        yield opened


def test_what_a_model_read_and_wrote_is_counted(server: OpenAIServer, asked: QueryEngine) -> None:
    server.will(reply("Turkey mediated the talks. [1]"))
    record = ask(case("Who mediated the talks?"), asked, Corpus.of(asked.index)).record
    (request,) = server.history

    assert (record.status, record.model) == ("answered", "gpt-4o-mini")
    assert record.prompt_tokens == count_tokens(request.prompt, "gpt-4o-mini")
    assert record.completion_tokens == count_tokens("Turkey mediated the talks. [1]", "gpt-4o-mini")
    assert 0 < (record.confidence or 0) < 1


def test_the_confidence_of_a_models_run_is_one_scale_even_where_it_failed(
    server: OpenAIServer, asked: QueryEngine
) -> None:
    server.will(reply("Turkey mediated the talks. [1]"))
    answered = ask(case("Who mediated the talks?"), asked, Corpus.of(asked.index)).record
    server.will(error(500))
    failed = ask(case("Who mediated the talks?"), asked, Corpus.of(asked.index)).record

    assert (failed.model, failed.status) == ("quoting", "answered")
    assert "gave no answer" in (failed.notice or "")
    assert failed.confidence == answered.confidence
    assert (failed.prompt_tokens, failed.completion_tokens) == (answered.prompt_tokens, 0)


# --- the answers of other engines


def test_markers_count_the_source_nodes_from_one() -> None:
    nodes = (node(TALKS.text, score=0.9, uri=TALKS.uri), node(OPENED, score=0.4, uri=MARKETS.uri))
    kept = said("They left [1]. It rose.[2][1]\n- Four died [3]", *nodes)
    markets = f"markets.txt#0-{len(OPENED)}"

    assert kept.record.model_copy(update={"seconds": {}}) == Record(
        case="q",
        question="q",
        status="answered",
        text="They left. [1] It rose. [2][1]\n- Four died [3]",
        sentences=(
            SentenceRecord(text="They left.", start=0, end=10, citations=(1,)),
            SentenceRecord(text="It rose.", start=15, end=23, citations=(2, 1)),
            SentenceRecord(text="- Four died", start=31, end=42, citations=(3,)),
        ),
        citations=(
            CitationRecord(
                number=1,
                passage=ALL,
                article="talks.txt",
                start=0,
                end=len(TALKS.text),
                quote=TALKS.text,
                stands=TALKS.text,
            ),
            CitationRecord(
                number=2,
                passage=markets,
                article="markets.txt",
                start=0,
                end=len(OPENED),
                quote=OPENED,
                stands=OPENED,
            ),
        ),
        sources=(SourceRecord(passage=ALL, score=0.9), SourceRecord(passage=markets, score=0.4)),
        confidence=0.9,
    )
    assert set(kept.record.seconds) == {"total"}


@pytest.mark.parametrize("text", ["[1]", " [1] [2]\n", "", None, "…"])
def test_markers_alone_are_no_answer(text: str | None) -> None:
    record = said(text, node(LEFT, uri=TALKS.uri)).record

    assert record.status == "abstained"
    assert all(record.text[s.start : s.end] == s.text for s in record.sentences)


def test_two_nodes_with_the_same_words_stay_two_sources() -> None:
    record = said("So. [1] So. [2]", node(LEFT, uri=TALKS.uri), node(LEFT, uri=TALKS.uri)).record

    assert [source.passage for source in record.sources] == [f"talks.txt#0-{len(LEFT)}"] * 2
    assert [note.number for note in record.citations] == [1, 2]


@pytest.mark.parametrize(
    "about",
    [
        {"uri": TALKS.uri},
        {"article": "talks.txt"},
        {"file_path": "/news/talks.txt"},
        {"file_path": "/elsewhere/talks.txt", "file_name": "talks.txt"},
        {"document": TALKS.uri},
        {"document": "3f1c"},
        {},
    ],
)
def test_an_article_may_be_named_in_many_ways_or_be_told_by_its_words(about: dict[str, Any]) -> None:
    assert passage(node(KILLED, **about)).id == f"talks.txt#{len(LEFT) + 1}-{len(TALKS.text)}"


def test_of_articles_with_the_same_name_the_one_that_holds_the_words_is_meant() -> None:
    uris = ("file:///news/a/x.txt", "file:///news/b/x.txt")
    corpus = Corpus.from_articles(
        [Article(uri=uri, title="", text=text) for uri, text in zip(uris, (LEFT, KILLED), strict=True)]
    )
    answers = [
        responded("Yes. [1]", node(words, file_name="x.txt")) for words in (LEFT, KILLED, "Other words.")
    ]
    found = [ask(case("q"), FakeEngine({"q": answer}), corpus).passages[0].article for answer in answers]

    assert found == ["a/x.txt", "b/x.txt", "x.txt"]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (node(LEFT, start=0, uri=TALKS.uri), (0, len(LEFT), LEFT)),
        (node(KILLED, start=7, uri=TALKS.uri), (len(LEFT) + 1, len(TALKS.text), KILLED)),
        (node(f"  {LEFT}\n", uri=TALKS.uri), (0, len(LEFT), LEFT)),
        (node(f"Source 12:\n{LEFT}\n", start=3, uri=TALKS.uri), (0, len(LEFT), LEFT)),
        (node(f"{OPENED} {CLOSED}", uri=MARKETS.uri), (0, len(MARKETS.text), MARKETS.text)),
        (node("Nothing of the sort.", uri=TALKS.uri), (0, 0, "Nothing of the sort.")),
        (node("", uri=TALKS.uri), (0, 0, "")),
    ],
)
def test_a_node_is_found_in_its_article_by_its_words(
    made: NodeWithScore, expected: tuple[int, int, str]
) -> None:
    found = passage(made)

    assert (found.article, found.start, found.end, found.text) == ("talks.txt", *expected) or (
        found.article,
        found.start,
        found.end,
        found.text,
    ) == ("markets.txt", *expected)


def test_of_several_places_the_one_that_the_node_tells_is_taken() -> None:
    corpus = Corpus.from_articles([Article(uri="urn:a", title="", text="No. No. No.")])
    found = [
        ask(case("q"), FakeEngine({"q": responded("So.", node("No.", start=at, uri="urn:a"))}), corpus)
        for at in (4, 7, None)
    ]

    assert [kept.passages[0].span for kept in found] == [(4, 7), (8, 11), (0, 3)]


def test_words_that_stand_nowhere_are_told_apart_and_never_verbatim() -> None:
    kept = said(
        "A. [1] B. [2]", node("One.", uri="file:///home/me/x.txt"), node("Two.", file_path="/x/y.txt")
    )
    first, second = kept.record.citations

    assert [p.article for p in kept.passages] == ["?/x.txt", "?/y.txt"]
    assert len({p.id for p in kept.passages}) == 2
    assert (first.quote, first.stands, first.passage) == ("One.", None, kept.passages[0].id)
    assert (second.quote, second.stands, second.passage) == ("Two.", None, kept.passages[1].id)


@pytest.mark.parametrize(
    ("nodes", "sure"),
    [
        ([node(LEFT, score=0.2), node(KILLED, score=0.7)], 0.7),
        ([node(LEFT, score=9.0, dense=0.4), node(KILLED, score=7.0, dense=0.5)], 0.5),
        ([node(LEFT, score=math.nan), node(KILLED, score=0.1)], 0.1),
        ([node(LEFT, score=math.inf)], None),
        ([node(LEFT, score=None)], None),
        ([], None),
    ],
)
def test_confidence_is_the_best_cosine_or_score_that_is_a_number(
    nodes: list[NodeWithScore], sure: float | None
) -> None:
    record = said("Yes.", *nodes).record

    assert record.confidence == sure
    assert all(source.score is None or math.isfinite(source.score) for source in record.sources)


def test_a_streamed_answer_is_read_to_its_end() -> None:
    pieces = (piece for piece in ("They ", "left. [1]"))
    stream = StreamingResponse(response_gen=pieces, source_nodes=[node(LEFT)])
    record = ask(case("q"), FakeEngine({"q": stream}), CORPUS).record

    assert (record.text, record.error) == ("They left. [1]", None)
    assert [note.quote for note in record.citations] == [LEFT]


@pytest.mark.parametrize(
    "text",
    [
        "Empty Response",
        "I don't know.",
        "I don’t know.",
        "I cannot answer this.",
        "I'm sorry, but I cannot find this in the text.",
        "Sorry, there is no information about it.",
        "I am unable to say.",
        "Unfortunately, the sources do not say who won.",
        "None of the sources mention it [1].",
        "None of the provided sources contain an answer.",
        "The sources do not answer the question.",
        "The provided context does not explicitly mention him.",
        "The information provided does not include a date.",
        "The articles say nothing about it.",
        "Context provides no answer",
        "Based on the provided sources, there is no information about it.",
        "It is not mentioned in the sources.",
        "Not enough information.",
        "No information is given on this.",
        "No answer.",
        "There is no mention of a cup [2].",
        DECLINE,
    ],
)
def test_an_answer_that_begins_by_saying_so_declines(text: str) -> None:
    assert declines_by_phrase(text)


@pytest.mark.parametrize(
    "text",
    [
        "Four.",
        "Unfortunately for Pakistan, the talks failed [1].",
        "The sources do not agree: one says four, the other five [1][2].",
        "The articles say that four died.",
        "Sorry seems to be the hardest word [1].",
        "They do not know when the talks resume.",
        "Information provided by the ministry says so.",
        "There is no agreement [1].",
        "The delegation did not answer questions.",
        "It is not the first round.",
        "No information office was built.",
    ],
)
def test_an_answer_that_only_sounds_like_it_does_not_decline(text: str) -> None:
    assert not declines_by_phrase(text)


def test_one_may_tell_oneself_what_declines() -> None:
    engine = FakeEngine({"q": "PASS"})

    assert ask(case("q"), engine, CORPUS, declines=lambda text: text == "PASS").record.abstained
    assert ask(case("q"), engine, CORPUS).record.status == "answered"


# --- conversations


HISTORY = [{"question": "Who met?", "answer": "Two sides."}, {"question": "Where?"}]


def test_a_chat_engine_is_given_the_turns_before_and_none_of_other_cases() -> None:
    chat = FakeChat(AgentChatResponse(response="On 7 November. [1]", source_nodes=[node(LEFT)]))
    records = [
        ask(asked, chat, CORPUS).record for asked in (case("When?", history=HISTORY), case("When else?"))
    ]

    assert chat.messages == ["When?", "When else?"]
    assert chat.histories == [
        [("user", "Who met?"), ("assistant", "Two sides."), ("user", "Where?"), ("assistant", "")],
        [],
    ]
    assert [(record.turn, record.used_history) for record in records] == [(3, True), (1, False)]
    assert [note.quote for note in records[0].citations] == [LEFT]


def test_a_query_engine_is_asked_the_bare_question() -> None:
    engine = FakeEngine({"When?": "On 7 November."})
    record = ask(case("When?", history=HISTORY), engine, CORPUS).record

    assert engine.asked == ["When?"]
    assert (record.turn, record.used_history) == (3, False)


# --- crashes


class Form(BaseModel):
    value: int


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (ValueError("no\n  good"), "ValueError: no good"),
        (UsageError("The question is empty."), "The question is empty."),
        (UsageError(""), "UsageError"),
        (KeyError(), "KeyError:"),
        (ValueError("x" * 500), f"ValueError: {'x' * 388}"),
        (
            OSError("/home/me/x/a.txt and file:///home/me/b.txt, not http://h/x/y"),
            "OSError: …/a.txt and …/b.txt, not http://h/x/y",
        ),
        (
            RuntimeError("http://me:pass@h/v1?api_key=abc&x=1 refused sk-12345678abc; Bearer abc.def"),
            "RuntimeError: http://h/v1?&x=1 refused ; Bearer",
        ),
    ],
)
def test_a_crash_is_kept_on_one_line_without_keys_and_folders(raised: Exception, told: str) -> None:
    record = ask(case("q"), FakeEngine({"q": raised}), CORPUS).record

    assert record == Record(case="q", question="q", error=told)


def test_an_answer_that_cannot_be_read_is_a_crash() -> None:
    record = ask(case("q"), FakeEngine(lambda _: object()), CORPUS).record  # type: ignore[arg-type,return-value]  # a bad engine

    assert (record.status, record.text) == (None, "")
    assert (record.error or "").startswith("ValidationError: 4 validation errors for QueryEndEvent")


def test_the_own_answer_of_another_class_is_its_own(engine: QueryEngine) -> None:
    answer: Answer = engine.query("Who mediated the talks?")
    record = ask(case("q"), FakeEngine({"q": answer}), Corpus.of(engine.index)).record

    assert (record.text, record.model) == (answer.text, "quoting")


# --- all cases


@pytest.mark.parametrize("workers", [1, 4])
def test_records_come_in_the_order_of_the_cases(workers: int) -> None:
    names = [f"q{n}" for n in range(20)]
    engine = FakeEngine(lambda question: ValueError("no") if question == "q7" else f"I am {question}.")
    replies = list(ask_all([case(name) for name in names], engine, CORPUS, workers=workers))

    assert [reply.record.case for reply in replies] == names
    assert [reply.record.text for reply in replies if not reply.record.error] == [
        f"I am {name}." for name in names if name != "q7"
    ]
    assert replies[7].record.error == "ValueError: no"


@pytest.mark.parametrize("workers", [1, 2])
def test_closing_stops_asking(workers: int) -> None:
    engine = FakeEngine(lambda question: KeyboardInterrupt() if question == "q1" else "Yes.")
    replies = ask_all([case(f"q{n}") for n in range(30)], engine, CORPUS, workers=workers)

    assert next(replies).record.text == "Yes."
    with pytest.raises(KeyboardInterrupt):
        next(replies)
    assert list(replies) == []
