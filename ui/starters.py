"""Names in the articles -> questions to start with; only those that get an answer are offered."""

from __future__ import annotations

import calendar
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, zip_longest

from rag.engine import QueryEngine

COUNT = 4
"""Questions offered."""
_TRIED = 10
"""Questions put to the index to find them; each takes about a tenth of a second."""
_SAMPLE = 20
"""Articles, spread over the index, that names are taken from."""
_BEGINNING = 4_000
"""Characters of each that are read."""

_WORD = r"[A-ZÀ-ÖØ-Þ][\w’'-]+"
_SPEAKER = re.compile(
    rf"\b((?!The ){_WORD} {_WORD}) (?:said|told|added|announced|admitted|insisted|warned)\b"
)
_NAME = re.compile(
    rf"\b(?:in|to|from|with|by|between|against|at) ({_WORD}(?: {_WORD})*)"
    r"(?=[.,;]| (?:and|in|on|to|for|at|has|is|was)\b)"
)
_DATES = frozenset([*calendar.month_name, *calendar.day_name])


def starters(engine: QueryEngine) -> list[str]:
    """Return up to four questions that the index answers by quoting, whatever it holds.

    No model is asked, so that opening the page costs nothing.
    """
    quoting = QueryEngine(engine.index, embedding=engine.embedding, settings=engine.settings)
    tried = islice(candidates(_texts(engine)), _TRIED)
    answered = (question for question in tried if quoting.query(question).status == "answered")
    return list(islice(answered, COUNT))


def candidates(texts: Sequence[str]) -> Iterator[str]:
    """Yield questions about who speaks in the texts and about what they name, the most frequent first."""
    people = _ranked(match for text in texts for match in _SPEAKER.findall(text))
    names = _ranked(match for text in texts for match in _NAME.findall(text))
    others = [name for name in names if not any(name in person for person in people)]
    for person, other in zip_longest(people, others):
        if person:
            yield f"What did {person} say?"
        if other:
            yield f"What is said about {other}?"


def _ranked(names: Iterable[str]) -> list[str]:
    counts = Counter(name for name in names if name not in _DATES and len(name) > 3)
    return sorted(counts, key=lambda name: -counts[name])


def _texts(engine: QueryEngine) -> list[str]:
    catalogue = engine.index.catalogue
    ids = sorted(catalogue.article_ids())
    sample = ids[:: len(ids) // _SAMPLE + 1]
    return [article.text[:_BEGINNING] for article in catalogue.articles(sample).values()]
