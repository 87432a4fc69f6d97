"""What a question asks for, and the patterns by which a sentence shows or gives it."""

from __future__ import annotations

import re
from typing import Literal

from .ordinary import is_function_word, is_opener

Kind = Literal["number", "date", "place", "person", "reason", "statement", "any"]

_ASKS: dict[Kind, re.Pattern[str]] = {
    "number": re.compile(
        r"\bhow (?:many|much|long|old|far|often|tall|big|large|high)\b|\bwhat (?:number|percentage|share|proportion)\b|"
        r"\bwhat (?:is|was|are|were) (?:the|\w+['’]s) (?:\w+ )?"
        r"(?:population|length|height|width|depth|weight|size|area|age|price|cost|value|budget|speed|distance|"
        r"capacity|salary|revenue|temperature|score|death toll|rate)\b",
        re.IGNORECASE,
    ),
    "date": re.compile(
        r"\bwhen\b|\b(?:what|which) (?:\w+ )?(?:day|date|year|month|week|century|decade|time)\b",
        re.IGNORECASE,
    ),
    "place": re.compile(
        r"\bwhere\b|\b(?:what|which) (?:\w+ )?(?:city|country|place|state|town|region|province|location|venue)\b",
        re.IGNORECASE,
    ),
    "person": re.compile(
        r"\bwho(?:m|se)?\b|\b(?:what|which) (?:\w+ )?(?:person|president|minister|actor|player|singer|author|leader|spokes\w+)\b",
        re.IGNORECASE,
    ),
    "reason": re.compile(r"\bwhy\b|\bhow come\b|\bwhat (?:caused|reasons?|led)\b", re.IGNORECASE),
    "statement": re.compile(
        r"\b(?:what|how) (?:did|does|do|has|have)\b.*\b(?:say|said|describe\w*|call\w*|think|claim\w*|accuse\w*|explain\w*|respond\w*|react\w*|demand\w*|warn\w*|urge\w*)\b",
        re.IGNORECASE,
    ),
}
"""Tried in this order."""

_MONTH = r"january|february|march|april|may|june|july|august|september|october|november|december"
_SHOWS: dict[Kind, re.Pattern[str]] = {
    "number": re.compile(
        rf"(?<!\d)(?!(?:1\d|20)\d\d\b)\d[\d,.]*(?!\d| (?:{_MONTH}))|"
        r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozens?|hundreds?|"
        r"thousands?|millions?|billions?|half|twice)\b",
        re.IGNORECASE,
    ),
    "date": re.compile(
        rf"\b(?:{_MONTH}|monday|tuesday|wednesday|thursday|friday|saturday|sunday|yesterday|today|"
        r"century)\b|\b1\d{3}\b|\b20\d{2}\b|\b\d{1,2}:\d{2}\b",
        re.IGNORECASE,
    ),
    "place": re.compile(
        rf"\b(?:in|at|near|outside|across)\s+(?:the\s+)?(?!(?i:{_MONTH})\b)[A-Z]",
    ),
    "person": re.compile(
        r"(?<![.!?“\"] )(?<!^)\b[A-Z][\w’'-]+ (?:(?:de|van|von|al|bin|el|der|la) )?[A-Z][\w’'-]+"
    ),
    "reason": re.compile(
        r"\b(?:because|since|due to|as a result|after|over|so that|in order|caused?|led to|blam\w+|"
        r"accus\w+|sought|aim\w*|amid)\b",
        re.IGNORECASE,
    ),
    "statement": re.compile(
        r"[“\"]|\b(?:said|says|told|stated|described|called|claimed|warned|argued|added|insisted|"
        r"accused|alleged|urged|condemned|admitted|according)\b",
        re.IGNORECASE,
    ),
}


def kind_asked(question: str) -> Kind:
    """Return what kind of answer a question wants; `any` when it does not show."""
    return next((kind for kind, pattern in _ASKS.items() if pattern.search(question)), "any")


def shows_kind(kind: Kind, sentence: str) -> bool:
    """Tell whether a sentence holds something of that kind; every sentence does for `any`."""
    pattern = _SHOWS.get(kind)
    return pattern is None or bool(pattern.search(sentence))


_GIVES: dict[Kind, re.Pattern[str]] = {
    "number": re.compile(
        r"\d[\d,.]*|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozens?|hundreds?|"
        r"thousands?|millions?|billions?|half|third|quarter|twice|once|single|no|none|zero)\b",
        re.IGNORECASE,
    ),
    "date": re.compile(
        rf"\b(?:{_MONTH.title()}|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)\b|"
        r"\b(?:1\d{3}|20\d\d)s?\b|\b\d+(?:st|nd|rd|th)? century\b"
    ),
    "person": re.compile(r"\b[A-Z][\w-]+"),
}
"""Of the kinds whose absence tells something; any capitalised word that is not grammar may be a name."""


def gives_kind(kind: Kind, sentence: str, *, beyond: str) -> bool:
    """Tell whether a sentence gives a number, date or name that is not part of the question already.

    Of other kinds nothing is known, so every sentence may give them.
    """
    pattern = _GIVES.get(kind)
    if pattern is None:
        return True
    known = beyond.casefold()
    given = ((match.start(), match[0].casefold()) for match in pattern.finditer(sentence))
    return any(word not in known and not (kind == "person" and _is_plain(word, at)) for at, word in given)


def _is_plain(word: str, at: int) -> bool:
    """Tell whether a capitalised word is grammar, or capitalised only because the sentence starts with it."""
    return is_function_word(word) or (at == 0 and is_opener(word))


_VERB = (
    r"(?:is|are|was|were|be|been|do|does|did|has|have|had|can|could|will|would|shall|should|may|might|must)"
)
_THING = re.compile(
    rf"\b(?:what|which|how many|how much)\s+(?!{_VERB}\b)"
    rf"(?:(?P<phrase>(?:[\w’'-]+\s+){{0,3}}?[\w’'-]+)(?=\s+(?:{_VERB}|of|for|between|from)\b)|(?P<word>[\w’'-]+))",
    re.IGNORECASE,
)


def thing_asked_for(question: str) -> str:
    """Return the words after `which`, `what` or `how many`: "hotel", "Pakistani soldiers"; empty without any.

    They end before an auxiliary verb; where none follows soon, the first word stands for all.
    """
    match = _THING.search(question)
    return (match["phrase"] or match["word"]) if match else ""


_NAME = re.compile(
    r"\b(?:which|what)\b(?! (?:if|happened|does|did|do|was|were|is|are|has|had)\b)|"
    r"\bnamed?\b|\bcalled\b|\bwhat (?:is|was|are|were) (?:\w+ ){0,3}names\b",
    re.IGNORECASE,
)


def asks_for_name(question: str) -> bool:
    """Tell whether the name of something may answer: `Which company ...?`, `What is it called?`."""
    return _NAME.search(question) is not None


_SENTENCE_END = re.compile(r"(?<=[^\W\d_]{3}[.!])[\"”’)]*\s+(?=[\"“‘(]?[A-Z])|(?<=\?)\s+(?=\w)")


def ask_of(question: str) -> str:
    """Return the last sentence of a question, which asks; those before it tell what it is about.

    A full stop ends a sentence after three letters only, so that `U.S.` and `Mr.` do not.
    """
    return _SENTENCE_END.split(question.strip())[-1]
