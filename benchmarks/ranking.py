"""Fit how passages and sentences are ranked, on public sets; print the weights and what they reach.

    python benchmarks/ranking.py path/to/news path/to/squad2 ... --scratch folder [--limit 300]

A list is right where its choice is: passages of a gold article; sentences that hold an expected fact, or
that people chose. The weights maximise the chance that a right one is drawn when each is drawn with
probability proportional to exp(score); every set counts the same. Figures are cross-validated, five folds:
how often the first is right, and how often one of the first three.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from llama_index.core.schema import QueryBundle
from sets import build_index, load_set, sample_cases

from evals.cases import Case
from evals.metrics.answers import says
from rag import QueryEngine
from rag.reading import WEIGHTS, Candidate
from rag.retrieval import COVERAGE, LEAD, HybridRetriever, Ranked

Table = npt.NDArray[np.float64]
FOLDS = 5
PASSAGE = ("fused", "coverage", "lead")


class Choice(NamedTuple):
    """What was to be ranked for one case."""

    name: str
    """The set."""
    fold: int
    features: Table
    """One row for each passage or sentence."""
    right: npt.NDArray[np.bool_]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--limit", type=int, help="cases to draw from a set (default: all)")
    arguments = parser.parse_args()
    ranked = [r for f in arguments.folders for r in gather(f, arguments.scratch, arguments.limit)]
    passages, sentences = (list(choices) for choices in zip(*ranked, strict=True))
    report("passages", passages, PASSAGE, (1.0, COVERAGE, LEAD))
    report("sentences", sentences, WEIGHTS._fields, WEIGHTS)


class Ranking(NamedTuple):
    """What was to be ranked for one case, in two steps."""

    passages: Choice
    sentences: Choice


def gather(folder: Path, scratch: Path, limit: int | None) -> Iterator[Ranking]:
    """Ask the answerable cases of a set; yield their passages and their sentences."""
    settings = build_index(folder, scratch / folder.name)
    cases = [case for case in load_set(folder).cases if case.answerable]
    with QueryEngine.open(settings=settings) as engine:
        retriever = HybridRetriever(
            engine.index, engine.embedding, top_k=settings.top_k, candidates=settings.candidates
        )
        for case in sample_cases(cases, limit):
            vector = retriever.embed_question(case.question)
            nodes = retriever.retrieve(QueryBundle(case.question, embedding=vector))
            ranked = retriever.rank(case.question, vector)
            sentences = engine.quoting.look(case.question, engine.sources(nodes)).ranked
            yield Ranking(
                _of_passages(folder.name, case, ranked), _of_sentences(folder.name, case, sentences)
            )


def _of_passages(name: str, case: Case, ranked: Sequence[Ranked]) -> Choice:
    gold = {place.article for places in case.expected_sources for place in places}
    rows = [(r.scores.fused, r.coverage, r.lead) for r in ranked]
    return _choice(name, case, rows, [r.row.uri in gold for r in ranked])


def _of_sentences(name: str, case: Case, candidates: Sequence[Candidate]) -> Choice:
    return _choice(name, case, [c.signs for c in candidates], [_is_right(c.text, case) for c in candidates])


def _choice(name: str, case: Case, rows: Sequence[Sequence[float]], right: Sequence[bool]) -> Choice:
    fold = int(hashlib.sha256(case.id.encode()).hexdigest(), 16) % FOLDS
    return Choice(name, fold, np.array(rows, dtype=float), np.array(right, dtype=bool))


def _is_right(sentence: str, case: Case) -> bool:
    """Tell whether a sentence holds an expected fact; without facts, whether people chose it."""
    if case.must_include:
        return any(says(sentence, spelling) for fact in case.must_include for spelling in fact)
    quotes = [place.quote for places in case.expected_sources for place in places if place.quote]
    return any(sentence in quote or quote in sentence for quote in quotes)


def fit(choices: Sequence[Choice], rounds: int = 600) -> Table:
    """Maximise the mean log chance of a right one, by gradient ascent with Adam; sets weigh the same."""
    useful = [c for c in choices if c.right.any() and not c.right.all()]
    rows, right = (
        np.concatenate(parts) for parts in zip(*((c.features, c.right) for c in useful), strict=True)
    )
    spread = rows.std(axis=0) + 1e-9
    names = [c.name for c in useful]
    shares = np.array([1 / names.count(name) for name in names])
    sizes = [len(c.right) for c in useful]
    weights, speed, size = (np.zeros(len(spread)) for _ in range(3))
    for step in range(1, rounds + 1):
        pull = _pull(rows @ (weights / spread), right, sizes) * np.repeat(shares, sizes)
        slope = pull @ rows / spread - 0.006 * weights
        speed, size = 0.9 * speed + 0.1 * slope, 0.99 * size + 0.01 * slope**2
        weights = weights + 0.05 * (speed / (1 - 0.9**step)) / (np.sqrt(size / (1 - 0.99**step)) + 1e-9)
    fitted: Table = weights / spread
    return fitted


def _pull(scores: Table, right: npt.NDArray[np.bool_], sizes: Sequence[int]) -> Table:
    """Return, for each row, the derivative of the log chance of a right one by the row's score."""
    starts = np.cumsum([0, *sizes[:-1]])
    chances = np.exp(scores - np.repeat(np.maximum.reduceat(scores, starts), sizes))
    of_right = chances * right
    wanted, whole = np.add.reduceat(of_right, starts), np.add.reduceat(chances, starts)
    pull: Table = of_right / np.repeat(wanted + 1e-12, sizes) - chances / np.repeat(whole, sizes)
    return pull


def report(title: str, choices: Sequence[Choice], names: Sequence[str], shipped: Sequence[float]) -> None:
    """Print the weights, the first as 1, and how often the right ones come first."""
    weights = fit(choices)
    print(
        f"\n{title}: fitted "
        + ", ".join(f"{n} {w:.2f}" for n, w in zip(names, weights / weights[0], strict=True))
    )
    fitted = [fit([c for c in choices if c.fold != fold]) for fold in range(FOLDS)]
    rankings: dict[str, Callable[[Choice], Table]] = {
        "cross-validated": lambda c: fitted[c.fold],
        "shipped": lambda _: np.array(shipped),
        f"{names[0]} alone": lambda _: np.eye(len(names))[0],
    }
    for name in dict.fromkeys(c.name for c in choices):
        own = [c for c in choices if c.name == name and c.features.size]
        figures = (
            f"{label} {_first(own, by, 1):.3f} / {_first(own, by, 3):.3f}" for label, by in rankings.items()
        )
        print(f"  {name:8} n {len(own):4}  right first / among three: " + ", ".join(figures))


def _first(choices: Sequence[Choice], weights: Callable[[Choice], Table], count: int) -> float:
    hits = [c.right[np.argsort(-(c.features @ weights(c)), kind="stable")[:count]].any() for c in choices]
    return float(np.mean(hits))


if __name__ == "__main__":
    main()
