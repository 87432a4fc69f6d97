"""Fit when quoting abstains: a logistic of the best cosine, the best coverage and the index's size.

    python benchmarks/abstention.py path/to/squad2 path/to/clapnq path/to/news --scratch folder

From each set it draws sub-corpora of 2 articles up to all. Questions whose article is inside must be
answered, questions whose article is outside must not. Half of each set's questions fit the weights,
the other half gives the printed figures. Nothing here looks at the seeds.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from llama_index.core.schema import QueryBundle
from sets import SetQuestion, build_index, read_questions

from rag import Index, QueryEngine, Settings
from rag.answering import Question
from rag.catalogue import IndexedArticle
from rag.embedding import load_embedding
from rag.quoting import WEIGHTS, evidence
from rag.schema import article_id
from rag.settings import MIN_CONFIDENCE

DRAWS = {2: 24, 8: 12, 40: 5, 200: 3, None: 1}
"""Articles in a sub-corpus -> how many sub-corpora of that size; None is the whole set."""
QUESTIONS = 12
"""Questions of each kind asked of one sub-corpus; of a whole set, five times as many."""


class Case(NamedTuple):
    """One question asked of one sub-corpus."""

    group: str
    held_out: bool
    answerable: bool
    features: tuple[float, float, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--scratch", type=Path, required=True)
    arguments = parser.parse_args()
    cases: list[Case] = []
    for folder in arguments.folders:
        build_index(folder, arguments.scratch / folder.name)
        cases += gather(folder, arguments.scratch)
        print(f"{folder.name}: {len(cases)} cases so far", flush=True)
    weights = fit([case for case in cases if not case.held_out])
    print("fitted weights (cosine, coverage, log10 passages, 1):", np.round(weights, 2).tolist())
    held_out = [case for case in cases if case.held_out]
    report(held_out, weights, "fitted")
    report(held_out, np.array(WEIGHTS), f"shipped, threshold {MIN_CONFIDENCE}")


def gather(folder: Path, scratch: Path) -> list[Case]:
    """Ask sub-corpora of one set."""
    random.seed(folder.name)
    questions = [q for q in read_questions(folder / "queries.jsonl.gz") if q.answerable and q.relevant]
    whole = Index.open(scratch / folder.name)
    asker = Asker(folder.name)
    uris = {entry.uri: entry.id for entry in whole.catalogue.entries()}
    cases: list[Case] = []
    for size, draws in DRAWS.items():
        for draw in range(draws):
            seeds = random.sample(questions, min(len(questions), size or 0))
            chosen = {article_id(f"{folder.name}:{uri}") for q in seeds for uri in q.relevant[:1]}
            chosen = set(list(chosen)[:size]) if size else set(uris.values())
            index = (
                whole if size is None else sub_index(whole, chosen, scratch / f"{folder.name}-{size}-{draw}")
            )
            cases += asker.ask(index, questions, chosen, size)
            if index is not whole:
                index.close()
    later = folder / "later_questions.jsonl.gz"
    if later.exists():
        cases += asker.ask_each(whole, read_questions(later)[:100], answerable=False, group="later")
    whole.close()
    return cases


def sub_index(whole: Index, ids: set[str], folder: Path) -> Index:
    """Copy some articles with their vectors into an index of their own."""
    index = Index.create(folder, whole.catalogue.recipe)
    with index.writing():
        for id_, article in whole.catalogue.articles(ids).items():
            names = [p.id for p in whole.catalogue.batch([id_]).passages]
            rows, vectors = whole.catalogue.passages(names), whole.catalogue.vectors(names)
            new = IndexedArticle(
                article, [rows[n].passage for n in names], np.stack([vectors[n] for n in names])
            )
            index.catalogue.upsert(new)
    return index


class Asker:
    """Asks questions of indexes, embedding no sentence twice."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._embedding = load_embedding(Settings())
        self._known: dict[str, list[float]] = {}

    def embed(self, texts: list[str]) -> list[list[float]]:
        """Return vectors, computing those that are not known yet."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        vectors = self._embedding.get_text_embedding_batch(new) if new else []
        self._known.update(zip(new, vectors, strict=True))
        return [self._known[text] for text in texts]

    def ask(
        self, index: Index, questions: Sequence[SetQuestion], inside: set[str], size: int | None
    ) -> list[Case]:
        """Ask questions whose article is inside a sub-corpus, and others whose article is not."""
        group = f"{size or 'all'} articles"
        limit = QUESTIONS * (1 if size else 5)
        mixed = random.sample(list(questions), len(questions))
        ids = {q.id: {article_id(f"{self._name}:{uri}") for uri in q.relevant} for q in mixed}
        answered = [q for q in mixed if ids[q.id] <= inside][:limit]
        others = [q for q in mixed if not ids[q.id] & inside][:limit]
        return [
            *self.ask_each(index, answered, answerable=True, group=group),
            *self.ask_each(index, others, answerable=False, group=group),
        ]

    def ask_each(
        self, index: Index, questions: Sequence[SetQuestion], *, answerable: bool, group: str
    ) -> list[Case]:
        """Gather the evidence for each question."""
        engine = QueryEngine(index, embedding=self._embedding, settings=Settings())
        engine.quoting.embed = self.embed
        cases = []
        for question in questions:
            (vector,) = self.embed([question.text])
            nodes = engine.retrieve(QueryBundle(question.text, embedding=vector))
            asked = Question(question.text, tuple(vector))
            candidates = engine.quoting.candidates(asked, engine.sources(nodes))
            features = evidence(candidates, passages=index.lexical.passage_count())
            held_out = hash_bit(question.id)
            cases.append(Case(f"{self._name} {group}", held_out, answerable, features))
        return cases


def hash_bit(text: str) -> bool:
    return sum(text.encode()) % 2 == 1


def fit(cases: Sequence[Case]) -> np.ndarray:
    """Fit a logistic regression by Newton's method; every group and label weighs the same."""
    rows = np.array([[*case.features, 1.0] for case in cases])
    labels = np.array([case.answerable for case in cases], dtype=float)
    keys = [(case.group, case.answerable) for case in cases]
    shares = np.array([1 / keys.count(key) for key in keys])
    shares /= shares.sum()
    weights = np.zeros(rows.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-rows @ weights))
        gradient = rows.T @ (shares * (chance - labels)) + 1e-4 * weights
        curve = (rows * (shares * chance * (1 - chance))[:, None]).T @ rows + 1e-4 * np.eye(len(weights))
        weights -= np.linalg.solve(curve, gradient)
    return weights


def report(cases: Sequence[Case], weights: np.ndarray, title: str) -> None:
    """Print AUROC, and at some thresholds how many answerable ones are refused and others let through."""
    print(f"\n{title}: held-out questions")
    chances = 1 / (1 + np.exp(-np.array([[*c.features, 1.0] for c in cases]) @ weights))
    for group in dict.fromkeys(case.group for case in cases):
        yes = np.array([p for p, c in zip(chances, cases, strict=True) if c.group == group and c.answerable])
        no = np.array(
            [p for p, c in zip(chances, cases, strict=True) if c.group == group and not c.answerable]
        )
        rates = "  ".join(
            f"{t}: {np.mean(yes < t) if len(yes) else float('nan'):.3f}/{np.mean(no < t):.3f}"
            for t in (0.1, 0.2, 0.3, 0.5)
        )
        order = float(np.mean(yes[:, None] > no[None, :])) if len(yes) else float("nan")
        print(f"  {group:22} n {len(yes):3}/{len(no):3}  AUROC {order:.3f}  refused at {rates}")


if __name__ == "__main__":
    main()
