"""What an answer says: facts, and likeness to the expected answer. Only what is shown counts."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from rag.citations import UNSUPPORTED, MarkerReader, Words
from rag.facts import normalise

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


@lru_cache(maxsize=4096)
def without_markers(text: str) -> str:
    """Return the words of an answer, without `[1]` and `[unsupported]`."""
    reader = MarkerReader()
    pieces = [*reader.feed(text.replace(UNSUPPORTED, " ")), *reader.finish()]
    return " ".join("".join(piece.text for piece in pieces if isinstance(piece, Words)).split())


@lru_cache(maxsize=4096)
def compared(text: str) -> str:
    """Return a text as it is compared: `rag.facts.normalise`, once for each text."""
    return normalise(text)


def words(text: str) -> list[str]:
    """Return the runs of letters and digits; `don't` and `cease-fire` are one each."""
    return _WORD.findall(text)


# --- facts


def says(text: str, fact: str) -> bool:
    """Tell whether a text holds a fact, at word borders: "4" is neither in "2014" nor in "4.5"."""
    pattern = _fact(fact)
    return pattern is not None and pattern.search(compared(text)) is not None


@lru_cache(maxsize=4096)
def _fact(fact: str) -> re.Pattern[str] | None:
    """Return the pattern of a fact, None when nothing is left of it to compare."""
    plain = normalise(fact)
    if not plain:
        return None
    before = (r"(?<!\w)" if _is_word(plain[0]) else "") + (r"(?<!\d[.,:])" if plain[0].isdigit() else "")
    after = (r"(?!\w)" if _is_word(plain[-1]) else "") + (r"(?![.,:]\d)" if plain[-1].isdigit() else "")
    return re.compile(before + re.escape(plain) + after)


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def missing(text: str, facts: Sequence[Sequence[str]]) -> list[str]:
    """Return the first spelling of every fact that a text says in none of its spellings."""
    return [spellings[0] for spellings in facts if not any(says(text, fact) for fact in spellings)]


def said(text: str, facts: Sequence[str]) -> list[str]:
    """Return the facts that a text says."""
    return [fact for fact in facts if says(text, fact)]


def facts_covered(text: str, facts: Sequence[Sequence[str]]) -> float:
    """Return facts said / facts, each with its alternative spellings."""
    return (len(facts) - len(missing(text, facts))) / len(facts)


def forbidden_avoided(text: str, forbidden: Sequence[str]) -> float:
    """Return 1 - forbidden facts said / forbidden facts."""
    return (len(forbidden) - len(said(text, forbidden))) / len(forbidden)


# --- likeness


_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


@lru_cache(maxsize=4096)
def _squad_words(text: str) -> tuple[str, ...]:
    """Lower case, drop punctuation, then `a`, `an`, `the`; curly quotes and accents are folded before."""
    return tuple(_ARTICLES.sub(" ", compared(text).translate(_PUNCTUATION)).split())


def exact(answer: str, expected: str) -> float:
    """Return 1 when both texts are the same words (SQuAD, Rajpurkar et al. 2016, evaluate-v2.0), else 0."""
    return float(_squad_words(answer) == _squad_words(expected))


def token_f1(answer: str, expected: str) -> float:
    """Return the harmonic mean of precision and recall of words as bags (SQuAD, as `exact`).

    When a text has no word, it is 1 if both have none, else 0.
    """
    got, wanted = _squad_words(answer), _squad_words(expected)
    if not got or not wanted:
        return float(got == wanted)
    return _f1((Counter(got) & Counter(wanted)).total(), len(got), len(wanted))


def rouge_l(answer: str, expected: str) -> float:
    """Return ROUGE-L (Lin 2004): F with beta 1 of the longest common subsequence of words, not stemmed."""
    got, wanted = words(compared(answer)), words(compared(expected))
    if not got or not wanted:
        return float(got == wanted)
    return _f1(common_subsequence(got, wanted), len(got), len(wanted))


def _f1(shared: int, got: int, wanted: int) -> float:
    return 2 * shared / (got + wanted)


def common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """Return the length of the longest common subsequence, by the bit-parallel method of Hyyrö (2004).

    Bit n of `open_` is 0 when the nth word of `first` ends one more match than the words before it do.
    """
    at: dict[str, int] = {}
    for n, word in enumerate(first):
        at[word] = at.get(word, 0) | 1 << n
    every = (1 << len(first)) - 1
    open_ = every
    for word in second:
        matched = open_ & at.get(word, 0)
        open_ = ((open_ + matched) | (open_ - matched)) & every
    return len(first) - open_.bit_count()
