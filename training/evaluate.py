"""Figures of a reader on what it was not trained on: `python -m training.evaluate READER.onnx [SQUAD2]`.

One story in eight is kept out of the training. Each of its questions is read over the whole story and three
others; what counts is the sentence with the highest margin.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime

from rag import Article
from rag.citations import Source
from rag.minilm import MAX_TOKENS, count_tokens
from rag.models.reader import read
from rag.models.runtime import Floats, Forward, Integers
from rag.passages import split_article
from rag.reading import Candidate, candidates

from .data import Row, is_development, news_rows, squad_rows

OTHERS = 3
"""Texts beside the right one."""


class Outcome(NamedTuple):
    """What the reader made of one question."""

    kind: str
    answerable: bool
    margin: float
    """Of the best sentence."""
    right: bool
    """The best sentence is one that answers."""
    f1: float
    """Of the words in the right text's best sentence, against the nearest right answer."""


class _NoWords:
    """A vocabulary that knows no word, so that only the reader counts."""

    def terms(self, text: str) -> list[str]:
        del text
        return []

    def document_frequency(self, term: str) -> int:
        del term
        return 0

    def passage_count(self) -> int:
        return 1


def outcomes(rows: Sequence[Row], forward: Forward, *, seed: int = 0) -> Iterator[Outcome]:
    """Read each question over its own text and three others."""
    rng = random.Random(seed)
    texts = {row.text: row.title for row in rows}
    for row in rows:
        others = rng.sample([text for text in texts if text != row.text], OTHERS)
        sources = [
            source
            for number, text in enumerate([row.text, *others])
            for source in _sources(f"{number}", texts[text], text)
        ]
        ranked = candidates(row.question, sources, partial(read, forward=forward), _NoWords())
        ranked.sort(key=lambda c: -c.signs.margin)
        yield _outcome(row, ranked)


def _sources(uri: str, title: str, text: str) -> list[Source]:
    article = Article(uri, title, text)
    passages = split_article(article, max_tokens=MAX_TOKENS, count_tokens=count_tokens)
    return [Source(100 * int(uri) + n, passage, article, 0.0) for n, passage in enumerate(passages)]


def _outcome(row: Row, ranked: Sequence[Candidate]) -> Outcome:
    best = ranked[0]
    own = best.source.article.uri == "0"
    right = own and any(a < best.span.end and b > best.span.start for a, b in row.spans)
    f1 = max((token_f1(best.words, row.text[a:b]) for a, b in row.spans), default=0.0) if own else 0.0
    return Outcome(row.kind or "asked", bool(row.spans), best.signs.margin, right, f1)


def token_f1(found: str, right: str) -> float:
    """Return the F1 of two answers' words, as SQuAD counts it."""
    one, other = found.lower().split(), right.lower().split()
    shared = sum(min(one.count(word), other.count(word)) for word in set(one))
    return 2 * shared / (len(one) + len(other)) if one and other else 0.0


def auroc(yes: Floats, no: Floats) -> float:
    """Return how often an answerable question has the higher margin; ties count half."""
    return float(np.mean((yes[:, None] > no) + 0.5 * (yes[:, None] == no)))


def interval(values: Sequence[float], seed: int = 0) -> str:
    """Return the 95 % bootstrap interval of a mean."""
    source, own = np.random.default_rng(seed), np.array(values, dtype=float)
    means = source.choice(own, (1000, len(own))).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{own.mean():.3f} ({low:.3f} to {high:.3f})"


def report(name: str, found: Sequence[Outcome]) -> None:
    """Print the figures of one set, and the share right of each kind."""
    answered = [each for each in found if each.answerable]
    print(f"{name}: {len(answered)} answerable questions, {len(found) - len(answered)} not")
    print("  right sentence first", interval([each.right for each in answered]))
    print("  F1 of the words", interval([each.f1 for each in answered]))
    yes, no = (np.array([e.margin for e in found if e.answerable is told]) for told in (True, False))
    if len(yes) and len(no):
        print(
            f"  AUROC {auroc(yes, no):.3f}; a margin above 0: {np.mean(yes > 0):.3f}, {np.mean(no > 0):.3f}"
        )
    for kind in sorted({each.kind for each in answered}):
        own = [each.right for each in answered if each.kind == kind]
        print(f"  {kind}: {np.mean(own):.3f} of {len(own)}")


def load(path: Path) -> Forward:
    """Load a reader."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def forward(ids: Integers, mask: Integers, segments: Integers) -> Floats:
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": segments}
        logits: Floats = session.run(None, feed)[0]
        return logits

    return forward


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reader", type=Path)
    parser.add_argument("squad", type=Path, nargs="*", help="sets of SQuAD's form")
    parser.add_argument("--limit", type=int, default=600, help="questions of each set")
    arguments = parser.parse_args()
    forward = load(arguments.reader)
    news = [row for row in news_rows() if is_development(row.title)]
    for name, rows in [
        ("news stories kept out", news),
        *((p.name, list(squad_rows(p))) for p in arguments.squad),
    ]:
        drawn = random.Random(0).sample(rows, min(arguments.limit, len(rows)))
        report(name, list(outcomes(drawn, forward)))


if __name__ == "__main__":
    main()
