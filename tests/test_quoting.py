from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rag.answering import Question
from rag.citations import Source
from rag.engine import QueryEngine
from rag.ingestion import ingest_articles
from rag.quoting import READ, Candidate, QuotingAnswerer
from rag.reading import Likeness
from rag.schema import Article, Passage, Span
from rag.scoring import PLAIN_WEIGHTS, WEIGHTS, score
from rag.settings import Settings


def candidate(text: str, *, cosine: float) -> Candidate:
    article = Article(uri="test:a", title="T", text=text)
    span = Span(0, len(text))
    passage = Passage("a-0", article.id, 0, len(text), 9, (span,))
    return Candidate(Source(1, passage, article, 1.0), 0, span, text, cosine, 0.0, 0.0, shows_kind=False)


def test_a_pronoun_is_resolved_over_the_seeds(engine: QueryEngine) -> None:
    answer = engine.query("Who preferred verbal assurances?")
    texts = [sentence.text for sentence in answer.sentences]
    claim = next(n for n, text in enumerate(texts) if text.startswith("He claimed"))

    assert "Khawaja Asif" in texts[claim - 1]


def ranked(engine: QueryEngine, *, reads: bool) -> list[Candidate]:
    """The sentences of the seeds for one question, by a model that reads words or one that cannot."""
    answerer = QuotingAnswerer(
        embed=engine.embedding.get_text_embedding_batch,
        read=engine.quoting.read if reads else None,
        vocabulary=engine.index.lexical,
    )
    text = "How many civilians died?"
    question = Question(text, tuple(engine.embedding.get_query_embedding(text)))
    return answerer.candidates(question, engine.sources(engine.retrieve(text)))


def test_the_nearest_sentences_are_read_and_come_first(engine: QueryEngine) -> None:
    found = ranked(engine, reads=True)

    assert [c.likeness is not None for c in found] == [n < READ for n in range(len(found))]
    assert found[0].score == score(found[0].signs, WEIGHTS)
    assert found[0].signs.matched > found[0].plain_signs.matched, "“killed” says “died” in another word"


def test_a_model_that_reads_no_words_ranks_by_the_plain_signs(engine: QueryEngine) -> None:
    read, plain = ranked(engine, reads=True), ranked(engine, reads=False)

    assert sorted(c.span for c in read) == sorted(c.span for c in plain)
    assert [c.likeness for c in plain] == [None] * len(plain)
    assert [c.score for c in plain] == [score(c.plain_signs, PLAIN_WEIGHTS) for c in plain]
    assert [c.score for c in plain] == sorted((c.score for c in plain), reverse=True)


def test_reading_changes_the_rank_and_nothing_that_tells_whether_the_articles_answer() -> None:
    plain = candidate("Talks failed.", cosine=0.5)
    read = replace(plain, likeness=Likeness(meaning=0.8, matched=0.9))

    assert (read.cosine, read.coverage) == (plain.cosine, plain.coverage)
    assert (read.signs.meaning, read.signs.matched) == (0.8, 0.9)
    assert (read.plain_signs, plain.signs) == (plain.plain_signs, plain.plain_signs)
    assert read.score > plain.score


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
