"""Where two sentences tell the same thing differently; strict rules, which rather miss one than invent one.

The same speaker is quoted differently, the same things are counted or dated differently, a fact of the kind
asked for differs in sentences that are alike, or two sides blame each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

from .facts import Fact, hard_facts, missing_facts
from .ordinary import is_function_word
from .parties import country
from .questions import Kind, kind_asked, shows_kind
from .schema import Citation, Conflict, ConflictKind

ALIKE = 0.6
"""Share of the shorter sentence's other words that the longer must hold, to be about the same."""
MOST = 3
"""Conflicts of one answer."""


class Difference(NamedTuple):
    """How two sentences differ."""

    kind: ConflictKind
    about: str
    first: str
    second: str


def conflicts_in(question: str, citations: Sequence[Citation]) -> list[Conflict]:
    """Return the pairs of footnotes that differ, at most three; one article differs in claims only."""
    found: list[Conflict] = []
    for one, other in combinations(citations, 2):
        differs = difference(question, one.quote, other.quote)
        if differs and (differs.kind == "claim" or one.article.id != other.article.id):
            found.append(Conflict(differs.about, differs.kind, one, other, (differs.first, differs.second)))
    return found[:MOST]


def difference(question: str, first: str, second: str) -> Difference | None:
    """Return what two sentences tell differently, None when they do not or when it is not certain."""
    if len(_words(first) & _words(second)) < 2:
        return _claims(first, second)
    rules = (_quotations, _counts, _asked)
    return _claims(first, second) or next((d for rule in rules if (d := rule(question, first, second))), None)


# --- the same speaker, other words

_SAYS = (
    r"(?:said|says|told|stated|described|called|claimed|warned|argued|admitted|insisted|denied|declared|accused|"
    r"condemned|expressed|announced|added|cautioned|alleged|spoke|stressed|suggested|predicted|promised|vowed)"
)
_SPEAKER = re.compile(
    rf"((?:[A-Z][\w’'-]+ )*[A-Z][\w-]+) (?:(?:has|had|have|also|later|then|\w+ly) )*{_SAYS}\b"
)
_ATTRIBUTED = re.compile(rf"(?:\b[Aa]ccording to|[”\",] {_SAYS}) (?:the )?((?:[A-Z][\w’'-]+ )*[A-Z][\w-]+)")
_TITLES = frozenset(
    "minister president spokesman spokeswoman spokesperson secretary general officials official government "
    "ministry chief director leader police army defence defense foreign".split()
)


def _speakers(sentence: str) -> dict[str, str]:
    """Return who speaks in a sentence, by last name; titles alone name nobody."""
    names = [m[1] for pattern in (_SPEAKER, _ATTRIBUTED) for m in pattern.finditer(sentence)]
    last = {name.split()[-1].casefold(): name for name in names}
    return {
        key: " ".join(
            word for word in name.split() if word.casefold() not in _TITLES | {"defence", "foreign"}
        )
        for key, name in last.items()
        if key not in _TITLES and not is_function_word(key)
    }


def _quotations(question: str, first: str, second: str) -> Difference | None:
    shared = _speakers(first).keys() & _speakers(second).keys()
    if not shared or not (kind_asked(question) == "statement" or shared & _words(question)):
        return None
    one, other = _quoted(first, second), _quoted(second, first)
    both = _words(first) & _words(second) - {fact.key for fact in hard_facts(first)}
    if one is None or other is None or not both:
        return None
    key = min(shared)
    return Difference("quotation", _speakers(first)[key], one, other)


def _quoted(sentence: str, other: str) -> str | None:
    """Return the first quotation that the other sentence does not hold; one in capitals only is a title."""
    own = [fact.text.strip(" ,.") for fact in missing_facts(sentence, [other]) if fact.kind == "quotation"]
    return next((f"“{text}”" for text in own if re.search(r"\b[a-z]{3,}", text)), None)


# --- the same thing counted, dated or named differently


def _counts(question: str, first: str, second: str) -> Difference | None:
    """Compare the numbers before the same noun in sentences that are alike."""
    if not _are_alike(question, first, second):
        return None
    one, other = dict(_counted(first)), dict(_counted(second))
    for noun in one.keys() & other.keys():
        if one[noun].key != other[noun].key and one[noun].key not in {
            fact.key for _, fact in _counted(second)
        }:
            return Difference("number", noun, one[noun].text, other[noun].text)
    return None


def _counted(sentence: str) -> Iterator[tuple[str, Fact]]:
    """Yield the nouns that numbers count, at most two words after them, with the number."""
    for fact in hard_facts(sentence):
        if fact.kind != "number":
            continue
        following = re.search(rf"\b{re.escape(fact.text)} ((?:[^\W\d_]+ ?){{1,2}})", sentence)
        for word in following[1].split() if following else ():
            if word.islower() and not is_function_word(word) and len(word) > 3:
                yield word, fact


def _asked(question: str, first: str, second: str) -> Difference | None:
    """Compare the facts of the kind that is asked for in sentences that are alike."""
    kind = kind_asked(question)
    told = _TOLD.get(kind)
    if told is None or not _are_alike(question, first, second, whole=told == "name"):
        return None
    one, other = _of_kind(told, first, second, question), _of_kind(told, second, first, question)
    return Difference(told, kind, " ".join(one), " ".join(other)) if one and other else None


_TOLD: dict[Kind, ConflictKind] = {"date": "date", "place": "name", "person": "name"}
"""What of a sentence tells the kind that is asked for."""


def _of_kind(told: ConflictKind, sentence: str, other: str, question: str) -> list[str]:
    """Return the dates (years too) or names that only this sentence states."""
    own = missing_facts(sentence, [other, question])
    if told == "date":
        return [fact.text for fact in own if fact.kind == "date" or re.fullmatch(r"1\d{3}|20\d{2}", fact.key)]
    return [fact.text for fact in own if fact.kind == "name" and not shows_kind("date", fact.text)]


def _are_alike(question: str, first: str, second: str, *, whole: bool = False) -> bool:
    """Tell whether two sentences share the question's names and most of what is neither fact nor grammar.

    Most of the shorter one's words, or of the longer one's when they must be alike as a whole.
    """
    one, other = _frame(first), _frame(second)
    length = max(len(one), len(other)) if whole else min(len(one), len(other))
    if len(one & other) < max(2, ALIKE * length):
        return False
    return not any(f.kind == "name" for text in (first, second) for f in missing_facts(question, [text]))


@lru_cache(maxsize=512)
def _frame(sentence: str) -> frozenset[str]:
    """Return the content words of a sentence that are no hard facts."""
    facts = {word for fact in hard_facts(sentence) for word in re.findall(r"\w+", fact.text.casefold())}
    return _words(sentence) - facts


@lru_cache(maxsize=512)
def _words(text: str) -> frozenset[str]:
    return frozenset(word for word in re.findall(r"[^\W_]+", text.casefold()) if not is_function_word(word))


# --- each side blames the other

_BLAMES = re.compile(r"\b(?:accus(?:es|ed|ing)|blam(?:es|ed|ing)|fault(?:s|ed|ing))\b(?! by)")


def _claims(first: str, second: str) -> Difference | None:
    """Find two sides of which each blames the other; both are countries, or spoken of as such."""
    one, other = _blame(first), _blame(second)
    if one is None or other is None or (one.by, one.of) != (other.of, other.by):
        return None
    return Difference("claim", f"{one.by.title()} and {one.of.title()}", one.text, other.text)


class _Blame(NamedTuple):
    by: str
    of: str
    text: str


def _blame(sentence: str) -> _Blame | None:
    """Return who blames whom: the country named last before the verb, and the first one after it."""
    match = _BLAMES.search(sentence)
    if match is None:
        return None
    before = [found for w in re.findall(r"\b[A-Z]\w+", sentence[: match.start()]) if (found := country(w))]
    after = [found for w in re.findall(r"\b[A-Z]\w+", sentence[match.end() :]) if (found := country(w))]
    if not before or not after or before[-1] == after[0]:
        return None
    return _Blame(before[-1], after[0], sentence)
