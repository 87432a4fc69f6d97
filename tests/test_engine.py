from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.engine import QueryEngine
from rag.errors import UsageError
from rag.ingestion import ingest_articles
from rag.schema import Article, Conflict
from rag.settings import Settings

TEXTS = {
    "Post": "On Friday 40 miners were arrested in Arlon. The Red Mill belongs to Dana Pruitt.",
    "Lamp": "In Arlon 52 miners were arrested on Friday. The owner of the Red Mill is Dana Pruitt.",
}
"""Two accounts: they differ in how many were arrested, and agree on who owns the mill."""


def over(folder: Path, texts: dict[str, str]) -> QueryEngine:
    """Return an engine over one article of each outlet."""
    articles = [Article(f"test:{outlet}", "News", text, outlet) for outlet, text in texts.items()]
    ingest_articles(articles, index=folder, settings=Settings())
    return QueryEngine.open(folder, settings=Settings(min_confidence=0))


@pytest.fixture(name="two", scope="module")
def two_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueryEngine]:
    with over(tmp_path_factory.mktemp("two") / "index", TEXTS) as opened:
        yield opened


def test_an_answer_is_footnoted_and_every_quote_stands_in_its_article(engine: QueryEngine) -> None:
    answer = engine.query("Who mediated the talks?")

    assert answer.status == "answered"
    assert "Turkey" in str(answer)
    assert [c.number for c in answer.citations] == list(range(1, len(answer.citations) + 1))
    for citation in answer.citations:
        assert citation.article.text[citation.start : citation.end] == citation.quote
        assert answer.text[citation.answer_start : citation.answer_end] == f"[{citation.number}]"
        assert citation.verdict.sound
    for sentence in answer.sentences:
        assert answer.text[sentence.start : sentence.end] == sentence.text


def test_streaming_and_async_give_the_same_answer(engine: QueryEngine) -> None:
    question = "How did the defence minister describe the talks?"
    whole = engine.query(question)
    stream = engine.stream(question)

    assert "".join(stream) == whole.text == stream.get_response().text
    assert asyncio.run(engine.aquery(question)).text == whole.text
    assert {c.article.uri for c in whole.citations} == {e.uri for e in engine.index.catalogue.entries()}


@pytest.mark.parametrize("question", ["Who won the 2022 World Cup?", "How do I bake bread?"])
def test_a_question_off_the_topic_is_not_answered(engine: QueryEngine, question: str) -> None:
    answer = engine.query(question)

    assert answer.status == "abstained"
    assert answer.citations == []
    assert answer.reason is not None
    assert answer.source_nodes


@pytest.mark.parametrize("question", ["", " \n", "x" * 100_000])
def test_a_question_that_cannot_be_asked_is_refused(engine: QueryEngine, question: str) -> None:
    with pytest.raises(UsageError):
        engine.query(question)


def test_accounts_that_differ_are_each_given_introduced_and_told_as_a_conflict(two: QueryEngine) -> None:
    answer = two.query("How many miners were arrested?")

    assert {sentence.lead_in for sentence in answer.sentences} == {"In Post:", "In Lamp:"}
    assert all(number in answer.text for number in ("40", "52"))
    (conflict,) = answer.conflicts
    assert isinstance(conflict, Conflict)
    assert (conflict.kind, set(conflict.says)) == ("number", {"40", "52"})
    assert answer.to_dict()["conflicts"] == [conflict.to_dict()]


def test_accounts_that_agree_are_footnotes_of_one_sentence(two: QueryEngine) -> None:
    answer = two.query("Who owns the Red Mill?")

    assert [sentence.citations for sentence in answer.sentences] == [(1, 2)]
    assert {note.article.source for note in answer.citations} == {"Post", "Lamp"}
    assert [note.answer_words for note in answer.citations] == ["Dana Pruitt", "Dana Pruitt"]
    assert answer.conflicts == []


def test_a_footnote_says_which_words_answer(two: QueryEngine) -> None:
    (note, _) = two.query("Who owns the Red Mill?").citations

    assert note.answer is not None
    assert note.article.text[slice(*note.answer)] == "Dana Pruitt"
    assert note.to_dict()["answer"] == list(note.answer)


def test_each_part_of_a_question_is_retrieved_and_answered(two: QueryEngine) -> None:
    answer = two.query("Who owns the Red Mill, and how many miners were arrested in Arlon?")

    assert answer.status == "answered"
    assert [part.asks for part in answer.parts] == [
        "Who owns the Red Mill",
        "how many miners were arrested in Arlon",
    ]
    for part, words in zip(answer.parts, (("Pruitt",), ("40", "52")), strict=True):
        told = [answer.sentences[n].text for n in part.sentences]
        assert all(any(word in text for text in told) for word in words)
    assert answer.to_dict()["parts"] == [part.to_dict() for part in answer.parts]


def test_an_empty_index_says_how_to_fill_it(tmp_path: Path) -> None:
    with over(tmp_path / "index", {}) as empty:
        answer = empty.query("Who mediated the talks?")

    assert (answer.status, answer.source_nodes, answer.confidence) == ("abstained", [], None)
    assert "rag ingest" in str(answer.reason)
