"""Do the articles tell? What speaks for and against it, the probability, and a reason in plain words."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from .citations import Source
from .facts import missing_facts
from .questions import gives_kind, kind_asked, thing_asked_for

Terms = Callable[[str], list[str]]
"""Text -> its distinct search terms: stems without stop words."""


class Sentence(Protocol):
    """A sentence of a source that was compared with the question."""

    @property
    def source(self) -> Source:
        """Its passage."""

    @property
    def text(self) -> str:
        """Its words."""

    @property
    def cosine(self) -> float:
        """Similarity of its meaning to the question, -1 to 1."""

    @property
    def coverage(self) -> float:
        """Its share of the question's terms, 0 to 1."""

    @property
    def context(self) -> float:
        """Its passage's share of the question's terms, 0 to 1."""


class Evidence(NamedTuple):
    """What tells a question that the articles answer from one that they only seem to answer."""

    sentence: float
    """Nearness of the nearest sentence: 1.5 times its cosine plus its share of the question's terms."""
    passage: float
    """The best sum of a sentence's cosine and its passage's share of the question's terms."""
    size: float
    """Logarithm (base 10) of the number of passages: among more, chance alone finds nearer ones."""
    length: float
    """Natural logarithm of one plus the question's terms: a long question is never covered whole."""
    negation_missing: bool
    """The question has a negation, the nearest sentence has none."""
    kind_missing: bool
    """A number, date or person is asked for; the nearest sentence gives none but the question's own."""
    fact_missing: bool
    """A name, number or date of the question is in no near sentence, nor in its article's title."""
    thing_missing: bool
    """The thing asked for ("which hotel", "how many soldiers") is in no near sentence or title either."""


WEIGHTS = (1.99, 4.35, -1.27, 0.84, -0.54, -0.47, -1.07, -0.5)
CONSTANT = -4.38
"""Weights of a logistic, and its constant; fitted by `benchmarks/abstention.py` on public sets."""

NEAR = 0.75
"""Share of the nearest sentence's nearness that makes another one near, too; five at most."""


def confidence(evidence: Evidence) -> float:
    """Return the probability, 0 to 1, that the articles hold an answer."""
    weighed = sum(weight * value for weight, value in zip(WEIGHTS, evidence, strict=True))
    return 1 / (1 + math.exp(-(weighed + CONSTANT)))


def gather(question: str, sentences: Sequence[Sentence], *, terms: Terms, passages: int) -> Evidence:
    """Return the evidence that an index of so many passages answers a question."""
    near = near_sentences(sentences)
    nearest = near[0].text if near else ""
    texts = [*(sentence.text for sentence in near), *{s.source.article.title for s in near[:1]}]
    thing = terms(thing_asked_for(question))
    return Evidence(
        sentence=max((nearness(sentence) for sentence in near), default=0.0),
        passage=max((sentence.cosine + sentence.context for sentence in sentences), default=0.0),
        size=math.log10(max(1, passages)),
        length=math.log1p(len(terms(question))),
        negation_missing=has_negation(question) and not has_negation(nearest),
        kind_missing=not gives_kind(kind_asked(question), nearest, beyond=question),
        fact_missing=any(f.kind != "quotation" for f in missing_facts(question, ["\n".join(texts)])),
        thing_missing=bool(thing) and not any(thing[-1] in terms(text) for text in texts),
    )


def nearness(sentence: Sentence) -> float:
    """Return how near a sentence is to the question, by its meaning and its words."""
    return 1.5 * sentence.cosine + sentence.coverage


def near_sentences(sentences: Iterable[Sentence]) -> list[Sentence]:
    """Return the nearest sentence, and at most four others that are nearly as near."""
    ranked = sorted(sentences, key=lambda sentence: -nearness(sentence))[:5]
    return [s for n, s in enumerate(ranked) if not n or nearness(s) >= NEAR * nearness(ranked[0])]


_NEGATION = re.compile(r"\b(?:not|never|no|none|neither|nor|without|cannot|\w+n['’]t)\b", re.IGNORECASE)


def has_negation(text: str) -> bool:
    """Tell whether a text says what is not."""
    return bool(_NEGATION.search(text))


# --- the reason

_GIVEN: dict[str, str] = {"number": "a number", "date": "a date", "person": "a name"}
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
SHOWN = 3
"""Most words of the question that a reason names as found."""


def reason(question: str, sentences: Sequence[Sentence], sources: Sequence[Source], *, terms: Terms) -> str:
    """Say which words of the question the closest passages hold, and what they lack.

    It says of words only what a look-up of their stems says, and of the kind of answer only that the nearest
    sentences give none but the question's own.
    """
    words = [word for word in _WORD.findall(question) if terms(word)]
    if not words:
        return "The question has no word of its own to look for in the articles."
    held = {term for s in sources for term in terms(f"{s.article.title}\n{s.text}")}
    absent = [word for word in words if not set(terms(word)) & held]
    found = [word for word in words if word not in absent]
    lacking = _lacking(question, absent, terms)
    if not lacking:
        return _without_kind(question, found, near_sentences(sentences))
    if not found:
        return f"The articles do not tell; the closest passages do not mention {_listed(lacking)}."
    return f"The closest passages mention {_joined(found)}, but not {_joined(lacking, 'or')}."


def _lacking(question: str, absent: Sequence[str], terms: Terms) -> list[str]:
    """Return what is absent, the thing asked for as a whole when one of its words is."""
    thing = thing_asked_for(question)
    parts = _WORD.findall(thing)
    if not set(parts) & set(absent):
        return list(dict.fromkeys(absent))
    whole = " ".join(word for word in parts if terms(word))
    return list(dict.fromkeys([whole, *(word for word in absent if word not in parts)]))


def _without_kind(question: str, found: Sequence[str], near: Sequence[Sentence]) -> str:
    kind = kind_asked(question)
    if any(gives_kind(kind, sentence.text, beyond=question) for sentence in near):
        return f"The closest passages mention {_joined(found)}, but no sentence answers surely enough."
    given = _GIVEN[kind]
    return (
        f"The closest passages mention {_joined(found)}, but the sentences nearest to it do not give {given}."
    )


def _joined(words: Sequence[str], last: str = "and") -> str:
    quoted = [f"“{word}”" for word in list(dict.fromkeys(words))[: SHOWN if last == "and" else None]]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} {last} {quoted[-1]}"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"“{word}”" for word in words)
