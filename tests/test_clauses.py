from __future__ import annotations

import pytest

from rag.clauses import cut, with_ellipses
from rag.schema import Span

TALKS = (
    "With the summer drawing to its end in the old town by the sea, the two delegations met for two "
    "days in the palace of the governor, where they had met before in the spring of the same year."
)


def test_the_clauses_that_are_worth_most_stay() -> None:
    span = cut(TALKS, 20, lambda clause: clause.count("delegations"))

    assert with_ellipses(TALKS, span) == (
        "… the two delegations met for two days in the palace of the governor …"
    )
    assert (
        TALKS[slice(*span)].rstrip(",")
        == "the two delegations met for two days in the palace of the governor"
    )


def test_a_short_sentence_stays_whole() -> None:
    assert cut("They met, and they parted.", 40, len) == Span(0, 26)


@pytest.mark.parametrize(
    "turn",
    [
        "According to the spokesman of the ministry of the interior",
        "If the weather over the mountains does hold for some more days",
        "It is not the case, as many people in the town now think",
    ],
)
def test_what_turns_the_meaning_is_never_cut_away(turn: str) -> None:
    text = (
        f"{turn}, the two delegations will meet for two days in the palace of the governor of the province."
    )

    assert cut(text, 20, lambda clause: clause.count("delegations")) == Span(0, len(text))


def test_nothing_is_cut_within_brackets_or_quotations() -> None:
    text = "The delegations met (in the palace, in the garden, in the hall) and then “parted, at last”."

    assert cut(text, 15, len) == Span(0, len(text))
