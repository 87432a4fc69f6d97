"""Question and passages -> their sentences, best first, with the words that answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .citations import Source
from .coverage import Vocabulary, Wanted, wanted_terms
from .models.reader import Reading, Window
from .schema import Span

WINDOW = 520
"""Characters of the sentences that are read together; more were not seen in training."""
LEAST_BEHIND = -6.0
"""A passage's score counts as no further than this behind the best: a retriever may have another scale."""

Read = Callable[[str, Sequence[Window]], list[list[Reading]]]
"""A question and windows -> what the reader says of each sentence of each."""


class Signs(NamedTuple):
    """What speaks for a sentence."""

    margin: float
    """Logit of the best answer in it less that of "none"."""
    matched: float
    """Share of the question's terms, weighted by rarity, that it holds, 0 to 1."""
    context: float
    """The same share for its window with the article's title."""
    retrieval: float
    """Score of its passage less that of the best passage, -6 to 0."""
    odd: float
    """1 for a label, a heading, a link or a question; 0 for a statement."""


WEIGHTS = Signs(1.0, 2.75, 6.0, 0.6, -3.0)
"""`benchmarks/ranking.py` fits them; rounded."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may answer."""

    source: Source
    position: int
    """Which sentence of its passage it is."""
    span: Span
    """Its place in the article."""
    text: str
    answer: Span
    """Place in the article of the words that answer, if any of the sentence do."""
    signs: Signs

    @property
    def score(self) -> float:
        """How well the sentence answers, as a logit of no fixed zero."""
        return sum(weight * value for weight, value in zip(WEIGHTS, self.signs, strict=True))

    @property
    def words(self) -> str:
        """The words that answer."""
        return self.source.article.text[self.answer.start : self.answer.end]


class _Placed(NamedTuple):
    """A window, and which sentences of which passage it holds."""

    source: Source
    first: int
    window: Window
    start: int
    """Where it begins in the article."""


def candidates(
    question: str, sources: Sequence[Source], read: Read, vocabulary: Vocabulary
) -> list[Candidate]:
    """Return the sentences of the sources, best first; one that two windows hold counts as in the better."""
    placed = [each for source in sources for each in _windows(source)]
    wanted = wanted_terms(question, vocabulary)
    best = max((source.score for source in sources), default=0.0)
    found: dict[tuple[int, int], Candidate] = {}
    readings = read(question, [each.window for each in placed]) if placed else []
    for each, heard in zip(placed, readings, strict=True):
        for candidate in _sentences(each, heard, wanted, vocabulary, best):
            key = candidate.source.number, candidate.position
            if key not in found or candidate.score > found[key].score:
                found[key] = candidate
    return sorted(found.values(), key=lambda c: (-c.score, c.source.number, c.position))


def _windows(source: Source) -> Iterator[_Placed]:
    """Cut a passage into windows of whole sentences; each begins with the last sentence of the one before."""
    spans = source.passage.sentences
    first = 0
    while first < len(spans):
        last = first
        while last + 1 < len(spans) and spans[last + 1].end - spans[first].start <= WINDOW:
            last += 1
        start, end = spans[first].start, spans[last].end
        inside = tuple(Span(a - start, b - start) for a, b in spans[first : last + 1])
        window = Window(source.article.title, source.article.text[start:end], inside)
        yield _Placed(source, first, window, start)
        first = last if first < last < len(spans) - 1 else last + 1


def _sentences(
    placed: _Placed, readings: Sequence[Reading], wanted: Wanted, vocabulary: Vocabulary, best: float
) -> Iterator[Candidate]:
    source, window = placed.source, placed.window
    context = wanted.share(set(vocabulary.terms(f"{window.title}\n{window.text}")))
    behind = max(source.score - best, LEAST_BEHIND)
    for number, (span, reading) in enumerate(zip(window.sentences, readings, strict=True)):
        text = window.text[span.start : span.end]
        matched = wanted.share(set(vocabulary.terms(text)))
        yield Candidate(
            source=source,
            position=placed.first + number,
            span=Span(placed.start + span.start, placed.start + span.end),
            text=text,
            answer=Span(placed.start + reading.answer.start, placed.start + reading.answer.end),
            signs=Signs(reading.margin, matched, context, behind, float(is_odd(text))),
        )


_ODD = re.compile(
    r"""
    \?["'”’)\]]*\Z                 # a question
    | [a-z?!]:[A-Z“"‘']            # a link: "More:What we know"
    | \A[►▶•]
    | (?<![.!?…])(?<![.!?…]["'”’)\]])(?<![.!?…]["'”’)\]]["'”’)\]])\Z
    """,
    re.VERBOSE,
)


def is_odd(sentence: str) -> bool:
    """Tell whether a sentence is a question, a link to another article, or a line without an end."""
    return _ODD.search(sentence.strip()) is not None
