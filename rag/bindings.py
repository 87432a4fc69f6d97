"""What a sentence ties together and its source otherwise: numbers and things, speakers, verbs and "not".

`facts` asks whether each number, date and name stands in the source at all. Here a sentence fails only when
its source says the contrary in so many words: the same things with another number, the same verb with or
without "not", another speaker. What the source does not tie at all is let through.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .facts import hard_facts, missing_facts, normalise
from .ordinary import is_function_word

_STEM = 6
_CLAUSE = re.compile(r"[,;:.!?()\"](?:\s|\Z)|\n|\s[-–—]+\s|\b(?:and|but|while|whereas|or)\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|%")


class Counted(NamedTuple):
    """A number in a clause, and the stems of the words right behind it: what it counts."""

    number: str
    text: str
    things: tuple[str, ...]


def clashes(sentence: str, sources: Iterable[str]) -> list[str]:
    """Return the stretches of a sentence that its sources, taken together, say otherwise."""
    text = "\n".join(sources)
    return [*_miscounted(sentence, text), *_negated(sentence, text), *_misattributed(sentence, text)]


# --- numbers


def _miscounted(sentence: str, source: str) -> Iterator[str]:
    """Yield numbers of which the source has another one for the same things, and none so many."""
    held = [counted for clause in _clauses(source) for counted in _counted(clause)]
    for clause in _clauses(sentence):
        for own in _counted(clause):
            same = [other for other in held if own.things and other.things[:1] == own.things[:1]]
            tied = [other for other in held if set(other.things) & set(own.things)]
            if same and all(other.number != own.number for other in tied):
                yield f"{own.text} {own.things[0]}"


def _counted(clause: str) -> Iterator[Counted]:
    words = clause
    for fact in hard_facts(clause):
        if fact.kind != "number" or re.fullmatch(r"1[5-9]\d\d|20\d\d", fact.key):
            continue
        at = words.find(fact.text)
        if at >= 0:
            yield Counted(fact.key, fact.text, tuple(_things(words[at + len(fact.text) :])))


def _things(text: str) -> Iterator[str]:
    """Yield the stems of up to three words until a number or the end of the clause."""
    taken = 0
    for match in _WORD.finditer(text):
        word = normalise(match[0])
        if taken == 3 or any(fact.kind == "number" for fact in hard_facts(word)):
            return
        if not is_function_word(word):
            yield "%" if word in {"%", "percent", "per"} else word[:_STEM].removesuffix("s")
            taken += 1


def _clauses(text: str) -> list[str]:
    return [clause for clause in _CLAUSE.split(text) if clause and clause.strip()]


# --- not

_NOT = re.compile(r"\b(?:not|never|cannot|\w+n['’]t)\b", re.IGNORECASE)
_ALIKE = 0.5
"""Share of its other words that two clauses must have in common, to be about the same thing."""


class _Said(NamedTuple):
    """A clause: the word behind its "not", if it has one, and its other words, as stems."""

    negated: str | None
    words: frozenset[str]


def _negated(sentence: str, source: str) -> Iterator[str]:
    """Yield what a clause says that the clause of the source most like it says with, or without, "not"."""
    theirs = [_said(clause) for clause in _clauses(source)]
    for own in map(_said, _clauses(sentence)):
        rest = own.words - {own.negated}
        alike = max(theirs, key=lambda other: len(rest & other.words), default=None)
        if alike is None or len(rest) < 2 or len(rest & alike.words) < max(2, _ALIKE * len(rest)):
            continue
        if own.negated and not alike.negated and own.negated in alike.words:
            yield f"not {own.negated}"
        elif alike.negated and not own.negated and alike.negated in own.words:
            yield f"{alike.negated} without “not”"


def _said(clause: str) -> _Said:
    stems = {m.start(): normalise(m[0])[:_STEM] for m in _WORD.finditer(clause) if _tells(m[0])}
    match = _NOT.search(clause)
    behind = [at for at in stems if match and at >= match.end()]
    negated = stems[min(behind)] if behind else None
    return _Said(negated, frozenset(stems.values()))


def _tells(word: str) -> bool:
    plain = normalise(word)
    return len(plain) > 2 and not is_function_word(plain) and not _NOT.fullmatch(word)


# --- speakers

_SAYS = (
    r"(?:said|says|told|stated|states|claimed|claims|argued|argues|added|warned|insisted|announced|admitted|accused|"
    r"described|called|denied|alleged|condemned|blamed|thanked|declared|stressed|urged|confirmed|noted|explained)"
)
_SENTENCES = re.compile(r"(?<=[.!?”\"])\s+(?=[A-Z“\"])|\n+")
_NAME = r"[A-Z][\w’'-]+"
_SPEAKER = re.compile(
    rf"\b({_NAME})(?: (?:has|had|also|later|then))? {_SAYS}\b|\baccording to (?:[\w’'-]+ ){{0,3}}?({_NAME})"
)


def _misattributed(sentence: str, source: str) -> Iterator[str]:
    """Yield speakers of whose words the sentence of the source most like it names another speaker."""
    own = set(_speakers(sentence))
    words = _said(sentence).words - {name.casefold()[:_STEM] for name in own}
    theirs = [text for text in _SENTENCES.split(source) if text]
    if not own or len(words) < 2 or not theirs:
        return
    alike = max(theirs, key=lambda text: len(words & _said(text).words))
    speakers = " ".join(_speakers(alike))
    if speakers and len(words & _said(alike).words) >= max(2, _ALIKE * len(words)):
        yield from (
            f"{name} as the speaker" for name in sorted(own) if missing_facts(f"of {name}", [speakers])
        )


def _speakers(text: str) -> Iterator[str]:
    for match in _SPEAKER.finditer(text):
        name = next(group for group in match.groups() if group)
        if not is_function_word(name.casefold()):
            yield name
