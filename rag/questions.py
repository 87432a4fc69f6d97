"""What a question asks for, and the patterns by which a sentence shows it."""

from __future__ import annotations

import re
from typing import Literal

Kind = Literal["number", "date", "place", "person", "reason", "statement", "any"]

_BE_OR_DO = (
    r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|shall|should|may|might|must|exactly)"
)
_ASKS: dict[Kind, re.Pattern[str]] = {
    "number": re.compile(
        r"\bhow (?:many|much|long|old|far|often|tall|big|large|high)\b|\bwhat (?:number|percentage|share|proportion)\b|"
        r"\bwhat (?:is|was|are|were) (?:the|\w+['’]s) (?:\w+ )?"
        r"(?:population|length|height|width|depth|weight|size|area|age|price|cost|value|budget|speed|distance|"
        r"capacity|salary|revenue|temperature|score|death toll|rate)\b",
        re.IGNORECASE,
    ),
    "date": re.compile(
        rf"\bwhen(?= (?:{_BE_OR_DO}|in|on|and)\b|['’]s|\W*$)|"
        r"\b(?:what|which) (?:\w+ )?(?:days?|dates?|years?|months?|weeks?|century|decade|time)\b",
        re.IGNORECASE,
    ),
    "place": re.compile(
        rf"(?:^|[,;]|\b(?:and|from)) ?where\b|\bwhere(?= {_BE_OR_DO}\b|\W*$)|"
        r"\b(?:what|which) (?:\w+ )?(?:city|country|place|state|town|region|province|location|venue)\b",
        re.IGNORECASE,
    ),
    "person": re.compile(
        r"(?:^|[,;:]|\b(?:and|but|by|to|of|from|with|for|against|on|in)) ?who(?:m|se)?\b|"
        r"\b(?:what|which) (?:\w+ )?(?:person|president|minister|actor|player|singer|author|leader|spokes\w+)\b",
        re.IGNORECASE,
    ),
    "reason": re.compile(r"\bwhy\b|\bhow come\b|\bwhat (?:caused|reasons?|led)\b", re.IGNORECASE),
    "statement": re.compile(
        r"\b(?:what|how) (?:did|does|do|has|have)\b.*\b(?:say|said|describe\w*|call\w*|think|claim\w*|accuse\w*|explain\w*|respond\w*|react\w*|demand\w*|warn\w*|urge\w*)\b",
        re.IGNORECASE,
    ),
}
"""What comes first in a question counts: `What happens when ...` asks for no date."""

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
    found = [(match.start(), kind) for kind, pattern in _ASKS.items() if (match := pattern.search(question))]
    return min(found, key=lambda each: each[0])[1] if found else "any"


def shows_kind(kind: Kind, sentence: str) -> bool:
    """Tell whether a sentence holds something of that kind; every sentence does for `any`."""
    pattern = _SHOWS.get(kind)
    return pattern is None or bool(pattern.search(sentence))


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
    """Return the sentence of a question that asks; the others tell what it is about.

    It is the last one with a question mark, or the last of all. A full stop ends a sentence after three
    letters only, so that `U.S.` and `Mr.` do not.
    """
    sentences = _SENTENCE_END.split(question.strip())
    return next((sentence for sentence in reversed(sentences) if sentence.endswith("?")), sentences[-1])


_ONLY_ASKS = re.compile(
    r"\bstands? for(?=\W*$)|(?<=[\w'’”\"] )means?(?=\W*$)|\baccording to the (?:articles?|sources?|news)\b|"
    r"\bin (?:the|these|your) articles\b|^(?:please |can you |could you )?(?:tell me|explain)\b",
    re.IGNORECASE,
)


def matter_of(question: str) -> str:
    """Return a question without the words that only ask, as `stand for` in `What does UN stand for?`.

    No sentence that answers need hold them.
    """
    return _ONLY_ASKS.sub(" ", question)
