"""How well a sentence answers a question: what speaks for it, and how much each counts."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from .facts import Fact
from .questions import Kind, ask_of, asks_for_name, kind_asked, shows_kind


class Signs(NamedTuple):
    """What speaks for a sentence; each is 0 to 1 where nothing else is said."""

    meaning: float
    """Similarity of its meaning to the question, -1 to 1."""
    matched: float
    """Share of the question's words that it says; plain: that it holds, alone and with the one before."""
    context: float
    """The same share for its passage."""
    retrieval: float
    """Score of its passage less that of the best passage, -6 to 0."""
    shows_kind: float
    """It holds the kind of thing that the question asks for."""
    gives_kind: float
    """It holds one that the question does not hold itself."""
    odd: float
    """It is a question, a link or a line without an end."""


WEIGHTS = Signs(1.0, 0.95, 0.2, 0.08, 0.22, 0.2, -0.33)
"""Of a sentence that was read under its title."""
PLAIN_WEIGHTS = Signs(1.0, 0.7, 0.3, 0.12, 0.27, 0.27, -0.35)
"""Of one that was not. `benchmarks/ranking.py` fits both, all public sets weighing the same; rounded."""


def score(signs: Signs, weights: Signs = WEIGHTS) -> float:
    """Return how well a sentence answers; about 2 for the best of many questions."""
    return sum(weight * value for weight, value in zip(weights, signs, strict=True))


def lead(start: int) -> float:
    """Return how near a place is to the start of its article: 1 there, .37 after 1,000 characters."""
    return math.exp(-start / 1000)


def behind(passage: float, best: float) -> float:
    """Return a passage's score less that of the best, at least -6: a retriever may have another scale."""
    return max(passage - best, -6.0)


_ODD = re.compile(
    r"""
    \?["'”’)\]]*\Z                 # a question
    | [a-z?!]:[A-Z“"‘']            # a link: "More:What we know"
    | \A[►▶•]
    | (?<![.!?…])(?<![.!?…]["'”’)\]])(?<![.!?…]["'”’)\]]["'”’)\]])\Z
    """,
    re.VERBOSE,
)


def is_odd(sentence: str) -> bool:
    """Tell whether a sentence is a question, a link to another article, or a line without an end."""
    return _ODD.search(sentence.strip()) is not None


_DAYS = frozenset(
    """
    monday tuesday wednesday thursday friday saturday sunday january february march april may june july
    august september october november december
    """.split()
)


class Sought(NamedTuple):
    """The kind of answer that a question wants."""

    kind: Kind
    name: bool
    """Some name answers it, though it shows no kind: "Which company ...?"."""

    def shown_by(self, sentence: str) -> bool:
        """Tell whether a sentence holds that kind of thing; false when any sentence would."""
        return self.kind != "any" and shows_kind(self.kind, sentence)

    def given_by(self, sentence: str, new: Sequence[Fact]) -> bool:
        """Tell whether a sentence holds that kind of thing, among the facts that the question lacks."""
        named = any(fact.kind == "name" for fact in new)
        counted = any(fact.kind in {"number", "date"} for fact in new)
        match self.kind:
            case "person":
                return named
            case "any":
                return self.name and named
            case "place":
                return named and self.shown_by(sentence)
            case "number":
                return counted and self.shown_by(sentence)
            case "date":
                return (counted or any(fact.key in _DAYS for fact in new)) and self.shown_by(sentence)
            case _:
                return False


def sought_by(question: str) -> Sought:
    """Return what a question seeks; where it has several sentences, the last one asks."""
    ask = ask_of(question)
    kind = kind_asked(ask)
    return Sought(kind, kind == "any" and asks_for_name(ask))
