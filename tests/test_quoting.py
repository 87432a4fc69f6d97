from __future__ import annotations

import pytest

from rag.answering import Confidence, Declined, PartEnd, Question
from rag.citations import Marker, SentenceEnd, Source, Words
from rag.quoting import QuotingAnswerer
from rag.schema import Span
from tests.readings import Answers, Reader, Vocabulary, read_by, source, sources

OWNS = "Dana Pruitt owns the mill in Arlon."
BURNT = "It burnt on Friday."
COST = "A barn cost 300 crowns."
ASKED = "Who owns the mill in Arlon?"
SURE, UNSURE = 12.0, -12.0
KNOWN: Answers = {OWNS: (SURE, "Dana Pruitt"), COST: (UNSURE, "300 crowns")}
OWNER = Question("Who owns the mill?", (), asks="who owns the mill")
DAY = Question("When did it burn, the mill?", (), asks="when did it burn")
PRICE = Question("How much did a tower cost?", (), asks="how much did a tower cost")


def asked_of(*parts: Question, text: str = ASKED) -> Question:
    return Question(text, (), parts)


def drafted(
    question: Question, given: list[Source], *, answers: Answers = KNOWN, least: float = 0.5
) -> list[object]:
    answerer = QuotingAnswerer(read=Reader(answers), vocabulary=Vocabulary(), min_confidence=least)
    return list(answerer.draft(question, given))


def test_the_best_sentence_is_quoted_with_its_place_and_the_words_that_answer() -> None:
    given = [source(f"{BURNT} {OWNS}")]

    confidence, *events = drafted(asked_of(), given)

    assert isinstance(confidence, Confidence)
    assert 0.9 < confidence.value < 1
    assert events == [Words(OWNS), Marker(1, Span(20, 55), Span(20, 31)), SentenceEnd()]


@pytest.mark.parametrize(("least", "declines"), [(0.0, False), (0.9, False), (1.0, True)])
def test_it_declines_below_the_least_confidence(least: float, *, declines: bool) -> None:
    events = drafted(asked_of(), [source(OWNS)], least=least)

    assert isinstance(events[0], Confidence)
    assert [isinstance(event, Declined) for event in events[1:]] == ([True] if declines else [False] * 3)


def test_what_is_declined_has_a_reason() -> None:
    confidence, declined = drafted(
        asked_of(text="Who built the tower in Arlon?"), sources(OWNS, COST), answers={}
    )

    assert isinstance(confidence, Confidence)
    assert confidence.value < 0.1
    assert declined == Declined("The closest passages mention “Arlon”, but not “built” or “tower”.")


@pytest.mark.parametrize("given", [[], [source("")]])
def test_without_a_sentence_it_declines_however_little_is_asked_for(given: list[Source]) -> None:
    confidence, declined = drafted(asked_of(), given, least=0.0)

    assert confidence == Confidence(0.0)
    assert isinstance(declined, Declined)


def test_parts_are_read_one_by_one_and_a_sentence_that_answers_two_is_quoted_once() -> None:
    who, when = Question("Who was it?", ()), Question("When was it?", ())
    reader = Reader({OWNS: (SURE, "Dana Pruitt"), BURNT: (SURE - 0.5, "Friday")})
    answerer = QuotingAnswerer(read=reader, vocabulary=Vocabulary(), min_confidence=0.2)

    events = list(answerer.draft(asked_of(who, when), [source(f"{BURNT} {OWNS}")]))

    assert reader.questions == [who.text, when.text]
    assert [event.text for event in events if isinstance(event, Words)] == [OWNS, BURNT]
    assert events[-2:] == [PartEnd(who, (0, 1)), PartEnd(when, (0, 1))]


def test_a_part_that_is_not_told_has_no_sentence() -> None:
    events = drafted(asked_of(OWNER, PRICE), [source(OWNS)], answers={OWNS: (2.5, "Dana Pruitt")}, least=0.2)

    assert [event.text for event in events if isinstance(event, Words)] == [OWNS]
    assert events[-2:] == [PartEnd(OWNER, (0,)), PartEnd(PRICE, ())]


def test_when_no_part_is_told_it_declines_and_says_it_of_the_whole_question() -> None:
    question = asked_of(DAY, PRICE, text="When did the mill burn, and how much did a tower cost?")

    confidence, declined = drafted(question, [source(OWNS)], answers={})

    assert isinstance(confidence, Confidence)
    assert declined == Declined("The closest passages mention “mill”, but not “burn”, “tower” or “cost”.")


def test_the_confidence_of_several_parts_is_that_of_the_surest() -> None:
    (first, *_), (second, *_), (both, *_) = (
        drafted(question, [source(OWNS), source(COST, 2, article="b")], answers={OWNS: (SURE, "Dana Pruitt")})
        for question in (OWNER, PRICE, asked_of(PRICE, OWNER))
    )

    assert isinstance(first, Confidence)
    assert isinstance(second, Confidence)
    assert second.value < first.value
    assert both == first


def test_a_look_tells_the_sentences_and_how_sure_it_is() -> None:
    given = [source(f"{BURNT} {OWNS}")]
    answerer = QuotingAnswerer(read=Reader(KNOWN), vocabulary=Vocabulary())

    looked = answerer.look(ASKED, given)

    assert looked.ranked == read_by(KNOWN, ASKED, given)
    assert looked.ranked[0].text == OWNS
    assert Confidence(looked.confidence) == drafted(asked_of(), given)[0]
