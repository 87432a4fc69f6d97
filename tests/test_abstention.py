from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.abstention import Evidence, confidence, gather, reason
from rag.citations import Source
from rag.reading import candidates
from tests.readings import Answers, Reader, Vocabulary, source

QUESTION = "Who owns the mill in Arlon?"
OWNS = "Dana Pruitt owns the mill in Arlon."
BURNT = "It burnt on Friday."
PLAIN = Evidence(2.0, 0.6, 0.8, 0.4, 2.0, 1.5, 0.0, 0.0)


def evidence(
    question: str, *given_sources: Source, answers: Answers | None = None, passages: int = 100
) -> Evidence | None:
    vocabulary = Vocabulary(passages=passages)
    ranked = candidates(question, given_sources, Reader(answers or {}), vocabulary)
    return gather(question, ranked, given_sources, vocabulary)


def found(question: str, *given_sources: Source, answers: Answers | None = None) -> Evidence:
    gathered = evidence(question, *given_sources, answers=answers)
    assert gathered is not None
    return gathered


def test_the_evidence_is_read_off_the_best_sentence() -> None:
    answers = {OWNS: (3.0, "Dana Pruitt"), BURNT: (1.0, "Friday")}
    near, far = source(OWNS), replace(source(BURNT, 2, article="b", title="Mill"), cosine=0.25)

    assert found(QUESTION, far, near, answers=answers) == Evidence(
        margin=3.0,
        matched=1.0,
        context=1.0,
        cosine=0.25,
        size=2.0,
        length=math.log1p(3),
        fact_missing=0.0,
        fact_unknown=0.0,
    )


def test_margins_count_within_bounds() -> None:
    assert found(QUESTION, source(OWNS), answers={OWNS: (40.0, "Dana")}).margin == 12
    assert found(QUESTION, source(OWNS)).margin == -12


@pytest.mark.parametrize(
    ("question", "sources", "missing", "unknown"),
    [
        ("Who owns the mill in Arlon?", [source(OWNS)], 0, 0),
        ("Who owns the mill in Mons?", [source(OWNS)], 1, 1),
        ("Who owns the mill in Mons?", [source(OWNS), source("Mons is far.", 2, article="b")], 1, 0),
        ("Who owns the mill in Mons?", [source(OWNS, outlet="Mons Post")], 1, 0),
        ("Who owns the mill in Mons?", [source(OWNS, title="Mons")], 0, 0),
        ("Who owns the mill that burnt on 4 May?", [source(OWNS)], 1, 1),
        ("Who owns the 3 mills?", [source(OWNS)], 1, 1),
        ("Who owns the “old” mill?", [source(OWNS)], 0, 0),
    ],
)
def test_a_name_number_or_date_that_is_not_told_is_noticed(
    question: str, sources: list[Source], missing: int, unknown: int
) -> None:
    gathered = found(question, *sources, answers={OWNS: (3.0, "Dana Pruitt")})

    assert (gathered.fact_missing, gathered.fact_unknown) == (missing, unknown)


@settings(deadline=None)
@given(st.floats(-12, 11), st.floats(0.1, 1))
def test_a_higher_margin_raises_confidence(margin: float, more: float) -> None:
    assert confidence(PLAIN._replace(margin=margin + more)) > confidence(PLAIN._replace(margin=margin))


def test_words_of_the_question_raise_confidence_and_a_larger_index_lowers_it() -> None:
    assert confidence(PLAIN) > confidence(PLAIN._replace(matched=0.0, context=0.0, cosine=0.0))
    assert confidence(PLAIN) > confidence(PLAIN._replace(size=5.0))


def test_a_name_that_no_passage_holds_lowers_confidence() -> None:
    elsewhere = PLAIN._replace(fact_missing=1.0)
    nowhere = elsewhere._replace(fact_unknown=1.0)

    assert confidence(PLAIN) > confidence(elsewhere) > confidence(nowhere)


@settings(deadline=None)
@given(st.builds(Evidence, *[st.floats(-12, 12)] * len(Evidence._fields)))
def test_confidence_is_a_probability(gathered: Evidence) -> None:
    assert 0 <= confidence(gathered) <= 1


def test_without_a_sentence_there_is_no_evidence_and_no_confidence() -> None:
    assert evidence(QUESTION) is None
    assert evidence(QUESTION, source("")) is None
    assert confidence(None) == 0.0


def test_an_empty_index_and_a_question_without_a_word_break_nothing() -> None:
    gathered = evidence("Who?", source(OWNS), passages=0)

    assert gathered is not None
    assert (gathered.matched, gathered.size, gathered.length) == (0.0, 0.0, 0.0)


def terms(text: str) -> list[str]:
    """Return the words of a text without their endings, and without some that say nothing."""
    words = re.findall(r"\w+", text.lower())
    common = "who what which when where why how many did do were was the in to not of at is it on".split()
    return [word.removesuffix("s") for word in dict.fromkeys(words) if word not in common]


@pytest.mark.parametrize(
    ("question", "sentence", "expected"),
    [
        (
            "How many Pakistani soldiers were killed in Pakistani towns?",
            "Four Pakistani civilians were killed.",
            "The closest passages mention “Pakistani” and “killed”, but not “soldiers” or “towns”.",
        ),
        (
            "How many soldiers, sailors, miners, envoys were killed?",
            "Four were killed.",
            "The closest passages mention “killed”, but not “soldiers”, “sailors”, “miners” or “envoys”.",
        ),
        (
            "Which old red mill has burnt?",
            "The old red mill has burnt.",
            ("The closest passages mention “old”, “red” and “mill”, but no sentence answers surely enough."),
        ),
        (
            "Who won the miner’s prize?",
            "It rained.",
            "The articles do not tell; the closest passages do not mention “won”, “miner’s”, “prize”.",
        ),
        ("Who is it?", "It rained.", "The question has no word of its own to look for in the articles."),
    ],
)
def test_the_reason_tells_what_is_there_and_what_is_missing(
    question: str, sentence: str, expected: str
) -> None:
    assert reason(question, [source(sentence)], terms=terms) == expected


def test_the_reason_counts_what_titles_hold_and_stands_without_a_passage() -> None:
    told = "The closest passages mention “mill” and “burnt”, but no sentence answers surely enough."

    assert reason("Which mill burnt?", [source("It burnt.", title="A mill")], terms=terms) == told
    assert reason("Which mill burnt?", [], terms=terms) == (
        "The articles do not tell; the closest passages do not mention “mill”, “burnt”."
    )
