"""What a run keeps of one case: the answer, its footnotes and what stands at them, as plain values.

Scores are made from records alone, so that a run can be scored again without asking again.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from rag.schema import Span

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class PassageRecord(BaseModel):
    """A retrieved passage: `text` stands in `article` from `start` to `end`."""

    model_config = _FROZEN

    id: str
    """`<article>#<start>-<end>`, the same on every machine."""
    article: str
    start: int
    end: int
    text: str

    @property
    def span(self) -> Span:
        """The offsets."""
        return Span(self.start, self.end)


class SourceRecord(BaseModel):
    """A passage that the answerer was given; the list of a record is ranked, best first."""

    model_config = _FROZEN

    passage: str
    score: float | None = None


class CitationRecord(BaseModel):
    """A footnote, and what stands at its place today."""

    model_config = _FROZEN

    number: int
    passage: str | None
    """Id of the passage it points into."""
    article: str
    start: int
    end: int
    quote: str
    """The words that the answer shows."""
    stands: str | None
    """The words that stand in the article at these offsets, read anew from the index; None if it is gone."""

    @property
    def span(self) -> Span:
        """The offsets."""
        return Span(self.start, self.end)


class SentenceRecord(BaseModel):
    """A sentence of the answer: `record.text[start:end] == text`."""

    model_config = _FROZEN

    text: str
    start: int
    end: int
    citations: tuple[int, ...]
    """Numbers of the footnotes that follow it."""
    lead_in: str = ""
    """The engine's own words that introduce it; they and a space stand right before `start`."""


class Record(BaseModel):
    """What an engine did with one case."""

    model_config = _FROZEN

    case: str
    """Id of the case."""
    question: str
    turn: int = 1
    """Place of the question in its conversation, from 1."""
    used_history: bool = False
    """The engine was given the turns before."""
    searched: str | None = None
    """The question that the engine made of a follow-up; None when it searched what was asked."""
    status: Literal["answered", "partial", "abstained"] | None = None
    """None when the case crashed."""
    text: str = ""
    """The answer with its markers."""
    reason: str | None = None
    """Why the answer is not whole, in the engine's words."""
    notice: str | None = None
    sentences: tuple[SentenceRecord, ...] = ()
    citations: tuple[CitationRecord, ...] = ()
    unknown_markers: int = 0
    """Markers that named no source, removed by the engine before the answer was shown."""
    sources: tuple[SourceRecord, ...] = ()
    confidence: float | None = None
    """How sure the engine is that the articles answer; higher is surer, the scale is the engine's."""
    model: str = ""
    prompt_tokens: int | None = None
    """Counted by tiktoken; 0 without a model, None when not known."""
    completion_tokens: int | None = None
    seconds: dict[str, float] = {}
    """Time per stage; `total` is their sum."""
    error: str | None = None
    """Why there is no answer: the case crashed."""

    @property
    def abstained(self) -> bool:
        """The engine declined."""
        return self.status == "abstained"

    @property
    def told(self) -> str:
        """The answer without the words that only introduce its sentences; they claim nothing."""
        text = self.text
        for sentence in reversed(self.sentences):
            if sentence.lead_in:
                text = text[: sentence.start - 1 - len(sentence.lead_in)] + text[sentence.start :]
        return text

    def cited_by(self, sentence: SentenceRecord) -> list[CitationRecord]:
        """Return the footnotes of a sentence that resolve."""
        return [note for note in self.citations if note.number in sentence.citations]
