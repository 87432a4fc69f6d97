"""The hard facts of a sentence (numbers, dates, names, quotations), and whether a text holds them.

The check is strict about what is there, not about what it means: "6 talks on 7 May" is held by a text
with a 6, a 7 May and talks. What a sentence ties together is the matter of `bindings`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

from .demonyms import PHRASES, kin
from .ordinary import is_function_word, is_opener

Kind = Literal["quotation", "date", "number", "name"]


class Fact(NamedTuple):
    """A stretch of a sentence that its source must hold."""

    kind: Kind
    text: str
    """As the sentence has it, for people."""
    key: str
    """Its one spelling, for comparison."""


def hard_facts(sentence: str) -> list[Fact]:
    """Return the quotations, dates, numbers and names that a sentence states, each once."""
    plain = _LIST_NUMBER.sub("", _undotted(_plain(_joined_groups(sentence))))
    dates, rest = _cut_dates(plain)
    unique: dict[tuple[Kind, str], Fact] = {}
    for fact in (*_quotations(sentence), *dates, *_numbers(rest), *_names(rest)):
        unique.setdefault((fact.kind, fact.key), fact)
    return list(unique.values())


def missing_facts(sentence: str, sources: Iterable[str]) -> list[Fact]:
    """Return the hard facts of a sentence that none of the source texts holds."""
    held = [_Held(text) for text in sources]
    return [fact for fact in hard_facts(sentence) if not any(text.holds(fact) for text in held)]


def normalise(text: str) -> str:
    """Fold case, accents, curly quotes, dashes and white space, so that like words compare equal."""
    return _plain(text).casefold()


_SPELLINGS = str.maketrans(
    dict.fromkeys("‘’‚‛`´′ʼ＇", "'")
    | dict.fromkeys("“”„‟«»″＂", '"')
    | dict.fromkeys("‐‑‒–—―−﹣－", "-")
    | {"ı": "i", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "æ": "ae", "Æ": "Ae", "œ": "oe"}
)


def _plain(text: str) -> str:
    """Fold everything but case; white space becomes single spaces, outer white space none."""
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text.translate(_SPELLINGS))
        text = "".join(c for c in decomposed if unicodedata.category(c) not in {"Mn", "Me", "Cf"})
    return " ".join(text.replace("`", "'").split())


def _undotted(plain: str) -> str:
    """Write `U.N.` as `UN`."""
    return re.sub(r"\b(?:[^\W\d_]\.){2,}", lambda match: match[0].replace(".", ""), plain)


def _joined_groups(text: str) -> str:
    """Write thousands that are set apart by a hard space or an apostrophe with commas."""
    return re.sub(r"(?<=\d)[\u00a0\u2009\u202f'’](?=\d{3}(?!\d))", ",", text)


class _Held:
    """A source text, prepared to be asked what it holds."""

    def __init__(self, text: str) -> None:
        plain = _undotted(_plain(_joined_groups(text)))
        dates, rest = _cut_dates(plain)
        parts = [part for match in _WORD.finditer(plain) for part in _PARTS.findall(match[0])]
        self._text = normalise(text)
        self._dates = {fact.key for fact in dates}
        self._numbers = {fact.key for part in (plain, rest) for fact in _numbers(part, vague=True)}
        self._capitalised = {part for part in parts if part != part.lower()}
        self._words = {_base(part.casefold()) for part in parts}
        self._add_kin()

    def _add_kin(self) -> None:
        """Add the other words for the countries and peoples that the text names."""
        named = {part.casefold() for part in self._capitalised if part.casefold() != "us"}
        named |= {"us"} & {part.lower() for part in self._capitalised if part == "US"}
        named |= {short for phrase, short in PHRASES.items() if phrase in self._text}
        named |= {other for word in named for other in kin(word)}
        phrases = [phrase for phrase, short in PHRASES.items() if short in named]
        self._words |= {_base(word) for word in (*named, *" ".join(phrases).split())}
        if "us" in named:
            self._capitalised.add("US")  # in lower case it is a pronoun

    def holds(self, fact: Fact) -> bool:
        if fact.kind == "number":
            return fact.key in self._numbers
        if fact.kind == "date":
            return fact.key in self._dates
        if fact.kind == "quotation":
            return self._holds_in_order(fact.key.split(_ELLIPSIS))
        return fact.key in self._capitalised or _base(fact.key) in self._words

    def _holds_in_order(self, fragments: Sequence[str]) -> bool:
        position = 0
        for fragment in fragments:
            match = re.compile(rf"(?<!\w){re.escape(fragment)}(?!\w)").search(self._text, position)
            if match is None:
                return False
            position = match.end()
        return True


# --- quotations

_ELLIPSIS = " … "
_DOUBLE = re.compile(r"„([^„“”]*)[“”]?|“([^“”\"]*)|«([^«»]*)|^([^“”„«»\"]*)[”»]")
_SINGLE = re.compile(
    r"(?<!\w)'(?=[^\W\d_])([^'\"“”]{2,400}?(?:'\w[^'\"“”]{0,400}?){0,4})(?<=[\w.,!?…])'(?!\w)"
)
_LEFT_OUT = re.compile(r"\.{3,}|…|\. \. \.|\[[^\[\]]{0,80}\]")


def _quotations(sentence: str) -> Iterator[Fact]:
    """Yield what stands in quotation marks; one that is not closed runs on, one not opened came before.

    A quotation of several sentences reaches us in parts. Left-out stretches (`...`, `[his]`) part it
    into fragments, which the source must hold in this order.
    """
    for inside in _quoted(sentence):
        parts = (normalise(part).strip(" ,.;:!?-'\"") for part in _LEFT_OUT.split(inside))
        fragments = [part for part in parts if re.search(r"\w", part)]
        if fragments:
            yield Fact("quotation", " ".join(inside.split()), _ELLIPSIS.join(fragments))


def _quoted(sentence: str) -> Iterator[str]:
    for pattern, text in (
        (_DOUBLE, sentence),
        (_SINGLE, sentence.translate({ord("‘"): "'", ord("’"): "'"})),
    ):
        for match in pattern.finditer(text):
            yield next(group for group in match.groups() if group is not None)
    yield from _quoted_straight(sentence)


def _quoted_straight(sentence: str) -> Iterator[str]:
    """Pair straight quotation marks; when their number is odd, the first one may only close."""
    at = [match.start() for match in re.finditer('"', sentence)]
    if len(at) % 2 and at[0] and not sentence[at[0] - 1].isspace():
        first = at.pop(0)
        is_inch_or_curly = sentence[first - 1].isdigit() or "“" in sentence[:first]
        if not is_inch_or_curly and not sentence[first + 1 : first + 2].isalnum():
            yield sentence[:first]
        elif not is_inch_or_curly:
            at.insert(0, first)
    for opened, closed in zip(at[::2], [*at[1::2], len(sentence)], strict=False):
        yield sentence[opened + 1 : closed]


# --- dates

_MONTHS = "january february march april may june july august september october november december".split()
_MONTH = "(?P<month>" + "|".join(f"{m[:3].title()}(?:{m[3:]})?" for m in _MONTHS) + r"|Sept)\b\.?"
_DAY = r"\d{1,2}(?:st|nd|rd|th)?(?!\w)"
_DAYS = rf"(?P<days>(?<![\w.,:]){_DAY}(?: ?(?:-|to|and|or|&) ?{_DAY}){{0,4}})"
_DATES = (
    re.compile(rf"{_DAYS} (?:of )?{_MONTH}"),
    re.compile(rf"\b{_MONTH} (?:the )?{_DAYS}(?![.,:]\d)"),
)
_ISO_DATE = re.compile(r"(?<=\b\d{4})-(?P<month>0[1-9]|1[0-2])-(?P<day>[0-3]\d)\b")


def _cut_dates(plain: str) -> tuple[list[Fact], str]:
    """Return the dates (day and month) of a text, and the text with dots in their place."""
    facts: list[Fact] = []
    for pattern in (*_DATES, _ISO_DATE):
        for match in pattern.finditer(plain):
            facts += _days_of(match)
        plain = pattern.sub(lambda match: "·" * len(match[0]), plain)
    return facts, plain


def _days_of(match: re.Match[str]) -> Iterator[Fact]:
    name = match["month"]
    month = int(name) if name.isdecimal() else _month_number(name)
    days = match["days"] if "days" in match.re.groupindex else match["day"]
    for digits in re.findall(r"\d+", days):
        day = int(digits)
        yield Fact("date", f"{day} {_MONTHS[month - 1].title()}", f"{month}-{day}")


def _month_number(name: str) -> int:
    return next(n for n, month in enumerate(_MONTHS, start=1) if month.startswith(name[:3].casefold()))


# --- numbers

_LIST_NUMBER = re.compile(r"^\d{1,2}[.)] (?=\S)")
_TOKEN = re.compile(r"(?P<digits>\d+(?:[.,:]\d+)*)|[^\W\d_]+")
_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_ORDINALS = (
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
    "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth"
).split()
_SMALL = (
    {word: n for n, word in enumerate(_UNITS)}
    | {word: n for n, word in enumerate(_ORDINALS)}
    | {word: 10 * n for n, word in enumerate(_TENS, start=2)}
    | {f"{word[:-1]}ieth": 10 * n for n, word in enumerate(_TENS, start=2)}
)
_TIMES = {"dozen": 12, "hundred": 100}
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_NUMERALS = _SMALL.keys() | _TIMES.keys() | _SCALES.keys()
_SUFFIXES = {"k": 10**3, "m": 10**6, "mn": 10**6, "bn": 10**9, "tn": 10**12}
_VAGUE = frozenset({"one", "first", "second"})
"""Number words that mostly count nothing ("one of them", "at first", "a second look")."""


def _numbers(plain: str, *, vague: bool = False) -> Iterator[Fact]:
    """Yield the numbers of a text, in digits or words; `vague` asks for "one" and its like too."""
    tokens = list(_TOKEN.finditer(plain))
    n = 0
    while n < len(tokens):
        if tokens[n]["digits"]:
            key, used = _in_digits(plain, tokens, n)
        elif tokens[n][0].casefold() in _NUMERALS:
            key, used = _spelled(_run(plain, tokens, n))
        else:
            n += 1
            continue
        if vague or used > 1 or tokens[n][0].casefold() not in _VAGUE:
            yield Fact("number", plain[tokens[n].start() : tokens[n + used - 1].end()], key)
        n += used


def _in_digits(plain: str, tokens: Sequence[re.Match[str]], n: int) -> tuple[str, int]:
    """Return a number in digits, and how many tokens it takes with its scale (`2 million`, `5bn`)."""
    key = _plain_number(tokens[n][0])
    if n + 1 < len(tokens):
        gap = plain[tokens[n].end() : tokens[n + 1].start()]
        word = tokens[n + 1][0].casefold()
        scale = _SUFFIXES.get(word) if not gap else _SCALES.get(word) if gap in {" ", "-"} else None
        if scale and re.fullmatch(r"\d{1,15}(?:\.\d{1,10})?", key):
            return f"{(Decimal(key) * scale).normalize():f}", 2
    return key, 1


def _plain_number(digits: str) -> str:
    """Return one spelling for `1,200` and `1200`, `3,5` and `3.5`, `007` and `7`."""
    ascii_digits = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in digits)
    plain = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", ascii_digits)
    plain = re.sub(r"^(\d+),(\d{1,2})$", r"\1.\2", plain)
    return re.sub(r"^0+(?=\d)", "", plain)


def _run(plain: str, tokens: Sequence[re.Match[str]], n: int) -> list[str]:
    """Return the words from the nth token on that only a space or a hyphen parts, at most 12."""
    words = [tokens[n][0].casefold()]
    for before, token in zip(tokens[n : n + 11], tokens[n + 1 : n + 12], strict=False):
        if token["digits"] or plain[before.end() : token.start()] not in {" ", "-"}:
            break
        words.append(token[0].casefold())
    return words


def _spelled(words: Sequence[str]) -> tuple[str, int]:
    """Read the number with which the words begin; return it in digits, and how many words it takes."""
    total = current = used = 0
    below = 100  # what the next small number must be smaller than
    for n, word in enumerate(words):
        if word in _SMALL and _SMALL[word] < below:
            current += _SMALL[word]
            below = 10 if word in _TENS else 0
        elif word in _TIMES and (current or not n):
            current, below = (current or 1) * _TIMES[word], 100
        elif word in _SCALES and (current or not n):
            total, current, below = total + (current or 1) * _SCALES[word], 0, 100
        elif word == "and" and used == n and below == 100 and _is_small_end(words[n + 1 : n + 3]):
            continue
        else:
            break
        used = n + 1
    return str(total + current), used


def _is_small_end(words: Sequence[str]) -> bool:
    """Tell whether a number below a hundred follows, and ends there: not `one hundred and two hundred`."""
    return bool(words) and words[0] in _SMALL and not set(words[1:]) & (_TIMES.keys() | _SCALES.keys())


# --- names

_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_PARTS = re.compile(r"[^\W\d_]+")
_OPENING = re.compile(r"(?:\n|[.!?:][\"')\]]* |[\"(\[] ?)[ \"'(\[*_•-]*\Z")
"""What stands before the first word of a sentence or a quotation; the text's own start is `\\n`."""
_NEEDS_CAPITAL = frozenset({"may", "will"})
"""Words whose lower-case form says nothing about the name."""


def _names(plain: str) -> Iterator[Fact]:
    """Yield the capitalised words that stand for something particular.

    Where a sentence or a quotation opens, a word counts unless it is known to be ordinary: an unusual
    ordinary word there is asked of the source too, which is strict but lets no invented name through.
    """
    shouted = plain.isupper()
    for match in _WORD.finditer(plain):
        opens = _OPENING.search(plain[max(0, match.start() - 8) : match.start()].rjust(8, "\n")) is not None
        if opens and match[0].casefold().endswith("n't"):
            continue
        for part in _PARTS.findall(match[0]):
            key = _name_key(part, opens=opens, shouted=shouted)
            if key:
                yield Fact("name", part, key)
            opens = False


def _name_key(part: str, *, opens: bool, shouted: bool) -> str | None:
    """Return how a name is compared, None for what is none; short forms and `May` keep their capitals."""
    word = part.casefold()
    if part == part.lower() or len(part) < 2:
        return None
    if word in _NEEDS_CAPITAL:
        return part
    if part.isupper() and not shouted and is_function_word(word):
        return part
    if is_function_word(word) or word in _NUMERALS:
        return None
    return None if opens and is_opener(word) else word


def _base(word: str) -> str:
    """Fold plain plurals and short months, so that `mediators` and `Nov` meet their base."""
    if len(word) in {3, 4} and word not in {"may", "mar"} and word[:3] in _SHORT_MONTHS:
        return _SHORT_MONTHS[word[:3]] if word in {word[:3], "sept"} else word
    return word[:-1] if len(word) > 4 and word.endswith("s") and not word.endswith("ss") else word


_SHORT_MONTHS = {month[:3]: month for month in _MONTHS}
