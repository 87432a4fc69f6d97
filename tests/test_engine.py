from __future__ import annotations

import asyncio

import pytest

from rag.engine import QueryEngine
from rag.errors import UsageError


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
