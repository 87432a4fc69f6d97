"""Do the articles tell? What speaks for and against it, the probability, and a reason in plain words."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from .citations import Source
from .coverage import Vocabulary
from .facts import missing_facts
from .reading import Candidate

Terms = Callable[[str], Sequence[str]]
"""A text -> its distinct search terms."""


class Evidence(NamedTuple):
    """What tells a question that the articles answer from one that they only seem to answer."""

    margin: float
    """The reader's margin of the best sentence: logit of its answer less that of "none"."""
    matched: float
    """Share of the question's terms that the best sentence holds, 0 to 1."""
    context: float
    """The same share for its window and title."""
    cosine: float
    """The best cosine of a passage."""
    size: float
    """Logarithm (base 10) of the number of passages: among more, chance alone finds nearer ones."""
    length: float
    """Natural logarithm of one plus the question's terms: a long question is never covered whole."""
    fact_missing: float
    """1 when a name, number or date of the question is not in the best sentence's window or title."""
    fact_unknown: float
    """1 when one is in no retrieved passage either."""


WEIGHTS = Evidence(0.28, 0.6, 1.1, 4.0, -0.66, 1.1, -1.8, -0.8)
CONSTANT = -2.9
"""Weights of a logistic, and its constant.

They are the mean of two fits of `benchmarks/abstention.py`, with the cosine and without: as good on its sets,
and a question in other words, whose cosine is low, is not declined for that.
"""


def confidence(evidence: Evidence | None) -> float:
    """Return the probability, 0 to 1, that the articles hold an answer."""
    if evidence is None:
        return 0.0
    weighed = sum(weight * value for weight, value in zip(WEIGHTS, evidence, strict=True))
    return 1 / (1 + math.exp(-(weighed + CONSTANT)))


def gather(
    question: str, ranked: Sequence[Candidate], sources: Sequence[Source], vocabulary: Vocabulary
) -> Evidence | None:
    """Return the evidence that an index answers a question, None without a sentence.

    `ranked` are the sentences of the sources, best first.
    """
    if not ranked:
        return None
    best = ranked[0]
    missing = _missing(question, [f"{best.source.article.title}\n{best.source.text}"])
    held = [f"{s.article.title}\n{s.article.source or ''}\n{s.text}" for s in sources]
    return Evidence(
        margin=max(-12.0, min(12.0, best.signs.margin)),
        matched=best.signs.matched,
        context=best.signs.context,
        cosine=max(source.cosine for source in sources),
        size=math.log10(max(1, vocabulary.passage_count())),
        length=math.log1p(len(vocabulary.terms(question))),
        fact_missing=float(missing),
        fact_unknown=float(missing and _missing(question, held)),
    )


def _missing(question: str, texts: Sequence[str]) -> bool:
    """Tell whether a name, number or date of the question is in none of some texts."""
    return any(fact.kind != "quotation" for fact in missing_facts(question, ["\n".join(texts)]))


# --- the reason

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
SHOWN = 3
"""Most words of the question that a reason names as found."""


def reason(question: str, sources: Sequence[Source], *, terms: Terms) -> str:
    """Say which words of the question the closest passages hold, and what they lack.

    It says of words only what a look-up of their stems says.
    """
    words = [word for word in _WORD.findall(question) if terms(word)]
    if not words:
        return "The question has no word of its own to look for in the articles."
    held = {term for source in sources for term in terms(f"{source.article.title}\n{source.text}")}
    lacking = [word for word in words if not set(terms(word)) & held]
    found = [word for word in words if word not in lacking]
    if not found:
        return f"The articles do not tell; the closest passages do not mention {_listed(lacking)}."
    if lacking:
        return f"The closest passages mention {_joined(found)}, but not {_joined(lacking, 'or')}."
    return f"The closest passages mention {_joined(found)}, but no sentence answers surely enough."


def _joined(words: Sequence[str], last: str = "and") -> str:
    quoted = [f"“{word}”" for word in list(dict.fromkeys(words))[: SHOWN if last == "and" else None]]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} {last} {quoted[-1]}"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"“{word}”" for word in dict.fromkeys(words))
