"""What rules an answer out, however near the articles come to the question, and what they lack of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise

from .candidates import ENOUGH, PEOPLE, Token, Wish, strength, tokens_of
from .expected import singular
from .facts import hard_facts, missing_facts


def ruled_out(wish: Wish, quotable: Sequence[str], passages: Iterable[str]) -> bool:
    """Tell whether the articles cannot answer, however much they resemble the question.

    So it is when nothing is counted that should be, nobody holds the office, the speaker is not named, the
    sort of thing asked for is not mentioned, or another one of a row is told. `quotable` are the
    sentences that an answer would quote, `passages` all that was retrieved.
    """
    texts = list(passages)
    held = [tokens_of(text) for text in texts]
    nouns = frozenset(token.noun for tokens in held for token in tokens)
    best = max((strength(wish, text, 1.0) for text in quotable), default=0.0)
    return (
        _is_not_given(wish, best, nouns)
        or other_ordinal(wish, held)
        or lacks_speaker(wish, texts)
        or (wish.expected.noun in _LABELS and wish.expected.noun not in nouns)
    )


def _is_not_given(wish: Wish, best: float, nouns: Collection[str]) -> bool:
    """Tell whether the best candidate is not what is asked for."""
    expected = wish.expected
    match expected.form:
        case "amount":
            return best == 0
        case "date":
            return best == 0 and not any(word.lower in _HABITUAL for word in wish.words)
        case "count":
            counted = not expected.noun or expected.noun in PEOPLE or expected.noun in nouns
            return best < ENOUGH or (best < 1 and not counted)
        case _:
            return expected.form == "role" and expected.noun in _OFFICES and best < ENOUGH


_HABITUAL = frozenset(("do", "does", "should", "can"))
"""Verbs of a `when` that an occasion answers as well as a date: `When do members vote?`"""


_ORDINALS = frozenset(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()
)


def other_ordinal(wish: Wish, passages: Iterable[Sequence[Token]]) -> bool:
    """Tell whether the passages number the thing asked about, but never as the question does.

    "The fourth round" is not told by passages that know the third round only.
    """
    asked = _numbered(wish.words)
    told = {pair for tokens in passages for pair in _numbered(tokens)} if asked else set()
    return any(pair not in told and any(noun == pair[1] for _, noun in told) for pair in asked)


def _numbered(tokens: Iterable[Token]) -> list[tuple[str, str]]:
    """Return the ordinals of a text with the nouns after them."""
    return [(a.lower, b.noun) for a, b in pairwise(tokens) if a.lower in _ORDINALS]


def lacks_speaker(wish: Wish, texts: Sequence[str]) -> bool:
    """Tell whether a statement is asked for, and no passage has any name of who should have made it."""
    said = " ".join(token.text for token in wish.words if token.lower in wish.expected.speaker)
    names = [fact for fact in hard_facts(f"the {said}") if fact.kind == "name"]
    return bool(names) and len(missing_facts(f"the {said}", texts)) == len(names)


_OFFICES = frozenset(
    """
    ambassador boss captain ceo chairman chancellor chief coach commander director emperor governor head king
    leader mayor minister monarch pope president premier queen secretary speaker spokesman spokesperson
    spokeswoman vice-president
    """.split()
)
_LABELS = frozenset(
    """
    airport bridge cathedral church county court crossing district glacier hospital hotel island lake museum
    newspaper palace party port prison province river road school stadium station street theater theatre union
    university valley village
    """.split()
)
"""Sorts of things whose name holds the sort, or goes with it at first mention."""


# --- what a reason names


def asked_phrases(wish: Wish) -> list[tuple[str, ...]]:
    """Return the words, as the question has them, of the thing, the speaker and what is numbered in it."""
    told = [wish.expected.thing, wish.expected.speaker]
    told += [(a.lower, b.lower) for a, b in pairwise(wish.words) if a.lower in _ORDINALS]
    starts = range(len(wish.words))
    runs = [(wish.words[n : n + len(words)], words) for words in told if words for n in starts]
    return [tuple(t.text for t in run) for run, words in runs if tuple(t.lower for t in run) == words]


def is_lacking(phrase: Sequence[str], absent: Collection[str], texts: Iterable[str]) -> bool:
    """Tell whether texts lack a word of a phrase, its noun, or the ordinal with its noun."""
    if not set(phrase).isdisjoint(absent):
        return True
    held = [tokens_of(text) for text in texts]
    if phrase[0].casefold() in _ORDINALS and len(phrase) == 2:
        pairs = [pair for tokens in held for pair in _numbered(tokens)]
        return (phrase[0].casefold(), singular(phrase[1])) not in pairs
    return not any(token.noun == singular(phrase[-1]) for tokens in held for token in tokens)
