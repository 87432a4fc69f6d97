from __future__ import annotations

import pytest

from rag.expected import Expected, expected_of, singular, thing_asked_for


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("How many red tractors were sold?", Expected("count", ("red", "tractors"))),
        ("How many were sold?", Expected("count")),
        ("How far is the mill?", Expected("amount")),
        ("When did the mill burn?", Expected("date")),
        ("When will the mill open?", Expected("date", future=True)),
        ("Who built the mill?", Expected("agent", verb="built")),
        ("Who has bought the mill?", Expected("agent", verb="bought")),
        ("Whom did the miller blame?", Expected("agent")),
        ("Who led the miners?", Expected("role", ("leader",))),
        ("Who is the deputy mayor of Arlon?", Expected("role", ("deputy", "mayor"))),
        ("Who is Arlon's mayor?", Expected("role", ("mayor",))),
        ("Where was the mill?", Expected("place")),
        ("In which city was the mill?", Expected("place", ("city",))),
        ("Which country buys most of the flour?", Expected("place", ("country",))),
        ("Which river bridge was closed?", Expected("instance", ("river", "bridge"))),
        ("What did the old miller say about it?", Expected("statement", speaker=("old", "miller"))),
        ("What happens when it rains?", Expected("any")),
        ("Did it rain?", Expected("any")),
        ("Who built the mill? Say nothing else.", Expected("agent", verb="built")),
    ],
)
def test_a_question_tells_what_its_answer_must_be(question: str, expected: Expected) -> None:
    assert expected_of(question) == expected


@pytest.mark.parametrize(
    ("question", "thing"),
    [
        ("In which hotel did they meet?", "hotel"),
        ("How many Pakistani soldiers were killed?", "Pakistani soldiers"),
        ("What kind of attacks does Kabul fear?", "kind"),
        ("Which film won the prize?", "film"),
        ("What did he say?", ""),
        ("Who spoke?", ""),
    ],
)
def test_a_question_names_the_thing_it_asks_for(question: str, thing: str) -> None:
    assert thing_asked_for(question) == thing


@pytest.mark.parametrize(
    ("word", "one"),
    [
        ("Crossings", "crossing"),
        ("parties", "party"),
        ("churches", "church"),
        ("glass", "glass"),
        ("Asif’s", "asif"),
        ("bus", "bus"),
        ("analysis", "analysis"),
    ],
)
def test_a_noun_is_compared_in_its_singular(word: str, one: str) -> None:
    assert singular(word) == one


def test_the_words_before_the_noun_of_a_thing_narrow_it() -> None:
    expected = expected_of("How many red tractors were sold?")

    assert (expected.noun, expected.modifiers) == ("tractor", ("red",))
    assert (Expected("any").noun, Expected("any").modifiers) == ("", ())
