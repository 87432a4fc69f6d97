"""Question -> passages: a LlamaIndex retriever that fuses Chroma and tantivy by standardised scores."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from heapq import heappop, heappush
from itertools import islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.schema import (
    NodeRelationship,
    NodeWithScore,
    QueryBundle,
    RelatedNodeInfo,
    TextNode,
)

from .catalogue import PassageRow
from .coverage import Wanted, wanted_terms
from .index import Index
from .schema import Hit
from .scope import Scope

Scale = npt.NDArray[np.float64]

COVERAGE, LEAD = 3.0, 1.5
"""What a passage gains that holds all of the question's words, and one that opens its article.

About half of what `benchmarks/ranking.py` fits on public sets: as good there, and nearer to plain fusion.
"""


class Scores(NamedTuple):
    """The scores of one passage for one question; higher is better."""

    fused: float
    """The sum of the two below, each standardised."""
    dense: float
    """Cosine similarity, -1 to 1."""
    lexical: float
    """BM25, 0 when no term is shared."""


NO_SCORES = Scores(0.0, 0.0, 0.0)


class Ranked(NamedTuple):
    """A passage as it is ranked for one question."""

    row: PassageRow
    scores: Scores
    coverage: float
    """Share of the question's terms, weighted by rarity, that the passage and its title hold, 0 to 1."""
    lead: float
    """How near it is to the start of its article, where news is told in short: 1 there, falling to 0."""

    @property
    def score(self) -> float:
        """How well the passage suits the question."""
        return self.scores.fused + COVERAGE * self.coverage + LEAD * self.lead

    @property
    def order(self) -> tuple[float, str]:
        """What passages are sorted by: the score, the best first, then the id."""
        return -self.score, self.row.passage.id


class HybridRetriever(BaseRetriever):
    """Passages by meaning and by words, better when all words are there or an article opens with them."""

    def __init__(
        self,
        index: Index,
        embedding: BaseEmbedding,
        *,
        top_k: int,
        candidates: int,
        scope: Scope | None = None,
    ) -> None:
        """Take what is searched; with a scope, only its articles are, before anything is ranked."""
        super().__init__()
        self.scope = scope or Scope()
        self.index = index
        self.embedding = embedding
        self.top_k = top_k
        self.candidates = candidates

    def embed_question(self, question: str) -> list[float]:
        """Return the vector of a question."""
        return self.embedding.get_query_embedding(question)

    def rank(self, question: str, vector: Sequence[float], *, limit: int | None = None) -> list[Ranked]:
        """Return the passages that the two searches propose, best first: all, or no more than `limit`."""
        self.index.refresh()
        own = self.scope.of(self.index.catalogue.dates()) if self.scope else None
        dense = self.index.vectors.search(vector, limit=self.candidates, articles=own)
        lexical = self.index.lexical.search(question, limit=self.candidates, articles=own)
        scores = self._score(vector, dense=dense, lexical=lexical)
        rows = self.index.catalogue.passages(scores)  # a search that lags behind finds deleted passages
        hoped = [Ranked(row, scores[id_], 1.0, lead(row.passage.start)) for id_, row in rows.items()]
        read = partial(self._read, wanted_terms(question, self.index.lexical))
        return list(islice(best_first(hoped, read), limit))

    def _read(self, wanted: Wanted, hoped: Ranked) -> Ranked:
        """Return a passage with the coverage that its words give it."""
        held = set(self.index.lexical.terms(f"{hoped.row.title}\n{hoped.row.text}"))
        return hoped._replace(coverage=wanted.share(held))

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        question = query_bundle.query_str
        vector = query_bundle.embedding or self.embed_question(question)
        return [_node(each) for each in self.rank(question, vector, limit=self.top_k)]

    def passages_of(self, articles: Sequence[str]) -> list[NodeWithScore]:
        """Return all passages of articles, in the order of the articles, without scores."""
        catalogue = self.index.catalogue
        ids = [passage.id for article in articles for passage in catalogue.passages_of(article)]
        rows = catalogue.passages(ids)
        return [_node(Ranked(rows[id_], NO_SCORES, 0.0, 0.0)) for id_ in ids if id_ in rows]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)

    def _score(
        self, vector: Sequence[float], *, dense: Sequence[Hit], lexical: Sequence[Hit]
    ) -> dict[str, Scores]:
        """Fuse two lists of hits; a passage that only BM25 found gets its true cosine."""
        cosines = {hit.passage_id: hit.score for hit in dense}
        missing = [hit.passage_id for hit in lexical if hit.passage_id not in cosines]
        cosines |= self.index.catalogue.cosines(vector, missing)
        return fuse(cosines, {hit.passage_id: hit.score for hit in lexical})


def best_first(hoped: Iterable[Ranked], read: Callable[[Ranked], Ranked]) -> Iterator[Ranked]:
    """Yield passages, best first, each read when it may be the next one: most never are.

    `hoped` has each with the best score that it may turn out to have.
    """
    waiting: list[tuple[tuple[float, str], Ranked]] = []
    for unread in sorted(hoped, key=lambda r: r.order):
        while waiting and waiting[0][0] < unread.order:
            yield heappop(waiting)[1]
        known = read(unread)
        heappush(waiting, (known.order, known))
    while waiting:
        yield heappop(waiting)[1]


def fuse(dense: Mapping[str, float], lexical: Mapping[str, float]) -> dict[str, Scores]:
    """Sum the standard scores (z-scores over the passages of `dense`) of cosine and BM25.

    A passage without a BM25 score counts as 0: it shares no term, or fewer than all that were found.
    """
    ids = list(dense)
    cosines = np.array([dense[id_] for id_ in ids], dtype=float)
    weights = np.array([lexical.get(id_, 0.0) for id_ in ids], dtype=float)
    sums = standardise(cosines) + standardise(weights)
    return {
        id_: Scores(float(total), float(cosine), float(weight))
        for id_, total, cosine, weight in zip(ids, sums, cosines, weights, strict=True)
    }


def lead(start: int) -> float:
    """Return how near a place is to the start of its article: 1 there, .37 after 1,000 characters."""
    return math.exp(-start / 1000)


def standardise(values: Scale) -> Scale:
    """Return the standard scores: mean 0, deviation 1; all 0 when the values do not differ."""
    deviation = values.std() if values.size else 0.0
    if deviation < 1e-9:
        return np.zeros_like(values)
    standard: Scale = (values - values.mean()) / deviation
    return standard


def _node(ranked: Ranked) -> NodeWithScore:
    row, passage = ranked.row, ranked.row.passage
    node = TextNode(
        id_=passage.id,
        text=row.text,
        start_char_idx=passage.start,
        end_char_idx=passage.end,
        metadata={
            "article_id": passage.article_id,
            "title": row.title,
            "uri": row.uri,
            "source": row.source,
            "date": row.date,
            "dense": round(ranked.scores.dense, 4),
            "lexical": round(ranked.scores.lexical, 4),
        },
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=passage.article_id)},
    )
    return NodeWithScore(node=node, score=ranked.score)
