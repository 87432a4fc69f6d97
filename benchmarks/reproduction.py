"""Reproduce published figures on SciFact with the BM25 and the embedding model that `rag` searches with.

    python benchmarks/reproduction.py path/to/scifact --scratch folder

nDCG@10 over all 5,183 abstracts and 300 queries, title and text as one text, as published. BM25 ranks whole
abstracts: by the textbook formula over our own terms with Anserini's k1 and b, which is what was published;
and by tantivy, whose k1 and b are fixed at other values, against the textbook at those. MiniLM ranks an
abstract by its best passage, and for comparison by its first 256 tokens alone; its vectors are kept in the
scratch folder. Exit code 1 when a figure is out of range.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import numpy as np
from sets import QuestionSet, load_set

from evals.cases import Case
from evals.metrics.retrieval import rank_articles
from evals.scores import Gold
from rag import Article, Settings, minilm
from rag.catalogue import Batch, Head, IndexedPassage, Vectors
from rag.embedding import load_embedding
from rag.lexical import LexicalIndex, build_analyzer
from rag.passages import split_article

DEPTH = 10
Ranking = Mapping[str, Sequence[str]]
"""Case id -> URIs of articles, best first."""


class Figure(NamedTuple):
    """A figure to come by, and how far from it ours may be."""

    title: str
    expected: float
    tolerance: float
    source: str


class Parameters(NamedTuple):
    """How fast a repeated term loses weight, and how much the length of a text counts."""

    k1: float
    b: float


ANSERINI = Parameters(0.9, 0.4)
TANTIVY = Parameters(1.2, 0.75)
BM25 = Figure("BM25, Anserini's k1 and b", 0.679, 0.005, "Anserini's regression for BEIR SciFact: .6789")
MINILM = Figure("MiniLM, best passage", 0.649, 0.01, "the same file in another harness; MTEB: .645")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scratch", type=Path, required=True)
    arguments = parser.parse_args()
    chosen = load_set(arguments.folder)
    arguments.scratch.mkdir(parents=True, exist_ok=True)
    right = show(BM25, ndcg(chosen.cases, rank_by_textbook(chosen, ANSERINI)))
    same = ndcg(chosen.cases, rank_by_textbook(chosen, TANTIVY))
    by_tantivy = Figure("BM25, tantivy", same, 0.005, "the textbook formula with tantivy's k1 and b")
    right &= show(by_tantivy, ndcg(chosen.cases, rank_by_words(chosen, arguments.scratch / "lexical")))
    best, first = rank_by_meaning(chosen, arguments.scratch)
    right &= show(MINILM, ndcg(chosen.cases, best))
    print(f"{'MiniLM, first 256 tokens':26} {ndcg(chosen.cases, first):.4f}")
    sys.exit(0 if right else 1)


def show(figure: Figure, ours: float) -> bool:
    """Print our figure beside the one to come by; tell whether it is in range."""
    right = abs(ours - figure.expected) <= figure.tolerance
    print(
        f"{figure.title:26} {ours:.4f}   {figure.expected:.4f} ± {figure.tolerance} "
        f"{'reproduced' if right else 'OUT OF RANGE'}   ({figure.source})",
        flush=True,
    )
    return right


def ndcg(cases: Sequence[Case], ranking: Ranking) -> float:
    """Return the mean nDCG@10 over the cases, as runs have it; a case without a ranking counts as 0."""
    return fmean(rank_articles(ranking.get(case.id, ()), gold_of(case)).ndcg_at_10 for case in cases)


def gold_of(case: Case) -> list[list[Gold]]:
    """Return the articles that a case expects."""
    return [[Gold(place.article) for place in item] for item in case.expected_sources]


def whole(article: Article) -> str:
    """Return title and text as one text."""
    return f"{article.title}\n{article.text}"


# --- words


def rank_by_words(chosen: QuestionSet, folder: Path) -> Ranking:
    """Rank whole articles by BM25."""
    index = index_whole(chosen.articles, folder)
    ranking = {
        case.id: [hit.passage_id for hit in index.search(case.question, limit=DEPTH)] for case in chosen.cases
    }
    index.close()
    return ranking


def index_whole(articles: Sequence[Article], folder: Path) -> LexicalIndex:
    """Index each article as one passage that is named by its URI, with the title in its text."""
    nowhere = np.zeros(1, dtype=np.float32)
    passages = [IndexedPassage(article.uri, article.id, whole(article), "", nowhere) for article in articles]
    index = LexicalIndex(folder)
    index.reset()
    index.apply(Head("reproduction", 1), [Batch([article.id for article in articles], passages)])
    return index


def rank_by_textbook(chosen: QuestionSet, parameters: Parameters) -> Ranking:
    """Rank whole articles by BM25 (Robertson and Zaragoza 2009) with Lucene's idf, over the index's terms."""
    analyze = build_analyzer().analyze
    counts = [Counter(analyze(whole(article))) for article in chosen.articles]
    lengths = np.array([count.total() for count in counts])
    penalty = parameters.k1 * (1 - parameters.b + parameters.b * lengths / lengths.mean())
    postings: dict[str, list[tuple[int, int]]] = {}
    for number, count in enumerate(counts):
        for term, times in count.items():
            postings.setdefault(term, []).append((number, times))
    scores = np.zeros((len(chosen.cases), len(counts)), dtype=np.float32)
    for row, case in zip(scores, chosen.cases, strict=True):
        for term in set(analyze(case.question)) & postings.keys():
            numbers, times = np.array(postings[term]).T
            idf = math.log(1 + (len(counts) - len(numbers) + 0.5) / (len(numbers) + 0.5))
            row[numbers] += idf * times / (times + penalty[numbers])
    return ranked(chosen, scores)


# --- meaning


def rank_by_meaning(chosen: QuestionSet, scratch: Path) -> tuple[Ranking, Ranking]:
    """Rank articles by the cosine of their best passage, and of their first 256 tokens."""
    texts: list[str] = []
    owners: list[int] = []
    for number, article in enumerate(chosen.articles):
        joined = Article(article.uri, article.title, whole(article))
        for passage in split_article(joined, max_tokens=minilm.MAX_TOKENS, count_tokens=minilm.count_tokens):
            texts.append(joined.text[passage.start : passage.end])
            owners.append(number)
    questions = embedded([case.question for case in chosen.cases], scratch / "questions.npz")
    passages = embedded(texts, scratch / "passages.npz")
    firsts = embedded([whole(article) for article in chosen.articles], scratch / "firsts.npz")
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    best: Vectors = np.maximum.reduceat(questions @ passages.T, starts, axis=1)
    return ranked(chosen, best), ranked(chosen, questions @ firsts.T)


def embedded(texts: Sequence[str], path: Path) -> Vectors:
    """Return the vectors of texts, from a file when it has those of the same texts and model."""
    key = hashlib.sha256("\0".join([minilm.NAME, *texts]).encode("utf-8", "surrogatepass")).hexdigest()
    if path.exists():
        with np.load(path) as kept:
            if str(kept["key"]) == key:
                vectors: Vectors = kept["vectors"]
                return vectors
    made = np.asarray(load_embedding(Settings()).get_text_embedding_batch(list(texts)), dtype=np.float32)
    np.savez(path, key=np.array(key), vectors=made)
    return made


def ranked(chosen: QuestionSet, scores: Vectors) -> Ranking:
    """Keep the best articles of each row, shape (cases, articles)."""
    best = np.argsort(-scores, axis=1, kind="stable")[:, :DEPTH]
    return {
        case.id: [chosen.articles[n].uri for n in order]
        for case, order in zip(chosen.cases, best, strict=True)
    }


if __name__ == "__main__":
    main()
