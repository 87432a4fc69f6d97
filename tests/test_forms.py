from __future__ import annotations

import pytest

from rag.forms import Form, calls_for_accounts, fits, form_of


@pytest.mark.parametrize(
    ("question", "form"),
    [
        ("Who is to blame for the delay?", "blame"),
        ("With which words did Oslo condemn it?", "words"),
        ("How did the minister describe the strike?", "words"),
        ("What is a fjord?", "definition"),
        ("What does NATO stand for?", "definition"),
        ("Why did the miners stop?", "reason"),
        ("How does Norway explain the delay?", "reason"),
        ("Which obstacles remain?", "list"),
        ("Has the truce held?", "yes-no"),
        ("When did the strike begin?", "other"),
    ],
)
def test_the_form_of_a_question_shows_in_its_words(question: str, form: Form) -> None:
    assert form_of(question) == form


@pytest.mark.parametrize(
    ("question", "fitting", "other"),
    [
        ("Why did they stop?", "They stopped because of the storm.", "They stopped on Friday."),
        ("Who is to blame?", "Oslo accused Sweden of delay.", "The delay lasted a week."),
        ("Which obstacles remain?", "Low pay, long shifts and bad air remain.", "Much remains."),
        ("What words did she use?", "She called it “a mess”.", "She called it bad."),
        ("What is a fjord?", "A fjord is a narrow inlet.", "The fjord froze."),
        ("What is the NSU?", "The Northern Seamen’s Union (NSU) met.", "NSU met."),
        ("Who is Ada Berg?", "Ada Berg, the mining minister, spoke.", "Ada Berg spoke."),
    ],
)
def test_a_sentence_fits_by_the_words_that_answer_the_form(question: str, fitting: str, other: str) -> None:
    assert (fits(question, fitting), fits(question, other)) == (True, False)


def test_blame_and_yes_or_no_call_for_more_than_one_account() -> None:
    questions = ("Who is to blame?", "Has the truce held?", "When did it begin?")

    assert [calls_for_accounts(question) for question in questions] == [True, True, False]
