from __future__ import annotations

import pytest

from rag.bindings import clashes

KILLED = (
    "Afghan officials stated that four civilians were killed and five wounded. Three soldiers left. "
    "The talks did not bring an agreement on the border. Mujahid said the ceasefire would hold. "
    "Minister Khawaja Asif described the negotiations as a complete deadlock. It was 2021."
)


@pytest.mark.parametrize(
    ("sentence", "says"),
    [
        ("Five civilians were killed.", ["Five civili"]),
        ("Four civilians were wounded and five civilians killed.", ["five civili"]),
        ("Five soldiers left.", ["Five soldie"]),
        ("The talks did bring an agreement on the border.", ["bring without “not”"]),
        ("Four civilians were not killed, Afghan officials stated.", ["not killed"]),
        ("Asif said the ceasefire would hold.", ["Asif as the speaker"]),
        ("Mujahid described the negotiations as a complete deadlock.", ["Mujahid as the speaker"]),
    ],
)
def test_what_the_source_says_otherwise_is_named(sentence: str, says: list[str]) -> None:
    assert clashes(sentence, [KILLED]) == says


@pytest.mark.parametrize(
    "sentence",
    [
        "Four civilians were killed.",
        "Five were wounded and four civilians killed.",
        "4 civilians died and 5 people were wounded.",
        "There was no agreement on the border.",
        "The talks didn't bring an agreement.",
        "The ceasefire would hold, Mujahid said.",
        "Asif described the negotiations as a deadlock.",
        "The minister said that nothing came of it in 2021.",
        "Seven journalists were there.",
        "",
    ],
)
def test_what_the_source_does_not_say_otherwise_is_let_through(sentence: str) -> None:
    assert clashes(sentence, [KILLED]) == []


def test_an_exact_quote_never_clashes() -> None:
    sentences = [part + "." for part in KILLED.removesuffix(".").split(". ")]

    assert [clashes(sentence, [KILLED]) for sentence in sentences] == [[]] * len(sentences)


def test_sources_are_taken_together() -> None:
    assert clashes("Five civilians were killed.", [KILLED, "Elsewhere, five civilians were killed."]) == []
