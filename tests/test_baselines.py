from __future__ import annotations

from typing import Any

import pytest

from evals.baselines import (
    BASELINES,
    SHUFFLING,
    always_answer,
    answers_of,
    first_sentences,
    never_answer,
    random_sentences,
    whole_passage,
)
from evals.records import CitationRecord, PassageRecord, Record, SentenceRecord, SourceRecord
from rag.answering import DECLINE

TEXT = "One came. Two\nleft. Three stayed. Four slept."
BEST = PassageRecord(id="a.txt#10-55", article="a.txt", start=10, end=10 + len(TEXT), text=TEXT)
NEXT = PassageRecord(id="b.txt#0-10", article="b.txt", start=0, end=10, text="Five died.")
PASSAGES = {passage.id: passage for passage in (BEST, NEXT)}
SOURCES = (SourceRecord(passage=BEST.id, score=2.0), SourceRecord(passage=NEXT.id, score=1.0))
ANSWERED = Record(
    case="q",
    question="Who?",
    turn=2,
    used_history=True,
    status="answered",
    text="Somebody. [1]",
    reason="why",
    notice="what",
    sentences=(SentenceRecord(text="Somebody.", start=0, end=9, citations=(1,)),),
    unknown_markers=3,
    sources=SOURCES,
    confidence=0.5,
    model="gpt-4o",
    prompt_tokens=10,
    completion_tokens=2,
    seconds={"total": 1.0},
)
DECLINED = ANSWERED.model_copy(update={"status": "abstained"})


def quote(number: int, passage: PassageRecord, words: str) -> CitationRecord:
    start = passage.start + passage.text.index(words)
    return CitationRecord(
        number=number,
        passage=passage.id,
        article=passage.article,
        start=start,
        end=start + len(words),
        quote=words,
        stands=words,
    )


def bare(**fields: Any) -> Record:
    """Return what a baseline leaves of a record, but for its answer."""
    kept: dict[str, Any] = {
        "case": "q",
        "question": "Who?",
        "turn": 2,
        "sources": SOURCES,
        "model": "baseline",
        "prompt_tokens": 0,
        "completion_tokens": 0,
    }
    return Record(**{**kept, **fields})


FIRST = bare(
    status="answered",
    text="One came. [1] Two left. [2] Three stayed. [3]",
    sentences=(
        SentenceRecord(text="One came.", start=0, end=9, citations=(1,)),
        SentenceRecord(text="Two left.", start=14, end=23, citations=(2,)),
        SentenceRecord(text="Three stayed.", start=28, end=41, citations=(3,)),
    ),
    citations=(quote(1, BEST, "One came."), quote(2, BEST, "Two\nleft."), quote(3, BEST, "Three stayed.")),
)
NEVER = bare(status="abstained", text=DECLINE)


def test_the_first_three_sentences_of_the_best_passage() -> None:
    assert first_sentences(ANSWERED, PASSAGES) == FIRST
    assert first_sentences(DECLINED, PASSAGES) == FIRST


def test_the_whole_of_the_best_passage() -> None:
    made = whole_passage(ANSWERED, PASSAGES)

    assert made.text == f"{FIRST.text} Four slept. [4]"
    assert made.citations == (*FIRST.citations, quote(4, BEST, "Four slept."))
    assert all(made.text[s.start : s.end] == s.text for s in made.sentences)


def test_three_sentences_by_chance_are_the_same_every_time_and_differ_by_case() -> None:
    made = random_sentences(ANSWERED, PASSAGES)
    others = [random_sentences(ANSWERED.model_copy(update={"case": f"q{n}"}), PASSAGES) for n in range(20)]

    assert made == random_sentences(ANSWERED, PASSAGES)
    assert len({note.quote for note in made.citations}) == 3
    assert len({other.text for other in others}) > 10
    assert {other.sources for other in others} == {SOURCES, SOURCES[::-1]}
    assert {note.quote for other in others for note in other.citations} == {
        "One came.",
        "Two\nleft.",
        "Three stayed.",
        "Four slept.",
        "Five died.",
    }
    for note in made.citations:
        passage = PASSAGES[note.passage or ""]
        assert passage.text[note.start - passage.start : note.end - passage.start] == note.quote


def test_declining_whatever_is_asked() -> None:
    assert never_answer(ANSWERED, PASSAGES) == never_answer(DECLINED, PASSAGES) == NEVER


def test_answering_where_the_engine_declines() -> None:
    assert always_answer(ANSWERED, PASSAGES) is ANSWERED
    assert always_answer(DECLINED, PASSAGES) == FIRST


@pytest.mark.parametrize("name", ["first sentences", "whole passage", SHUFFLING])
def test_where_nothing_was_retrieved_there_is_nothing_to_say(name: str) -> None:
    empty = ANSWERED.model_copy(update={"sources": ()})
    unknown = ANSWERED.model_copy(update={"sources": (SourceRecord(passage="gone"),)})

    assert BASELINES[name](empty, PASSAGES) == NEVER.model_copy(update={"sources": ()})
    assert BASELINES[name](unknown, PASSAGES).text == DECLINE


def test_a_passage_that_was_retrieved_twice_gives_its_sentences_once() -> None:
    twice = ANSWERED.model_copy(update={"sources": (SOURCES[1], SOURCES[1])})
    made = random_sentences(twice, PASSAGES)

    assert made.text == "Five died. [1]"
    assert made.sources == twice.sources


def test_a_case_that_crashed_stays_so_for_every_baseline() -> None:
    crashed = Record(case="x", question="?", error="no")

    for baseline in BASELINES.values():
        made = list(answers_of([crashed, ANSWERED], PASSAGES, baseline))
        assert made == [crashed, baseline(ANSWERED, PASSAGES)]
