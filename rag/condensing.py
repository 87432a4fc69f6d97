"""A follow-up question -> one that stands alone, by reading; one that stands alone already stays as it is.

What a question leaves open can be filled in several ways. A judge, which asks the articles, says of each how
surely it is answered. One of them is the question before followed by this one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, dropwhile, takewhile, zip_longest
from typing import NamedTuple

from .injection import speaks_to_model
from .ordinary import is_function_word, is_opener

_BACK, _READ = 3, 300
"""Turns that are looked back at, and characters of what was asked and answered in each."""
_PROPOSED, _MARGIN = 4, 0.05
"""Proposals that are judged, and how much surer one must be to be taken in place of a likelier one."""


class Turn(NamedTuple):
    """A question that was asked before, and what was answered."""

    question: str
    answer: str = ""
    """Empty when it was declined."""
    searched: str | None = None
    """The standalone question; None when it is not known yet."""
    words: tuple[str, ...] = ()
    """The words of the articles that answered, the shortest first, where they are known."""


Judge = Callable[[str], float]
"""A question -> how surely the articles answer it, 0 to 1; below 0 when they say what they said before."""


def standalone(question: str, turns: Sequence[Turn], judge: Judge) -> str:
    """Return a question as it can be asked by itself; exactly as it is when it leans on no turn before."""
    turns = [turn for turn in turns[-_BACK:] if re.search(r"\w", turn.question)]
    if not turns or not leans(question):
        return question
    known: list[Turn] = []
    for turn in turns:
        searched = turn.searched or standalone(turn.question, known, lambda _: 0.0)
        known.append(turn._replace(searched=searched.strip()[:_READ].rstrip(" ?.!")))
    *made, plain = dict.fromkeys(f"{text[:1].upper()}{text[1:]}" for text in _proposals(question, known))
    likely = [plain, *made[: _PROPOSED - 1]]
    sure = {text: judge(text) for text in likely} if made else {plain: 0.0}
    return next(text for text in likely if sure[text] >= max(sure.values()) - _MARGIN)


def leans(question: str) -> bool:
    """Tell whether a question needs the turns before it to be understood."""
    ask = _asked(question)
    told = [word for word in _content(ask) if not (_is_led(question) and word in _LIGHT)]
    is_thin = len(told) < 2 and not _NAMED.search(ask) and not _DEFINES.fullmatch(ask)
    points = is_thin or _fragment(question) or _POINTS.search(ask) or _open(ask)
    return bool(points) and re.search(r"\w", ask) is not None


# --- what shows that a question leans on others

_AUX = (
    r"(?:(?:d(?:id|o|oes)|was|were|is|are|ha[sd]|have|will|would|can|could|should|must)(?:n['’]t)?|may|might)"
)
_ASKS = r"(?:who|whom|whose|what|which|when|where|why|how)"
_LEAD = re.compile(r"(?:(?:and|but|so|ok(?:ay)?|then|well|also|or),?\s+)+(?=\w)", re.IGNORECASE)
_ABOUT = re.compile(r"(?:what|how) about\s+|what of\s+", re.IGNORECASE)
_PHRASE = re.compile(r"(?:in|at|on|during|since|before|after|from|for|by|until|with|to)\b", re.IGNORECASE)
_DEFINES = re.compile(r"what (?:is|are) (?:an? )?[a-z-]+(?<!ed)\W*|(?:is|are) there an? .*", re.IGNORECASE)
"""`What is inflation?` has one word, and needs no other."""
_LIGHT = frozenset("say said says do think happen happened mean".split())
"""Words that tell little: `And what did the mayor say?` leans, and `And who mediated the talks?` does not."""
_NAMED = re.compile(r" [A-Z][\w-]")
_TIME = r"(?:years?|months?|weeks?|days?|times?|mornings?|evenings?|nights?|summer|autumn|winter|spring)\b"
_POINTS = re.compile(
    r"\bthe (?:other (?:side|party|camp|team|half|ones?)|former|latter)\b"
    rf"|\b[Tt]h(?:is|ese|ose) (?!{_TIME}|(?:who|that|of|in|from|with)\b)[a-z]+"
    rf"|\b(?i:{_AUX}) that (?!{_TIME})[a-z]+ \w"
    r"|(?<!\bsay )(?<!\bsaid )(?<!\bclaim )(?<!\bknow )(?<!\bthe )\bthat (?!\w+ed\b)[a-z]+(?=\W*$)"
)
"""`the other side`, `these attacks`, `that verdict`: they point back, and no other words take their place."""
_KINDS = {"he": "him his", "she": "her hers", "they": "them their theirs these those", "it": "its this that"}
_STANDS = {word: kind for kind, more in _KINDS.items() for word in (kind, *more.split())} | {"there": "there"}
"""Words that may point back, and the kind that each is of."""
_POINTER = re.compile(rf"\b(?:{'|'.join(_STANDS)})\b(?!['’-])", re.IGNORECASE)
_EMPTY_IT = re.compile(
    r"it (?:true|likely|possible|clear|known|certain|necessary|legal|safe|worth|important) [a-z]|it that\b"
    r"|it (?:takes?|took) .*\bto [a-z]+ \w|it (?:rain|snow)"
)
"""An `it` that stands for nothing: `Is it true that ...`."""
_CLAUSE = re.compile(
    r",|\b(?:and|or|but) (?!the )[a-z]|\w (?:who|which|that|when|where|how|if|because|while|after|before) \w"
)


def _is_led(question: str) -> bool:
    return _LEAD.match(question.lstrip()) is not None


def _asked(question: str) -> str:
    plain = " ".join(question.split())
    return _LEAD.sub("", plain, count=1) if _is_led(plain) else plain


def _content(text: str) -> list[str]:
    """Return the words of a text that are no grammar, in lower case."""
    words = re.findall(r"[^\W_][\w’'-]*", text.casefold())
    return [word for word in words if not is_function_word(re.sub(r"(?:n['’]t|['’]s)$", "", word))]


def _fragment(question: str) -> str:
    """Return the few words that a question is, without `and` or `what about`; nothing of a whole sentence."""
    ask = _asked(question)
    new = _ABOUT.sub("", ask, count=1).strip(" ?.!")
    opens = _is_led(question) or not ask.startswith(new) or _PHRASE.match(new)
    is_short = 0 < len(_content(new)) <= 4 and not re.search(rf"\b(?:{_ASKS}|{_AUX})\b", new, re.IGNORECASE)
    return new if opens and is_short else ""


def _open(ask: str) -> list[re.Match[str]]:
    """Return the pronouns for which nothing before them in their own question can stand."""
    found = _POINTER.finditer(ask)
    return [at for at in found if _is_open(at[0].casefold(), ask[: at.start()], ask[at.start() :])]


def _is_open(word: str, before: str, rest: str) -> bool:
    after = rest[len(word) :]
    is_last = not re.search(r"\w", after)
    if word in {"this", "that", "these", "those"}:
        noun = re.match(rf" (?:{_TIME}|([a-z]+) \w)", after)
        has_noun = noun and not is_function_word(noun[1] or "")
        return is_last or bool(re.search(rf"\b{_AUX} $", before, re.IGNORECASE) and not has_noun)
    if word == "there":
        return is_last and not re.search(r"\b(?:is|are|was|were) $", before, re.IGNORECASE)
    tells = re.match(r"who|which", before, re.IGNORECASE) and re.match(rf" {_AUX}\b", after)
    if tells or _EMPTY_IT.match(rest):
        return False  # who announced that he would resign
    if is_last:
        return not _CLAUSE.search(before)  # nobody denies itself: did Novak deny it
    told = max(len(_content(before)), len(_content(after.partition(",")[2])))
    return told < 2 and not _NAMED.search(before)


# --- what it may mean

_YEAR = re.compile(r"\b(?:1\d|20)\d\d\b")
_MANY = re.compile(r"(?<![su])s$|people$|men$|children$")
_OPENER = re.compile(r"\A(?:The|An?|His|Her|Its|Their|In|At|On|By|From)\b")
_NEGATED = {"will": "won’t", "can": "can’t", "may": "may not"}
_CAPITAL = r"[A-Z][\w-]+(?:[’'](?!s\b)\w+)?"
_NAME = re.compile(rf"{_CAPITAL}(?: (?:(?:and|of|de|van|von|al) )?{_CAPITAL})*")
_NOUN = re.compile(
    rf"\b(?:(?P<verb>{_AUX}) )?(?:the|an?|some|(?P<asks>how many|which|what)|of|about|for|with|by|in|at|on)"
    r" (?=(?P<run>[\w’'-]+(?: [\w’'-]+){0,5}))",
    re.IGNORECASE,
)
_VERB = re.compile(
    r"\w{2,}ed|say|said|go|went|come|came|get|got|make|made|take|took|hold|held|win|won|lose|lost|find|found|"
    r"build|built|pay|paid|sell|sold"
)


def _proposals(question: str, turns: Sequence[Turn]) -> Iterator[str]:
    """Yield what a question may mean after those before, likeliest first; the two questions together last."""
    ask, new = _asked(question), _fragment(question)
    told = [number for number, turn in enumerate(turns, 1) if turn.answer]
    if told and not turns[-1].answer and not any(_swapped(new, str(turns[-1].searched))):
        turns = turns[: told[-1]]  # what was declined is not gone on with
    before = str(turns[-1].searched)
    if new and not _open(ask):
        yield from _swapped(new, before)
        yield from [f"{before} {new}?"] if _PHRASE.match(new) else []
    else:
        yield from _asked_of(ask, before.rpartition("? ")[2])
        yield from _named(ask, _referents(turns))
    yield f"{before.partition('? ')[0]}? {ask[:1].upper()}{ask[1:]}"


def _swapped(new: str, before: str) -> Iterator[str]:
    """Yield the question before with new words in the place of what they are like there."""
    year = _YEAR.search(new)
    if year and _YEAR.search(before):
        yield f"{_YEAR.sub(year[0], before)}?"
    elif preposition := _PHRASE.match(new):
        alike = re.compile(rf"\b{preposition[0]} (?:the )?[A-Z\d][\w’'-]*(?: [A-Z\d][\w’'-]*)*")
        yield from [f"{alike.sub(new, before, count=1)}?"] if alike.search(before) else []
    elif new and not year:
        named = new != new.lower()
        olds = [old for old in _phrases(before) if (old != old.lower()) == named]
        yield from (f"{before.replace(_bare(old), _bare(new), 1)}?" for old in olds)


def _bare(noun: str) -> str:
    return noun.removeprefix("the ")


def _asked_of(ask: str, before: str) -> Iterator[str]:
    """Yield `Why?` asked of the rest of the question before, and `How many were ...?` of what it names."""
    word = re.fullmatch(r"(when|where|why|how)( not)?(?: exactly| so| come)?\W*", ask, re.IGNORECASE)
    rest = re.fullmatch(rf"(?:(?:when|where|why|how)(?: long)? )?({_AUX}) (.+)", before, re.IGNORECASE)
    if word and rest:
        verb = rest[1].lower()
        negated = word[2] and not verb.endswith(("n't", "n’t"))
        yield f"{word[1]} {_NEGATED.get(verb, f'{verb}n’t') if negated else verb} {rest[2]}?"
    if count := re.fullmatch(rf"(how many|how much|which) ((?:{_AUX}|[a-z]+ed)\b.*)", ask, re.IGNORECASE):
        yield from (f"{count[1]} {_bare(noun)} {count[2]}" for noun in _phrases(before) if _MANY.search(noun))


def _named(ask: str, referents: Sequence[str]) -> Iterator[str]:
    """Yield a question with its open pronouns replaced, each kind of them by another referent."""
    kinds = list(dict.fromkeys(_STANDS[at[0].casefold()] for at in _open(ask)))
    ranked = {kind: _ranked(kind, referents) for kind in kinds}
    for first in ranked[kinds[0]] if kinds else ():
        stands = {kinds[0]: first}
        for kind in kinds[1:]:
            stands[kind] = next((each for each in ranked[kind] if each not in stands.values()), "")
        yield _filled(ask, stands)
    if not kinds and re.search(r"\b(?:say|said|think)\W*$", ask):
        yield from (f"{ask.rstrip(' ?.!')} about {each}?" for each in referents)


def _filled(ask: str, stands: Mapping[str, str]) -> str:
    for at in reversed(_open(ask)):
        word, after = at[0].casefold(), ask[at.end() :]
        new = stands[_STANDS[word]] or at[0]
        owned = word == "her" and re.match(r" ([a-z]+)", after)
        if word in {"his", "its", "their", "hers", "theirs"} or (owned and not is_function_word(owned[1])):
            new += "’" if new.endswith("s") else "’s"
        place = word == "there" and not _PHRASE.match(new)
        ask = f"{ask[: at.start()]}{'in ' if place else ''}{new}{after}"
    return ask


def _ranked(kind: str, referents: Sequence[str]) -> list[str]:
    """Return what a kind of pronoun may stand for, likeliest first; `he` and `she` rather for names only."""
    fitting = [each for each in referents if _fits(kind, each)]
    others = [each for each in referents if each not in fitting]
    return fitting if fitting and kind in {"he", "she"} else fitting + others


def _fits(kind: str, referent: str) -> bool:
    if kind == "it":
        return referent.startswith("the ")
    if kind == "they":
        return " and " in referent or _MANY.search(referent) is not None
    return referent.rpartition(" ")[2][:1].isupper() and not re.search(r"^the [A-Z]| and ", referent)


def _referents(turns: Sequence[Turn]) -> list[str]:
    """Return what the turns before asked about and what answered them, the latest first; no numbers."""
    found: list[str] = []
    for turn in reversed(turns):
        question = str(turn.searched)
        told = (
            () if re.match("how|when", question, re.IGNORECASE) else turn.words or _names(turn.answer[:_READ])
        )
        pair = (_phrases(question), told)
        asks_who = re.match("who|which", question, re.IGNORECASE)
        found += filter(None, chain.from_iterable(zip_longest(*(reversed(pair) if asks_who else pair))))
    said = (_OPENER.sub(lambda first: first[0].lower(), each) for each in found)
    return [each for each in dict.fromkeys(said) if not re.search(r"\d", each) and not speaks_to_model(each)]


def _names(text: str) -> list[str]:
    found = (list(dropwhile(_is_plain, at[0].split())) for at in _NAME.finditer(text))
    return [" ".join(words) for words in found if words]


def _is_plain(word: str) -> bool:
    return is_function_word(word.casefold()) or is_opener(word.casefold())


def _phrases(question: str) -> list[str]:
    """Return the names and nouns of a question, in order; nouns with `the`."""
    text = f"{question[:1].lower()}{question[1:]}"
    found = [(at.start(), at[0]) for at in _NAME.finditer(text) if not text[: at.start()].endswith("the ")]
    found += [(at.start("run"), f"the {noun}") for at in _NOUN.finditer(text) if (noun := _noun(at))]
    return [phrase for _, phrase in sorted(found)]


def _noun(at: re.Match[str]) -> str:
    """Return the noun that opens a run of words, without the verb that follows it."""
    has_the = at[0].casefold().endswith("the ")
    name = _NAME.match(at["run"])
    if name and not has_the:
        return ""
    head = [name[0]] if name else at["run"].split()[: int(has_the)]
    rest = at["run"][len("".join(head)) :].split()
    words = [*head, *takewhile(lambda word: not (is_function_word(word) or _VERB.fullmatch(word)), rest)]
    then = "".join(rest[len(words) - len(head) :][:1])
    is_be = re.match("is|are|was|were", at["verb"] or "") and at.start()
    is_whole = is_be or then == "of" or re.fullmatch(rf"{_AUX}|{_VERB.pattern}", then)
    return " ".join(words[:-1] if (at["verb"] or at["asks"]) and not is_whole and len(words) > 1 else words)
