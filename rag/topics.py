"""Which articles an overview is about: those that tell the same story as the one nearest to its words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .facts import hard_facts
from .schema import Article
from .sentences import sentence_spans

MOST_ARTICLES = 8
SAME_STORY = 0.2
"""Share of the names of the one with fewer, from which on two articles tell of the same event."""
RELATED = 0.15
"""The same for further ones, once an event has two articles."""
NEAR = 2.5
"""How far behind the nearest article's score others may be when none tells of the same event."""


class Found(NamedTuple):
    """An article that holds words of the topic: the score and coverage of its best passage."""

    article_id: str
    score: float
    coverage: float


def story(found: Sequence[Found], articles: Mapping[str, Article]) -> list[Article]:
    """Return the articles of one story, the nearest first; `found` is sorted so."""
    if not found or found[0].coverage <= 0:
        return []
    names = [names_of(articles[each.article_id]) for each in found]
    rarity = _rarities(names)
    best = found[0]
    alike = [_overlap(names[0], own, rarity) for own in names]
    if sum(share >= SAME_STORY for share in alike) > 1:
        chosen = [each for each, share in zip(found, alike, strict=True) if share >= RELATED]
    else:
        chosen = [
            each for each in found if each.score >= best.score - NEAR and each.coverage >= best.coverage
        ]
    return [articles[each.article_id] for each in chosen[:MOST_ARTICLES]]


def newest(dates: Mapping[str, str | None]) -> list[str]:
    """Return the ids of the newest articles, those without a date last."""
    return sorted(dates, key=lambda id_: dates[id_] or "", reverse=True)[:MOST_ARTICLES]


def names_of(article: Article) -> frozenset[str]:
    """Return the names in an article."""
    return frozenset(
        fact.key
        for line in article.text.split("\n")
        for span in sentence_spans(line)
        for fact in hard_facts(line[span.start : span.end])
        if fact.kind == "name"
    )


def _rarities(names: Sequence[frozenset[str]]) -> Mapping[str, float]:
    """Return log(2 N / n) of every name that n of N articles hold: days and agencies tell little."""
    counts = Counter(name for own in names for name in own)
    return {name: math.log(2 * len(names) / n) for name, n in counts.items()}


def _overlap(one: frozenset[str], other: frozenset[str], rarity: Mapping[str, float]) -> float:
    """Return how much of the names of the one with fewer the other holds, 0 to 1, the rare ones most."""
    least = min(sum(rarity[name] for name in own) for own in (one, other))
    return sum(rarity[name] for name in one & other) / least if least else 0.0
