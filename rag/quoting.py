"""The answerer without a model: the one to three sentences that answer best, verbatim."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .answering import Confidence, Declined, Draft, PartEnd, Question
from .choosing import Asked, Choice, choose, gathered
from .citations import Source
from .coverage import Vocabulary, Wanted, wanted_terms
from .evidence import confidence, gather, nearness, reason
from .facts import facts_beyond
from .forms import fits, form_of
from .questions import matter_of
from .reading import Likeness, Read, likenesses, titled
from .schema import Span
from .scoring import PLAIN_WEIGHTS, WEIGHTS, Signs, Sought, behind, is_odd, score, sought_by
from .settings import MIN_CONFIDENCE
from .speakers import NOBODY, Speaker, asked_of, people_in, speakers, speaks

COMPARED = 32
"""Sentences whose meaning is compared, the likeliest by their words: with 24 no answer was lost."""
READ = 16
"""The nearest of these, which are read under their titles: with 32 as many answers came first."""

LEAD = 300
"""Characters at the start of an article, in which news tells what it is all about."""
FITS = 0.2
"""What a sentence gains that has the words by which questions of this form are answered."""
SPEAKS = 0.2
"""What a sentence gains that tells what the one says who is asked about."""

Embed = Callable[[list[str]], list[list[float]]]


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
    gives_kind: bool = False
    """It holds one that the question does not hold itself."""
    coverage_with_before: float = 0.0
    """The share of the question that it holds together with the sentence before it."""
    retrieval: float = 0.0
    """How far its passage falls behind the best one, -6 to 0."""
    odd: bool = False
    """It is a question, a link or a line without an end."""
    likeness: Likeness | None = None
    """How near it is when it is read under its title; None when nearer ones were read, or none can be."""
    speaker: Speaker = NOBODY
    """Whose words it reports."""
    fits: bool = False
    """It has the words by which questions of this form are answered."""
    speaks: bool = False
    """It tells what the one says who is asked about."""

    @property
    def plain_signs(self) -> Signs:
        """What speaks for the sentence by itself."""
        return Signs(
            meaning=self.cosine,
            matched=(self.coverage + max(self.coverage, self.coverage_with_before)) / 2,
            context=self.context,
            retrieval=self.retrieval,
            shows_kind=self.shows_kind,
            gives_kind=self.gives_kind,
            odd=self.odd,
        )

    @property
    def signs(self) -> Signs:
        """What speaks for the sentence, under its title when it was read so."""
        return self.plain_signs._replace(**self.likeness._asdict()) if self.likeness else self.plain_signs

    @property
    def score(self) -> float:
        """How well the sentence answers."""
        return (
            score(self.signs, WEIGHTS if self.likeness else PLAIN_WEIGHTS)
            + FITS * self.fits
            + SPEAKS * self.speaks
        )

    @property
    def nearness(self) -> float:
        """How near it is to the question by itself, whatever its passage tells besides."""
        return nearness(self) + FITS * self.fits + SPEAKS * self.speaks


class _Found(NamedTuple):
    """How sure it is that one question is answered, and the sentences that answer it, if any."""

    sure: float
    choices: list[Choice]
    candidates: list[Candidate]


class QuotingAnswerer:
    """Quotes sentences; every word it shows stands in an article."""

    name = "quoting"

    def __init__(
        self,
        *,
        embed: Embed,
        vocabulary: Vocabulary,
        read: Read | None = None,
        min_confidence: float = MIN_CONFIDENCE,
    ) -> None:
        """Take what it asks; below `min_confidence`, 0 to 1, it declines. Remote models cannot `read`."""
        self.embed = embed
        self.read = read
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
            yield Declined(reason(question.text, found[0].candidates, sources, terms=self.vocabulary.terms))
            return
        shown = [list(each.choices) for each in found]
        asked = [self._asked(part) for part in parts]
        quoted, places = gathered(shown, asked) if question.parts else (shown[0], [])
        for choice in quoted:
            yield from choice.events()
        for part, sentences in zip(question.parts, places, strict=True):
            if sentences or not part.optional:
                yield PartEnd(part, sentences)

    def _asked(self, question: Question) -> Asked:
        return Asked(question.text, self.vocabulary.terms, one_article=bool(question.article))

    def _answer(self, question: Question, sources: Sequence[Source]) -> _Found:
        candidates = self.candidates(question, sources)
        terms, passages = self.vocabulary.terms, self.vocabulary.passage_count()
        sure = confidence(gather(question.text, candidates, sources, terms=terms, passages=passages))
        if sure < self.min_confidence or not candidates:
            return _Found(sure, [], candidates)
        told = [c for c in candidates if c.span.start < LEAD] if question.opening else candidates
        return _Found(sure, choose(told or candidates, self._asked(question)), candidates)

    def candidates(self, question: Question, sources: Sequence[Source]) -> list[Candidate]:
        """Return the sentences of the sources, best first; for a part, those of its article or side."""
        wanted, sought = wanted_terms(matter_of(question.text), self.vocabulary), _sought(question.text)
        sources = [s for s in sources if question.article in {"", s.article.id}]
        best = max((source.score for source in sources), default=0.0)
        found = [c for source in sources for c in self._sentences(source, wanted, sought, best=best)]
        found = _with_speakers(found, question)
        nearest = max((c.retrieval for c in found), default=0.0)
        new = facts_beyond((c.text for c in found), question.text)
        found = [
            replace(
                c,
                gives_kind=sought.given_by(c.text, facts),
                fits=fits(question.text, c.text),
                retrieval=c.retrieval - nearest,
            )
            for c, facts in zip(found, new, strict=True)
        ]
        likely = sorted(found, key=lambda c: -c.score)
        compared = self._compare(question, likely[:COMPARED]) + likely[COMPARED:]
        near = sorted(compared, key=_rank)
        return sorted(self._read(question, near[:READ]) + near[READ:], key=_rank)

    def _sentences(
        self, source: Source, wanted: Wanted, sought: Sought, *, best: float
    ) -> Iterator[Candidate]:
        """Yield the sentences of a passage that are no labels, before any is compared by meaning."""
        title = set(self.vocabulary.terms(source.article.title))
        texts = [source.article.text[span.start : span.end] for span in source.passage.sentences]
        held = [set(self.vocabulary.terms(text)) for text in texts]
        context = wanted.share(title.union(*held))
        for position, (span, text) in enumerate(zip(source.passage.sentences, texts, strict=True)):
            before = held[position - 1] if position else set()
            if not _is_label(text):
                yield Candidate(
                    source=source,
                    position=position,
                    span=span,
                    text=text,
                    cosine=0.0,
                    coverage=wanted.share(held[position]),
                    context=context,
                    shows_kind=sought.shown_by(text),
                    coverage_with_before=wanted.share(held[position] | before),
                    retrieval=behind(source.score, best),
                    odd=is_odd(text),
                )

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

    def _read(self, question: Question, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return the candidates as they are when read under their titles, if the model can do that."""
        if self.read is None or not candidates:
            return list(candidates)
        texts = [titled(candidate.source.article.title, candidate.text) for candidate in candidates]
        near = likenesses(matter_of(question.text), question.vector, texts, self.read, self.vocabulary)
        return [replace(c, likeness=likeness) for c, likeness in zip(candidates, near, strict=True)]


def _rank(candidate: Candidate) -> tuple[bool, float, int, int]:
    """Return what candidates are sorted by: those that were read come first."""
    return candidate.likeness is None, -candidate.score, candidate.source.number, candidate.position


def _sought(question: str) -> Sought:
    """Return what a question seeks; a list is no single name."""
    sought = sought_by(question)
    return sought._replace(name=False) if form_of(question) == "list" else sought


def _with_speakers(candidates: Sequence[Candidate], question: Question) -> list[Candidate]:
    """Return the candidates with who speaks in each; of a side's part only what that side says."""
    people = people_in(c.text for c in candidates)
    asked = asked_of(question.text, people)
    told: list[Candidate] = []
    for _, group in groupby(candidates, key=lambda c: c.source.number):
        passage = list(group)
        who = speakers([c.text for c in passage], people)
        told += [
            replace(c, speaker=one, speaks=speaks(one, asked)) for c, one in zip(passage, who, strict=True)
        ]
    return [c for c in told if question.speaker == NOBODY or speaks(c.speaker, question.speaker)]


def _is_label(text: str) -> bool:
    """Tell a heading or credit line from a sentence: four words at most, and no mark at its end."""
    return len(text.split()) <= 4 and not re.search(r"[.!?…][\"'”’)]*\Z", text)
