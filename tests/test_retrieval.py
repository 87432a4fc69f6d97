from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import QueryBundle

from rag.catalogue import PassageRow
from rag.engine import QueryEngine
from rag.ingestion import ingest_articles
from rag.retrieval import COVERAGE, LEAD, HybridRetriever, Ranked, Scores, best_first, fuse, standardise
from rag.schema import Article, Passage
from rag.settings import Settings


def test_scores_are_standardised() -> None:
    np.testing.assert_allclose(standardise(np.array([1.0, 2.0, 3.0])), [-1.2247449, 0.0, 1.2247449])
    np.testing.assert_array_equal(standardise(np.array([2.0, 2.0])), [0.0, 0.0])
    assert standardise(np.array([])).size == 0


def test_fusion_adds_both_sides_and_keeps_them_apart() -> None:
    scores = fuse({"a": 0.9, "b": 0.1}, {"b": 3.0})

    assert scores["a"] == pytest.approx((0.0, 0.9, 0.0))
    assert scores["b"] == pytest.approx((0.0, 0.1, 3.0))


def test_the_opening_of_an_article_comes_before_the_same_words_further_down(tmp_path: Path) -> None:
    filling = "Bread is baked early. " * 120
    articles = [
        Article(uri="test:late", title="News", text=f"{filling}A ferry sinks off Zanzibar."),
        Article(uri="test:early", title="News", text=f"A ferry sinks off Zanzibar. {filling}"),
    ]
    ingest_articles(articles, index=tmp_path / "index", settings=Settings())

    with QueryEngine.open(tmp_path / "index", settings=Settings()) as engine:
        retriever = HybridRetriever(engine.index, engine.embedding, top_k=8, candidates=50)
        question = "Did a ferry sink off Zanzibar?"
        first, *rest = retriever.rank(question, retriever.embed_question(question))
        late = next(r for r in rest if "Zanzibar" in r.row.text)

    assert (first.row.uri, first.lead, late.row.uri) == ("test:early", 1.0, "test:late")
    assert first.coverage == late.coverage == 1.0
    assert first.score == first.scores.fused + COVERAGE + LEAD


def hoped(fused: Sequence[float]) -> list[Ranked]:
    """Return one passage for each score, as good as it may turn out to be."""
    passages = [Passage(f"p{n}", "a", 0, 4, 3, ()) for n in range(len(fused))]
    rows = [PassageRow(passage, "Text", "test:a", "Title", None, None) for passage in passages]
    return [Ranked(row, Scores(f, 0.0, 0.0), 1.0, 0.0) for row, f in zip(rows, fused, strict=True)]


@given(st.lists(st.tuples(st.sampled_from([-1.0, 0.0, 1.5, 3.0]), st.sampled_from([0.0, 0.5, 1.0]))))
def test_passages_come_best_first_as_if_all_had_been_read(scores: list[tuple[float, float]]) -> None:
    unread = hoped([fused for fused, _ in scores])
    known = {r.row.passage.id: r._replace(coverage=held) for r, (_, held) in zip(unread, scores, strict=True)}

    found = list(best_first(unread, lambda r: known[r.row.passage.id]))

    assert found == sorted(known.values(), key=lambda r: (-r.score, r.row.passage.id))


def test_passages_that_cannot_come_next_are_not_read() -> None:
    read: list[str] = []

    def remember(unread: Ranked) -> Ranked:
        read.append(unread.row.passage.id)
        return unread._replace(coverage=0.5)

    first = next(best_first(hoped([0.0, 9.0, 8.0, 5.0]), remember))

    assert (first.row.passage.id, read) == ("p1", ["p1", "p2"])


def test_a_limit_gives_the_start_of_the_whole_ranking(engine: QueryEngine) -> None:
    retriever = HybridRetriever(engine.index, engine.embedding, top_k=8, candidates=50)
    question = "Who mediated the talks?"
    vector = retriever.embed_question(question)

    assert retriever.rank(question, vector, limit=3) == retriever.rank(question, vector)[:3]


def test_nodes_carry_offsets_scores_and_their_article(engine: QueryEngine) -> None:
    nodes = engine.retrieve(QueryBundle("Who mediated the talks?"))
    articles = engine.index.catalogue.articles({n.node.metadata["article_id"] for n in nodes})

    assert [n.score for n in nodes] == sorted((n.score for n in nodes), reverse=True)  # type: ignore[type-var]  # scores are set
    for n in nodes:
        article = articles[n.node.metadata["article_id"]]
        assert n.node.get_content() == article.text[n.node.start_char_idx : n.node.end_char_idx]  # type: ignore[attr-defined]  # text nodes
        assert n.node.metadata["title"] == article.title
        assert n.node.source_node is not None
        assert n.node.source_node.node_id == article.id


def test_the_title_counts_in_the_lexical_part(tmp_path: Path) -> None:
    articles = [
        Article(uri="test:1", title="Zanzibar ferry timetable", text="It leaves at nine. It is late."),
        Article(uri="test:2", title="Other news", text="It leaves at ten. It is early."),
    ]
    ingest_articles(articles, index=tmp_path / "index", settings=Settings())

    with QueryEngine.open(tmp_path / "index", settings=Settings()) as engine:
        hits = engine.index.lexical.search("Zanzibar", limit=5)
        assert engine.retrieve(QueryBundle("Zanzibar"))[0].node.metadata["uri"] == "test:1"

    assert len(hits) == 1


def test_the_retriever_drops_into_llama_index(engine: QueryEngine) -> None:
    stock = RetrieverQueryEngine.from_args(engine.retriever, llm=MockLLM())

    assert stock.query("Who mediated the talks?").source_nodes
    assert asyncio.run(engine.retriever.aretrieve("Who mediated the talks?"))


def test_the_engine_answers_from_given_nodes(engine: QueryEngine) -> None:
    bundle = QueryBundle("Who mediated the talks?")
    nodes = engine.retrieve(bundle)[:1]

    answer = engine.synthesize(bundle, nodes)

    assert answer.source_nodes == nodes == answer.cited_nodes
    assert asyncio.run(engine.asynthesize(bundle, nodes)).text == answer.text


def test_options_make_another_engine_over_the_same_index(engine: QueryEngine) -> None:
    small = engine.with_options(top_k=2)

    assert small.index is engine.index
    assert len(small.retrieve(QueryBundle("talks"))) == 2
