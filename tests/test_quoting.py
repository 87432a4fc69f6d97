from __future__ import annotations

from pathlib import Path

from rag.citations import Source
from rag.engine import QueryEngine
from rag.ingestion import ingest_articles
from rag.quoting import Candidate
from rag.schema import Article, Passage, Span
from rag.settings import Settings


def candidate(text: str, *, cosine: float) -> Candidate:
    article = Article(uri="test:a", title="T", text=text)
    span = Span(0, len(text))
    passage = Passage("a-0", article.id, 0, len(text), 9, (span,))
    return Candidate(Source(1, passage, article, 1.0), 0, span, text, cosine, 0.0, 0.0, shows_kind=False)


def test_a_pronoun_is_resolved_over_the_seeds(engine: QueryEngine) -> None:
    answer = engine.query("Was the Afghan delegation sincere about reaching an agreement?")
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
