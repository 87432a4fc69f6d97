"""A follow-up question -> one that stands alone, by rules; one that stands alone already stays as it is.

Pronouns and "the other side" are replaced by what they stand for in the turns before. A question that leaves
out most of itself ("Why not?", "And in 2021?", "What about Qatar?") is made whole from the question before.
Where neither is possible, the question before is put in front of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from .demonyms import kin
from .injection import speaks_to_model
from .ordinary import is_function_word, is_opener
from .parties import country, named_countries

REMEMBERED = 6
"""Turns that are looked back at."""
_LONGEST = 2_000
"""Characters of an answer that are read."""
_LONGEST_CLAIM = 30
"""Words of an answer that a question may take over."""


class Turn(NamedTuple):
    """A question that was asked before, and what was answered."""

    question: str
    answer: str = ""
    searched: str | None = None
    """The standalone question; None when it is not known yet."""


Parties = Callable[[], Sequence[str]]
"""Names the two sides of the story that the question before is about."""


def standalone(question: str, turns: Sequence[Turn], parties: Parties = tuple) -> str:
    """Return a question as it can be asked by itself; exactly as it is when it leans on no turn before."""
    resolved: list[Turn] = []
    for turn in turns[-REMEMBERED:]:
        searched = turn.searched or _resolve(turn.question, resolved, tuple)
        resolved.append(Turn(turn.question, turn.answer[:_LONGEST], searched))
    return _resolve(question, resolved, parties)


def leans(question: str) -> bool:
    """Tell whether a question needs the turns before it to be understood."""
    ask = _LEAD.sub("", " ".join(question.split()))
    if _FRAGMENT.fullmatch(ask) or _THIN.fullmatch(ask) or _ABOUT.fullmatch(ask) or _is_phrase(ask):
        return True
    points = _POINTS.search(ask)
    if points and not _is_told(ask, points):
        return True
    return any(_is_open(ask, match) for match in _PRONOUN.finditer(ask))


def _resolve(question: str, turns: Sequence[Turn], parties: Parties) -> str:
    counted = _counted(question, turns)
    if not turns or not (counted or leans(question)):
        return question
    before = turns[-1].searched or turns[-1].question
    plain = " ".join(question.split())
    ask = _LEAD.sub("", plain)
    whole = counted or _why(ask, turns[-1]) or _completed(ask, before)
    if whole is None:
        named = _with_antecedents(_with_other_side(ask, turns, parties), turns)
        whole = _with_claim(named, turns[-1].answer)
        if leans(whole) and len(turns) > 1 and not turns[-1].answer:
            return _resolve(question, turns[:-1], parties)  # what was declined is not what is gone on with
        whole = _merged(before, whole) if leans(whole) else whole
    return f"{whole[0].upper()}{whole[1:]}"


def _merged(before: str, ask: str) -> str:
    """Put the question before in front; of one that has several sentences, the first."""
    first = _SENTENCE.split(before.strip(), maxsplit=1)[0].rstrip(" ?.!")
    return f"{first}? {ask[0].upper()}{ask[1:]}"


# --- what shows that a question leans on others

_LEAD = re.compile(r"^(?:(?:and|but|so|ok(?:ay)?|then|well|also|or),?\s+)+(?=\w)", re.IGNORECASE)
_AUX = r"(?:did|do|does|was|were|is|are|has|have|had|will|would|can|could|should|may|might|must)(?:n['’]t)?"
_WH = r"(?:who|whom|whose|what|which|when|where|why|how)"
_FRAGMENT = re.compile(
    rf"(?:(?:by|with|from|for|to|of|about|against|since|until|at|in|on) )?{_WH}"
    r"(?: (?:not|exactly|so|else|then|many|much|long|often|far|one|ones|come|precisely|more|"
    r"(?:many|much|one|ones) of (?:them|it|these|those)|of (?:them|it|these|those)))?\s*[?.!]*"
    r"|(?:anything|anyone|something|someone) else\s*[?.!]*"
    r"|(?:tell me|say) more(?: about (?:it|that|this))?[?.!]*"
    r"|really\s*[?!]*|go on[.?!]*|more(?: details)?\s*[?.!]*",
    re.IGNORECASE,
)
"""No more than a question word: `Why not?`, `How many?`, `By whom?`."""
_THIN = re.compile(
    rf"(?i:{_WH}(?: else)?) (?:(?i:{_AUX}) )?(?!(?i:{_AUX})\b)[a-z]+(?:ed|en)\s*\?*"
    r"|(?i:what|who) (?:(?i:else) )?"
    r"(?:happened|happens|comes?|came|follow(?:s|ed)|changed|won|lost|died|paid|said so)"
    r"(?: (?:next|then|after(?:wards)?|before|later|there))?\s*\?*"
    rf"|(?i:what|which) (?i:{_AUX}) the "
    r"(?:reasons?|reactions?|results?|outcomes?|responses?|consequences?|causes?|details?|names?|numbers?|answers?|effects?)\s*\?*",
)
"""A verb, or a noun that wants an `of ...`, and nothing else: `Who mediated?`, `What was the reaction?`."""
_PRONOUN = re.compile(
    r"\b(?:he|him|his|she|hers?|they|them|theirs?|it|its|himself|herself|themselves|itself)\b(?!['’]s)",
    re.IGNORECASE,
)
_TIME = (
    r"(?:years?|weeks?|months?|days?|mornings?|evenings?|nights?|times?|"
    r"summer|winter|spring|autumn|century|decade)"
)
_POINTS = re.compile(
    r"\bthe other (?:side|party|camp|country|one|ones|team)\b|\bthe (?:former|latter)\b"
    r"|\b(?:that|this|these|those)(?=\s*[?.!]*$)"
    rf"|^(?:(?:{_WH}|how long) )?{_AUX} (?:that|this|these|those)\b(?! {_TIME}\b)"
    rf"|\b(?:this|these|those) (?!{_TIME}\b|who\b|that\b|of\b)[a-z]+"
    r"|(?<!\bsay )(?<!\bsaid )(?<!\bclaim )(?<!\bbelieve )(?<!\bknow )\bthat [a-z]+(?=\s*[?.!]*$)"
    r"|\b(?<!is )(?<!are )(?<!was )(?<!were )there(?=\s*[?.!]*$)|\b(?:thereafter|afterwards)(?=\s*[?.!]*$)",
    re.IGNORECASE,
)
"""Words that point back: `that`, `the other side`, `these clashes`; not `this year`."""
_EMPTY_IT = re.compile(
    r"it (?:true|likely|possible|clear|known|certain|necessary|legal|safe|worth|expected|important)\b"
    r"|it (?:get|gets|got) (?:dark|light|late|cold|hot|warm)\b"
    r"|it (?:take|takes|took|seem|seems|rain|rains|snow|matter|mean)\b|it (?:is |was )?that\b",
    re.IGNORECASE,
)
"""An `it` that stands for nothing: `Is it true that ...`."""


_SUBJECT = re.compile(rf"\s+{_AUX}\b", re.IGNORECASE)
_TELLS = 3
"""Words of its own after which a question is taken to say itself what its pronouns stand for."""


def _is_open(ask: str, pronoun: re.Match[str]) -> bool:
    """Tell whether nothing in its own question can be what a pronoun stands for."""
    if _EMPTY_IT.match(ask, pronoun.start()) or _is_told(ask, pronoun):
        return False
    before = ask[: pronoun.start()]
    if re.match(r"(?:who|which)\b", before, re.IGNORECASE) and _SUBJECT.match(ask, pronoun.end()):
        return False  # who announced that he would resign
    fitting = [m for m in _mentions(before) if m.kind in _MAY_BE[_NUMBERS[pronoun[0].casefold()]]]
    if len(fitting) == 1 and not re.search(r"\w", ask[pronoun.end() :]):
        return _CLAUSE.search(before, fitting[0].end) is None  # nobody denies itself: Did Kabul deny it?
    return not fitting


_CLAUSE = re.compile(
    r",|\b(?:and|or|but|that|when|while|because|if|who|which|before|after|since)\b", re.IGNORECASE
)


def _is_told(ask: str, pointer: re.Match[str]) -> bool:
    """Tell whether a question says much before a word that points back, or after the comma behind it."""
    after = ask[pointer.end() :]
    if not re.search(r"\w", after):
        return False
    clause = after.partition(",")[2]
    return max(_own_words(ask[: pointer.start()]), _own_words(clause) - 1) >= _TELLS


def _own_words(text: str) -> int:
    words = re.findall(r"[^\W\d_][\w’'-]*", text)
    return sum(not is_function_word(word.casefold()) for word in words)


def _is_phrase(ask: str) -> bool:
    """Tell whether it is no sentence but a few words: `And in 2021?`, `Qatar?`, `And the wounded?`."""
    words = re.findall(r"[\w’'-]+", ask)
    opens = re.match(rf"(?:{_WH}|{_AUX}|{_ORDERS})\b", ask, re.IGNORECASE)
    return 0 < len(words) <= 5 and not opens and ask.rstrip().endswith("?") and not _HAS_VERB.search(ask)


_ORDERS = r"(?:tell|name|list|give|show|explain|describe|compare|summari[sz]e|find)"
_HAS_VERB = re.compile(rf"\b{_AUX}\b", re.IGNORECASE)


# --- questions that leave out most of themselves

_ABOUT = re.compile(r"(?:(?:what|how) about|what of)\s+(?P<new>[^?]{1,60}?)\s*\?*", re.IGNORECASE)
_YES_NO = re.compile(rf"(?P<aux>{_AUX})\s+(?P<rest>.+)", re.IGNORECASE)
_HOW_WHEN = re.compile(rf"(?:when|where|why|how)\s+(?P<rest>{_AUX}\b.+)", re.IGNORECASE)
_BARE = re.compile(
    r"(?P<word>when|where|why|how)(?P<not> not)?(?: exactly| precisely| so| come)?\s*\?*", re.IGNORECASE
)
_PHRASE_IN = re.compile(
    r"(?P<prep>in|at|on|during|since|before|after|from|for|by|under|against|to|until)\s+(?P<what>[^?]+?)\s*\?*",
    re.IGNORECASE,
)


_YEAR = re.compile(r"(?:1\d|20)\d\d")
_YEAR_OF = re.compile(r"\b(?:1\d|20)\d\d(?= [A-Z])")
"""A year that is part of a name: `the 2022 World Cup`."""


def _completed(ask: str, before: str) -> str | None:
    """Return a question of few words completed by the one before; None when it has words of its own."""
    last = _SENTENCE.split(before.strip())[-1].rstrip(" ?.!")
    if bare := _BARE.fullmatch(ask):
        return _asked_of(bare["word"], last, negated=bool(bare["not"]))
    if about := _ABOUT.fullmatch(ask):
        return None if _PRONOUN.search(about["new"]) else _swapped(about["new"], last)
    if not _is_phrase(ask):
        return None
    if (phrase := _PHRASE_IN.fullmatch(ask)) and not re.match(_WH, phrase["what"], re.IGNORECASE):
        if _YEAR.fullmatch(phrase["what"]) and _YEAR_OF.search(last):
            return f"{_YEAR_OF.sub(phrase['what'], last)}?"
        return _with_phrase(f"{phrase['prep'].lower()} {phrase['what']}", last)
    return _swapped(ask.rstrip(" ?"), last)


_WHY = re.compile(r"(?:why|how come|how so)(?: not| so| exactly)?\s*\?*", re.IGNORECASE)
_FLATLY = re.compile(r"(?:yes|no)\b[,.:;–— ]+(?=\S)", re.IGNORECASE)


def _why(ask: str, before: Turn) -> str | None:
    """Return `Why?` as asked of what a direct answer, one that says yes or no, goes on to state."""
    flatly = _FLATLY.match(before.answer)
    if flatly is None or not _WHY.fullmatch(ask):
        return None
    claim = _claim(before.answer[flatly.end() :])
    return f"Why is it that “{claim}”?" if claim else None


def _asked_of(word: str, before: str, *, negated: bool) -> str | None:
    """Ask `when`, `where`, `why` or `how` of the question before: it is yes-or-no, or asked one of them."""
    if yes_no := _YES_NO.fullmatch(before):
        aux = yes_no["aux"].casefold()
        aux = _NEGATED.get(aux, aux) if negated else aux
        return f"{word} {aux} {yes_no['rest']}?"
    if (adverbial := _HOW_WHEN.fullmatch(before)) and not negated:
        return f"{word} {adverbial['rest']}?"
    return None


_NEGATED = {
    aux: f"{aux}n’t" for aux in "did do does was were is are has have had would could should".split()
} | {"will": "won’t", "can": "can’t"}


def _swapped(new: str, before: str) -> str | None:
    """Return the question before about another name of the same kind; None when it has no such name."""
    names = [m for m in _mentions(f"{new} ") if m.is_name] if re.search(r"[A-Z]", new) else []
    if len(names) != 1:
        return None
    known = [m for m in _mentions(before) if m.is_name]
    alike = [m for m in known if m.kind == names[0].kind] or (known if len(known) == 1 else [])
    if not alike or alike[0].text == names[0].text:
        return None
    return f"{before[: alike[0].start]}{new.strip()}{before[alike[0].end :]}?"


def _with_phrase(phrase: str, before: str) -> str:
    """Return the question before with a phrase in the place of one of its kind, or at its end."""
    preposition = phrase.split(maxsplit=1)[0]
    kind = r"\d" if re.search(r"\d", phrase) else r"[A-Z]"
    old = re.search(rf"\b{preposition} (?:the )?{kind}[\w’'-]*(?: [A-Z\d][\w’'-]*)*", before)
    if old:
        return f"{before[: old.start()]}{phrase}{before[old.end() :]}?"
    return f"{before} {phrase}?"


_COUNTS = re.compile(r"how many (?P<noun>[a-z]+) (?:(?:was|were|are|have|had|did)\b.*?)?", re.IGNORECASE)
_COUNT_ALONE = re.compile(
    rf"(?P<ask>how many) (?P<rest>(?:{_AUX}|[a-z]+ed|died|left|fled)\b[^?]*)\??", re.IGNORECASE
)
_PLACE = re.compile(r"\s(?:in|at|along|near|on|during|across|from) [^?]+$")


def _counted(question: str, turns: Sequence[Turn]) -> str | None:
    """Return `how many were ...?` with what was counted before, and where, if the question says neither."""
    alone = _COUNT_ALONE.fullmatch(_LEAD.sub("", " ".join(question.split())))
    before = (turns[-1].searched or turns[-1].question).rstrip(" ?") if turns else ""
    counted = _COUNTS.match(before)
    if alone is None or counted is None or re.fullmatch(_AUX, counted["noun"], re.IGNORECASE):
        return None
    place = _PLACE.search(before)
    told = alone["rest"] if place is None or _PLACE.search(alone["rest"]) else f"{alone['rest']}{place[0]}"
    return f"{alone['ask']} {counted['noun']} {told}?"


# --- what pronouns stand for

Kind = Literal["person", "country", "group", "pair", "one", "many"]
_NUMBERS = dict.fromkeys("he him his she her hers himself herself".split(), "person") | (
    dict.fromkeys("they them their theirs themselves".split(), "many")
    | dict.fromkeys("it its itself".split(), "thing")
)
_FITS: dict[str, frozenset[Kind]] = {
    "person": frozenset({"person"}),
    "many": frozenset({"pair", "many", "group", "country"}),
    "thing": frozenset({"one", "country", "group"}),
}
_MAY_BE: dict[str, frozenset[Kind]] = {
    "person": frozenset({"person", "one"}),
    "many": frozenset({"pair", "many", "group", "country"}),
    "thing": frozenset({"one", "many", "country", "group"}),
}
"""What in a question of its own a pronoun may stand for; of turns before it is told more strictly."""
_POSSESSIVE = frozenset("his their its theirs hers".split())
_AS_OBJECT = frozenset("him them".split())


class Mention(NamedTuple):
    """A name or a noun with its article, as it stands in a text."""

    text: str
    kind: Kind
    start: int
    end: int

    @property
    def is_name(self) -> bool:
        """It is the name of someone or something, not a noun."""
        return self.kind in {"person", "country", "group"}


def _with_antecedents(ask: str, turns: Sequence[Turn]) -> str:
    """Replace each open pronoun by what it most likely stands for, where anything does."""
    spent: set[str] = set()

    def name(match: re.Match[str]) -> str:
        if not _is_open(ask, match):
            return match[0]
        word = match[0].casefold()
        owns = word in _POSSESSIVE or (word == "her" and re.match(r" [a-z]", ask[match.end() :]) is not None)
        found = _antecedent(word, _is_object(ask, match), turns, spent)
        if not found:
            return match[0]
        spent.add(found)
        return f"{found}{'’' if found.endswith('s') else '’s'}" if owns else found

    return _PRONOUN.sub(name, ask)


def _is_object(ask: str, pronoun: re.Match[str]) -> bool:
    """Tell whether a pronoun stands at the end of a phrase and not before its verb."""
    after = ask[pronoun.end() :].lstrip()
    starts = re.search(rf"\b{_AUX}\s+$", ask[: pronoun.start()], re.IGNORECASE)
    return pronoun[0].casefold() in _AS_OBJECT or (not starts and not re.match(r"[a-z]", after))


def _antecedent(word: str, is_object: bool, turns: Sequence[Turn], spent: set[str]) -> str:  # noqa: FBT001
    """Return what a pronoun stands for: in the latest turn that has something fitting.

    Where the question before asked `who` or `which`, names in its answer come first, else the question does:
    what is talked about goes on being talked about. A subject takes the first that fits, an object the last.
    """
    for turn in reversed(turns):
        for text, fits in _looks(turn, _NUMBERS[word]):
            found = [m for m in _mentions(text) if m.kind in fits and not any(m.text in s for s in spent)]
            if pairs := [m for m in found if m.kind == "pair"]:
                return pairs[0].text
            if found:
                return found[-1 if is_object else 0].text
    return ""


class _Look(NamedTuple):
    """Where to look, and for what."""

    text: str
    fits: frozenset[Kind]


def _looks(turn: Turn, number: str) -> Iterator[_Look]:
    """Yield where an antecedent is looked for in a turn, the likeliest place first.

    An `it` may be a whole event, which the question names in the plural: the talks.
    """
    question, answer = turn.searched or turn.question, _unmarked(turn.answer)
    first, fits = _SENTENCE.split(answer, maxsplit=1)[0], _FITS[number]
    if number == "thing":
        yield from (_Look(question, fits), _Look(question, frozenset({"many"})), _Look(first, fits))
        return
    if re.match(r"(?:(?:and|by|with|to) )?(?:who|whom|which)\b", question, re.IGNORECASE):
        yield from (_Look(answer, fits & {"pair"}), _Look(first, fits & {"person", "group", "country"}))
    yield from (_Look(question, fits), _Look(first, fits), _Look(answer, fits))


_CAPITAL = r"(?:[A-Z][\w-]*(?:[’'](?!s\b)[\w-]+)?|(?:al|el|de|van|von|bin|ibn|i)(?=[- ][A-Z]))"
_NAME = re.compile(rf"(?P<the>\b[Tt]he )?\b(?P<name>{_CAPITAL}(?:[ -]{_CAPITAL})*)")
_OFFICE = re.compile(
    r"^(?:(?:[A-Z][\w-]+ )*(?:Minister|President|Secretary|Spokesperson|Spokesman|Spokeswoman|General|Judge|"
    r"Senator|Governor|Mayor|Chancellor|Premier|Ambassador|Chairman|Director|King|Queen|Prince|Pope|Mr|Mrs|Ms|"
    r"Dr|Sir|Leader)\.?\s+)(?=[A-Z])"
)
_BODY = re.compile(
    r"\b(?:Bank|Union|Nations|Ministry|Council|Party|Court|University|Club|Group|Agency|Committee|Commission|"
    r"Company|Corporation|Army|Forces?|Office|House|Senate|Emirate|Parliament|Police|League|Cup|Association|"
    r"Department|Institute|Minister|President|Secretary|Times|News|Post|Street|City|River|Sea|Airport|War)\b"
)
_NOUN = re.compile(
    r"\b(?P<det>[Tt]he|[Aa]n?|his|her|their|its|[Hh]ow many|[Ww]hich|[Ww]hat|"
    r"[A-Z][\w-]*(?: [A-Z][\w-]*)*(?:[’']s?))\s+"
    r"(?P<words>(?:[A-Z][\w-]+ )?[a-z][\w-]*(?: [a-z][\w-]*){0,2})",
)
_PREPOSITION = re.compile(r"\b(?:in|at|from|near|outside|on)\s+$", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[a-z\d][.?!])[\"”’]?\s+(?=[A-Z“\"])")
_MARKER = re.compile(r"\s?\[\d{1,3}\]|\s?\[unsupported\]")


def _unmarked(answer: str) -> str:
    return _MARKER.sub("", answer).strip()


def _mentions(text: str) -> list[Mention]:
    """Return what a text names, in order: people, countries, groups, pairs of names, nouns."""
    names = list(_names(text))
    return sorted([*names, *_pairs(text, names), *_nouns(text)], key=lambda m: (m.start, m.end))


def _names(text: str) -> Iterator[Mention]:
    for match in _NAME.finditer(text):
        name, start = match["name"], match.start("name")
        while name and _is_plain(name.split()[0], at_start=not text[:start].strip()):
            first = name.split()[0]
            start += len(first) + 1
            name = name[len(first) + 1 :]
        if office := _OFFICE.match(name):
            start, name = start + office.end(), name[office.end() :]
        if name and not _is_adjective(name):
            the = match["the"] if start == match.start("name") else None
            yield Mention(f"the {name}" if the else name, _kind(name, text[:start], the=bool(the)),
                          match.start() if the else start, start + len(name))  # fmt: skip


_COUNTING = frozenset(
    "zero two three four five six seven eight nine ten eleven twelve dozens hundreds thousands".split()
)


def _is_plain(word: str, *, at_start: bool) -> bool:
    plain = word.casefold()
    return (
        is_function_word(plain)
        or plain in _COUNTING
        or (at_start and is_opener(plain))
        or bool(re.fullmatch(_ORDERS, plain))
    )


def _is_adjective(name: str) -> bool:
    """Tell whether a name is the word for a people, as in `Afghan officials`."""
    plain = name.casefold()
    return bool(kin(plain)) and country(name) != plain and not name.isupper()


def _kind(name: str, before: str, *, the: bool) -> Kind:
    if country(name.split(maxsplit=1)[0]) and " " not in name:
        return "country"
    whole = " ".join(name.split())
    if the or whole.isupper() or _BODY.search(whole) or named_countries(whole):
        return "country" if named_countries(whole) and not _BODY.search(whole) else "group"
    return "group" if _PREPOSITION.search(before) else "person"


def _pairs(text: str, names: Sequence[Mention]) -> Iterator[Mention]:
    """Yield two or more names that an `and` joins."""
    for first, second in pairwise(names):
        if re.fullmatch(r",? and (?:the )?", text[first.end : second.start]):
            yield Mention(text[first.start : second.end], "pair", first.start, second.end)


def _nouns(text: str) -> Iterator[Mention]:
    for match in _NOUN.finditer(text):
        words = list(_until_verb(match["words"].split()))
        if words:
            noun = " ".join(words)
            end = match.start("words") + len(noun)
            kind: Kind = "many" if re.search(r"(?<![su])s$|people$|men$|children$", noun) else "one"
            yield Mention(f"the {noun}", kind, match.start(), end)


def _until_verb(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        if is_function_word(word) or _VERB.fullmatch(word):
            return
        yield word


_VERB = re.compile(
    r"was|were|is|are|be|been|has|have|had|did|does|do|will|would|take|took|happen|begin|began|start|end|held|hold|"
    r"meet|met|fail|break|broke|collapse|ask|say|said|says|want|come|came|go|went|make|made|win|won|lose|lost|live|"
    r"work|sign|agree|leave|left|arrive|give|gave|get|become|became|believe|call|describe|blame|demand|warn|urge|"
    r"accuse|deny|respond|react|think|thought|claim|announce|thank|admit|insist|mean|cost|plan|try|help|speak|"
    r"spoke|mediate|tell|told|see|saw|need|expect|rise|rose|fall|fell|grow|grew|\w{2,}ed"
)


# --- "the other side"; what was just said

_OTHER = re.compile(r"\bthe other (?:side|party|camp|country|team|one)\b(?P<owns>['’]s)?", re.IGNORECASE)
_SAYS_ALONE = re.compile(
    rf"(?:what|how) {_AUX} .+ (?:say|think|respond|react|reply|claim|answer)\s*\?*", re.IGNORECASE
)


def _with_other_side(ask: str, turns: Sequence[Turn], parties: Parties) -> str:
    """Replace `the other side` by the party that the last turn was not about."""
    match = _OTHER.search(ask)
    if match is None:
        return ask
    before = turns[-1].searched or turns[-1].question
    named = [found for text in (before, turns[-1].answer) for found, _ in named_countries(text)]
    others = [p for p in parties() if country(p) != next(iter(named), None)] if named else []
    if len(others) != 1:
        return ask
    told = f"{ask[: match.start()]}{others[0]}{match['owns'] or ''}{ask[match.end() :]}"
    topic = _topic(before)
    return f"{told.rstrip(' ?')} about {topic}?" if topic and _SAYS_ALONE.fullmatch(told) else told


def _topic(question: str) -> str:
    """Return what a question is about: what stands after `about`, or its last noun."""
    if about := re.search(r"\b(?:about|on|over|of) ((?:the |an? )?[^?,]+?)\s*\?*$", question):
        return about[1]
    return next((m.text for m in reversed(_mentions(question)) if m.kind in {"one", "many"}), "")


_CLAIM = re.compile(
    r"(?<=\b)(?P<before>(?:to|about|of|on|with|against|deny|denied|confirm|confirmed|reject|rejected|explain|"
    r"justify|believe|dispute)\s+)(?:that|this|it)(?=\s*[?.!]*$)",
    re.IGNORECASE,
)


def _with_claim(ask: str, answer: str) -> str:
    """Replace a `that` which stands for what was just said by these words, in quotation marks."""
    said = _claim(answer)
    if not said:
        return ask
    return _CLAIM.sub(lambda match: f"{match['before']}“{said}”", ask, count=1)


def _claim(answer: str) -> str:
    """Return the first sentence of an answer, cut when it is long; nothing when it speaks to a model."""
    sentence = _SENTENCE.split(_unmarked(answer), maxsplit=1)[0]
    words = re.sub(r"[“”\"]", "", sentence).rstrip(" .\n").split()
    if len(words) < 3 or speaks_to_model(sentence):
        return ""
    return " ".join(words[:_LONGEST_CLAIM]) + (" …" if len(words) > _LONGEST_CLAIM else "")
