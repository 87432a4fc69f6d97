"""The answerer without a model: the one to three sentences that answer best, verbatim."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from .answering import Confidence, Declined, Draft, PartEnd, Question
from .choosing import Asked, Choice, choose, gathered
from .citations import Source
from .questions import kind_asked, shows_kind
from .schema import Span
from .settings import MIN_CONFIDENCE

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


class _Found(NamedTuple):
    """How sure it is that one question is answered, and the sentences that answer it, if any."""

    sure: float
    choices: list[Choice]


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

    def draft(self, question: Question, sources: Sequence[Source]) -> Draft:
        """Yield the best sentences, each with its exact span, or Declined when none is near.

        The parts of a question are answered one by one; a sentence that answers two is quoted once.
        """
        parts = question.parts or (question,)
        found = [self._answer(part, sources) for part in parts]
        yield Confidence(max((each.sure for each in found), default=0.0))
        if not any(each.choices for each in found):
            yield Declined(self._reason(question, sources))
            return
        shown = [list(each.choices) for each in found]
        quoted, places = gathered(shown) if question.parts else (shown[0], [])
        for choice in quoted:
            yield from choice.events()
        for part, sentences in zip(question.parts, places, strict=True):
            yield PartEnd(part, sentences)

    def _answer(self, question: Question, sources: Sequence[Source]) -> _Found:
        candidates = self.candidates(question, sources)
        sure = confidence(candidates, passages=self.vocabulary.passage_count())
        if sure < self.min_confidence or not candidates:
            return _Found(sure, [])
        return _Found(sure, choose(candidates, Asked(question.text, self.vocabulary.terms)))

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

    def _reason(self, question: Question, sources: Sequence[Source]) -> str:
        """Name the words of the question that no passage near it holds."""
        held = {term for s in sources for term in self.vocabulary.terms(f"{s.article.title}\n{s.text}")}
        words = re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", question.text)
        absent = [w for w in words if (own := self.vocabulary.terms(w)) and not set(own) & held]
        if not absent:
            return "The articles touch on this, but no sentence in them answers it."
        listed = ", ".join(f"“{word}”" for word in dict.fromkeys(absent))
        return f"The articles do not tell; the closest passages do not mention {listed}."


WEIGHTS = (9.0, 6.7, -1.0, -5.65)
"""Of cosine, coverage, log10 of the passages and 1; fitted by `benchmarks/abstention.py` on public sets."""


def evidence(candidates: Sequence[Candidate], *, passages: int) -> tuple[float, float, float]:
    """Return what tells a question that the index answers from one that it does not.

    The best sentence's cosine, the best passage's coverage of the question, and the logarithm of the
    number of passages: in a larger index, chance alone finds more alike.
    """
    cosine = max((candidate.cosine for candidate in candidates), default=0.0)
    coverage = max((candidate.context for candidate in candidates), default=0.0)
    return cosine, coverage, math.log10(max(1, passages))


def confidence(candidates: Sequence[Candidate], *, passages: int) -> float:
    """Return the probability, 0 to 1, that an index of so many passages holds an answer."""
    values = (*evidence(candidates, passages=passages), 1.0)
    return 1 / (1 + math.exp(-sum(w * v for w, v in zip(WEIGHTS, values, strict=True))))


def _is_label(text: str) -> bool:
    """Tell a heading or credit line from a sentence: four words at most, and no mark at its end."""
    return len(text.split()) <= 4 and not re.search(r"[.!?…][\"'”’)]*\Z", text)
