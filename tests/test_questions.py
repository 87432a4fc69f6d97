from __future__ import annotations

import pytest

from rag.questions import gives_kind, kind_asked, shows_kind, thing_asked_for


@pytest.mark.parametrize(
    ("question", "kind", "shown", "not_shown"),
    [
        ("How many people were killed?", "number", "Four people died.", "In 2021, people died."),
        ("When were the talks?", "date", "They met on 6 November.", "They met in Doha."),
        ("In which city did they meet?", "place", "They met in Istanbul.", "They met in November."),
        ("Who spoke?", "person", "Then Khawaja Asif spoke.", "Then the minister spoke."),
        ("Why did it fail?", "reason", "It failed because of rain.", "It failed."),
        ("What did he say about it?", "statement", "He said it was over.", "It was over."),
        ("Is it over?", "any", "Yes.", None),
    ],
)
def test_a_question_shows_the_kind_of_its_answer(
    question: str, kind: str, shown: str, not_shown: str | None
) -> None:
    asked = kind_asked(question)

    assert asked == kind
    assert shows_kind(asked, shown)
    assert not_shown is None or not shows_kind(asked, not_shown)


@pytest.mark.parametrize(
    ("question", "gives", "repeats"),
    [
        ("How many of the 12 villages burnt?", "Four of 12 burnt.", "The 12 villages burnt."),
        ("When in 2021 did they meet?", "They met in May 2021.", "They met in 2021."),
        ("Who spoke for Asif?", "Then Tarar spoke for Asif.", "Then Asif spoke."),
        ("Who mediated?", "Turkey mediated.", "Officials mediated."),
    ],
)
def test_what_stands_in_the_question_is_not_given_by_a_sentence(
    question: str, gives: str, repeats: str
) -> None:
    kind = kind_asked(question)

    assert gives_kind(kind, gives, beyond=question)
    assert not gives_kind(kind, repeats, beyond=question)


def test_every_sentence_may_give_what_has_no_form_of_its_own() -> None:
    assert gives_kind("place", "It rained.", beyond="Where did it rain?")
    assert gives_kind("any", "It rained.", beyond="Did it rain?")


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
