"""Trivial answerers over what an engine retrieved: what any figure must be held against."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from rag.answering import DECLINE
from rag.schema import Span
from rag.sentences import sentence_spans

from .records import CitationRecord, PassageRecord, Record, SentenceRecord

Passages = Mapping[str, PassageRecord]
Baseline = Callable[[Record, Passages], Record]

SENTENCES = 3
"""As many as quoting gives at most."""


def first_sentences(record: Record, passages: Passages) -> Record:
    """Answer with the first three sentences of the best passage."""
    return _quoting(record, _best(record, passages)[:SENTENCES])


def whole_passage(record: Record, passages: Passages) -> Record:
    """Answer with all of the best passage."""
    return _quoting(record, _best(record, passages))


def random_sentences(record: Record, passages: Passages) -> Record:
    """Answer with three sentences of the retrieved passages by chance, and shuffle these."""
    chance = random.Random(record.case)  # noqa: S311  # a draw that anyone can repeat
    pool = [part for passage in _retrieved(record, passages) for part in _parts(passage)]
    drawn = chance.sample(pool, min(SENTENCES, len(pool)))
    shuffled = tuple(chance.sample(record.sources, len(record.sources)))
    return _quoting(record, drawn).model_copy(update={"sources": shuffled})


def never_answer(record: Record, _: Passages) -> Record:
    """Decline, whatever is asked."""
    return Record(**_bare(record), status="abstained", text=DECLINE)


def always_answer(record: Record, passages: Passages) -> Record:
    """Answer as the engine does, and with the first sentences where it declines."""
    return first_sentences(record, passages) if record.abstained else record


SHUFFLING = "random sentences"
"""The one that ranks the passages itself; the others take the engine's ranking."""
BASELINES: Mapping[str, Baseline] = {
    "first sentences": first_sentences,
    "whole passage": whole_passage,
    SHUFFLING: random_sentences,
    "never answer": never_answer,
    "always answer": always_answer,
}
"""In the order of the tables."""


def _best(record: Record, passages: Passages) -> tuple[CitationRecord, ...]:
    """Return the sentences of the best passage."""
    return _parts(found[0]) if (found := _retrieved(record, passages)) else ()


def _retrieved(record: Record, passages: Passages) -> list[PassageRecord]:
    """Return the passages that an engine was given, each once, best first."""
    ids = dict.fromkeys(source.passage for source in record.sources)
    return [passages[id_] for id_ in ids if id_ in passages]


@lru_cache(maxsize=4096)
def _parts(passage: PassageRecord) -> tuple[CitationRecord, ...]:
    """Return each sentence of a passage as a footnote without a number."""
    return tuple(_note(passage, span) for span in sentence_spans(passage.text))


def _note(passage: PassageRecord, span: Span) -> CitationRecord:
    words = passage.text[span.start : span.end]
    start = passage.start + span.start
    return CitationRecord(
        number=0,
        passage=passage.id,
        article=passage.article,
        start=start,
        end=start + len(words),
        quote=words,
        stands=words,
    )


def _bare(record: Record) -> dict[str, Any]:
    """Return what a record keeps of its question and its retrieval."""
    return {
        "case": record.case,
        "question": record.question,
        "turn": record.turn,
        "sources": record.sources,
        "model": "baseline",
        "prompt_tokens": 0,
        "completion_tokens": 0,
    }


def _quoting(record: Record, quotes: Iterable[CitationRecord]) -> Record:
    """Return the record of an answer made of these quotes, each with its own footnote."""
    text = ""
    sentences: list[SentenceRecord] = []
    notes: list[CitationRecord] = []
    for number, note in enumerate(quotes, start=1):
        start = len(text) + bool(text)
        words = " ".join(note.quote.split())
        text += f"{' ' * bool(text)}{words} [{number}]"
        notes.append(note.model_copy(update={"number": number}))
        sentences.append(SentenceRecord(text=words, start=start, end=start + len(words), citations=(number,)))
    if not notes:
        return never_answer(record, {})
    return Record(
        **_bare(record), status="answered", text=text, sentences=tuple(sentences), citations=tuple(notes)
    )


def answers_of(records: Sequence[Record], passages: Passages, baseline: Baseline) -> Iterator[Record]:
    """Yield what a baseline makes of each record; a case that crashed stays as it is."""
    for record in records:
        yield record if record.error else baseline(record, passages)
