"""What every report tells of a run and its cases, as plain words: pieces of answers, flaws, gold, grades."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from rag.schema import Span

from .metrics import answers
from .metrics.citations import is_ragged, is_verbatim
from .metrics.retrieval import Place
from .records import CitationRecord, PassageRecord, Record
from .runs import Run
from .tables import (
    HARD,
    NONE,
    Entry,
    Grid,
    Outcome,
    titles,
    unscored,
)


class Piece(NamedTuple):
    """A part of an answer: words, or the number of a footnote."""

    text: str
    number: int | None = None


def pieces(record: Record) -> Iterator[Piece]:
    """Yield an answer in order: its words and its markers, which stand behind their sentence as ` [1][2]`.

    A `[1]` elsewhere is a part of quoted words.
    """
    position = 0
    for sentence in record.sentences:
        marks = "".join(f"[{number}]" for number in sentence.citations)
        start = record.text.find(marks, sentence.end, sentence.end + len(marks) + 1) if marks else -1
        if start >= 0:
            yield Piece(record.text[position:start])
            yield from (Piece(f"[{number}]", number) for number in sentence.citations)
            position = start + len(marks)
    yield Piece(record.text[position:])


def flaw(note: CitationRecord, passages: Mapping[str, PassageRecord]) -> str | None:
    """Return why a quote is not what stands at its place in its passage, None when it is."""
    found = passages.get(note.passage) if note.passage else None
    passage = Place(found.article, found.span) if found else None
    if is_verbatim(note.quote, note.stands, Place(note.article, note.span), passage):
        own = Span(note.start - found.start, note.end - found.start) if found else None
        return "cuts a word" if found and own and is_ragged(found.text, own) else None
    if note.stands is None:
        return "nothing stands there"
    return "not verbatim" if note.stands != note.quote else "outside its passage"


def place(article: str, start: int, end: int) -> str:
    """Write where a quote or a passage stands."""
    return f"{article}, characters {start}–{end}"


def holds_gold(run: Run, case_id: str, passage: PassageRecord) -> bool:
    """Tell whether a passage holds a part of an expected source, or is of an expected article."""
    golds = (gold for group in run.gold.get(case_id, ()) for gold in group)
    return any(
        gold.article == passage.article
        and (not gold.spans or any(s.start < passage.end and passage.start < s.end for s in gold.spans))
        for gold in golds
    )


def particulars(run: Run) -> list[Grid]:
    """Return how the run was made: all of `run.json`."""
    plain = run.info.model_dump(mode="json")
    folded = {name: value for name, value in plain.items() if isinstance(value, dict)}
    single = {name: _value(value) for name, value in plain.items() if name not in folded}
    return [
        Grid("Run", ("key", "value"), tuple(single.items())),
        *(
            Grid(name.capitalize(), ("key", "value"), tuple((key, _value(own)) for key, own in value.items()))
            for name, value in folded.items()
            if value
        ),
    ]


def _value(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or NONE
    return (
        NONE
        if value is None or value == ""
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )


class Check(NamedTuple):
    """A fact, and whether the answer deals with it as it should; None when there is no answer."""

    words: str
    right: bool | None


def facts(outcome: Outcome) -> list[Check]:
    """Return the facts that a right answer holds, and those that it never says."""
    case, record = outcome.case, outcome.record
    answered = record is not None and not record.abstained and not record.error
    text = answers.without_markers(record.told) if record else ""
    wanted = [(" or ".join(fact), not answers.missing(text, [fact])) for fact in case.must_include]
    never = [(f"never: {fact}", not answers.said(text, [fact])) for fact in case.must_not_include]
    return [Check(words, right if answered else None) for words, right in (*wanted, *never)]


SIGNS = {True: "✓", False: "✗", None: "·"}


def sources_expected(outcome: Outcome) -> list[str]:
    """Write where an answer is expected to be found, alternatives on one line."""
    return [
        " or ".join(f"“{s.quote}” — {s.article}" if s.quote else s.article for s in group)
        for group in outcome.case.expected_sources
    ]


def ungraded(run: Run, case_id: str) -> dict[str, list[str]]:
    """Return reason -> titles of the metrics that have no grade for a case."""
    named = titles(run.summary)
    reasons: dict[str, list[str]] = {}
    for metric, score in run.scores.get(case_id, {}).items():
        if score.value is None:
            reasons.setdefault(score.reason, []).append(named.get(metric, metric))
    return reasons


def retrieved_by(record: Record, passages: Mapping[str, PassageRecord]) -> list[tuple[PassageRecord, str]]:
    """Return the passages of a record, best first, with their scores."""
    return [
        (passages[source.passage], NONE if source.score is None else f"{source.score:.4g}")
        for source in record.sources
        if source.passage in passages
    ]


def notes_on(summary: Entry) -> list[str]:
    """Return what the table of metrics needs said below it."""
    hard = any(metric["hard"] for metric in summary["metrics"])
    return [
        *([f"Hard: {HARD.lower()}"] if hard else []),
        *(f"Unscored: {line}" for line in unscored(summary["metrics"])),
    ]
