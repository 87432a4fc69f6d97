"""Quality of retrieval and quoting, with intervals and trivial baselines.

    python benchmarks/quality.py --seeds
    python benchmarks/quality.py path/to/news --index path/to/index [--limit 300]

Intervals are 95 % (Wilson). Baselines: the first three sentences of the best passage by BM25, and three
random sentences of the passages that were retrieved.
"""

from __future__ import annotations

import argparse
import math
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sets import SetQuestion, build_index, read_questions

from evals.cases import load_cases
from evals.metrics.answers import facts_covered
from rag import Answer, QueryEngine, Settings, ingest
from rag.facts import normalise
from rag.schema import article_id

SEEDS = Path(__file__).parent.parent / "seeds"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--index", type=Path)
    parser.add_argument("--limit", type=int, default=300)
    parser.add_argument("--seeds", action="store_true")
    arguments = parser.parse_args()
    random.seed(0)
    if arguments.seeds:
        measure_seeds()
    if arguments.folder:
        settings = build_index(arguments.folder, arguments.index)
        questions = [q for q in read_questions(arguments.folder / "queries.jsonl.gz") if q.answerable]
        chosen = random.sample(questions, min(arguments.limit, len(questions)))
        with QueryEngine.open(settings=settings) as engine:
            measure_set(engine, arguments.folder.name, chosen)


def measure_seeds() -> None:
    """Ask the seed cases that follow no other: all facts in three quoted sentences, the rest declined."""
    with tempfile.TemporaryDirectory() as scratch:
        ingest(SEEDS, index=f"{scratch}/index", settings=Settings())
        with QueryEngine.open(f"{scratch}/index", settings=Settings()) as engine:
            pairs = [(case, engine.query(case.question)) for case in load_cases() if not case.history]
            right = [facts_covered(a.text, c.must_include) == 1 for c, a in pairs if c.answerable]
            guesses = [
                facts_covered(at_random(engine, a), c.must_include) == 1 for c, a in pairs if c.answerable
            ]
            declined = [a.status == "abstained" for c, a in pairs if not c.answerable]
            citations = [citation for _, answer in pairs for citation in answer.citations]
            located = [c.article.text[c.start : c.end] == c.quote for c in citations]
    print(f"seeds: {len(right)} questions, and {len(declined)} that they do not answer")
    show("all facts in at most three sentences", right)
    show("  three random sentences", guesses)
    show("declined when the seeds do not answer", declined)
    show("footnotes located", located)


def measure_set(engine: QueryEngine, name: str, questions: Sequence[SetQuestion]) -> None:
    """Ask a set's answerable questions: is the article found, is the answer's string quoted?"""
    answers = [engine.query(question.text) for question in questions]
    pairs = list(zip(questions, answers, strict=True))
    print(f"{name}: {len(questions)} answerable questions, {engine.settings.top_k} passages")
    if any(question.relevant for question in questions):
        for k in (1, 5):
            show(f"article among the first {k}", [rank(q, a, name) < k for q, a in pairs])
    quoted = [" ".join(s.text for s in a.sentences) for a in answers]
    firsts = [" ".join(s.text for s in a.sentences[:1]) for a in answers]
    pages = [" ".join(n.node.get_content() for n in a.source_nodes) for a in answers]
    show("answer in the first sentence", [holds(q, t) for q, t in zip(questions, firsts, strict=True)])
    show("answer in at most three", [holds(q, t) for q, t in zip(questions, quoted, strict=True)])
    show("  first three of BM25's best", [holds(q, lead(engine, q.text)) for q in questions])
    show("  three random sentences", [holds(q, at_random(engine, a)) for q, a in pairs])
    show("  all retrieved passages", [holds(q, t) for q, t in zip(questions, pages, strict=True)])
    show("declined, though answerable", [a.status == "abstained" for a in answers])


def rank(question: SetQuestion, answer: Answer, name: str) -> int:
    """Return the place of the first right article among the retrieved ones, from 0."""
    right = {article_id(f"{name}:{uri}") for uri in question.relevant}
    order = list(dict.fromkeys(n.node.metadata["article_id"] for n in answer.source_nodes))
    return next((place for place, id_ in enumerate(order) if id_ in right), len(order) + 99)


def lead(engine: QueryEngine, question: str) -> str:
    """Return the first three sentences of the passage that BM25 likes best."""
    hits = engine.index.lexical.search(question, limit=1)
    rows = engine.index.catalogue.passages([hit.passage_id for hit in hits])
    return " ".join(
        row.text[span.start - row.passage.start : span.end - row.passage.start]
        for row in rows.values()
        for span in row.passage.sentences[:3]
    )


def at_random(engine: QueryEngine, answer: Answer) -> str:
    """Return three sentences of the retrieved passages, drawn by chance."""
    sources = engine.sources(answer.source_nodes)
    spans = [(source, span) for source in sources for span in source.passage.sentences]
    drawn = random.sample(spans, min(3, len(spans)))
    return " ".join(source.article.text[span.start : span.end] for source, span in drawn)


def holds(question: SetQuestion, text: str) -> bool:
    folded = normalise(text)
    return any(normalise(answer) in folded for answer in question.answers)


def show(name: str, passed: Sequence[bool]) -> None:
    """Print a share with its Wilson interval (Wilson 1927)."""
    n, share, z = len(passed), sum(passed) / len(passed), 1.96
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    print(f"  {name:38} {sum(passed):4} of {n:4}  {share:.3f}  [{low:.3f}, {high:.3f}]")


if __name__ == "__main__":
    main()
