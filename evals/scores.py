"""The value types of scoring: what is scored, what a score is, and what a metric is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from rag.schema import Span

from .cases import Case
from .records import PassageRecord, Record

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


@dataclass(frozen=True, slots=True)
class Attempt:
    """A case, what an engine did with it, and what it may be held against."""

    case: Case
    record: Record
    passages: Mapping[str, PassageRecord] = field(default_factory=dict)
    """Passages by id; those that the record names are among them."""
    gold: tuple[tuple[Gold, ...], ...] = ()
    """As `case.expected_sources`: each item is alternatives."""


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
