from __future__ import annotations

import pytest

from rag.candidates import wish_of
from rag.exclusions import asked_phrases, is_lacking, ruled_out
from tests.test_candidates import terms


def excluded(question: str, *texts: str) -> bool:
    """Tell whether an answer is ruled out when these sentences are all there is."""
    return ruled_out(wish_of(question, terms), texts, texts)


@pytest.mark.parametrize(
    ("question", "text", "other"),
    [
        ("How many soldiers were killed?", "Four soldiers were killed.", "Four civilians were killed."),
        ("How many soldiers were killed?", "Soldiers fought; four were killed.", "Four were killed."),
        ("How much did it cost?", "It cost 40 crowns.", "It cost much."),
        ("When did it burn?", "It burnt in May.", "It burnt at last."),
        ("Who is the deputy mayor?", "The deputy mayor, Jan Hus, spoke.", "The mayor, Jan Hus, spoke."),
        ("What did Hus say about it?", "Jan Hus said no.", "Ota Ek said no."),
        ("What did the US say about it?", "The United States said no.", "France said no."),
        ("Which hotel did they stay at?", "They stayed at the Hotel Adler.", "They stayed in Arlon."),
        ("Where was the first round held?", "The first round was in Arlon.", "The third round was in Arlon."),
        ("When will the next strike be?", "A strike is due in May.", "There was a strike."),
    ],
)
def test_what_cannot_be_the_answer_rules_it_out(question: str, text: str, other: str) -> None:
    assert not excluded(question, text)
    assert excluded(question, other)


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("What do experts say about it?", "Observers said no."),
        ("Who is the author of the book?", "Jan Hus wrote the book."),
        ("When do members vote?", "Members vote after a debate."),
        ("In which city was it held?", "It was held in Arlon."),
        ("Why did the United States mediate?", "Turkey mediated."),
        ("Where were five civilians killed?", "Four civilians were killed in Arlon."),
        ("Which round failed?", "The third round failed."),
    ],
)
def test_what_may_be_told_in_other_words_is_not_ruled_out(question: str, text: str) -> None:
    assert not excluded(question, text)


def test_a_reason_names_whole_phrases() -> None:
    soldiers = wish_of("How many Pakistani soldiers were killed in the fourth round?", terms)

    assert asked_phrases(soldiers) == [("Pakistani", "soldiers"), ("fourth", "round")]
    assert asked_phrases(wish_of("What did the UN say about it?", terms)) == [("UN",)]


@pytest.mark.parametrize(
    ("phrase", "text", "lacking"),
    [
        (("fourth", "round"), "The fourth round failed a fourth time.", False),
        (("fourth", "round"), "The third round failed a fourth time.", True),
        (("border", "crossings"), "The border crossing is shut.", False),
        (("border", "crossings"), "They cross the border.", True),
    ],
)
def test_a_phrase_is_lacking_without_its_noun_or_its_ordinal(
    phrase: tuple[str, ...], text: str, *, lacking: bool
) -> None:
    assert is_lacking(phrase, (), [text]) is lacking


def test_a_phrase_is_lacking_with_one_of_its_words() -> None:
    assert is_lacking(("prime", "minister"), ["prime"], ["The minister spoke."])
