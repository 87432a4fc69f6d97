"""The one interface of both answerers: a question and its sources -> the events of a draft."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from .citations import Event, Given, LeadIn, Source

DECLINE = "The articles do not answer this question."
"""The one sentence by which an answerer declines; the prompt gives it to the model."""


@dataclass(frozen=True, slots=True)
class Question:
    """The user's words with their embedding."""

    text: str
    vector: tuple[float, ...]
    parts: tuple[Question, ...] = ()
    """Its parts, when it has several, each as a question of its own."""
    asks: str = ""
    """Of a part: what the user asked in it; `text` then also says what it is about."""


class Declined(NamedTuple):
    """The answerer finds no answer in the sources; the reason is one plain sentence."""

    reason: str


class Confidence(NamedTuple):
    """How likely it is, 0 to 1, that the sources hold an answer; comes before everything else."""

    value: float


class PartEnd(NamedTuple):
    """A part of the question is dealt with; `sentences` count the draft's from 0, none when declined."""

    part: Question
    sentences: tuple[int, ...]


Draft = Iterator[Event | LeadIn | Given | Declined | Confidence | PartEnd]
"""What an answerer yields."""


class Answerer(Protocol):
    """Writes a draft from sources; raises LLMError when it cannot."""

    @property
    def name(self) -> str:
        """What stands as `model` in the answer."""

    def draft(self, question: Question, sources: Sequence[Source]) -> Draft:
        """Yield the words, markers and sentence ends of an answer, or one Declined."""
