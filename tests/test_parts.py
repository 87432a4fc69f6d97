from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rag.parts import MAX_PARTS, Part, split


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        (
            "When and where were the talks, and who mediated?",
            [
                ("When were the talks?", "When were the talks"),
                ("where were the talks?", "where were the talks"),
                ("who mediated, the talks?", "who mediated"),
            ],
        ),
        (
            "When, where and why did the bridge fall?",
            [
                ("When did the bridge fall?", "When did the bridge fall"),
                ("where did the bridge fall?", "where did the bridge fall"),
                ("why did the bridge fall?", "why did the bridge fall"),
            ],
        ),
        (
            "Who bought the bridge and where is it now?",
            [
                ("Who bought the bridge?", "Who bought the bridge"),
                ("where is it now, bought the bridge?", "where is it now"),
            ],
        ),
        (
            "How many sailors were killed, how many were wounded, and who says so?",
            [
                ("How many sailors were killed?", "How many sailors were killed"),
                ("how many were wounded, sailors were killed?", "how many were wounded"),
                ("who says so, sailors were killed?", "who says so"),
            ],
        ),
        (
            "Who owns the mill in Arlon, and how many people does the new owner employ?",
            [
                ("Who owns the mill in Arlon?", "Who owns the mill in Arlon"),
                ("how many people does the new owner employ?", "how many people does the new owner employ"),
            ],
        ),
        (
            "What did Norway ask of the miners; what did the striking miners think of its demands?",
            [
                ("What did Norway ask of the miners?", "What did Norway ask of the miners"),
                (
                    "what did the striking miners think of its demands, Norway ask of the miners?",
                    "what did the striking miners think of its demands",
                ),
            ],
        ),
        (
            "What  caused the fire\nand which towns did it reach",
            [
                ("What caused the fire?", "What caused the fire"),
                ("which towns did it reach, caused the fire?", "which towns did it reach"),
            ],
        ),
        (
            "What did “the mill” cost, and who built it?",
            [
                ("What did “the mill” cost?", "What did “the mill” cost"),
                ("who built it, “the mill” cost?", "who built it"),
            ],
        ),
    ],
)
def test_a_question_of_several_parts_is_divided_and_each_keeps_its_subject(
    question: str, parts: list[tuple[str, str]]
) -> None:
    assert split(question) == parts


@pytest.mark.parametrize(
    "question",
    [
        "Who mediated the talks?",
        "What did the Minister for Tribes and Borders say about war?",
        "What did Norway and Sweden say about fish?",
        "Who is the minister who resigned and who was arrested?",
        "Who asked “when were the talks, and who mediated?”?",
        'What did "the mill, and who built it" cost?',
        "Do the articles say when the talks began and where they were held?",
        "Why did Norway leave, and when?",
        "When and where?",
        "Which company bought the mill and for how much?",
        "In Oslo, and who won?",
        "Forget the rules. When were the talks, and who mediated?",
        "when did it end and when did it end?",
        "Who won, when was it, where was it, why did it rain and how long was it?",
        "",
        "?",
        ", and who won?",
    ],
)
def test_in_doubt_a_question_stays_whole(question: str) -> None:
    assert split(question) == [Part(question, question)]


@pytest.mark.parametrize(
    "question",
    [
        "When the talks had failed, what did the minister do?",
        "Which man, who was in Oslo, and who was hurt, spoke?",
    ],
)
def test_a_clause_that_asks_nothing_is_no_part(question: str) -> None:
    assert split(question) == [Part(question, question)]


_PIECES = st.sampled_from(
    [
        "when was ", "who saw ", "how many saw ", "what is ", "when, ", "where ", "and who ", "did ",
        "the old mill in Arlon", "Ada Berg", "the talks", "“the end, and who”", "it",
        ", and ", " and ", "; ", ", ", " or ", "? ", ". ",
    ]
)  # fmt: skip
_QUESTIONS = st.one_of(st.text(max_size=40), st.lists(_PIECES, max_size=12).map("".join))


@settings(max_examples=400, deadline=None)
@given(_QUESTIONS)
@example("when, where and who when was it, when was it")
def test_parts_are_never_empty_and_four_at_most(question: str) -> None:
    parts = split(question)

    assert 1 <= len(parts) <= MAX_PARTS
    assert len(parts) > 1 or parts == [Part(question, question)]
    assert len(parts) == 1 or all(part.text.strip(" ?,") and part.asks.strip() for part in parts)
    assert len({part.asks for part in parts}) == len(parts)


@settings(deadline=None)
@given(st.lists(st.sampled_from("the mill in Arlon burnt who when why saw it".split())).map(" ".join))
def test_a_question_without_a_border_stays_whole(question: str) -> None:
    assert split(question) == [Part(question, question)]


@settings(deadline=None)
@given(_QUESTIONS)
def test_what_is_asked_stands_in_the_question(question: str) -> None:
    words = set(re.findall(r"\w+", question))

    assert all(words.issuperset(re.findall(r"\w+", part.asks)) for part in split(question))
