"""Whose words a sentence reports: the side (a country) and the person, by who stands before its verb."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from .parties import country, named_countries

SAYS = (
    r"(?:sa(?:id|ys?)|told|tells?|stat(?:ed|es)|describ(?:ed|es)|call(?:ed|s)|claim(?:ed|s)|warn(?:ed|s)?|"
    r"argu(?:ed?|es)|admit(?:ted|s)|insist(?:ed|s)?|den(?:ied|ies|y)|declar(?:ed|es)|accus(?:ed|es|ing)|"
    r"blam(?:ed|es|ing)|condemn(?:ed|s)|express(?:ed|es)|announc(?:ed|es)|add(?:ed|s)|caution(?:ed|s)|"
    r"alleg(?:ed?|es|ing)|spoke|stress(?:ed|es)|suggest(?:ed|s)|predict(?:ed|s)|promis(?:ed|es)|vow(?:ed|s)|"
    r"reiterat(?:ed|es)|reaffirm(?:ed|s)|emphasi[sz](?:ed|es)|confirm(?:ed|s)|urg(?:ed|es)|demand(?:ed|s)|"
    r"press(?:ed|es)|thank(?:ed|s)|fears?|assert(?:ed|s)|reject(?:ed|s)|critici[sz](?:ed|es)|not(?:ed|es)|"
    r"explain(?:ed|s)|believ(?:ed?|es))"
)
_SAYS = re.compile(rf"\b{SAYS}\b(?! by\b)")
_ACCORDING = re.compile(r"\b[Aa]ccording to ([^,.;]+)")
_NAME = re.compile(
    r"[A-Z][\w’'-]+ (?:(?:al-|bin |de |van |von )?[A-Z][\w’'-]+ )*?([A-Z][\w-]+)(?:,[^,]*)?,?\s*"
    r"(?:\w+ly |also |later )?\Z"
)
_PRONOUN = re.compile(r"[\"“]?(?:He|She|They|It)\b")


class Speaker(NamedTuple):
    """Who says what a sentence reports; either may be unknown."""

    side: str | None = None
    """The country that it speaks for, as `parties.country` writes it."""
    name: str | None = None
    """The last name of the person, lower case."""


NOBODY = Speaker()


def speakers(sentences: Sequence[str], people: Mapping[str, str]) -> list[Speaker]:
    """Return who speaks in each of neighbouring sentences; `He`, `She`, `They` and `It` speak on."""
    found: list[Speaker] = []
    for sentence in sentences:
        own = _speaker(sentence, people)
        speaks_on = own is None and found and _PRONOUN.match(sentence) and _SAYS.search(sentence)
        found.append(own or (found[-1] if speaks_on else NOBODY))
    return found


def people_in(sentences: Iterable[str]) -> dict[str, str]:
    """Return for which side each person speaks, by last name: `Norway's minister Ada Berg said`."""
    people: dict[str, str] = {}
    for sentence in sentences:
        for verb in _SAYS.finditer(sentence):
            before = sentence[: verb.start()]
            named, name = named_countries(before), _NAME.search(before)
            if named and name and not country(name[1]):
                people.setdefault(name[1].casefold(), named[-1][0])
    return people


def _speaker(sentence: str, people: Mapping[str, str]) -> Speaker | None:
    """Return who is named last before a verb of saying, or after `according to`."""
    if (match := _ACCORDING.search(sentence)) and (told := _last_named(match[1], people)):
        return told
    for verb in _SAYS.finditer(sentence):
        if told := _last_named(sentence[: verb.start()], people):
            return told
    return None


def _last_named(text: str, people: Mapping[str, str]) -> Speaker | None:
    words = [word.casefold() for word in re.findall(r"\b[A-Z][\w-]*", text)]
    person = next((word for word in reversed(words) if word in people), None)
    if person is not None:
        return Speaker(people[person], person)
    named = named_countries(text)
    return Speaker(named[-1][0]) if named else None


_ASKED = re.compile(
    r"\b(?:did|does|do|has|have|had)\s+(?:the\s+)?((?:[\w’'-]+\s+){0,2}?"
    r"[A-Z][\w’'-]+(?: [A-Z][\w’'-]+)*)"
)


def asked_of(question: str, people: Mapping[str, str]) -> Speaker:
    """Return who is asked about as the one who speaks or thinks: the subject of the question, if known."""
    match = _ASKED.search(question)
    return (_last_named(match[1], people) if match else None) or NOBODY


def speaks(speaker: Speaker, asked: Speaker) -> bool:
    """Tell whether a speaker is the one who is asked about, or speaks for that side."""
    if asked.name is not None:
        return speaker.name == asked.name
    return asked.side is not None and speaker.side == asked.side
