"""Do the articles tell? Asked before a model is, and again of what it cites when that was doubtful."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from .abstention import Terms
from .answering import Question
from .citations import Source
from .facts import missing_facts
from .quoting import QuotingAnswerer, Reading
from .reading import Candidate
from .schema import Citation

HOPELESS = 0.5
"""Share of the least confidence below which a model is not asked at all."""


class Outlook(NamedTuple):
    """What reading says of a question before a model is asked."""

    readings: list[Reading]
    """One of each part."""
    least: float
    """The confidence below which quoting declines."""

    @property
    def confidence(self) -> float:
        """How likely it is, 0 to 1, that the articles answer the question, or its likeliest part."""
        return max(reading.confidence for reading in self.readings)

    @property
    def hopeless(self) -> bool:
        """No model need be asked."""
        return self.confidence < self.least * HOPELESS

    @property
    def doubtful(self) -> bool:
        """A model may answer, but only from words that the reader takes for an answer, too."""
        return self.confidence < self.least


def look(quoting: QuotingAnswerer, question: Question, sources: Sequence[Source]) -> Outlook:
    """Read the sources for a question, or for each of its parts."""
    asked = question.parts or (question,)
    return Outlook([quoting.look(part.text, sources) for part in asked], quoting.min_confidence)


def answers(question: Question, cited: Iterable[Citation], outlook: Outlook) -> bool:
    """Tell whether cited words miss no name, number or date of a question, and hold an answer to it.

    What is an answer, the reader says: it gives it more than "none".
    """
    notes = list(cited)
    texts = [f"{note.article.title}\n{note.quote}" for note in notes]
    if any(fact.kind != "quotation" for fact in missing_facts(question.text, ["\n".join(texts)])):
        return False
    return any(_within(note, reading) for note in notes for reading in outlook.readings)


def _within(note: Citation, reading: Reading) -> Candidate | None:
    """Return the best sentence within a footnote that the reader takes for an answer."""
    own = (c for c in reading.ranked if c.source.article.id == note.article.id and c.signs.margin > 0)
    return next((c for c in own if note.start <= c.answer.start and c.answer.end <= note.end), None)


def touches(question: Question, cited: Iterable[Citation], terms: Terms) -> bool:
    """Tell whether cited words, or their articles' titles, share a term with the question."""
    asked = set(terms(question.text))
    return not asked or any(asked & set(terms(f"{note.article.title}\n{note.quote}")) for note in cited)


def with_answers(cited: Iterable[Citation], outlook: Outlook) -> list[Citation]:
    """Return footnotes with the words that the reader takes for the answer, where there are any."""
    return [
        replace(note, answer=best.answer)
        if (best := next((b for r in outlook.readings if (b := _within(note, r))), None))
        else note
        for note in cited
    ]
