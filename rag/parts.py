"""Question -> its parts, each a question of its own; by rules, and when in doubt it stays whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from .ordinary import is_function_word
from .parties import country
from .speakers import NOBODY, Speaker

MAX_PARTS = 4

_AUX = r"(?:did|do|does|was|were|is|are|has|have|had|will|would|can|could|should)"
_PLAIN = r"(?:when|where|why|how)"
_WH = rf"(?:{_PLAIN}|who|whom|what|which|how (?:many|much|long|often))"
_OPENING = re.compile(
    rf"(?:{_PLAIN}(?:,? and|,)? (?:{_AUX}|{_PLAIN})|{_AUX}|"
    r"(?:(?:in|on|at|by|from|for|to|with|of) )?(?:whom?|what|which|how \w+))\b",
    re.IGNORECASE,
)
"""How a question begins; a `when` without a verb after it opens a condition."""
_PRONOUNS = frozenset("it they them he she him her his their its".split())


class Part(NamedTuple):
    """A part of a question."""

    text: str
    """A question that can be asked by itself."""
    asks: str
    """What the user asked in it, in few words, such as `where`."""
    speaker: Speaker = NOBODY
    """The side whose own statements are asked for."""
    article: str = ""
    """Identity of the article that is asked about."""
    optional: bool = False
    """Nobody asked for this part by itself, so nobody misses it."""
    opening: bool = False
    """It asks how the article sums it up, which news does in its first sentences."""


class Titled(NamedTuple):
    """An article that may be asked about."""

    id: str
    title: str


def split(
    question: str,
    parties: Callable[[], Sequence[str]] = tuple,
    articles: Callable[[], Sequence[Titled]] = tuple,
) -> list[Part]:
    """Return the parts of a question, at most four; itself alone when it asks one thing.

    `parties` names the two sides of the story, for questions about "each side", `articles` those that tell
    it, for questions about "both articles", the nearest first.
    """
    plain = " ".join(question.split())
    if len(re.findall(r"[.?!](?= )", plain)):
        return [Part(question, question)]
    found = (
        _each_side(plain, parties)
        or _each_article(plain, articles)
        or _by_speaker(plain)
        or _by_account(plain)
        or _by_clause(plain)
    )
    unique = list({(part.text, part.article): part for part in found}.values())
    return unique if 1 < len(unique) <= MAX_PARTS else [Part(question, question)]


# --- "when and where ..., and who ..."

_CLAUSE = re.compile(
    rf"(?:,\s*(?:and\s+|or\s+|but\s+)?|;\s*(?:and\s+)?|\s+and\s+)"
    rf"(?=(?:{_PLAIN}\s+{_AUX}\b|how (?:many|much|long|often)\b|"
    rf"what\s+(?:{_AUX}|happened|caused|led)\b|which\s+\w+\s+{_AUX}\b|whom\s+{_AUX}\b))"
    rf"|(?:,|;)\s*and\s+(?=who\s+(?!{_AUX}\s+also)\w+)",
    re.IGNORECASE,
)
"""Where a new question begins: its word is followed by a verb; `who` needs a comma and `and` before it."""
_WORDS_TOGETHER = re.compile(
    rf"(?P<words>{_PLAIN}(?:, {_PLAIN})*,? and {_PLAIN}) (?P<rest>{_AUX}\b.+)", re.IGNORECASE
)


def _by_clause(question: str) -> list[Part]:
    """Split where a new question begins; the words of the first one are carried over to short ones."""
    if not _OPENING.match(question):
        return []
    borders = [match for match in _CLAUSE.finditer(question) if not _is_inside(question, match)]
    starts = [0, *(match.end() for match in borders)]
    ends = [*(match.start() for match in borders), len(question)]
    clauses = [question[a:b].strip(" ?.,;") for a, b in zip(starts, ends, strict=True)]
    later = [Part(_question(_carried(clause, clauses[0])), clause) for clause in clauses[1:]]
    if any(_leans(part.text) for part in later) or _IS_OPEN.fullmatch(clauses[0]):
        return []
    return [*_together(clauses[0]), *later]


_IS_OPEN = re.compile(r"what (?:is|are|was|were) (?:the|an?) \w+", re.IGNORECASE)
"""A clause whose noun may get its `of ...` from the next one."""


def _leans(question: str) -> bool:
    """Tell whether a question says little more than a pronoun, so that it cannot be asked by itself."""
    words = [word.casefold() for word in re.findall(r"[^\W\d_]+", question)]
    told = [word for word in words if not is_function_word(word) and word != "now"]
    return len(told) < 2 and (words[0] == "who" or not _PRONOUNS.isdisjoint(words))


def _is_inside(question: str, border: re.Match[str]) -> bool:
    """Tell whether a border lies in a quotation, in a relative clause or between mere question words."""
    before, after = question[: border.start()], question[border.end() :].lower()
    quoted = len(re.findall(r"[\"“”«»]", before)) % 2 == 1
    words_only = re.fullmatch(rf"{_PLAIN}(?:, {_PLAIN})*", before, re.IGNORECASE) is not None
    relative = re.search(r"\w,? (?:who|which|that|whose)\b", before) is not None
    return quoted or words_only or (relative and re.match(r"wh(?:om?|ich|en|ere)\b", after) is not None)


def _together(clause: str) -> list[Part]:
    """Return one part for each of several question words that share their clause: `when and where`."""
    match = _WORDS_TOGETHER.fullmatch(clause)
    if match is None:
        return [Part(_question(clause), clause)]
    words = re.findall(_PLAIN, match["words"], re.IGNORECASE)
    return [Part(_question(f"{word} {match['rest']}"), word.lower()) for word in words]


def _carried(clause: str, first: str) -> str:
    """Return a later clause with what it takes over from the first: its noun, or its subject."""
    counted = _COUNTED.match(first)
    if counted:
        noun = counted["noun"] or "people"
        clause = _COUNT_ALONE.sub(f"how many {noun} ", clause)
        return _SAYS_SO.sub(rf"\1 that {noun} {counted['rest']}", clause)
    subject = _subject(first)
    if subject is None:
        return clause
    if re.match(r"when|where", first, re.IGNORECASE):
        clause = re.sub(
            r"^(who(?: (?:was|were|has|had))? \w+)$", rf"\1 {subject}", clause, flags=re.IGNORECASE
        )
    clause = re.sub(r"\b(?:them|it|they)\b", subject, clause, count=1)
    return re.sub(r"\b(?:its|their)\b", f"{subject}{'’' if subject.endswith('s') else '’s'}", clause, count=1)


_VERBS = r"(?:were|was|are|have|had|did|\w+ed\b)"
_COUNTED = re.compile(rf"how many (?:(?P<noun>(?!{_VERBS})\w+) )?(?P<rest>.+)", re.IGNORECASE)
_COUNT_ALONE = re.compile(rf"^how many (?={_VERBS})", re.IGNORECASE)
_SAYS_SO = re.compile(
    r"^(who (?:says|said|claims|claimed|reports|reported)) (?:so|this|that|it)$", re.IGNORECASE
)
_SUBJECT = re.compile(
    rf"(?i:{_WH}(?:(?:,| and|, and) {_WH})*)\s+{_AUX}\s+"
    r"(?P<subject>(?:the|this|these)(?: [\w’'-]+){1,2}?|[A-Z][\w’'-]+(?: [A-Z][\w’'-]+)*)"
    r"(?=\s+(?:take|happen|begin|start|end|held|meet|fail|break|collapse|ask|say|want|do|come|go|make|win|lose|"
    r"live|work|sign|agree|leave|arrive|give|get|become|in|on|at|between|of|for|with|from|\w+ed)\b|$)"
)
"""The subject of a question: a name, or a noun with its article."""


def _subject(clause: str) -> str | None:
    """Return the subject of a question, None when a pronoun could mean something else in it as well."""
    match = _SUBJECT.match(clause)
    if match is None or re.search(r"\b(?:the|a|an|[A-Z]\w+)\b", clause[match.end() :]):
        return None
    return match["subject"]


# --- "what did X and Y say", "how do X's and Y's accounts differ", "each side"

_REPORTS = {
    "say": "say said says",
    "describe": "describe described describes",
    "explain": "explain explained explains",
    "think": "think thought thinks",
    "claim": "claim claimed claims",
    "react": "react reacted reacts",
    "respond": "respond responded responds",
    "see": "see saw sees",
    "view": "view viewed views",
    "blame": "blame blamed blames",
    "call": "call called calls",
    "account": "account accounted accounts",
    "warn": "warn warned warns",
    "demand": "demand demanded demands",
    "justify": "justify justified justifies",
}
_FORMS = {form: base for base, forms in _REPORTS.items() for form in forms.split()}
_VERB = rf"(?P<verb>{'|'.join(sorted(_FORMS, key=len, reverse=True))})"
_NAME = r"(?:[A-Z][\w’'-]+)(?: (?:al-|de |van |von )?[A-Z][\w’'-]+){0,3}"
_SPEAKERS = re.compile(
    rf"(?:(?P<ask>What|How|Why) (?P<aux>did|do|does) |Compare (?P<compared>what|how) )(?:both )?"
    rf"(?P<first>{_NAME}),? and (?P<second>{_NAME}) {_VERB}\b(?P<rest>[^?.]*)[?.]?"
)


def _by_speaker(question: str) -> list[Part]:
    """Split what two named people or countries said; one name that holds an `and` stays whole."""
    match = _SPEAKERS.fullmatch(question)
    if match is None or not all(_stands_alone(match[name]) for name in ("first", "second")):
        return []
    ask, aux = (match["ask"] or match["compared"]).capitalize(), match["aux"] or "did"
    aux = "does" if aux == "do" else aux
    tail = f"{_FORMS[match['verb']]}{match['rest']}"
    return [
        Part(
            f"{ask} {aux} {match[name]} {tail}?",
            f"{ask.lower()} {aux} {match[name]} {tail}",
            Speaker(country(match[name])),
        )
        for name in ("first", "second")
    ]


def _stands_alone(name: str) -> bool:
    """Tell whether a name is whole by itself: a country or its capital, or two names of a person."""
    return bool(country(name)) or (" " in name and not _OFFICE.search(name))


_OFFICE = re.compile(
    r"\b(?:Minister|Ministry|Secretary|Department|Committee|Council|Office|Bureau|Court|Commission|Agency)\b"
)


_NOUNS = r"(?:accounts?|versions?|views?|positions?|statements?|explanations?|stor(?:y|ies)|opinions?)"
_ADJECTIVES = (
    rf"(?:the )?(?P<first>[A-Z]\w+)(?:’s|'s)? and (?:the )?(?P<second>[A-Z]\w+)(?:’s|'s)? (?P<noun>{_NOUNS})"
)
_OF_BOTH = rf"the (?P<noun>{_NOUNS}) of (?P<first>[A-Z]\w+) and (?:of )?(?P<second>[A-Z]\w+)"
_ABOUT = r"(?P<about> (?:of|on|about|over) [^?]+?)?(?: differ| compare)?[?.]?"
_ACCOUNTS = [
    re.compile(rf"(?:How (?:do|did)|Compare|What (?:are|were)) {both}{_ABOUT}")
    for both in (_ADJECTIVES, _OF_BOTH)
]


def _by_account(question: str) -> list[Part]:
    """Split how two countries' accounts differ."""
    match = next((found for pattern in _ACCOUNTS if (found := pattern.fullmatch(question))), None)
    if match is None or not (country(match["first"]) and country(match["second"])):
        return []
    return [_account(match[name], match["noun"], match["about"]) for name in ("first", "second")]


def _account(party: str, noun: str, about: str | None) -> Part:
    one = f"{noun[:-3]}y" if noun.endswith("ies") else noun.removesuffix("s")
    tail = f"{party} {one}{about or ''}"
    return Part(f"What is the {tail}?", f"what is the {tail}", Speaker(country(party)))


_SIDES = r"(?:each side|both sides|the two sides|either side|the sides|each of the (?:two )?sides)"
_EACH = re.compile(
    rf"(?:Compare )?(?P<ask>what|how|where|why|whom)(?: (?P<aux>did|do|does))? {_SIDES} "
    rf"{_VERB}\b(?P<rest>[^?.]*)[?.]?",
    re.IGNORECASE,
)
_EACH_ACCOUNT = re.compile(
    rf"(?:What (?:is|are|was|were)|Compare|How (?:do|did)) {_SIDES}(?:’s|'s|’|') (?P<noun>{_NOUNS}){_ABOUT}",
    re.IGNORECASE,
)


def _each_side(question: str, parties: Callable[[], Sequence[str]]) -> list[Part]:
    """Split a question about each side into one for each of the two main parties."""
    if match := _EACH_ACCOUNT.fullmatch(question):
        return [_account(party, match["noun"].lower(), match["about"]) for party in parties()]
    match = _EACH.fullmatch(question)
    if match is None:
        return []
    ask, aux = match["ask"].capitalize(), "did" if match["aux"] == "did" else "does"
    tail = f"{_FORMS[match['verb'].lower()]}{match['rest']}"
    return [
        Part(
            f"{ask} {aux} {party} {tail}?",
            f"{ask.lower()} {aux} {party} {tail}",
            Speaker(country(party)),
        )
        for party in parties()
    ]


# --- "each of the two articles", "what do the articles say about"

_ARTICLES = (
    r"(?P<which>each|both|either|the)(?: of)?(?: the)?(?: (?P<count>two|three|four))? "
    r"(?:articles?|reports?|sources|papers|texts)"
)
_TELLS = r"(?P<tells>\w+(?: up| to| out)?)(?: (?:about|of|on|over|in|from|for|as))?"
_EACH_ARTICLE = re.compile(
    rf"(?:(?:Compare )?(?:what|how|where)(?: (?:do|does|did))? {_ARTICLES} {_TELLS}|"
    rf"(?:do|does|did) {_ARTICLES.replace('<which>', '<which2>').replace('<count>', '<count2>')} "
    r"(?:\w+ the same|(?:agree|differ|disagree) (?:about|on|over|in))) (?P<topic>[^?.]+)[?.]?",
    re.IGNORECASE,
)


def _each_article(question: str, articles: Callable[[], Sequence[Titled]]) -> list[Part]:
    """Split a question about what articles say into one for each; `the articles` misses none."""
    match = _EACH_ARTICLE.fullmatch(question)
    if match is None or re.match(r"(?:when|where|whether|that|if|who|why|how)\b", match["topic"]):
        return []
    which, count = match["which"] or match["which2"], match["count"] or match["count2"]
    most = 2 if which.lower() == "both" else _COUNTS.get(count or "", MAX_PARTS)
    optional = which.lower() == "the" and not count
    text = f"What about {match['topic']}?"
    opening = (match["tells"] or "").startswith(("sum", "open", "begin"))
    return [
        Part(
            text, f"what “{article.title}” says about {match['topic']}", NOBODY, article.id, optional, opening
        )
        for article in articles()[:most]
    ]


_COUNTS = {"two": 2, "three": 3, "four": 4}


def _question(clause: str) -> str:
    return f"{clause[0].upper()}{clause[1:]}?"
