"""Question -> passages: a LlamaIndex retriever that fuses Chroma and tantivy by standardised scores."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
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
from .index import Index
from .schema import Hit

Scale = npt.NDArray[np.float64]


class Scores(NamedTuple):
    """The scores of one passage for one question; higher is better."""

    fused: float
    dense: float
    """Cosine similarity, -1 to 1."""
    lexical: float
    """BM25, 0 when no term is shared."""


class HybridRetriever(BaseRetriever):
    """Passages by meaning and by words; the score is the sum of both, each standardised."""

    def __init__(self, index: Index, embedding: BaseEmbedding, *, top_k: int, candidates: int) -> None:
        super().__init__()
        self.index = index
        self.embedding = embedding
        self.top_k = top_k
        self.candidates = candidates

    def embed_question(self, question: str) -> list[float]:
        """Return the vector of a question."""
        return self.embedding.get_query_embedding(question)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        self.index.refresh()
        question = query_bundle.query_str
        vector = query_bundle.embedding or self.embed_question(question)
        dense = self.index.vectors.search(vector, limit=self.candidates)
        lexical = self.index.lexical.search(question, limit=self.candidates)
        scores = self._score(vector, dense=dense, lexical=lexical)
        ranked = sorted(scores, key=lambda id_: (-scores[id_].fused, id_))
        rows = self.index.catalogue.passages(ranked[: self.top_k])
        if len(rows) < self.top_k < len(ranked):  # a search that lags behind found deleted passages
            rows = self.index.catalogue.passages(ranked)
        return [_node(rows[id_], scores[id_]) for id_ in ranked if id_ in rows][: self.top_k]

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


def standardise(values: Scale) -> Scale:
    """Return the standard scores: mean 0, deviation 1; all 0 when the values do not differ."""
    deviation = values.std() if values.size else 0.0
    if deviation < 1e-9:
        return np.zeros_like(values)
    standard: Scale = (values - values.mean()) / deviation
    return standard


def _node(row: PassageRow, scores: Scores) -> NodeWithScore:
    passage = row.passage
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
            "dense": round(scores.dense, 4),
            "lexical": round(scores.lexical, 4),
        },
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=passage.article_id)},
    )
    return NodeWithScore(node=node, score=scores.fused)
