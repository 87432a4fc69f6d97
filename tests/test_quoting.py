from __future__ import annotations

from pathlib import Path

from rag.citations import Source
from rag.engine import QueryEngine
from rag.ingestion import ingest_articles
from rag.quoting import Candidate, choose
from rag.schema import Article, Passage, Span
from rag.settings import Settings


def candidate(text: str, *, cosine: float, uri: str = "test:a", position: int = 0) -> Candidate:
    article = Article(uri=uri, title="T", text=text)
    span = Span(0, len(text))
    passage = Passage(f"{uri}-{position}", article.id, 0, len(text), 9, (span,))
    source = Source(1 if uri == "test:a" else 2, passage, article, 1.0)
    return Candidate(source, position, span, text, cosine, 0.0, 0.0, shows_kind=False)


def test_the_second_quote_is_another_articles_account() -> None:
    best = candidate("Asif spoke of a deadlock.", cosine=0.9)
    same = candidate("The talks went on for two days.", cosine=0.8, position=1)
    other = candidate("Asif saw no results.", cosine=0.6, uri="test:b")

    assert choose([best, same, other]) == [best, other, same]


def test_far_and_repeated_sentences_are_left_out() -> None:
    best = candidate("Four civilians were killed on Friday.", cosine=0.9)
    wire_copy = candidate("Four civilians were killed on Friday.", cosine=0.9, uri="test:b")
    far = candidate("Bread is baked.", cosine=0.2, position=3)

    assert choose([best, wire_copy, far]) == [best]


def test_a_pronoun_brings_the_sentence_before_it() -> None:
    before = candidate("Asif met the press.", cosine=0.1, position=0)
    quote = candidate("He claimed that the delegation refused.", cosine=0.9, position=1)

    assert choose([quote, before]) == [before, quote]


def test_a_pronoun_is_resolved_over_the_seeds(engine: QueryEngine) -> None:
    answer = engine.query("Why did Pakistan doubt that the Afghan delegation was committed?")
    texts = [sentence.text for sentence in answer.sentences]
    claim = next(n for n, text in enumerate(texts) if text.startswith("He claimed"))

    assert "Khawaja Asif" in texts[claim - 1]


def test_an_empty_index_says_how_to_fill_it(tmp_path: Path) -> None:
    ingest_articles([], index=tmp_path / "index", settings=Settings())

    with QueryEngine.open(tmp_path / "index", settings=Settings()) as empty:
        answer = empty.query("Who mediated the talks?")

    assert (answer.status, answer.source_nodes) == ("abstained", [])
    assert "rag ingest" in str(answer.reason)
