from __future__ import annotations

from pathlib import Path

import pytest

from rag.citations import Source
from rag.engine import QueryEngine
from rag.ingestion import ingest_articles
from rag.questions import kind_asked, shows_kind
from rag.quoting import Candidate
from rag.schema import Article, Passage, Span
from rag.settings import Settings


def candidate(text: str, *, cosine: float) -> Candidate:
    article = Article(uri="test:a", title="T", text=text)
    span = Span(0, len(text))
    passage = Passage("a-0", article.id, 0, len(text), 9, (span,))
    return Candidate(Source(1, passage, article, 1.0), 0, span, text, cosine, 0.0, 0.0, shows_kind=False)


def test_a_pronoun_is_resolved_over_the_seeds(engine: QueryEngine) -> None:
    answer = engine.query("How did the defence minister describe the talks?")
    texts = [sentence.text for sentence in answer.sentences]
    claim = next(n for n, text in enumerate(texts) if text.startswith("He claimed"))

    assert "Khawaja Asif" in texts[claim - 1]


def test_the_reason_names_what_is_not_there(engine: QueryEngine) -> None:
    reason = engine.query("Who won the 2022 World Cup?").reason

    assert reason is not None
    assert all(word in reason for word in ("“2022”", "“World”", "“Cup”"))


def test_an_empty_index_says_how_to_fill_it(tmp_path: Path) -> None:
    ingest_articles([], index=tmp_path / "index", settings=Settings())

    with QueryEngine.open(tmp_path / "index", settings=Settings()) as empty:
        answer = empty.query("Who mediated the talks?")

    assert (answer.status, answer.source_nodes) == ("abstained", [])
    assert "rag ingest" in str(answer.reason)


@pytest.mark.parametrize(
    ("question", "kind", "shown", "not_shown"),
    [
        ("How many people were killed?", "number", "Four people died.", "In 2021, people died."),
        ("When were the talks?", "date", "They met on 6 November.", "They met in Doha."),
        ("In which city did they meet?", "place", "They met in Istanbul.", "They met in November."),
        ("Who spoke?", "person", "Then Khawaja Asif spoke.", "Then the minister spoke."),
        ("Why did it fail?", "reason", "It failed because of rain.", "It failed."),
        ("What did he say about it?", "statement", "He said it was over.", "It was over."),
        ("Is it over?", "any", "Yes.", None),
    ],
)
def test_a_question_shows_the_kind_of_its_answer(
    question: str, kind: str, shown: str, not_shown: str | None
) -> None:
    asked = kind_asked(question)

    assert asked == kind
    assert shows_kind(asked, shown)
    assert not_shown is None or not shows_kind(asked, not_shown)
