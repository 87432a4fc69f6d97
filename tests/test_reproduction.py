"""The figures that the searches are known by come out of our code: BM25's, MiniLM's and nDCG's."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import ir_measures
import numpy as np
import pytest
from reproduction import ANSERINI, BM25, TANTIVY, ndcg, rank_by_textbook, rank_by_words
from sets import QuestionSet, load_set

from evals.cases import Case, ExpectedSource
from rag import Article, Settings, minilm
from rag.articles import read_article
from rag.catalogue import Batch, Head, IndexedPassage
from rag.embedding import load_embedding
from rag.lexical import TITLE_BOOST, LexicalIndex, build_analyzer
from rag.passages import split_article
from tests.conftest import SEEDS

QUESTIONS = (
    "Who mediated the peace talks in Istanbul?",
    "What did the defence minister of Pakistan say about the negotiations?",
    "civilians killed in border clashes",
)
BACKENDS = ("onnxruntime", "openvino")
K1, B = 1.2, 0.75


class Field(NamedTuple):
    """The terms of one field in every passage; `length` is what the index takes each to be."""

    texts: Sequence[list[str]]
    lengths: Sequence[float]

    def score(self, term: str, n: int) -> float:
        """BM25 of one term in passage n: Robertson and Zaragoza 2009, with Lucene's idf."""
        times, holding = self.texts[n].count(term), sum(term in text for text in self.texts)
        idf = math.log(1 + (len(self.texts) - holding + 0.5) / (holding + 0.5))
        mean = sum(map(len, self.texts)) / len(self.texts)
        return idf * times * (K1 + 1) / (times + K1 * (1 - B + B * self.lengths[n] / mean))


def field(texts: Sequence[str], *, shrunk: float = 1.0) -> Field:
    terms = [build_analyzer().analyze(text) for text in texts]
    return Field(terms, [len(own) * shrunk if len(own) > 40 else len(own) for own in terms])


def by_hand(passages: Sequence[IndexedPassage], question: str, *, shrunk: float = 1.0) -> dict[str, float]:
    """Return the score of every passage that shares a term with the question."""
    bodies = field([passage.text for passage in passages], shrunk=shrunk)
    titles = field([passage.title for passage in passages])
    terms = set(build_analyzer().analyze(question))
    scores = {
        passage.id: sum(bodies.score(term, n) + TITLE_BOOST * titles.score(term, n) for term in terms)
        for n, passage in enumerate(passages)
    }
    return {id_: score for id_, score in scores.items() if score}


def seed_passages(max_tokens: int) -> list[IndexedPassage]:
    articles = [read_article(path) for path in sorted(SEEDS.iterdir())]
    return [
        IndexedPassage(
            passage.id,
            article.id,
            article.text[passage.start : passage.end],
            article.title,
            np.zeros(1, dtype=np.float32),
        )
        for article in articles
        for passage in split_article(article, max_tokens=max_tokens, count_tokens=minilm.count_tokens)
    ]


def tantivy_scores(passages: Sequence[IndexedPassage], folder: Path, question: str) -> dict[str, float]:
    index = LexicalIndex(folder)
    index.reset()
    ids = list(dict.fromkeys(passage.article_id for passage in passages))
    index.apply(Head("test", 1), [Batch(ids, passages)])
    found = dict(index.search(question, limit=100))
    index.close()
    return found


@pytest.mark.parametrize("question", QUESTIONS)
def test_bm25_is_the_textbooks_with_the_title_as_half_a_field(question: str, tmp_path: Path) -> None:
    passages = seed_passages(64)
    assert max(len(build_analyzer().analyze(p.text)) for p in passages) <= 40, "longer ones are rounded"

    found = tantivy_scores(passages, tmp_path / "lexical", question)

    assert found == pytest.approx(by_hand(passages, question), rel=1e-5)


@pytest.mark.parametrize("question", QUESTIONS)
def test_bm25_of_a_long_passage_takes_it_for_at_most_an_eighth_shorter(question: str, tmp_path: Path) -> None:
    passages = seed_passages(256)

    found = tantivy_scores(passages, tmp_path / "lexical", question)

    exact, highest = by_hand(passages, question), by_hand(passages, question, shrunk=7 / 8)
    assert found.keys() == exact.keys()
    assert all(exact[id_] * (1 - 1e-5) <= score <= highest[id_] for id_, score in found.items())
    assert found == pytest.approx(exact, rel=0.06)


def judged(name: str, *relevant: str) -> Case:
    sources = tuple((ExpectedSource(article=uri),) for uri in relevant)
    return Case(id=name, question="?", expected_sources=sources, answerable=True)


def test_ndcg_is_the_hand_computed_value_and_ir_measures() -> None:
    cases = [judged("first", "a", "b", "c"), judged("second", "d"), judged("not searched", "e")]
    ranking = {"first": ["a", "x", "b", "y"], "second": ["z", "d"]}

    by_discount = (1 + 1 / 2) / (1 + 1 / math.log2(3) + 1 / 2)
    expected = (by_discount + 1 / math.log2(3) + 0) / 3
    qrels = {case.id: {s[0].article: 1 for s in case.expected_sources} for case in cases}
    run = {id_: {uri: -float(n) for n, uri in enumerate(uris)} for id_, uris in ranking.items()}
    measure = ir_measures.nDCG @ 10

    assert by_discount == pytest.approx(0.70392, abs=1e-5)
    assert ndcg(cases, ranking) == pytest.approx(expected)
    assert ir_measures.calc_aggregate([measure], qrels, run)[measure] == pytest.approx(expected)


def test_textbook_bm25_ranks_as_tantivy_does_the_rarer_word_first(tmp_path: Path) -> None:
    texts = {"common": "storm storm harvest", "rare": "storm bridge", "none": "market budget"}
    articles = tuple(Article(uri=uri, title="", text=text) for uri, text in texts.items())
    case = Case(id="q", question="storm on the bridge", answerable=True)
    chosen = QuestionSet("storms", articles, (case,))

    assert rank_by_textbook(chosen, TANTIVY)["q"] == ["rare", "common", "none"]
    assert rank_by_words(chosen, tmp_path / "lexical")["q"] == ["rare", "common"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_minilm_gives_the_cosines_that_its_makers_publish(backend: str) -> None:
    if backend == "openvino":
        pytest.importorskip("openvino")
    texts = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
    vectors = np.array(load_embedding(Settings(embedding_backend=backend)).get_text_embedding_batch(texts))

    cosines = vectors @ vectors.T

    # https://sbert.net/docs/quickstart.html, computed in f32; ours is quantised to 8 bits
    published = np.array([[1, 0.6660, 0.1046], [0.6660, 1, 0.1411], [0.1046, 0.1411, 1]])
    assert cosines == pytest.approx(published, abs=0.01)
    assert cosines == pytest.approx(cosines.T, abs=1e-6)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(3), abs=1e-5)


def test_minilm_embeds_a_text_alike_alone_and_among_others() -> None:
    model = load_embedding(Settings())
    texts = [
        "The bridge was closed.",
        "Rain fell on the market for the whole of the second day of the strike.",
    ]

    together = np.array(model.get_text_embedding_batch(texts))
    alone = np.array([model.get_text_embedding(text) for text in texts])

    assert np.sum(together * alone, axis=1) == pytest.approx(np.ones(2), abs=5e-3)


def test_bm25_on_scifact_is_what_is_published(tmp_path: Path) -> None:
    folder = Path(os.environ.get("FOOTNOTED_SETS", tmp_path)) / "scifact"
    if not folder.is_dir():
        pytest.skip("FOOTNOTED_SETS names no folder with scifact in it")
    chosen = load_set(folder)

    at_anserinis = ndcg(chosen.cases, rank_by_textbook(chosen, ANSERINI))
    at_tantivys = ndcg(chosen.cases, rank_by_textbook(chosen, TANTIVY))
    by_tantivy = ndcg(chosen.cases, rank_by_words(chosen, tmp_path / "lexical"))

    assert at_anserinis == pytest.approx(BM25.expected, abs=BM25.tolerance)
    assert by_tantivy == pytest.approx(at_tantivys, abs=0.005)
