"""Question -> its parts, each a question of its own that keeps its subject; when in doubt it stays whole."""

from __future__ import annotations

import re
from typing import NamedTuple

from .ordinary import is_function_word

MAX_PARTS = 4

_AUX = r"(?:did|do|does|was|were|is|are|has|have|had|will|would|can|could|should)"
_PLAIN = r"(?:when|where|why|how)"
_CLAUSE = re.compile(
    rf"(?:\s*[,;]\s*(?:(?:and|or|but)\s+)?|\s+and\s+)"
    rf"(?=(?:{_PLAIN}\s+{_AUX}\b|how (?:many|much|long|often)\b|what\s+(?:{_AUX}|happened|caused)\b|"
    rf"wh(?:om|ich\s+\w+)\s+{_AUX}\b))|\s*[,;]\s*and\s+(?=who\s+\w+)",
    re.IGNORECASE,
)
"""Where a new question begins: its word is followed by a verb; `who` needs a comma and `and` before it."""
_WORDS_TOGETHER = re.compile(
    rf"(?P<words>{_PLAIN}(?:, {_PLAIN})*,? and {_PLAIN}) (?P<rest>{_AUX}\b.+)", re.IGNORECASE
)
_ASKS = re.compile(
    rf"\b(?:{_PLAIN}(?:(?:,| and|, and) {_PLAIN})* {_AUX}|how \w+|whom?|what|which)\b", re.IGNORECASE
)
_RELATIVE = re.compile(r", who(?:m|se)?\b", re.IGNORECASE)
_LEAD = re.compile(rf"(?:{_PLAIN}|who|whom|what|which|many|much|long|often|and|{_AUX})\b[, ]*", re.IGNORECASE)
_PRONOUN = re.compile(r"\b(?:it|they|them|he|she|him|her|his|its|their|this|that)\b", re.IGNORECASE)


class Part(NamedTuple):
    """A part of a question."""

    text: str
    """What is read: the part, and what the whole question is about, where the part does not say it."""
    asks: str
    """What the user asked in it."""


def split(question: str) -> list[Part]:
    """Return the parts of a question, at most four; itself alone when it asks one thing."""
    plain = " ".join(question.split())
    if re.search(r"[.?!](?= )", plain):
        return [Part(question, question)]
    borders = [match for match in _CLAUSE.finditer(plain) if _divides(plain, match)]
    starts = [0, *(match.end() for match in borders)]
    ends = [*(match.start() for match in borders), len(plain)]
    clauses = [plain[a:b].strip(" ?.,;") for a, b in zip(starts, ends, strict=True)]
    parts = [*_together(clauses[0]), *(_with_subject(clause, clauses[0]) for clause in clauses[1:])]
    unique = list({part.asks: part for part in parts}.values())
    return unique if 1 < len(unique) <= MAX_PARTS else [Part(question, question)]


def _divides(question: str, border: re.Match[str]) -> bool:
    """Tell whether a border divides two questions: not in a quotation, nor before anything is asked."""
    before = question[: border.start()]
    asked = _ASKS.search(before) and not _RELATIVE.search(before)
    only_words = re.fullmatch(rf"{_PLAIN}(?:, {_PLAIN})*", before, re.IGNORECASE)
    return len(re.findall(r"[\"“”]", before)) % 2 == 0 and bool(asked) and only_words is None


def _together(clause: str) -> list[Part]:
    """Return one part for each of several question words that share their clause: `when and where`."""
    match = _WORDS_TOGETHER.fullmatch(clause)
    if match is None:
        return [Part(f"{clause}?", clause)]
    words = re.findall(_PLAIN, match["words"], re.IGNORECASE)
    return [Part(f"{word} {match['rest']}?", f"{word} {match['rest']}") for word in words]


def _with_subject(clause: str, first: str) -> Part:
    """Return a later part; one that says little by itself is asked of what the first is about."""
    told = [word for word in re.findall(r"[^\W\d_]+", clause) if not is_function_word(word.casefold())]
    if len(told) > 2 and not _PRONOUN.search(clause):
        return Part(f"{clause}?", clause)
    about = first
    while match := _LEAD.match(about):
        about = about[match.end() :]
    return Part(f"{clause}, {about}?", clause)
