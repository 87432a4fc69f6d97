"""Overviews by extraction: the sentences that tell most of a story, who is in it, who said what, and when.

Nothing is written: every sentence stands in an article. What is central is told by words that many sentences
share (centroid of tf-idf, as in MEAD, Radev et al. 2004), and by the place in the article, as news is told
from the top down.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import NamedTuple

from .choosing import share
from .citations import LeadIn, Marker, SentenceEnd, Source, Words
from .clauses import cut, with_ellipses
from .conflicts import Told, difference
from .coverage import Vocabulary
from .facts import hard_facts, missing_facts
from .intents import Intent
from .naming import lead_ins
from .persons import persons
from .reading import is_odd
from .schema import Article, Span

MAX_SENTENCES = 6
"""Shared by the articles."""
IN_SHORT = 3
"""Sentences that tell what happened, or what it is about."""
MAX_PEOPLE, MAX_DAYS, MAX_DIFFERENCES, MAX_NEW = 6, 6, 3, 3
ALIKE, SAME = 0.5, 0.8
"""Share of the shorter sentence's words from which on two say the same: without new facts, and with them."""
ABOUT_THE_SAME = 0.34
"""The same, from which on two sentences may tell one thing differently."""
SHORT, LONG = 6, 45
"""Words: a sentence under the first tells little, one over the second is cut."""
LEAD, TOPIC = 0.4, 0.6
"""What a first sentence gains, and one that holds all words of the topic."""
LEANING = 0.25
"""What a sentence loses that begins with a pronoun or a connective."""
_LEANS = re.compile(
    r"[\"“'‘]?(?:he|she|it|they|this|that|these|those|his|her|its|their|but|and|so|then|there|both|however)\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[“\"«][^“”\"«»]{15,}[”\"»]")


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence of an article."""

    source: Source
    span: Span
    number: int
    """Its place among the article's sentences, from 0."""
    text: str
    lead_in: str = ""
    """Our own words before it."""

    @property
    def article(self) -> Article:
        """The article that it stands in."""
        return self.source.article


Day = tuple[int, int, int]
"""Year (0 when unknown), month and day."""


class Topic(NamedTuple):
    """What an overview is asked of: the passages of some articles, and the words that name it."""

    sources: Sequence[Source]
    """In the order of their articles, the nearest first."""
    terms: frozenset[str]


def lines(sources: Iterable[Source]) -> list[Line]:
    """Return the sentences of passages, each once; odd ones only where an article has no others."""
    found: dict[tuple[str, Span], Line] = {}
    numbers: Counter[str] = Counter()
    for source in sources:
        for span in source.passage.sentences:
            key = source.article.id, span
            if key not in found:
                text = source.article.text[span.start : span.end]
                found[key] = Line(source, span, numbers[source.article.id], text)
                numbers[source.article.id] += 1
    good = [line for line in found.values() if len(line.text.split()) >= SHORT and not is_odd(line.text)]
    told = {line.article.id for line in good}
    return good + [line for line in found.values() if line.article.id not in told]


def overview(intent: Intent, topic: Topic, vocabulary: Vocabulary) -> list[Line]:
    """Return the sentences of an overview, in the order in which they are shown; none without a sentence."""
    known = lines(topic.sources)
    ranked = by_weight(known, topic.terms, vocabulary)
    told = _KINDS.get(intent, _summary)(ranked)
    return told or _summary(ranked)


def events(told: Sequence[Line]) -> Iterator[LeadIn | Words | Marker | SentenceEnd]:
    """Yield sentences with their footnotes; a long one is cut at a clause."""
    for line in told:
        start, end = cut(line.text, LONG, partial(_opens, line.text))
        yield from [LeadIn(line.lead_in)] if line.lead_in else []
        yield Words(" ".join(with_ellipses(line.text, Span(start, end)).split()))
        yield Marker(line.source.number, Span(line.span.start + start, line.span.start + end))
        yield SentenceEnd()


def _opens(text: str, clause: str) -> float:
    """Say what a clause of a sentence that must be cut is worth: it is kept from its beginning."""
    return float(text.startswith(clause))


def by_weight(known: Sequence[Line], topic: frozenset[str], vocabulary: Vocabulary) -> list[Line]:
    """Return sentences, the most telling first."""
    bags = {line: Counter(vocabulary.terms(line.text)) for line in known}
    counts = Counter(term for bag in bags.values() for term in bag)
    rarity = {term: math.log(1 + (len(bags) + 1) / n) for term, n in counts.items()}
    centre = {term: n * rarity[term] for term, n in counts.items() if n > 1}

    def weight(line: Line) -> float:
        return (
            _cosine({term: rarity[term] for term in bags[line]}, centre)
            + LEAD / (1 + line.number)
            + (TOPIC * len(topic & bags[line].keys()) / len(topic) if topic else 0.0)
            - (LEANING if _LEANS.match(line.text) else 0.0)
        )

    return sorted(known, key=lambda line: -weight(line))


def _cosine(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    length = math.sqrt(sum(v * v for v in one.values()) * sum(v * v for v in other.values()))
    return sum(value * other.get(term, 0.0) for term, value in one.items()) / length if length else 0.0


def _picked(ranked: Iterable[Line], *, most: int, per_article: int) -> list[Line]:
    """Return the first sentences that say something new, some of each article."""
    chosen: list[Line] = []
    counts: Counter[str] = Counter()
    for line in ranked:
        if counts[line.article.id] < per_article and not any(_repeats(line, c) for c in chosen):
            chosen.append(line)
            counts[line.article.id] += 1
        if len(chosen) == most:
            break
    return chosen


def _repeats(line: Line, known: Line) -> bool:
    """Tell whether a sentence says what another says, with no name, number or date of its own."""
    alike = share(line.text, known.text)
    return alike >= SAME or (alike >= ALIKE and not missing_facts(line.text, [known.text]))


def _summary(ranked: Sequence[Line], most: int = MAX_SENTENCES) -> list[Line]:
    """Return the most telling sentences, those of the newest article first where dates are known."""
    articles = len({line.article.id for line in ranked})
    chosen = _picked(ranked, most=most, per_article=math.ceil(most / max(1, articles)))
    order = {line: n for n, line in enumerate(chosen)}
    if all(line.article.date for line in chosen):
        return sorted(chosen, key=lambda line: (_backwards(line.article.date or ""), line.number))
    return sorted(
        chosen, key=lambda line: (min(order[c] for c in chosen if c.article is line.article), line.number)
    )


def _backwards(date: str) -> int:
    return -int(re.sub(r"\D", "", date) or 0)


def _people(ranked: Sequence[Line]) -> list[Line]:
    """Return for each person, those named most first, the sentence that says who it is."""
    return _of_each(_named_in(ranked), ranked, _introduces)


def _quoted(ranked: Sequence[Line]) -> list[Line]:
    """Return for each person the sentence that quotes most of what he or she said."""
    speaking = [line for line in ranked if _QUOTED.search(line.text)]
    return _of_each(_named_in(ranked), speaking, _quotes)


def _named_in(ranked: Sequence[Line]) -> list[str]:
    """Return the people in the articles of sentences."""
    return persons(list({line.article.id: line.article.text for line in ranked}.values()))


def _of_each(names: Sequence[str], known: Sequence[Line], worth: Callable[[Line, str], float]) -> list[Line]:
    """Return the best sentence of each person; one that serves several stands once."""
    chosen: dict[Line, None] = {}
    for name in names:
        own = [line for line in known if worth(line, name) > 0]
        if own and not any(name in line.text for line in chosen):
            chosen[max(own, key=lambda line: worth(line, name))] = None
        if len(chosen) == MAX_PEOPLE:
            break
    return list(chosen)


def _introduces(line: Line, name: str) -> float:
    """Tell how well a sentence says who somebody is: by an apposition, and before others do."""
    if name not in line.text:
        return 0.0
    apposition = re.search(rf"{re.escape(name)}(?:,| \()|[a-z,] {re.escape(name)}\b", line.text)
    return 1.0 + bool(apposition) - 0.01 * line.number - 0.005 * len(line.text.split())


def _quotes(line: Line, name: str) -> float:
    """Tell how much of a quotation a sentence gives that names a speaker, by the whole name or the last."""
    if name not in line.text and not re.search(rf"\b{re.escape(name.rsplit(maxsplit=1)[-1])}\b", line.text):
        return 0.0
    quotation = _QUOTED.search(line.text)
    return 1.0 + (name in line.text) - 0.005 * len(line.text.split()) if quotation else 0.0


def _differences(ranked: Sequence[Line]) -> list[Line]:
    """Return pairs of sentences that tell the same thing differently; without any, one of each article."""
    pairs: list[Line] = []
    for one, other in combinations(ranked[:60], 2):
        alike = one.article.id != other.article.id and share(one.text, other.text) >= ABOUT_THE_SAME
        if alike and not {one, other} & set(pairs) and difference("", _told(one), _told(other)):
            pairs += [one, other]
        if len(pairs) >= 2 * MAX_DIFFERENCES:
            break
    return _named(pairs or _picked(ranked, most=MAX_SENTENCES, per_article=1))


def _told(line: Line) -> Told:
    return Told(line.article.title, line.text, line.text)


def _named(told: Sequence[Line]) -> list[Line]:
    """Return sentences with words before them that name their articles."""
    articles = list({line.article.id: line.article for line in told}.values())
    names = dict(zip((a.id for a in articles), lead_ins(articles), strict=True))
    return [replace(line, lead_in=names[line.article.id]) for line in told]


def _timeline(ranked: Sequence[Line]) -> list[Line]:
    """Return sentences that tell a day, in the order of the days."""
    dated = {line: day for line in ranked if (day := day_of(line.text, line.article.date))}
    chosen = _picked(dated, most=MAX_DAYS, per_article=MAX_DAYS)
    return sorted(chosen, key=lambda line: (dated[line], line.number)) if len(chosen) > 1 else []


def _latest(ranked: Sequence[Line]) -> list[Line]:
    """Return the most telling sentences of the newest article; of that with the last day, without dates."""
    days = {line: day for line in ranked if (day := _published(line) or day_of(line.text, None))}
    if not days:
        return []
    last = max(days, key=lambda line: days[line])
    return _picked(
        [line for line in ranked if line.article is last.article], most=MAX_NEW, per_article=MAX_NEW
    )


def _published(line: Line) -> Day | None:
    own = _date(line.article.date)
    return (own.year, own.month, own.day) if own else None


_DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_DAY = re.compile(rf"\b(?:last |on )?({'|'.join(_DAYS)})\b", re.IGNORECASE)


def day_of(text: str, published: str | None) -> Day | None:
    """Return the day that a sentence tells, None when it tells none.

    A day of the week is the last such day up to the article's own date.
    """
    own = _date(published)
    told = next((fact for fact in hard_facts(text) if fact.kind == "date"), None)
    if told:
        month, day = (int(part) for part in told.key.split("-"))
        year = re.search(r"\b(?:19|20)\d\d\b", text)
        return (int(year[0]) if year else own.year if own else 0), month, day
    if own and (named := _DAY.search(text)):
        back = (own.weekday() - _DAYS.index(named[1].lower())) % 7
        at = own - dt.timedelta(days=back)
        return at.year, at.month, at.day
    return None


def _date(published: str | None) -> dt.date | None:
    try:
        return dt.date.fromisoformat((published or "")[:10])
    except ValueError:
        return None


_KINDS: Mapping[Intent, Callable[[Sequence[Line]], list[Line]]] = {
    "what_happened": partial(_summary, most=IN_SHORT),
    "about": partial(_summary, most=IN_SHORT),
    "people": _people,
    "quoted": _quoted,
    "differences": _differences,
    "timeline": _timeline,
    "latest": _latest,
}
