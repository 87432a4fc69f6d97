"""How much of a question a text holds, counted in the question's words, the rare ones most."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple, Protocol


class Vocabulary(Protocol):
    """What counting asks the lexical index about words; `LexicalIndex` is one."""

    def terms(self, text: str) -> list[str]:
        """Return the distinct search terms of a text: stems without stop words."""

    def document_frequency(self, term: str) -> int:
        """Return in how many passages a term stands."""

    def passage_count(self) -> int:
        """Return how many passages there are."""


class Wanted(NamedTuple):
    """The search terms of a question, with the rarity of each."""

    rarities: Mapping[str, float]

    def share(self, held: Collection[str]) -> float:
        """Return how much of the question these terms are, 0 to 1, each weighted by its rarity."""
        total = sum(self.rarities.values())
        return sum(r for term, r in self.rarities.items() if term in held) / total if total else 0.0


def wanted_terms(question: str, vocabulary: Vocabulary) -> Wanted:
    """Return the terms of a question; rarity is log(1 + N / (n + 1/2)) of a term in n of N passages."""
    return weighed(vocabulary.terms(question), vocabulary)


def weighed(terms: Iterable[str], vocabulary: Vocabulary) -> Wanted:
    """Return terms with their rarities."""
    count = vocabulary.passage_count()
    return Wanted({term: math.log(1 + count / (vocabulary.document_frequency(term) + 0.5)) for term in terms})
