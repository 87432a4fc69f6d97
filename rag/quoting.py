"""The answerer without a model: the one to three sentences that answer best, verbatim."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from .answering import Confidence, Declined, Question
from .citations import Event, Marker, SentenceEnd, Source, Words
from .evidence import confidence, gather, reason
from .questions import kind_asked, shows_kind
from .schema import Span
from .settings import MIN_CONFIDENCE

MAX_SENTENCES = 3
COMPARED = 32
"""Sentences whose meaning is compared, the likeliest by their words: with 24 no answer was lost."""

Embed = Callable[[list[str]], list[list[float]]]


class Vocabulary(Protocol):
    """What quoting asks the lexical index about words; `LexicalIndex` is one."""

    def terms(self, text: str) -> list[str]:
        """Return the distinct search terms of a text: stems without stop words."""

    def document_frequency(self, term: str) -> int:
        """Return in how many passages a term stands."""

    def passage_count(self) -> int:
        """Return how many passages there are."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may answer, and what speaks for it."""

    source: Source
    position: int
    """Which sentence of its passage it is."""
    span: Span
    text: str
    cosine: float
    """Similarity of its meaning to the question, -1 to 1; 0 when likelier ones were compared."""
    coverage: float
    """Share of the question's terms, weighted by rarity, that it holds, 0 to 1."""
    context: float
    """The same share for its passage."""
    shows_kind: bool
    """It holds the kind of thing that the question asks for."""

    @property
    def score(self) -> float:
        """How well the sentence answers; `rag eval sweep` and `benchmarks/public.py` measure."""
        return self.cosine + self.coverage + 0.2 * self.context + 0.2 * self.shows_kind


class QuotingAnswerer:
    """Quotes sentences; every word it shows stands in an article."""

    name = "quoting"

    def __init__(
        self, *, embed: Embed, vocabulary: Vocabulary, min_confidence: float = MIN_CONFIDENCE
    ) -> None:
        """Take what it asks; below `min_confidence`, 0 to 1, it declines."""
        self.embed = embed
        self.vocabulary = vocabulary
        self.min_confidence = min_confidence

    def draft(self, question: Question, sources: Sequence[Source]) -> Iterator[Event | Declined | Confidence]:
        """Yield the best sentences, each with its exact span, or Declined when none is near."""
        candidates = self.candidates(question, sources)
        terms, passages = self.vocabulary.terms, self.vocabulary.passage_count()
        sure = confidence(gather(question.text, candidates, terms=terms, passages=passages))
        yield Confidence(sure)
        if sure < self.min_confidence:
            yield Declined(reason(question.text, candidates, sources, terms=terms))
            return
        for chosen in choose(candidates):
            yield Words(" ".join(chosen.text.split()))
            yield Marker(chosen.source.number, chosen.span)
            yield SentenceEnd()

    def candidates(self, question: Question, sources: Sequence[Source]) -> list[Candidate]:
        """Return the sentences of the sources, best first."""
        wanted = {term: self._rarity(term) for term in self.vocabulary.terms(question.text)}
        kind = kind_asked(question.text)
        found = [
            Candidate(
                source=source,
                position=position,
                span=span,
                text=(text := source.article.text[span.start : span.end]),
                cosine=0.0,
                coverage=self._coverage(wanted, text),
                context=context,
                shows_kind=kind != "any" and shows_kind(kind, text),
            )
            for source, context in self._contexts(wanted, sources)
            for position, span in enumerate(source.passage.sentences)
            if not _is_label(source.article.text[span.start : span.end])
        ]
        likely = sorted(found, key=lambda c: -c.score - 0.1 * c.source.score)
        compared = self._compare(question, likely[:COMPARED]) + likely[COMPARED:]
        return sorted(compared, key=lambda c: (-c.score, c.source.number, c.position))

    def _contexts(
        self, wanted: dict[str, float], sources: Sequence[Source]
    ) -> Iterator[tuple[Source, float]]:
        for source in sources:
            yield source, self._coverage(wanted, f"{source.article.title}\n{source.text}")

    def _compare(self, question: Question, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return the candidates with their cosines to the question."""
        if not candidates:
            return []
        texts = [candidate.text for candidate in candidates]
        vectors: npt.NDArray[np.float64] = np.asarray(self.embed(texts), dtype=float)
        query = np.asarray(question.vector)
        norms = np.linalg.norm(vectors, axis=1) * (np.linalg.norm(query) or 1.0)
        cosines = (vectors @ query) / np.where(norms > 0, norms, 1.0)
        return [replace(c, cosine=float(cosine)) for c, cosine in zip(candidates, cosines, strict=True)]

    def _coverage(self, wanted: dict[str, float], text: str) -> float:
        held = set(self.vocabulary.terms(text))
        total = sum(wanted.values())
        return sum(w for term, w in wanted.items() if term in held) / total if total else 0.0

    def _rarity(self, term: str) -> float:
        """Return the inverse document frequency log(1 + N / (n + 1/2)) of a term in n of N passages."""
        found = self.vocabulary.document_frequency(term)
        return math.log(1 + self.vocabulary.passage_count() / (found + 0.5))


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


def _is_label(text: str) -> bool:
    """Tell a heading or credit line from a sentence: four words at most, and no mark at its end."""
    return len(text.split()) <= 4 and not re.search(r"[.!?…][\"'”’)]*\Z", text)


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
