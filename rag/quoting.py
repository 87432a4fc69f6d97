"""The answerer without a model: the one to three sentences that answer best, verbatim."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .abstention import confidence, gather, reason
from .answering import Confidence, Declined, Draft, PartEnd, Question
from .choosing import choose, gathered
from .citations import Source
from .coverage import Vocabulary
from .reading import Candidate, Read, candidates
from .settings import MIN_CONFIDENCE


class Reading(NamedTuple):
    """What was read for one question: its sentences, best first, and how sure it is that one answers."""

    confidence: float
    """0 to 1."""
    ranked: list[Candidate]


class QuotingAnswerer:
    """Quotes sentences; every word it shows stands in an article."""

    name = "quoting"

    def __init__(self, *, read: Read, vocabulary: Vocabulary, min_confidence: float = MIN_CONFIDENCE) -> None:
        """Take what it asks; below `min_confidence`, 0 to 1, it declines."""
        self.read = read
        self.vocabulary = vocabulary
        self.min_confidence = min_confidence

    def draft(self, question: Question, sources: Sequence[Source]) -> Draft:
        """Yield the best sentences, each with its exact span, or Declined when none answers surely.

        The parts of a question are answered one by one; a sentence that answers two is quoted once.
        """
        parts = question.parts or (question,)
        found = [self.look(part.text, sources) for part in parts]
        yield Confidence(max((each.confidence for each in found), default=0.0))
        shown = [
            choose(part.text, each.ranked) if each.ranked and each.confidence >= self.min_confidence else []
            for part, each in zip(parts, found, strict=True)
        ]
        if not any(shown):
            yield Declined(reason(question.text, sources, terms=self.vocabulary.terms))
            return
        quoted, places = gathered(shown) if question.parts else (shown[0], [])
        for choice in quoted:
            yield from choice.events()
        for part, sentences in zip(question.parts, places, strict=True):
            yield PartEnd(part, sentences)

    def look(self, question: str, sources: Sequence[Source]) -> Reading:
        """Read the sources for one question."""
        ranked = candidates(question, sources, self.read, self.vocabulary)
        return Reading(confidence(gather(question, ranked, sources, self.vocabulary)), ranked)
