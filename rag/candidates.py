"""How well a sentence gives the answer that a question expects: the best candidate in it, 0 to 1."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from .demonyms import kin
from .expected import LEADING, Expected, expected_of, singular
from .ordinary import is_function_word, is_opener
from .questions import ask_of

Terms = Callable[[str], list[str]]
"""Text -> its distinct search terms: stems without stop words."""


class Token(NamedTuple):
    """A word of a sentence; what a hyphen joins is one word."""

    text: str
    lower: str
    noun: str
    """Its singular, in lower case."""


def tokens_of(text: str) -> list[Token]:
    """Return the words of a text in order."""
    return [Token(word, word.casefold(), singular(word)) for word in _TOKEN.findall(text)]


_TOKEN = re.compile(r"\d+(?:[.,:]\d+)*|[^\W_]+(?:['’-][^\W_]+)*")


class Wish(NamedTuple):
    """A question as sentences are held against it."""

    expected: Expected
    words: tuple[Token, ...]
    known: frozenset[str]
    """Its words in lower case, as they stand and in the singular: they are no news."""
    stems: frozenset[str]
    """Its search terms."""
    keys: frozenset[str]
    """The search terms of what happened: of its words in lower case, the thing asked for left out."""
    terms: Terms

    def told_by(self, sentence: Sequence[Token]) -> float:
        """Return how much of what happened a sentence tells, 0 to 1: half of the words are enough."""
        held = set(self.terms(" ".join(token.text for token in sentence)))
        return min(1.0, 2 * len(self.keys & held) / len(self.keys)) if self.keys else 1.0

    def is_new(self, token: Token) -> bool:
        """Tell whether a word is not in the question, nor another word for a country that is."""
        return not {token.lower, token.noun, *kin(token.noun)} & self.known

    def is_about(self, token: Token) -> bool:
        """Tell whether a word is one of the question's, in any of its forms."""
        return not self.stems.isdisjoint(self.terms(token.text))


def wish_of(question: str, terms: Terms) -> Wish:
    """Return a question as sentences are held against it."""
    words = tokens_of(ask_of(question))
    expected, known = expected_of(question), {form for word in words for form in (word.lower, word.noun)}
    happened = [word.text for word in words if word.text == word.lower and word.lower not in expected.thing]
    keys = {term for word in happened if word not in _ASKING for term in terms(word)}
    return Wish(expected, tuple(words), frozenset(known), frozenset(terms(question)), frozenset(keys), terms)


_ASKING = frozenset("year years date dates day days month time city country state place long old far".split())
"""Words for the kind of the answer, which tell nothing of what happened."""


ENOUGH = 0.5
"""Strength below which a number or a name is not the one asked for."""


def strength(wish: Wish, text: str, nearness: float) -> float:
    """Return how well a sentence gives what is expected, 0 to 1; 1 where nothing can be checked.

    `nearness` is its share of the question's terms over that of the best sentence: a date or a place far from
    the matter is hardly the one asked for.
    """
    measure = _MEASURES.get(wish.expected.form)
    return measure(wish, tokens_of(text), nearness) if measure else 1.0


def _count(wish: Wish, sentence: Sequence[Token], _: float) -> float:
    numbers = [n for n in _numbers(wish, sentence) if not _counts_nothing(sentence, n)]
    return max((_counts(wish, sentence, n) for n in numbers), default=0.0)


def _amount(wish: Wish, sentence: Sequence[Token], nearness: float) -> float:
    numbers = [n for n in _numbers(wish, sentence) if not _is_day(sentence, n)]
    return _near(wish, sentence, numbers, nearness)


def _date(wish: Wish, sentence: Sequence[Token], nearness: float) -> float:
    times = [n for n, token in enumerate(sentence) if _is_time(token) and wish.is_new(token)]
    told = not wish.expected.future or any(token.lower in _TO_COME for token in sentence)
    return _near(wish, sentence, times, nearness) * (1.0 if told else 0.3)


def _place(wish: Wish, sentence: Sequence[Token], nearness: float) -> float:
    return _near(wish, sentence, _names(wish, sentence), nearness)


def _near(wish: Wish, sentence: Sequence[Token], found: Sequence[int], nearness: float) -> float:
    """Return how likely one of some candidates is the one asked for, by how much the sentence is about it."""
    return 0.2 + 0.4 * nearness + 0.4 * wish.told_by(sentence) if found else 0.0


_TO_COME = frozenset(
    "will shall next plan plans planned scheduled due expect expects expected upcoming going".split()
)
_CALENDAR = frozenset(
    """
    january february march april may june july august september october november december monday tuesday
    wednesday thursday friday saturday sunday
    """.split()
)
_TIMES = frozenset(
    "century yesterday today tomorrow tonight summer winter spring autumn easter christmas".split()
)
_NUMERALS = frozenset(
    """
    one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety dozen dozens hundred hundreds
    thousand thousands million millions billion billions trillion half third quarter twice once single no none
    zero several both pair
    """.split()
)
PEOPLE = frozenset("people person man woman child men women children victim".split())
"""Nouns under which anybody may be counted."""
_YEAR = re.compile(r"(?:1\d{3}|20\d\d)s?")


def _is_time(token: Token) -> bool:
    named = token.lower in _CALENDAR and token.text[0].isupper()
    return named or token.lower in _TIMES or token.text[0].isdigit()


def _numbers(wish: Wish, sentence: Sequence[Token]) -> list[int]:
    """Return where a sentence has numbers that the question lacks."""
    return [
        n
        for n, token in enumerate(sentence)
        if (token.lower in _NUMERALS or token.text[0].isdigit()) and wish.is_new(token)
    ]


def _counts_nothing(sentence: Sequence[Token], at: int) -> bool:
    """Tell whether a number is a year, a day of a month, or the `once` of `once again`."""
    token = sentence[at]
    return _YEAR.fullmatch(token.text) is not None or token.lower == "once" or _is_day(sentence, at)


def _is_day(sentence: Sequence[Token], at: int) -> bool:
    """Tell whether a number is a day of a month, as all are in `6 and 7 November`."""
    before, after = sentence[max(0, at - 3) : at], sentence[at + 1 : at + 4]
    plain = [t for t in (*reversed(before), *after) if t.lower in _CALENDAR]
    return bool(plain) and len(sentence[at].text) <= 2


def _names(wish: Wish, sentence: Sequence[Token]) -> list[int]:
    """Return where a sentence has capitalised words that may be names and that the question lacks."""
    return [
        n
        for n, token in enumerate(sentence)
        if token.text[0].isupper()
        and len(token.text) > 1
        and token.lower not in _CALENDAR
        and not is_function_word(token.lower)
        and (n or not is_opener(token.lower))
        and wish.is_new(token)
    ]


def _counts(wish: Wish, sentence: Sequence[Token], at: int) -> float:
    """Return how likely the number at a place counts the thing asked for."""
    noun = wish.expected.noun
    close, after = sentence[max(0, at - 2) : at + 6], sentence[at + 1 : at + 3]
    told = any(wish.is_about(t) and t.noun != noun for t in sentence[max(0, at - 5) : at + 6])
    if not noun or noun in PEOPLE:
        return 1.0 if told else 0.5
    if any(token.noun == noun for token in close):
        return 1.0
    other = any(token.noun != token.lower or token.noun in PEOPLE for token in after)
    if any(token.noun == noun for token in sentence):
        return 0.4 if other else 0.7
    return 0.6 if told and not other else 0.2


def _agent(wish: Wish, sentence: Sequence[Token], _: float) -> float:
    names, verb = _names(wish, sentence), wish.expected.verb
    stem = next(iter(wish.terms(verb)), "")
    if not names or not stem:
        return 0.9 if names else 0.0
    forms = _FORMS.get(verb, frozenset())
    acts = [
        n
        for n, token in enumerate(sentence)
        if token.lower in forms or any(term.startswith(stem) for term in wish.terms(token.text))
    ]
    if not acts:
        return 0.2 + 0.2 * wish.told_by(sentence)
    return 1.0 if _distance(acts, names) <= 4 else 0.8


_IRREGULAR = """
speak spoke spoken speaks spokesman spokesperson spokeswoman spokesmen; win won winner winners wins;
write wrote written writer; make made makes maker; build built builder; buy bought; sell sold; hold held;
find found; give gave given; take took taken; begin began begun; sing sang sung singer; run ran runs;
fight fought; teach taught teacher; know known knew; call called calls described describe termed;
say said says told stated according; pay paid; send sent; become became; come came; go went; lose lost;
think thought; bring brought; grow grew grown; draw drew drawn; choose chose chosen; kill killed killer;
see saw seen
"""
_FORMS = {form: frozenset(forms.split()) for forms in _IRREGULAR.split(";") for form in forms.split()}
"""Forms of a verb that no common stem joins, with the nouns for who does it."""


def _role(wish: Wish, sentence: Sequence[Token], _: float) -> float:
    """Return how likely a sentence names who holds the office; its modifiers must stand before its noun."""
    names, expected = _names(wish, sentence), wish.expected
    if not names:
        return 0.0
    best = 0.3
    for n, token in enumerate(sentence):
        if _is_office(token, expected.noun):
            before = {other.noun for other in sentence[max(0, n - 5) : n]}
            whole = before.issuperset(expected.modifiers)
            best = max(best, (1.0 if _distance([n], names) <= 6 else 0.7) if whole else 0.4)
    return best


def _is_office(token: Token, noun: str) -> bool:
    return token.noun == noun or (noun in LEADING and token.lower in LEADING)


def _distance(some: Sequence[int], others: Sequence[int]) -> int:
    return min((abs(a - b) for a in some for b in others), default=1_000)


_MEASURES: dict[str, Callable[[Wish, Sequence[Token], float], float]] = {
    "count": _count,
    "amount": _amount,
    "date": _date,
    "place": _place,
    "agent": _agent,
    "role": _role,
}
