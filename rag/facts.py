"""The hard facts of a sentence (numbers, dates, names, quotations), and whether a text holds them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

Kind = Literal["number", "name", "quotation"]


class Fact(NamedTuple):
    """A stretch of a sentence that its source must hold."""

    kind: Kind
    text: str


_QUOTATION = re.compile(r"“([^”]{3,400})”|\"([^\"]{3,400})\"|«([^»]{3,400})»")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_MONTHS = "january february march april may june july august september october november december".split()
_DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty"
).split()
_NUMERALS = {word: str(n) for n, word in enumerate(_UNITS)} | {
    "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80",
    "ninety": "90", "hundred": "100", "thousand": "1000", "million": "1000000",
    "billion": "1000000000", "dozen": "12", "first": "1", "second": "2", "third": "3",
    "fourth": "4", "fifth": "5", "sixth": "6", "seventh": "7", "eighth": "8", "ninth": "9",
    "tenth": "10",
}  # fmt: skip
_VAGUE = frozenset({"one", "first", "second"})
"""Number words that mostly count nothing ("one of them", "at first", "a second look")."""


def hard_facts(sentence: str) -> list[Fact]:
    """Return the numbers, dates, names and quotations that a sentence states, each once."""
    facts = [*_quotations(sentence), *_numbers(sentence), *_names(sentence)]
    return list(dict.fromkeys(facts))


def missing_facts(sentence: str, sources: Iterable[str]) -> list[Fact]:
    """Return the hard facts of a sentence that none of the source texts holds."""
    held = [_Held(text) for text in sources]
    return [fact for fact in hard_facts(sentence) if not any(text.holds(fact) for text in held)]


def normalise(text: str) -> str:
    """Fold case, accents, curly quotes, dashes and white space, so that like words compare equal."""
    folded = unicodedata.normalize("NFKD", text).casefold()
    folded = "".join(c for c in folded if not unicodedata.combining(c))
    folded = re.sub(r"[‘’`´]", "'", folded)
    folded = re.sub(r"[“”«»]", '"', folded)
    folded = re.sub(r"[‐-―−]", "-", folded)
    return " ".join(folded.split())


class _Held:
    """A source text, prepared to be asked what it holds."""

    def __init__(self, text: str) -> None:
        self._text = normalise(text)
        self._words = {_singular(word) for word in _WORD.findall(self._text)}
        for word in list(self._words):
            self._words.update(_singular(part) for part in re.split(r"[-']", word))
        self._numbers = {_plain_number(n) for n in _NUMBER.findall(self._text)}
        self._numbers |= {_NUMERALS[word] for word in self._words if word in _NUMERALS}

    def holds(self, fact: Fact) -> bool:
        if fact.kind == "number":
            return fact.text in self._numbers
        if fact.kind == "quotation":
            return fact.text in self._text
        return all(_singular(part) in self._words for part in _WORD.findall(fact.text))


def _quotations(sentence: str) -> Iterator[Fact]:
    for match in _QUOTATION.finditer(sentence):
        words = normalise(next(group for group in match.groups() if group))
        yield Fact("quotation", words.strip(" ,.;:!?…"))


def _numbers(sentence: str) -> Iterator[Fact]:
    plain = normalise(sentence)
    for match in _NUMBER.finditer(plain):
        yield Fact("number", _plain_number(match.group()))
    for word in _WORD.findall(plain):
        for part in word.split("-"):
            if part in _NUMERALS and part not in _VAGUE:
                yield Fact("number", _NUMERALS[part])


def _plain_number(digits: str) -> str:
    """Drop thousands separators and leading zeros: `1,200` and `1200` are one number."""
    plain = re.sub(r"(?<=\d),(?=\d{3}(?:\D|$))", "", digits)
    return plain.lstrip("0") or "0"


def _names(sentence: str) -> Iterator[Fact]:
    """Yield the capitalised words that stand for something particular.

    The first word of the sentence counts unless it is a word that opens sentences often: an
    ordinary word in that place is then asked of the source too, which is strict but never lets an
    invented name through.
    """
    for n, match in enumerate(_WORD.finditer(sentence)):
        word = match.group()
        if not word[0].isupper():
            continue
        plain = normalise(word).removesuffix("'s").removesuffix("s'")
        if plain in _ORDINARY or plain in _NUMERALS or (n == 0 and plain.endswith(("ly", "ing"))):
            continue
        if plain in _MONTHS or plain in _DAYS or len(plain) > 1:
            yield Fact("name", plain)


def _singular(word: str) -> str:
    """Fold possessives and plain plurals, so that `Pakistan's` and `mediators` meet their base."""
    base = word.removesuffix("'s").removesuffix("'")
    return base[:-1] if len(base) > 4 and base.endswith("s") and not base.endswith("ss") else base


_ORDINARY = frozenset(
    """
    a about according accordingly across additionally after afterwards again against ago all along already also
    although amid among an and another any anyone anything are around articles as aside at back based be because
    been before behind below beside besides between beyond both but by can despite did do does due during each
    earlier either else even eventually every everyone everything except few finally following for former from
    further furthermore given had has have having he hence her here him his how however i if in indeed initially
    instead into is it its itself just last late later latest least less let like likewise made many may me
    meanwhile might more moreover most mr mrs ms much must my near neither never nevertheless next no nobody none
    nonetheless nor not nothing notably now of off often on once one only onto or other others otherwise our out
    over overall own part per perhaps rather recent same second several she should similarly since so some someone
    something sources specifically still such than that the their them then there therefore these they this those
    though through throughout thus to together too toward towards under unlike until up upon us was we were what
    when where whereas whether which while who whom whose why will with within without would yes yet you your
    """.split()
)
"""Words that open sentences, or are capitalised in titles, without naming anything."""
