from __future__ import annotations

import pytest

from rag.answering import DECLINE
from rag.chatter import tidied, untold

QUESTION = "Who mediated the talks?"
TURKEY = "Turkey mediated the talks. [1]"


def tidy(reply: str, size: int) -> str:
    pieces = [reply[n : n + size] for n in range(0, len(reply), size)]
    return "".join(tidied(pieces, QUESTION, DECLINE)).strip()


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize(
    ("reply", "left"),
    [
        (TURKEY, TURKEY),
        (f"Sure! Here's the answer: {TURKEY}", TURKEY),
        (f"**Answer:** {TURKEY}", TURKEY),
        (f"Final answer: {TURKEY}", TURKEY),
        (f"Question: {QUESTION}\nAnswer: {TURKEY}", TURKEY),
        (f"{QUESTION}\n{TURKEY}", TURKEY),
        ("Based on the provided sources, Turkey did it. [1]", "Turkey did it. [1]"),
        ("# Mediators\n- Turkey did [1].\n* Qatar did [2].", "Turkey did [1].\nQatar did [2]."),
        ("Turkey did. According to source 2, talks failed.", "Turkey did. Talks [2] failed."),
        ("Turkey did. [1] According to [2], Qatar did too.", "Turkey did. [1] Qatar [2] did too."),
        ("Source 1 states that Turkey mediated.", "Turkey [1] mediated."),
        (f"{TURKEY}\n\nSources:\n[1] ANI\n[2] Khaama", TURKEY),
        (f"{TURKEY}\nReferences\n1. ANI", TURKEY),
        ("The answer is not **known** to the minister.", "The answer is not known to the minister."),
        ("The sources say that Turkey did.", "The sources say that Turkey did."),
    ],
)
def test_what_stands_around_an_answer_is_taken_off(reply: str, left: str, size: int) -> None:
    assert tidy(reply, size) == left


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize(
    ("reply", "left"),
    [
        ("I don't know.", DECLINE),
        ("I'm sorry, but I cannot answer that.", DECLINE),
        ("The sources do not mention who mediated. However, the articles don't say more.", DECLINE),
        ("There is no information about the mediators in the sources.", DECLINE),
        (f"Unfortunately, the provided sources do not say. {TURKEY}", f"{DECLINE} {TURKEY}"),
        (f"{TURKEY} However, the sources do not specify where.", f"{TURKEY} {DECLINE}"),
    ],
)
def test_declining_in_other_words_becomes_the_fixed_sentence(reply: str, left: str, size: int) -> None:
    assert tidy(reply, size) == left


@pytest.mark.parametrize(
    "sentence",
    [
        "The articles report that 4 civilians were killed, not 5.",
        "No information was given by Islamabad about it.",
        "The minister did not mention the talks.",
        "The sources say that Turkey did not answer “in time”.",
    ],
)
def test_what_the_articles_say_of_not_knowing_is_an_answer(sentence: str) -> None:
    assert not untold(sentence)
