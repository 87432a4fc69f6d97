"""Whether footnotes resolve, are verbatim, are enough and not too many, and hold what is said.

These see words, not meaning: a sentence that joins what its source holds into something untrue passes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from rag.answering import DECLINE
from rag.citations import Marker, MarkerReader, bare
from rag.facts import Fact, missing_facts
from rag.ordinary import is_function_word
from rag.schema import Span

from ..scores import Gold
from .answers import compared, without_markers, words
from .retrieval import Place, length, overlap

FEWEST_WORDS = 4
"""Shorter sentences, such as headings, need no footnote."""


# --- markers


@lru_cache(maxsize=8192)
def markers_in(text: str) -> tuple[int, ...]:
    """Return the numbers of the `[n]` in a text, as `rag.citations.MarkerReader` reads them."""
    if "[" not in text and "【" not in text:
        return ()
    reader = MarkerReader()
    events = [*reader.feed(text), *reader.finish()]
    return tuple(event.number for event in events if isinstance(event, Marker))


def own_markers(sentence: str, sources: Iterable[str]) -> tuple[int, ...]:
    """Return the markers inside a sentence that do not stand in a cited text: articles hold `[1]` too."""
    numbers = markers_in(sentence)
    if not numbers:
        return ()
    copied = {number for text in sources for number in markers_in(text)}
    return tuple(number for number in numbers if number not in copied)


def resolving(numbers: Iterable[int]) -> frozenset[int]:
    """Return the numbers that name exactly one footnote, of the numbers of all footnotes."""
    return frozenset(number for number, count in Counter(numbers).items() if count == 1)


def is_verbatim(quote: str, stands: str | None, place: Place, passage: Place | None) -> bool:
    """Tell whether a footnote shows what stands at its place, and lies inside the passage that it names."""
    if not quote.strip() or quote != stands:
        return False
    return passage is None or (
        passage.article == place.article
        and passage.span.start <= place.span.start <= place.span.end <= passage.span.end
    )


def is_ragged(text: str, span: Span) -> bool:
    """Tell whether a stretch of a text begins or ends with white space, or within a word or a number.

    Sentences never do; a place that is off by one does. Of letters only those that have capitals are looked
    at, since other scripts set no space between words.
    """
    words = text[span.start : span.end]
    return words != words.strip() or any(_joins(text, at) for at in span)


def _joins(text: str, at: int) -> bool:
    """Tell whether two letters or digits meet at an offset."""
    around = text[at - 1 : at + 1] if at > 0 else ""
    return len(around) == 2 and all(c.isdigit() or c.lower() != c.upper() for c in around)


# --- sentences


@lru_cache(maxsize=4096)
def needs_footnote(sentence: str) -> bool:
    """Tell whether a sentence of four words or more is neither a question nor the one that declines."""
    plain = without_markers(sentence)
    return len(words(plain)) >= FEWEST_WORDS and not plain.endswith("?") and bare(plain) != bare(DECLINE)


def missing_from(sentence: str, sources: Sequence[str]) -> list[str]:
    """Return the hard facts (`rag.facts`) of a sentence that none of its cited texts holds."""
    first, *others = [_missing(sentence, source) for source in sources]
    return [fact.text for fact in first if all(fact in other for other in others)]


@lru_cache(maxsize=8192)
def _missing(sentence: str, source: str) -> tuple[Fact, ...]:
    """Return the hard facts that a text does not hold; it holds all of a sentence that stands in it."""
    if _stands_in(_folded(sentence), _folded(source)):
        return ()
    return tuple(missing_facts(without_markers(sentence), [source]))


def _stands_in(part: str, whole: str) -> bool:
    """Tell whether a text holds another, with white space or a quotation mark or bracket on both sides."""
    start = whole.find(part)
    while start >= 0:
        around = whole[max(0, start - 1) : start] + whole[start + len(part) : start + len(part) + 1]
        if not around.strip(" \"'“”‘’()[]"):
            return True
        start = whole.find(part, start + 1)
    return False


@lru_cache(maxsize=4096)
def _folded(text: str) -> str:
    return " ".join(text.split())


_NEGATION = re.compile(r"\b(?:not|no|never|none|nobody|nothing|nowhere|neither|nor|without|cannot|\w+n't)\b")


@lru_cache(maxsize=4096)
def negates(text: str) -> bool:
    """Tell whether a text holds a word of negation: one of those above, or one in n't."""
    return _NEGATION.search(compared(text)) is not None


@lru_cache(maxsize=4096)
def keeps_negation(sentence: str, quotes: tuple[str, ...]) -> bool:
    """Tell whether a sentence negates exactly when its quotes, taken together, do, or is verbatim in them.

    A negation in the quotes alone is let pass when the sentence is about something else: it shares less than
    half of the content words around it, or of its own if these are fewer. One in the sentence alone is let
    pass when there are none around it ("They did not: ..."). This sees a negation that is put in or left
    out, not what is negated: "refused", "fails to" and a second negation escape it.
    """
    plain, quoted = without_markers(sentence), " ".join(quotes)
    if _is_copied(compared(plain), compared(quoted)) or negates(plain) == negates(quoted):
        return True
    if negates(plain):
        return not any(_negated(plain))
    told = _content(plain)
    return not any(0 < min(len(part), len(told)) <= 2 * len(part & told) for part in _negated(quoted))


def _is_copied(part: str, whole: str) -> bool:
    """Tell whether a text stands in another, and not just behind a negation that it leaves out."""
    return _stands_in(part, whole) and not re.search(rf"{_NEGATION.pattern}\W+{re.escape(part)}", whole)


_CLAUSE_END = re.compile(r"[,;:.!?()\"]+(?:\s|$)")
_REACH = 4
"""So many content words on each side, in the same clause, are what a negation is about."""


def _negated(text: str) -> Iterator[frozenset[str]]:
    """Yield the content words around each word of negation."""
    for clause in _CLAUSE_END.split(compared(text)):
        for match in _NEGATION.finditer(clause):
            before, after = clause[: match.start()], clause[match.end() :]
            yield frozenset(_content_words(before)[-_REACH:] + _content_words(after)[:_REACH])


def superfluous(sentence: str, quotes: Sequence[str], sources: Sequence[str]) -> list[bool]:
    """Tell of each footnote of a sentence whether the sentence could do without it.

    It could when it has other footnotes, their sources hold all its hard facts, and this quote has less
    than half of its content words and less than an eighth that no other quote has. `sources` are the texts of
    the cited passages, in the order of `quotes`. After the irrelevant citation of ALCE (Gao et al. 2023),
    with words in the place of their model.
    """
    content = _content(without_markers(sentence))
    held = [content & _content(quote) for quote in quotes]
    return [
        len(quotes) > 1
        and not missing_from(sentence, [*sources[:n], *sources[n + 1 :]])
        and 2 * len(own) < max(1, len(content))
        and 8 * len(own.difference(*held[:n], *held[n + 1 :])) < max(1, len(content))
        for n, own in enumerate(held)
    ]


@lru_cache(maxsize=4096)
def _content(text: str) -> frozenset[str]:
    """Return the distinct words of three letters or more, and numbers, that are not grammar."""
    return frozenset(_content_words(text))


def _content_words(text: str) -> list[str]:
    found = re.findall(r"[^\W_]+", compared(text))
    return [w for w in found if w.isdigit() or (len(w) > 2 and not is_function_word(w))]


# --- gold


def precision(notes: Sequence[Place], gold: Sequence[Sequence[Gold]]) -> float:
    """Return footnotes that point at a gold item / footnotes."""
    pointing = [any(points_at(note, place) for item in gold for place in item) for note in notes]
    return sum(pointing) / len(pointing)


def points_at(note: Place, gold: Gold) -> bool:
    """Tell whether a footnote shares half of the gold quote's characters, or half of its own, with it."""
    if note.article != gold.article:
        return False
    shared = [(overlap(note.span, span), span) for span in gold.spans]
    return not gold.spans or any(n and 2 * n >= min(length(span), length(note.span)) for n, span in shared)


def recall(notes: Sequence[Place], gold: Sequence[Sequence[Gold]]) -> float:
    """Return gold items of which the footnotes together cover half or more / gold items."""
    found = [any(_covers(notes, place) for place in item) for item in gold]
    return sum(found) / len(found)


def _covers(notes: Sequence[Place], gold: Gold) -> bool:
    spans = [note.span for note in notes if note.article == gold.article]
    if not gold.spans:
        return bool(spans)
    return any(2 * covered(span, spans) >= length(span) for span in gold.spans)


def covered(span: Span, by: Iterable[Span]) -> int:
    """Return how many characters of a span the others hold, those that several hold counted once."""
    total, reached = 0, span.start
    for other in sorted(by):
        rest = Span(max(reached, other.start), min(span.end, other.end))
        total += max(0, length(rest))
        reached = max(reached, rest.end)
    return total
