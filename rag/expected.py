"""What answer a question expects: its form, the thing asked for, and what that thing must satisfy."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from .questions import ask_of, kind_asked

Form = Literal["count", "amount", "date", "agent", "role", "place", "instance", "statement", "any"]
"""`count`: how many of a thing; `amount`: another number; `agent`: who did it; `role`: who holds an office;
`instance`: which of a sort; `statement`: what somebody said."""


class Expected(NamedTuple):
    """The answer that a question expects; all words are in lower case."""

    form: Form
    thing: tuple[str, ...] = ()
    """The words for what is counted, held or chosen; the noun last."""
    verb: str = ""
    """What the person asked for did; empty when it does not follow the question word."""
    future: bool = False
    """It asks when something will be."""
    speaker: tuple[str, ...] = ()
    """The words that name whose statement it asks for."""

    @property
    def noun(self) -> str:
        """The singular of the thing's noun; empty without a thing."""
        return singular(self.thing[-1]) if self.thing else ""

    @property
    def modifiers(self) -> tuple[str, ...]:
        """The thing's other words: `prime` of a prime minister."""
        return tuple(singular(word) for word in self.thing[:-1])


def expected_of(question: str) -> Expected:
    """Return what answer a question expects; where it has several sentences, the one that asks."""
    ask = ask_of(question)
    kind, thing = kind_asked(ask), thing_asked_for(ask)
    if kind == "statement" and (speaker := _SPEAKER.search(ask)):
        return Expected("statement", speaker=_words(_ARTICLE.sub("", speaker["speaker"])))
    if kind == "person":
        return _person(ask)
    if kind == "number":
        counted = re.search(r"\bhow many\b", ask, re.IGNORECASE)
        return Expected("count", _words(thing)) if counted else Expected("amount")
    if kind == "date":
        return Expected("date", future=_FUTURE.search(ask) is not None)
    if kind == "place":
        return Expected("place", _words(_AFTER_PLACE.sub("", thing)))
    return Expected("instance", _words(thing)) if kind == "any" and thing else Expected("any")


def _person(ask: str) -> Expected:
    """Return the office that is asked after, or what the person did."""
    if role := _ROLE.search(ask):
        return Expected("role", _words(role["role"]))
    verb = _VERB_OF_WHO.search(ask)
    did = verb["verb"].casefold() if verb else ""
    return Expected("role", ("leader",)) if did in LEADING else Expected("agent", verb=did)


LEADING = frozenset(
    """
    chair chaired chairman chairs chief command commanded commander commands head headed heads lead leader
    leaders leadership leads led
    """.split()
)
"""Words for being the leader, as a noun or a verb."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.casefold() for word in _WORD.findall(text))


_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_ARTICLE = re.compile(r"^(?:the|an?|both)\s+", re.IGNORECASE)
_AFTER_PLACE = re.compile(r"(?<=\b(?:city|town))\s.*|(?<=\b(?:state|place))\s.*|(?<=\bcountry)\s.*")
_FUTURE = re.compile(r"\bwhen (?:will|shall)\b|\bgoing to\b", re.IGNORECASE)
_SPEAKER = re.compile(
    r"\b(?:what|how) (?:did|does|do|has|have) (?P<speaker>(?:[\w’'.-]+ ){1,6}?)"
    r"(?:say|said|describe|call|claim|demand|warn|urge|think|comment|respond|react|announce|state)\b",
    re.IGNORECASE,
)
_ROLE = re.compile(
    r"\b(?i:who)(?:(?i: (?:is|was|are|were))|['’]s) (?:currently |now )?"
    r"(?:(?i:the) (?:current |new |former )?|(?:[A-Z][\w-]+ ?)+?['’]s? |an? )"
    r"(?P<role>(?:[\w-]+ ){0,2}?[\w-]+)(?=\s+(?:of|in|for|at|to|on|from)\b|[?.]?\s*$)"
)
_VERB_OF_WHO = re.compile(
    r"\bwho (?:(?:has|have|had|is|was|were|are|will|also|first|to) )*"
    r"(?!did\b|does\b|do\b|the\b|an?\b)(?P<verb>[^\W\d_]+)",
    re.IGNORECASE,
)
_AUXILIARY = (
    r"(?:is|are|was|were|be|been|do|does|did|has|have|had|can|could|will|would|shall|should|may|might|must)"
)
_THING = re.compile(
    rf"\b(?:what|which|how many)\s+(?!(?:else|if|about)\b|{_AUXILIARY}\b)"
    r"(?P<phrase>[\w’'-]+(?:\s+[\w’'-]+){0,3}?)"
    rf"(?=\s+(?:{_AUXILIARY}|of|for|between|from|in|on|at|with|to|by|that|who|\w{{3,}}ed|won|led|made|held|"
    r"became|wrote|took|came|gave|brought|built|ran|saw|began|went|kept|met|lost|found|got|left|live|lives)\b)",
    re.IGNORECASE,
)


def thing_asked_for(question: str) -> str:
    """Return the words after `which`, `what` or `how many`: "hotel", "Pakistani soldiers"; empty without any.

    They end before a verb or a preposition; where neither follows soon, nothing is sure about them.
    """
    match = _THING.search(question)
    return match["phrase"] if match else ""


def singular(word: str) -> str:
    """Return a noun without its plural and possessive endings, in lower case: `crossings`, `Asif’s`."""
    word = re.sub(r"['’]s?$", "", word.casefold())
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    if len(word) > 4 and re.search(r"(?:ss|x|z|ch|sh)es$", word):
        return word[:-2]
    plural = len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is"))
    return word[:-1] if plural else word
