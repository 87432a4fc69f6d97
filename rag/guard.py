"""Do the articles tell? Asked before a model is, and again of what it cites when that was doubtful."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .answering import Question
from .candidates import ENOUGH, Terms, strength, wish_of
from .citations import Source
from .evidence import confidence, gather
from .facts import missing_facts
from .questions import ask_of
from .quoting import QuotingAnswerer
from .schema import Citation

HOPELESS = 0.5
"""Share of the least confidence below which a model is not asked at all."""


class Outlook(NamedTuple):
    """What the evidence says of a question before a model is asked."""

    confidence: float
    """How likely it is, 0 to 1, that the articles hold an answer."""
    least: float
    """The confidence below which quoting declines."""

    @property
    def hopeless(self) -> bool:
        """No model need be asked."""
        return self.confidence < self.least * HOPELESS

    @property
    def doubtful(self) -> bool:
        """A model may answer, but only from passages that miss nothing of what is asked."""
        return self.confidence < self.least


def look(quoting: QuotingAnswerer, question: Question, sources: Sequence[Source]) -> Outlook:
    """Return how likely it is that the articles answer a question, or its likeliest part."""
    terms, passages = quoting.vocabulary.terms, quoting.vocabulary.passage_count()
    sure = (
        confidence(
            gather(part.text, quoting.candidates(part, sources), sources, terms=terms, passages=passages)
        )
        for part in question.parts or (question,)
    )
    return Outlook(max(sure), quoting.min_confidence)


def answers(question: Question, cited: Iterable[Citation], terms: Terms) -> bool:
    """Tell whether cited words miss nothing of a question, or of one of its parts.

    They and their articles' titles hold its names, numbers and dates, and one of them gives what is expected
    (see `rag.candidates`).
    """
    notes = list(cited)
    return any(_held(part.text, notes, terms) for part in question.parts or (question,))


def _held(question: str, notes: Sequence[Citation], terms: Terms) -> bool:
    texts = [note.quote for note in notes] + [note.article.title for note in notes]
    wish = wish_of(question, terms)
    return not any(
        fact.kind != "quotation" for fact in missing_facts(ask_of(question), ["\n".join(texts)])
    ) and any(strength(wish, note.quote, 1.0) >= ENOUGH for note in notes)


def touches(question: Question, cited: Iterable[Citation], terms: Terms) -> bool:
    """Tell whether cited words, or their articles' titles, share a term with the question."""
    asked = set(terms(question.text))
    return not asked or any(asked & set(terms(f"{note.article.title}\n{note.quote}")) for note in cited)
