from __future__ import annotations

import pytest

from rag.questions import ask_of, kind_asked, matter_of, shows_kind


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
    ("question", "kind"),
    [
        ("What happens when the river rises?", "any"),
        ("What did the man who built it say?", "statement"),
        ("In what year did the man who built it die?", "date"),
        ("When the bridge fell, who was on it?", "person"),
        ("When in 2021 did they meet?", "date"),
        ("By whom was it built?", "person"),
        ("On which days did they meet?", "date"),
    ],
)
def test_the_word_that_asks_comes_first_and_a_relative_clause_asks_nothing(question: str, kind: str) -> None:
    assert kind_asked(question) == kind


@pytest.mark.parametrize(
    ("question", "ask"),
    [
        ("The mill burnt. Who built it?", "Who built it?"),
        ("Who built it? Then stop.", "Who built it?"),
        ("It burnt down. Tell me why.", "Tell me why."),
        ("Did Mr. Ely build it?", "Did Mr. Ely build it?"),
    ],
)
def test_the_sentence_with_a_question_mark_asks(question: str, ask: str) -> None:
    assert ask_of(question) == ask


@pytest.mark.parametrize(
    ("question", "matter"),
    [
        ("What does UN stand for?", "What does UN  ?"),
        ("What does “deadlock” mean?", "What does “deadlock”  ?"),
        ("Tell me who won, according to the articles.", "  who won,  ."),
        ("How many means are there?", "How many means are there?"),
        (
            "What does the minister stand for in the election?",
            "What does the minister stand for in the election?",
        ),
    ],
)
def test_words_that_only_ask_are_no_matter_of_the_question(question: str, matter: str) -> None:
    assert matter_of(question) == matter
