"""A sentence without a footnote, or with a wrong one -> the span, among the sources given, that holds it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from .bindings import clashes
from .citations import Place, Source
from .facts import hard_facts, missing_facts, normalise
from .ordinary import is_function_word
from .schema import Span

ENOUGH = 0.6
"""Least share of a sentence's ordinary words that a span must have, next to all its hard facts.

Measured on WiCE's 332 claims against the articles that they cite, of which people call 105 supported and
32 not: of 14 claims that pass, 13 are supported and 1 partly; at .5, 20 of 26 are and 6 partly.
"""
ENOUGH_WITHOUT_FACTS = 0.8
"""The same for a sentence without hard facts; WiCE has too few of these to say more than: higher."""
BESIDE = 0.3
"""Share below which a cited passage, though it holds the hard facts, is beside the point."""
MARGIN = 0.2
"""How much larger the share must be where a footnote is moved to."""
_STEM = 6
"""Letters by which words are compared, so that `mediated` meets `mediation`."""


class _Found(NamedTuple):
    share: float
    place: Place


def trace(sentence: str, cited: Sequence[Source], given: Sequence[Source]) -> Place | None:
    """Return where a sentence's footnote should stand instead; None when it should stay as it is.

    A footnote moves only when the cited passages lack a hard fact of the sentence or are beside the
    point, and a span of another source holds it all and clearly more of its words.
    """
    wanted = _ordinary(sentence)
    own = max((found.share for source in cited for found in _shares(wanted, source)), default=0.0)
    if cited and own >= BESIDE and _holds(sentence, [source.evidence() for source in cited]):
        return None
    best = _best(sentence, wanted, [source for source in given if source not in cited])
    return best.place if best and (not cited or best.share >= own + MARGIN) else None


def _best(sentence: str, wanted: set[str], sources: Sequence[Source]) -> _Found | None:
    """Return the span that shares most with a sentence, of those that share enough and hold its facts.

    A single word, or names alone, say too little to tell a span by.
    """
    if len(_words(sentence)) < 2:
        return None
    enough = ENOUGH if hard_facts(sentence) else ENOUGH_WITHOUT_FACTS
    found = [
        one
        for source in sources
        for one in _shares(wanted, source)
        if one.share >= enough and _holds(sentence, [source.evidence(one.place.span)])
    ]
    return max(found, key=lambda one: one.share, default=None)


def _holds(sentence: str, texts: Sequence[str]) -> bool:
    """Tell whether texts hold the hard facts of a sentence, and say none of it otherwise."""
    return not missing_facts(sentence, texts) and not clashes(sentence, texts)


def _shares(wanted: set[str], source: Source) -> Iterator[_Found]:
    """Yield the sentences of a passage, then its neighbours joined, with the share of words each has."""
    spans = source.passage.sentences
    for span in (*spans, *(Span(a.start, b.end) for a, b in pairwise(spans))):
        shared = wanted & _words(source.evidence(span))
        yield _Found(len(shared) / len(wanted) if wanted else 0.0, Place(source, span))


def _ordinary(sentence: str) -> set[str]:
    """Return the content words of a sentence that are not part of its hard facts, which it needs anyway.

    Words in quotation marks are ordinary, too.
    """
    facts = [fact.text for fact in hard_facts(sentence) if fact.kind != "quotation"]
    return _words(sentence).difference(*(_words(fact) for fact in facts))


def _words(text: str) -> set[str]:
    words = (word for word in re.findall(r"[^\W\d]+", normalise(text)) if len(word) > 2)
    return {word[:_STEM] for word in words if not is_function_word(word)}
