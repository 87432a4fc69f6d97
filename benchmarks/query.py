"""Latency of retrieval and of the whole quoted answer over a set, as ratios to their parts called bare.

    python benchmarks/query.py path/to/news --index path/to/index [--questions 100]

Every question is timed on all sides in one loop, so that a slow moment hits them alike, and no side twice
in a row, so that none finds its caches warm; the figures are medians. Bare parts: embed the question, ask
Chroma, ask tantivy, each through its own client.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import chromadb
import numpy as np
import tantivy
from llama_index.core.schema import QueryBundle
from sets import build_index, read_questions

from rag import QueryEngine, minilm
from rag.lexical import ANALYZER, build_analyzer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--questions", type=int, default=100)
    arguments = parser.parse_args()
    settings = build_index(arguments.folder, arguments.index)
    questions = [q.text for q in read_questions(arguments.folder / "queries.jsonl.gz")]
    with QueryEngine.open(settings=settings) as engine:
        for question in questions[:5]:
            engine.query(question)
        asked = questions[: arguments.questions]
        with tempfile.TemporaryDirectory() as scratch:
            copy = Path(shutil.copytree(arguments.index, f"{scratch}/index"))
            report(time_all(engine, asked, copy), len(asked))


def time_all(engine: QueryEngine, questions: list[str], copy: Path) -> dict[str, list[float]]:
    """Return seconds per question and side."""
    forward = minilm.load_forward(engine.settings.embedding_backend)
    chroma = bare_chroma(copy / "vectors", engine.settings.candidates)
    words = bare_tantivy(copy / "lexical", engine.settings.candidates)
    seconds: dict[str, list[float]] = {
        side: [] for side in ("embed", "chroma", "tantivy", "retrieval", "answer")
    }
    vectors = [minilm.embed([question], forward) for question in questions]
    for question, vector in zip(questions, vectors, strict=True):
        sides: dict[str, Callable[[], object]] = {
            "embed": partial(minilm.embed, [question], forward),
            "chroma": partial(chroma, vector),
            "tantivy": partial(words, question),
            "retrieval": partial(engine.retrieve, QueryBundle(question)),
            "answer": partial(engine.query, question),
        }
        for side, call in sides.items():
            started = time.perf_counter()
            call()
            seconds[side].append(time.perf_counter() - started)
    return seconds


def bare_chroma(folder: Path, limit: int) -> Callable[[np.ndarray], object]:
    collection = chromadb.PersistentClient(str(folder)).get_collection("passages")
    return lambda vector: collection.query(query_embeddings=vector, n_results=limit, include=["distances"])


def bare_tantivy(folder: Path, limit: int) -> Callable[[str], object]:
    index = tantivy.Index.open(str(folder))
    index.register_tokenizer(ANALYZER, build_analyzer())

    def ask(question: str) -> list[object]:
        query, _ = index.parse_query_lenient(question, ["body", "title"])
        searcher = index.searcher()
        found = searcher.search(query, limit=limit, count=False)
        return [searcher.doc(address)["passage_id"][0] for _, address in found.hits]

    return ask


def report(seconds: dict[str, list[float]], count: int) -> None:
    middle = {side: statistics.median(values) * 1000 for side, values in seconds.items()}
    parts = middle["embed"] + middle["chroma"] + middle["tantivy"]
    print(f"{count} questions, medians in ms: " + ", ".join(f"{k} {v:.2f}" for k, v in middle.items()))
    print(f"retrieval: {middle['retrieval'] / parts:.2f} x the sum of its parts")
    print(f"whole answer: {middle['answer'] / middle['embed']:.1f} x one query embedding")


if __name__ == "__main__":
    main()
