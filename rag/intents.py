"""What a question asks for: one fact, an overview of some kind, or nothing that articles tell.

It is recognised by nearness to example phrasings (`intents.txt`), not by expressions. What a question is
about does not matter for that, so its own words are masked first: "what happened at the harbour" becomes
"what happened at X". Nearness is the mean of two: the cosine of the bundled model's vectors, and Dice's
coefficient of words and pairs of words. The nine nearest examples vote.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np

from .minilm import embed, load_forward
from .models.runtime import Floats

Intent = Literal[
    "fact",
    "what_happened",
    "summary",
    "key_points",
    "about",
    "people",
    "quoted",
    "differences",
    "timeline",
    "latest",
    "greeting",
    "thanks",
    "who_are_you",
    "how_many_articles",
]
SMALL_TALK: frozenset[Intent] = frozenset(("greeting", "thanks", "who_are_you", "how_many_articles"))
"""What no article tells; a question that is about something is none of these."""
Embed = Callable[[Sequence[str]], Floats]
"""Texts -> unit vectors of the bundled model."""

NEAREST = 9
SHARPNESS = 12.0
"""An example counts e to the power of so many times its nearness."""
A_FACT = 0.3
"""Share of the votes with which plain questions win: a fact that is told is worth more than an overview."""
LONGEST = 14
"""Words of a masked question from which on it is taken for a fact: an overview is asked for in few words."""
_EXAMPLES, _VECTORS = "intents.txt", "intents.npy"
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?|;")
_BESIDE = frozenset("in of at on over for from by between under into inside near around".split())
"""Words that join a second masked run to the first."""


class Example(NamedTuple):
    """A phrasing, and what it asks for."""

    intent: Intent
    text: str


@lru_cache(maxsize=256)
def recognise(question: str, backend: str = "auto") -> Intent:
    """Return what a question asks for; the bundled model runs on `backend`."""
    return nearest(question, lambda texts: embed(texts, load_forward(backend)))


def nearest(question: str, embed: Embed) -> Intent:
    """Return what the example phrasings that are nearest to a question ask for."""
    asked = masked(question)
    if asked in {"", "X"} or len(asked.split()) > LONGEST:
        return "fact"
    known, vectors = examples(), _vectors()
    cosines = vectors @ embed([_spoken(asked)])[0]
    words = _pairs(asked)
    nearness = [(float(c) + _dice(words, _pairs(e.text))) / 2 for c, e in zip(cosines, known, strict=True)]
    votes: defaultdict[Intent, float] = defaultdict(float)
    for n in sorted(range(len(known)), key=lambda n: -nearness[n])[:NEAREST]:
        votes[known[n].intent] += math.exp(SHARPNESS * nearness[n])
    best = max(votes, key=lambda intent: votes[intent])
    names_topic = "X" in asked.split() and best in SMALL_TALK
    return "fact" if names_topic or votes["fact"] >= A_FACT * sum(votes.values()) else best


def is_overview(intent: Intent) -> bool:
    """Tell whether an intent asks for several sentences on a story."""
    return intent != "fact" and intent not in SMALL_TALK


def masked(question: str) -> str:
    """Return a question in lower case with X for what it is about."""
    words: list[str] = []
    for word in _WORD.findall(question.casefold().replace("’", "'")):
        if word in _known():
            words.append(word)
            continue
        while words and words[-1] in {"the", "a", "an"}:
            words.pop()
        if len(words) > 1 and words[-1] in _BESIDE and words[-2] == "X":
            words.pop()
        if not words or words[-1] != "X":
            words.append("X")
    return " ".join(words)


def about(question: str) -> str:
    """Return the words of a question that say what it is about."""
    return " ".join(w for w in _WORD.findall(question) if w.casefold().replace("’", "'") not in _known())


@cache
def examples() -> tuple[Example, ...]:
    """Read the example phrasings."""
    found: list[Example] = []
    intent: Intent = "fact"
    for line in (files(__package__ or "rag") / _EXAMPLES).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            intent = next(each for each in get_args(Intent) if each == line.strip("[]"))
        elif line and not line.startswith("#"):
            found.append(Example(intent, line))
    return tuple(found)


def vectors_of_examples(embed: Embed) -> Floats:
    """Return the vectors of the examples, shape (examples, 384)."""
    return embed([_spoken(each.text) for each in examples()])


@cache
def _known() -> frozenset[str]:
    """Return the words that are not masked: those of the examples."""
    return frozenset(word for each in examples() for word in _WORD.findall(each.text.casefold())) - {"x"}


@cache
def _vectors() -> Floats:
    with (files(__package__ or "rag") / _VECTORS).open("rb") as file:
        return np.asarray(np.load(file), dtype=np.float32)


def _spoken(text: str) -> str:
    return text.replace("X", "it")


@cache
def _pairs(text: str) -> Counter[str]:
    words = ["", *_WORD.findall(text), ""]
    return Counter([*words[1:-1], *(f"{one} {other}" for one, other in pairwise(words))])


def _dice(one: Counter[str], other: Counter[str]) -> float:
    return 2 * (one & other).total() / (one.total() + other.total())


def _write() -> None:
    vectors = vectors_of_examples(lambda texts: embed(texts, load_forward()))
    np.save(Path(__file__).with_name(_VECTORS), vectors.astype(np.float16))


if __name__ == "__main__":
    _write()
