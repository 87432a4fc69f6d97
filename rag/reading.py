"""How near a sentence is to a question when the model reads it under its title, word by word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .coverage import Vocabulary, weighed
from .minilm import Floats, ReadWords

Read = Callable[[list[str]], list[ReadWords]]
"""Texts -> what an embedding model makes of their words."""

FOREIGN, SAME = 0.2, 0.7
"""Cosines of two words in context: those of nothing in common, and of the same meaning."""
_TITLE = 150
"""Characters of a title that are read."""


class Likeness(NamedTuple):
    """How near a sentence is to a question."""

    meaning: float
    """Cosine of the question and the mean of the sentence's words, -1 to 1."""
    matched: float
    """Share of the question's words, weighted by rarity, that it holds or says in other words, 0 to 1."""


class Asked(NamedTuple):
    """A question as it is compared: its vector, and its content words with their shares of its weight."""

    vector: Floats
    words: Floats
    shares: Floats


class Titled(NamedTuple):
    """A sentence with its title before it."""

    text: str
    start: int
    """Where the sentence begins."""


def likenesses(
    question: str, vector: Sequence[float], sentences: Sequence[Titled], read: Read, vocabulary: Vocabulary
) -> list[Likeness]:
    """Return how near each sentence is; late interaction, as ColBERT (Khattab and Zaharia, 2020) has it.

    Each content word of the question is held against the word of the sentence that is most like it.
    """
    own, *others = read([question, *(sentence.text for sentence in sentences)])
    asked = _asked(question, vector, own, vocabulary)
    return [_likeness(asked, _after(words, s.start)) for s, words in zip(sentences, others, strict=True)]


def titled(title: str, sentence: str) -> Titled:
    """Put the title before a sentence, as a sentence of its own."""
    shown = title.strip()[:_TITLE]
    before = f"{shown}{'' if shown[-1:] in '.?!' else '.'} " if shown else ""
    return Titled(before + sentence, len(before))


def _asked(question: str, vector: Sequence[float], own: ReadWords, vocabulary: Vocabulary) -> Asked:
    terms = [vocabulary.terms(question[span.start : span.end])[:1] for span in own.spans]
    wanted = weighed({term for found in terms for term in found}, vocabulary)
    shares = np.array([wanted.rarities[found[0]] for found in terms if found], dtype=np.float32)
    kept = np.array([bool(found) for found in terms], dtype=bool)
    unit = _unit(np.asarray(vector, dtype=np.float32))
    return Asked(unit, _unit(own.vectors[kept]), shares / (shares.sum() or 1.0))


def _after(words: ReadWords, start: int) -> Floats:
    """Return the vectors of the words from a place on; all of them when a long title left no room."""
    own = np.array([span.start >= start for span in words.spans], dtype=bool)
    return words.vectors[own] if own.any() else words.vectors


def _likeness(asked: Asked, words: Floats) -> Likeness:
    if not len(words):
        return Likeness(0.0, 0.0)
    meaning = float(_unit(words.sum(axis=0)) @ asked.vector)
    if not len(asked.words):
        return Likeness(meaning, 0.0)
    nearest = (asked.words @ _unit(words).T).max(axis=1)
    matched = np.clip((nearest - FOREIGN) / (SAME - FOREIGN), 0.0, 1.0)
    return Likeness(meaning, float(asked.shares @ matched))


def _unit(vectors: Floats) -> Floats:
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: Floats = vectors / np.maximum(norms, np.float32(1e-9))
    return unit
