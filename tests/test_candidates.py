from __future__ import annotations

import re

import pytest

from rag.candidates import strength, wish_of


def terms(text: str) -> list[str]:
    """Return the words of a text without their endings, and without some that say nothing."""
    words = re.findall(r"\w+", text.lower())
    common = "who what which when where why how many much did do were was will be the in to of at is it on a"
    return [word.removesuffix("s") for word in dict.fromkeys(words) if word not in common.split()]


def strong(question: str, sentence: str, nearness: float = 1.0) -> float:
    return round(strength(wish_of(question, terms), sentence, nearness), 2)


@pytest.mark.parametrize(
    ("question", "sentence", "expected"),
    [
        ("How many tractors were sold?", "The dealer sold twelve red tractors.", 1.0),
        ("How many tractors were sold?", "Of the tractors the dealer sold forty.", 0.7),
        ("How many tractors were sold?", "Tractors were shown, and nine ploughs too.", 0.4),
        ("How many tractors were sold?", "Twelve were sold.", 0.6),
        ("How many tractors were sold?", "Farmers paid 300 crowns.", 0.2),
        ("How many tractors were sold?", "Tractors were sold in 2019.", 0.0),
        ("How many tractors were sold?", "Tractors were sold once again.", 0.0),
        ("How many tractors were sold?", "Tractors were sold on 6 and 7 November.", 0.0),
        ("How many tractors were sold on 4 May?", "On 4 May tractors were sold.", 0.0),
        ("How many people were hurt?", "Nine miners were hurt.", 1.0),
        ("How many people were hurt?", "The mine has three shafts.", 0.5),
    ],
)
def test_a_number_counts_when_it_stands_with_what_is_counted(
    question: str, sentence: str, expected: float
) -> None:
    assert strong(question, sentence) == expected


@pytest.mark.parametrize(
    ("question", "sentence", "expected"),
    [
        ("How far is the mill?", "The mill is 4 miles off.", 1.0),
        ("How far is the mill?", "The mill is far off.", 0.0),
        ("How much did the mill cost?", "The mill was shown on 6 and 7 November.", 0.0),
        ("When did the mill burn?", "The mill burnt in May.", 1.0),
        ("When did the mill burn?", "The mill burnt.", 0.0),
        ("When in May did it burn?", "It burnt in May.", 0.0),
        ("When will the mill open?", "The mill opened in May.", 0.3),
        ("When will the mill open?", "The mill will open in May.", 1.0),
        ("Where is the mill?", "The mill stands in Arlon.", 1.0),
        ("Where in Arlon is the mill?", "The mill stands in Arlon.", 0.0),
    ],
)
def test_a_date_an_amount_and_a_place_must_be_news(question: str, sentence: str, expected: float) -> None:
    assert strong(question, sentence) == expected


def test_a_date_far_from_the_matter_is_hardly_the_one_asked_for() -> None:
    assert strong("When did the mill burn?", "Bread was dear in May.", nearness=0.0) == 0.2
    assert strong("When did the mill burn?", "Bread was dear in May.") == 0.6
    assert strong("When did the mill burn?", "The mill burnt in May.") == 1.0


@pytest.mark.parametrize(
    ("question", "sentence", "expected"),
    [
        ("Who bought the mill?", "The mill was bought by Jan Hus.", 1.0),
        ("Who bought the mill?", "Jan Hus, a rich man from the next valley, bought the mill.", 0.8),
        ("Who bought the mill?", "Then Jan Hus saw the mill.", 0.4),
        ("Who bought the mill?", "A stranger bought the mill.", 0.0),
        ("Who speaks for the miners?", "Their spokesman Jan Hus was calm.", 1.0),
        ("Whom did Jan Hus blame?", "Then Jan Hus blamed Ota Ek.", 0.9),
    ],
)
def test_a_person_did_what_is_asked_about(question: str, sentence: str, expected: float) -> None:
    assert strong(question, sentence) == expected


@pytest.mark.parametrize(
    ("question", "sentence", "expected"),
    [
        ("Who is the deputy mayor of Arlon?", "Arlon's deputy mayor Jan Hus spoke.", 1.0),
        ("Who is the deputy mayor of Arlon?", "Arlon's mayor for roads, Jan Hus, spoke.", 0.4),
        ("Who is the deputy mayor of Arlon?", "Jan Hus spoke in Arlon.", 0.3),
        ("Who is the deputy mayor of Arlon?", "The deputy mayor of Arlon spoke.", 0.0),
        ("Who leads the miners?", "Jan Hus, leader of the miners, spoke.", 1.0),
        ("Who leads the miners?", "The Hus-led miners spoke to Ota Ek.", 0.3),
    ],
)
def test_an_office_is_held_by_a_name_next_to_all_its_words(
    question: str, sentence: str, expected: float
) -> None:
    assert strong(question, sentence) == expected


def test_of_other_questions_nothing_is_checked() -> None:
    assert strong("Why did it rain?", "Bread was dear.") == 1.0
