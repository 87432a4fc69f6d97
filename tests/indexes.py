"""Small and large indexes for the tests, without an embedding model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag.catalogue import IndexedArticle, Recipe
from rag.index import Index
from rag.lexical import LexicalIndex
from rag.schema import Article, Passage, Span
from rag.vectors import VectorIndex

RECIPE = Recipe("random", 32)
PATIENCE = 0.05
WORDS = ("minister", "talks", "border", "harvest", "bridge", "court", "budget", "strike", "storm", "market")


def indexed(name: str, *, version: int = 0, passages: int = 3, title: str = "Title") -> IndexedArticle:
    """An article whose passages are numbered words, with random vectors."""
    lines = [f"{WORDS[n % 10]} {name} number {version} {n}." for n in range(passages)]
    article = Article(uri=f"file:///{name}.txt", title=title, text=" ".join(lines))
    starts = np.cumsum([0, *(len(line) + 1 for line in lines)])
    spans = [Span(int(start), int(start) + len(line)) for start, line in zip(starts, lines, strict=False)]
    stored = [
        Passage(f"{article.id}-{article.text_hash[:8]}-{n}", article.id, span.start, span.end, 8, (span,))
        for n, span in enumerate(spans)
    ]
    seed = int(article.text_hash[:8], 16)
    vectors = np.random.default_rng(seed).normal(size=(passages, 8)).astype(np.float32)
    return IndexedArticle(article, stored, vectors)


def assert_followed(index: Index) -> None:
    """Both searches hold the catalogue's passages, no others, and find each by its own vector."""
    passages = index.catalogue.batch(index.catalogue.article_ids()).passages
    assert index.vectors.position == index.lexical.position == index.catalogue.head()
    assert index.vectors.ids() == index.lexical.ids() == {p.id for p in passages}
    for passage in passages[:50]:
        found = index.vectors.search(passage.vector.tolist(), limit=3)
        assert passage.id in [hit.passage_id for hit in found]
    assert index.vectors.position == index.catalogue.head(), "a search failed and closed the index"


@pytest.fixture(name="index")
def index_fixture(tmp_path: Path) -> Iterator[Index]:
    with Index.create(tmp_path / "index", RECIPE, patience=PATIENCE) as opened:
        with opened.writing():
            for name in ("one", "two", "three"):
                opened.catalogue.upsert(indexed(name))
        yield opened


@pytest.fixture(scope="module", name="large")
def large_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,600 passages: so many that Chroma has persisted its graph."""
    folder = tmp_path_factory.mktemp("large") / "index"
    with Index.create(folder, RECIPE) as opened, opened.writing():
        for n in range(16):
            opened.catalogue.upsert(indexed(f"article{n}", passages=100))
    return folder


@pytest.fixture(name="reset")
def reset_fixture(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The searches that were made anew, by name."""
    names: list[str] = []
    for kind in (VectorIndex, LexicalIndex):

        def spy(self: Any, original: Callable[[Any], None] = kind.reset) -> None:
            names.append(type(self).__name__)
            original(self)

        monkeypatch.setattr(kind, "reset", spy)
    return names
