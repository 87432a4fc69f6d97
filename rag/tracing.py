"""A sentence without a footnote, or with a wrong one -> the span, among the sources given, that holds it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from .citations import Place, Source
from .facts import Fact, hard_facts, missing_facts, normalise
from .ordinary import is_function_word
from .schema import Span

ENOUGH = 0.6
"""Least share of a sentence's content words that one sentence of a source must hold, with all hard facts.

Measured on WiCE's 332 claims against their articles, two sentences allowed: of the 47 that pass, people
call 32 supported and 2 not; of all 332, a third and a tenth. Up to .5, the shares hardly rise.
"""
ENOUGH_IF_LOOSE = 0.8
"""The same for a sentence without hard facts, or held by two neighbours together: 15 of 17 in WiCE."""
BESIDE = 0.3
"""Share below which a cited passage that holds the hard facts, if any, is still beside the point."""
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
    point, another source holds it all, and its words overlap clearly more.
    """
    facts = hard_facts(sentence)
    weights = _weights(sentence, facts)
    own = max((share for source in cited for _, share, _ in _shares(weights, source)), default=0.0)
    if cited and own >= BESIDE and not missing_facts(sentence, [source.text for source in cited]):
        return None
    others = [source for source in given if source not in cited]
    best = _best(sentence, weights, others, loose=not facts)
    return best.place if best and (not cited or best.share >= own + MARGIN) else None


def _best(
    sentence: str, weights: Mapping[str, float], sources: Sequence[Source], *, loose: bool
) -> _Found | None:
    """Return the span that shares most with a sentence, of those that share enough and hold its facts.

    One word is too little to tell a span by: a bare name stands in a dozen.
    """
    if len(weights) < 2:
        return None
    found = [
        _Found(share, Place(source, span))
        for source in sources
        for span, share, joined in _shares(weights, source)
        if share >= (ENOUGH_IF_LOOSE if loose or joined else ENOUGH)
        and not missing_facts(sentence, [source.article.text[span.start : span.end]])
    ]
    return max(found, key=lambda one: one.share, default=None)


def _shares(weights: Mapping[str, float], source: Source) -> Iterator[tuple[Span, float, bool]]:
    """Yield the sentences of a passage, then its neighbours joined, with the share each holds."""
    total = sum(weights.values()) or 1.0
    spans = source.passage.sentences
    joined = (Span(a.start, b.end) for a, b in pairwise(spans))
    for span, is_joined in (*((s, False) for s in spans), *((s, True) for s in joined)):
        words = _words(source.article.text[span.start : span.end])
        yield span, sum(weights.get(word, 0.0) for word in words) / total, is_joined


def _weights(sentence: str, facts: Sequence[Fact]) -> dict[str, float]:
    """Weigh the content words of a sentence: those of hard facts twice."""
    weights = dict.fromkeys(_words(sentence), 1.0)
    for fact in facts:
        weights.update(dict.fromkeys(_words(fact.text), 2.0))
    return weights


def _words(text: str) -> set[str]:
    words = (word for word in re.findall(r"\w+", normalise(text)) if word.isdigit() or len(word) > 2)
    return {word if word.isdigit() else word[:_STEM] for word in words if not is_function_word(word)}
