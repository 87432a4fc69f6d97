from __future__ import annotations

import pytest

from rag.speakers import NOBODY, Speaker, asked_of, people_in, speakers, speaks

SENTENCES = [
    "Norway’s mining minister Ada Berg said the strike was over.",
    "She claimed that Sweden had sent no trucks.",
    "Trucks stood at the border.",
    "They waited there.",
    "According to Swedish officials, the road was closed.",
    "Berg later denied it.",
    "Stockholm, accused by miners, accused Oslo of delay.",
    "Observers say little.",
]


def test_who_speaks_is_named_last_before_the_verb_and_pronouns_speak_on() -> None:
    people = people_in(SENTENCES)

    assert people == {"berg": "norway"}
    assert speakers(SENTENCES, people) == [
        Speaker("norway", "berg"),
        Speaker("norway", "berg"),
        NOBODY,
        NOBODY,
        Speaker("sweden"),
        Speaker("norway", "berg"),
        Speaker("sweden"),
        NOBODY,
    ]


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("Why did Sweden close the road?", Speaker("sweden")),
        ("What does the Norwegian government say?", Speaker("norway")),
        ("What did Ada Berg say about Sweden?", Speaker("norway", "berg")),
        ("Who closed the road to Sweden?", NOBODY),
    ],
)
def test_the_subject_of_a_question_is_who_is_asked_of(question: str, asked: Speaker) -> None:
    assert asked_of(question, {"berg": "norway"}) == asked


def test_a_person_speaks_for_a_side_but_not_the_side_for_the_person() -> None:
    berg, norway = Speaker("norway", "berg"), Speaker("norway")

    assert [speaks(berg, norway), speaks(norway, berg), speaks(berg, berg), speaks(norway, NOBODY)] == [
        True,
        False,
        True,
        False,
    ]
