"""The value types of scoring: what is scored, what a score is, and what a metric is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

from rag.schema import Span

from .cases import Case
from .records import CitationRecord, PassageRecord, Record

Group = Literal["outcome", "retrieval", "answer", "citations", "abstention"]


class Score(NamedTuple):
    """A grade of one case by one metric; `value` None means unscored, and `reason` says why."""

    value: float | None
    reason: str = ""


class Gold(NamedTuple):
    """An expected source, found in its article."""

    article: str
    """The article's name as passages and citations have it."""
    spans: tuple[Span, ...] = ()
    """Every place where the quote stands; empty when the whole article counts."""


class Cited(NamedTuple):
    """A sentence, and what its footnotes show."""

    text: str
    quotes: tuple[str, ...]
    sources: tuple[str, ...]
    """For each footnote the text of its passage, or the quote when that is not known."""


@dataclass(frozen=True)
class Attempt:
    """A case, what an engine did with it, and what it may be held against."""

    case: Case
    record: Record
    passages: Mapping[str, PassageRecord] = field(default_factory=dict)
    """Passages by id; those that the record names are among them."""
    gold: tuple[tuple[Gold, ...], ...] = ()
    """As `case.expected_sources`: each item is alternatives."""

    @cached_property
    def cited(self) -> list[Cited]:
        """The sentences that have a footnote which resolves."""
        found = []
        for sentence in self.record.sentences:
            if notes := self.record.cited_by(sentence):
                quotes = tuple(note.quote for note in notes)
                found.append(Cited(sentence.text, quotes, tuple(self.source_of(note) for note in notes)))
        return found

    def source_of(self, note: CitationRecord) -> str:
        """Return the text of the passage that a footnote points into; the quote when that is not known."""
        passage = self.passages.get(note.passage) if note.passage else None
        return passage.text if passage else note.quote


@dataclass(frozen=True, slots=True)
class Metric:
    """A grade from 0 to 1 unless `unit` says otherwise; it never looks at another case."""

    name: str
    """As in files: `quote_recall_at_5`."""
    title: str
    """As in tables: `gold quotes among 5`."""
    group: Group
    score: Callable[[Attempt], Score]
    better: Literal["higher", "lower", "neither"] = "higher"
    hard: bool = False
    """Below 1 for a single case, and the gate closes."""
    gates: bool = True
    """A certain drop closes the gate."""
    unit: str = ""
