"""The answerer without a model: the one to three sentences that answer best, verbatim."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .answering import Declined, Question
from .citations import Event, Marker, SentenceEnd, Source, Words
from .questions import kind_asked, shows_kind
from .schema import Span

MAX_SENTENCES = 3

Embed = Callable[[list[str]], list[list[float]]]
Terms = Callable[[str], list[str]]
"""A text -> its distinct search terms, stems without stop words."""
Rarity = Callable[[str], float]
"""A search term -> its inverse document frequency, above 0."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may answer, and what speaks for it."""

    source: Source
    position: int
    """Which sentence of its passage it is."""
    span: Span
    text: str
    cosine: float
    """Similarity of its meaning to the question, -1 to 1."""
    coverage: float
    """Share of the question's terms, weighted by rarity, that it holds, 0 to 1."""
    context: float
    """The same share for its passage."""
    shows_kind: bool
    """It holds the kind of thing that the question asks for."""

    @property
    def score(self) -> float:
        """How well the sentence answers; the weights come from `benchmarks/quoting.py`."""
        return self.cosine + self.coverage + 0.2 * self.context + 0.1 * self.shows_kind


class QuotingAnswerer:
    """Quotes sentences; every word it shows stands in an article."""

    name = "quoting"

    def __init__(self, *, embed: Embed, terms: Terms, rarity: Rarity) -> None:
        self._embed = embed
        self._terms = terms
        self._rarity = rarity

    def draft(self, question: Question, sources: Sequence[Source]) -> Iterator[Event | Declined]:
        """Yield the best sentences, each with its exact span, or Declined when none is near."""
        candidates = self.candidates(question, sources)
        if confidence(candidates) < THRESHOLD:
            yield Declined(self._reason(question, sources))
            return
        for chosen in choose(candidates):
            yield Words(" ".join(chosen.text.split()))
            yield Marker(chosen.source.number, chosen.span)
            yield SentenceEnd()

    def candidates(self, question: Question, sources: Sequence[Source]) -> list[Candidate]:
        """Return the sentences of the sources, best first."""
        sentences = [(s, n, span) for s in sources for n, span in enumerate(s.passage.sentences)]
        texts = [source.article.text[span.start : span.end] for source, _, span in sentences]
        if not texts:
            return []
        cosines = self._cosines(question, texts)
        wanted = {term: self._rarity(term) for term in self._terms(question.text)}
        contexts = {s.number: self._coverage(wanted, f"{s.article.title}\n{s.text}") for s in sources}
        kind = kind_asked(question.text)
        found = [
            Candidate(
                source=source,
                position=position,
                span=span,
                text=text,
                cosine=cosine,
                coverage=self._coverage(wanted, text),
                context=contexts[source.number],
                shows_kind=kind != "any" and shows_kind(kind, text),
            )
            for (source, position, span), text, cosine in zip(sentences, texts, cosines, strict=True)
        ]
        return sorted(found, key=lambda c: (-c.score, c.source.number, c.position))

    def _cosines(self, question: Question, texts: list[str]) -> list[float]:
        vectors: npt.NDArray[np.float64] = np.asarray(self._embed(texts), dtype=float)
        query = np.asarray(question.vector)
        norms = np.linalg.norm(vectors, axis=1) * (np.linalg.norm(query) or 1.0)
        return [float(c) for c in (vectors @ query) / np.where(norms > 0, norms, 1.0)]

    def _coverage(self, wanted: dict[str, float], text: str) -> float:
        held = set(self._terms(text))
        total = sum(wanted.values())
        return sum(w for term, w in wanted.items() if term in held) / total if total else 0.0

    def _reason(self, question: Question, sources: Sequence[Source]) -> str:
        """Name the words of the question that no passage near it holds."""
        held = {term for s in sources for term in self._terms(f"{s.article.title}\n{s.text}")}
        words = re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", question.text)
        absent = [w for w in words if (own := self._terms(w)) and not set(own) & held]
        if not absent:
            return "The articles touch on this, but no sentence in them answers it."
        listed = ", ".join(f"“{word}”" for word in dict.fromkeys(absent))
        return f"The articles do not tell; the closest passages do not mention {listed}."


THRESHOLD = 0.25
"""Least probability of an answer at which one is given; below it the question is off the topic."""
_WEIGHTS = (7.5, 3.1, -6.6)
"""Of cosine, coverage and 1; fitted by `benchmarks/abstention.py` on three public sets."""


def confidence(candidates: Sequence[Candidate]) -> float:
    """Return the probability, 0 to 1, that the sources hold an answer.

    A logistic of the best sentence's cosine and the best passage's coverage of the question.
    """
    if not candidates:
        return 0.0
    cosine = max(candidate.cosine for candidate in candidates)
    coverage = max(candidate.context for candidate in candidates)
    logit = _WEIGHTS[0] * cosine + _WEIGHTS[1] * coverage + _WEIGHTS[2]
    return 1 / (1 + math.exp(-logit))


def choose(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return at most three sentences, best first, no two alike; one before a pronoun it explains.

    After the best sentence comes the best one of another article, if it is near enough, so that a
    second account is heard before more of the same.
    """
    best = candidates[0]
    near = [c for c in candidates[1:] if c.score >= best.score * SHARE]
    other = [c for c in near if c.source.article.id != best.source.article.id]
    chosen: list[Candidate] = []
    for candidate in (best, *other[:1], *near):
        if len(chosen) < MAX_SENTENCES and not any(_alike(candidate.text, c.text) for c in chosen):
            before = _sentence_before(candidate, candidates)
            if before is not None and before not in chosen and len(chosen) + 2 <= MAX_SENTENCES:
                chosen.append(before)
            chosen.append(candidate)
    return chosen


SHARE = 0.6
"""Share of the best sentence's score that another needs to be quoted."""

_PRONOUN = re.compile(
    r"[\"“'‘]?(?:he|she|it|they|this|that|these|those|his|her|its|their|such|both)\b", re.IGNORECASE
)


def _sentence_before(candidate: Candidate, candidates: Sequence[Candidate]) -> Candidate | None:
    """Return the sentence that a quote which starts with a pronoun leans on."""
    if not _PRONOUN.match(candidate.text):
        return None
    at = candidate.source.number, candidate.position - 1
    return next((c for c in candidates if (c.source.number, c.position) == at), None)


def _alike(first: str, second: str) -> bool:
    """Tell whether two sentences share nine tenths of the smaller one's words."""
    a, b = set(re.findall(r"\w+", first.lower())), set(re.findall(r"\w+", second.lower()))
    return len(a & b) >= 0.9 * max(1, min(len(a), len(b)))
