"""Where two articles answer a question differently: the words that answer differ, the rest is about the same.

Strict: it rather misses a difference than invents one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

from .facts import Fact, hard_facts, missing_facts
from .ordinary import is_function_word
from .schema import Citation, Conflict, ConflictKind

ALIKE = 0.6
"""Share of a sentence's other words that the other must hold, to be about the same.

Of the shorter one's words where numbers or dates differ, of the longer one's where names do: names differ in
many sentences that only sound alike.
"""
ASKED = 0.5
"""Share of the question's words that both sentences must hold, where quotations differ."""
MOST = 3
"""Conflicts of one answer."""


class Told(NamedTuple):
    """A sentence of an article, and the words of it that answer."""

    title: str
    text: str
    answer: str


class Difference(NamedTuple):
    """How two sentences differ."""

    kind: ConflictKind
    about: str
    """What both are about: a word or name that they share."""
    first: str
    second: str


def conflicts_in(question: str, citations: Sequence[Citation]) -> list[Conflict]:
    """Return the pairs of footnotes into different articles whose answers differ, at most three."""
    found: list[Conflict] = []
    for one, other in combinations([c for c in citations if c.answer], 2):
        if one.article.id != other.article.id and (differs := difference(question, _told(one), _told(other))):
            found.append(Conflict(differs.about, differs.kind, one, other, (differs.first, differs.second)))
    return found[:MOST]


def _told(citation: Citation) -> Told:
    return Told(citation.article.title, citation.quote, citation.answer_words)


def difference(question: str, first: Told, second: Told) -> Difference | None:
    """Return what two sentences answer differently, None when they do not or when it is not certain."""
    for kind in ("number", "date", "name"):
        one, other = _only(first, second, kind), _only(second, first, kind)
        if one and other and _are_alike(question, first, second, whole=kind == "name"):
            return Difference(kind, _about(first, second), _joined(one), _joined(other))
    return _quotations(question, first, second)


def _only(told: Told, other: Told, kind: ConflictKind) -> list[Fact]:
    """Return the facts of one kind in an answer, when the other sentence holds none of them."""
    own = [fact for fact in hard_facts(told.answer) if fact.kind == kind]
    lacking = {fact.key for fact in missing_facts(told.answer, [other.text])}
    return own if own and all(fact.key in lacking for fact in own) else []


def _joined(facts: Sequence[Fact]) -> str:
    return " ".join(fact.text for fact in facts)


def _quotations(question: str, first: Told, second: Told) -> Difference | None:
    """Compare quotations of one speaker, whom both sentences name, and the question by name or office."""
    quoted = [
        next((fact.text.strip(" ,.") for fact in hard_facts(told.text) if _is_answer(fact, told)), None)
        for told in (first, second)
    ]
    shared = _names(first.text) & _names(second.text)
    named, asked = _names(question), _words(question)
    shared = shared & named if named else shared
    least = max(ASKED * len(asked), 1 if named else 2)
    if any(len(asked & _words(told.text)) < least for told in (first, second)):
        return None
    if None in quoted or not shared or _says_all(first, second) or _says_all(second, first):
        return None
    one, other = (_words(str(text)) for text in quoted)
    if one <= other or other <= one:
        return None
    return Difference("quotation", min(shared).title(), f"“{quoted[0]}”", f"“{quoted[1]}”")


def _says_all(first: Told, second: Told) -> bool:
    """Tell whether a sentence holds every fact of another."""
    return not missing_facts(second.text, [first.text])


def _is_answer(fact: Fact, told: Told) -> bool:
    """Tell whether a fact is a quotation that is part of the answer; one in capitals only is a title."""
    words = fact.text.strip(" ,.")
    return (
        fact.kind == "quotation"
        and (words in told.answer or told.answer in words)
        and re.search(r"\b[a-z]{3,}", words) is not None
    )


def _are_alike(question: str, first: Told, second: Told, *, whole: bool) -> bool:
    """Tell whether two sentences are about the same thing: their other words, and whom they name."""
    one, other = _frame(first), _frame(second)
    length = max(len(one), len(other)) if whole else min(len(one), len(other))
    if len(one & other) < max(2, ALIKE * length):
        return False
    return not any(
        fact.kind == "name"
        for told in (first, second)
        for fact in missing_facts(question, [f"{told.title}\n{told.text}"])
    )


def _frame(told: Told) -> frozenset[str]:
    """Return the content words of a sentence but for the facts of its answer."""
    return _words(told.text) - {
        word for fact in hard_facts(told.answer) if fact.kind != "quotation" for word in _words(fact.text)
    }


def _about(first: Told, second: Told) -> str:
    """Return the first longer word that both sentences hold outside of their answers."""
    other = _frame(second)
    shared = (word for word in re.findall(r"[^\W\d_]{4,}", first.text) if word.casefold() in other)
    return next((word for word in shared if word.casefold() in _frame(first)), "the answer")


@lru_cache(maxsize=512)
def _names(text: str) -> frozenset[str]:
    return frozenset(fact.key for fact in hard_facts(text) if fact.kind == "name")


@lru_cache(maxsize=512)
def _words(text: str) -> frozenset[str]:
    """Return the content words of a text."""
    return frozenset(word for word in re.findall(r"[^\W_]+", text.casefold()) if not is_function_word(word))
