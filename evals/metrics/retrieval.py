"""How well the passages were found and ranked; the formulas are those of ir-measures.

What is looked for are gold items, of each of which any alternative is enough: articles, or quotes. A ranking
is made of what was retrieved by putting, in the place of every passage, the gold items that it is the first
to hold, or the passage itself when it holds none that is new. So an item counts once, at its best rank, and
repeats and second copies count as misses.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from math import log2
from typing import NamedTuple

from rag.schema import Span

from ..scores import Gold

try:
    import ir_measures
except ImportError:  # it has no wheels for Linux on ARM; `by_formula` says the same
    ir_measures = None  # type: ignore[assignment]


class Place(NamedTuple):
    """Where a retrieved passage stands."""

    article: str
    span: Span


class Ranked(NamedTuple):
    """What ir-measures says of one ranking; empty retrieval is 0 throughout."""

    recall_at_1: float
    recall_at_5: float
    """R@k: gold items among the first k / gold items."""
    precision_at_5: float
    """P@k: gold items among the first k / k."""
    mrr: float
    """RR@10: 1 / rank of the first gold item, 0 below rank 10."""
    ndcg_at_10: float
    """nDCG@10 (Järvelin and Kekäläinen 2002), a hit being worth 1 / log2(rank + 1)."""

    @property
    def all_at_5(self) -> float:
        """1 when every gold item is among the first 5, else 0."""
        return float(self.recall_at_5 == 1)


@lru_cache(maxsize=4096)
def ranked(found: tuple[bool, ...], wanted: int) -> Ranked:
    """Grade a ranking: `found[n]` tells whether rank n + 1 is a gold item, of `wanted` that there are.

    The pattern says all there is to know, and few patterns come up, so that ir-measures is asked once each.
    """
    return by_formula(found, wanted) if ir_measures is None else _by_ir_measures(found, wanted)


def _by_ir_measures(found: tuple[bool, ...], wanted: int) -> Ranked:
    measures = [ir_measures.parse_measure(name) for name in ("R@1", "R@5", "P@5", "RR@10", "nDCG@10")]
    gold = [ir_measures.Qrel("q", f"gold {n}", 1) for n in range(wanted)]
    new = (f"gold {n}" for n in range(wanted))
    names = [next(new) if hit else f"miss {n}" for n, hit in enumerate(found)]
    run = [ir_measures.ScoredDoc("q", name, -float(rank)) for rank, name in enumerate(names)]
    values = {item.measure: float(item.value) for item in ir_measures.iter_calc(measures, gold, run)}
    return Ranked(*(values[measure] for measure in measures))


def by_formula(found: tuple[bool, ...], wanted: int) -> Ranked:
    """Return what ir-measures says, from the formulas themselves."""
    worth = [1 / log2(rank + 1) for rank in range(1, 11)]
    gain = sum(value for value, hit in zip(worth, found, strict=False) if hit)
    return Ranked(
        recall_at_1=sum(found[:1]) / wanted,
        recall_at_5=sum(found[:5]) / wanted,
        precision_at_5=sum(found[:5]) / 5,
        mrr=next((1 / rank for rank, hit in enumerate(found[:10], start=1) if hit), 0.0),
        ndcg_at_10=gain / sum(worth[:wanted]),
    )


def first_holds(held: Sequence[Collection[int]]) -> tuple[bool, ...]:
    """Turn the numbers of the gold items that each passage holds into the pattern of a ranking."""
    seen: set[int] = set()
    pattern: list[bool] = []
    for items in held:
        new = set(items) - seen
        seen |= new
        pattern += [True] * len(new) or [False]
    return tuple(pattern)


def rank_articles(articles: Sequence[str], gold: Sequence[Sequence[Gold]]) -> Ranked:
    """Grade the distinct articles of the passages, each at the rank of its best one.

    Several quotes of one article are one article to be found.
    """
    wanted = list(_least({frozenset(place.article for place in item) for item in gold}))
    distinct = list(dict.fromkeys(articles))
    held = [[n for n, names in enumerate(wanted) if article in names] for article in distinct]
    return ranked(first_holds(held), len(wanted))


def _least(items: Collection[frozenset[str]]) -> Iterator[frozenset[str]]:
    """Yield the sets of alternatives that no other one implies: who has found A has found A or B."""
    return (names for names in items if not any(other < names for other in items))


def rank_quotes(passages: Sequence[Place], gold: Sequence[Sequence[Gold]]) -> Ranked:
    """Grade the passages by the gold quotes that they hold."""
    held = [
        [n for n, item in enumerate(gold) if any(holds(passage, place) for place in item)]
        for passage in passages
    ]
    return ranked(first_holds(held), len(gold))


def holds(passage: Place, gold: Gold) -> bool:
    """Tell whether a passage has half of a gold quote's characters or more; any, if it is a whole article."""
    if passage.article != gold.article:
        return False
    return not gold.spans or any(2 * overlap(passage.span, span) >= length(span) for span in gold.spans)


def distinct_share(ids: Sequence[str]) -> float:
    """Return distinct passages / passages; 1 when no passage was retrieved twice."""
    return len(set(ids)) / len(ids)


def overlap(first: Span, second: Span) -> int:
    """Return how many characters two spans of one text share."""
    return max(0, min(first.end, second.end) - max(first.start, second.start))


def length(span: Span) -> int:
    """Return the characters of a span."""
    return span.end - span.start
