"""Do the articles tell? What speaks for and against it, the probability, and a reason in plain words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from .candidates import ENOUGH, Terms, Wish, strength, tokens_of, wish_of
from .citations import Source
from .exclusions import asked_phrases, is_lacking, ruled_out
from .facts import missing_facts
from .questions import ask_of, kind_asked
from .reading import Likeness


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

    @property
    def likeness(self) -> Likeness | None:
        """How near it is when it is read under its title; None when it was not."""


class Evidence(NamedTuple):
    """What tells a question that the articles answer from one that they only seem to answer."""

    read: float
    """Nearness of the nearest sentence that was read under its title; 0 when none was."""
    sentence: float
    """Nearness of the nearest sentence: 1.5 times its cosine plus its share of the question's terms."""
    passage: float
    """The best sum of a sentence's cosine and its passage's share of the question's terms."""
    cosine: float
    """The best cosine of a sentence."""
    size: float
    """Logarithm (base 10) of the number of passages: among more, chance alone finds nearer ones."""
    length: float
    """Natural logarithm of one plus the question's terms: a long question is never covered whole."""
    turned: bool
    """The question denies something, or holds the opposite of a word, and the nearest sentence does not."""
    fact_missing: bool
    """A name, number or date of the question is in no near sentence, nor in its article's title."""
    fact_unknown: bool
    """One is in no retrieved passage either."""
    gap: float
    """How far the best candidate for the answer falls short of what is expected, 0 to 1."""
    ruled_out: bool
    """The articles cannot answer, whatever they resemble: see `exclusions.ruled_out`."""


WEIGHTS = (1.75, 1.75, 1.88, 0.0, -0.58, 0.95, -3.22, -0.69, -0.8, -0.79)
CONSTANT = -7.26
"""Weights of a logistic over all signs but the last, and its constant.

They are fitted by `benchmarks/abstention.py` on public sets.
"""
PLAIN_WEIGHTS = (0.0, 0.82, 3.52, 2.97, -0.6, 0.88, -3.1, -0.8, -0.76, -0.72)
PLAIN_CONSTANT = -6.81
"""The same where no sentence was read, as the embedding model gives no vectors of words."""
RULED_OUT = 0.1
"""What is left of the probability when an answer is ruled out: so many such questions were answerable."""

NEAR = 0.75
"""Share of the nearest sentence's nearness that makes another one near, too; five at most."""
QUOTED = 3
"""The best sentences, which an answer would quote: those and the near ones must give what is asked for."""


def confidence(evidence: Evidence) -> float:
    """Return the probability, 0 to 1, that the articles hold an answer."""
    weights, constant = (WEIGHTS, CONSTANT) if evidence.read else (PLAIN_WEIGHTS, PLAIN_CONSTANT)
    weighed = sum(weight * value for weight, value in zip(weights, evidence[:-1], strict=True))
    return (RULED_OUT if evidence.ruled_out else 1.0) / (1 + math.exp(-(weighed + constant)))


def gather(
    question: str,
    sentences: Sequence[Sentence],
    sources: Sequence[Source],
    *,
    terms: Terms,
    passages: int,
) -> Evidence:
    """Return the evidence that an index of so many passages answers a question.

    `sentences` come best first, `sources` are the passages that they are taken from.
    """
    near = near_sentences(sentences)
    title = [_named(sentence.source) for sentence in near[:1]]
    held = [f"{_named(source)}\n{source.text}" for source in sources]
    ask, wish = ask_of(question), wish_of(question, terms)
    missing = _missing(ask, [*(sentence.text for sentence in near), *title])
    missing = missing and not (near and is_false_premise(wish, ask, near[0].text))
    return Evidence(
        read=max((nearness_read(s.likeness) for s in sentences if s.likeness), default=0.0),
        sentence=max((nearness(sentence) for sentence in near), default=0.0),
        passage=max((sentence.cosine + sentence.context for sentence in sentences), default=0.0),
        cosine=max((sentence.cosine for sentence in sentences), default=0.0),
        size=math.log10(max(1, passages)),
        length=math.log1p(len(terms(question))),
        turned=is_turned(ask, near[0].text if near else ""),
        fact_missing=missing,
        fact_unknown=missing and _missing(ask, held),
        gap=_gap(wish, near, sentences[:QUOTED]),
        ruled_out=ruled_out(wish, [s.text for s in (*near, *sentences[:QUOTED])], held),
    )


def _named(source: Source) -> str:
    """Return what an article is called, and who published it."""
    return f"{source.article.title}\n{source.article.source or ''}"


def is_false_premise(wish: Wish, ask: str, sentence: str) -> bool:
    """Tell whether a question asks why of what a sentence tells, be it of somebody else.

    It is answered with what the articles do say.
    """
    return kind_asked(ask) == "reason" and wish.told_by(tokens_of(sentence)) == 1


def _missing(question: str, texts: Sequence[str]) -> bool:
    """Tell whether a name, number or date of the question is in none of some texts."""
    return any(fact.kind != "quotation" for fact in missing_facts(question, ["\n".join(texts)]))


def _gap(wish: Wish, near: Sequence[Sentence], quoted: Sequence[Sentence]) -> float:
    most = max((sentence.coverage for sentence in near), default=0.0) or 1.0
    found = (strength(wish, s.text, min(1.0, s.coverage / most)) for s in (*near, *quoted))
    return 1.0 - max(found, default=0.0)


def nearness(sentence: Sentence) -> float:
    """Return how near a sentence is to the question, by its meaning and its words."""
    return 1.5 * sentence.cosine + sentence.coverage


def nearness_read(likeness: Likeness) -> float:
    """Return the same of a sentence that was read under its title."""
    return 1.5 * likeness.meaning + likeness.matched


def near_sentences(sentences: Iterable[Sentence]) -> list[Sentence]:
    """Return the nearest sentence, and at most four others that are nearly as near."""
    ranked = sorted(sentences, key=lambda sentence: -nearness(sentence))[:5]
    return [s for n, s in enumerate(ranked) if not n or nearness(s) >= NEAR * nearness(ranked[0])]


_DENIES = re.compile(
    r"n['’]t\b|\b(?:not(?! only\b)|never|no longer|without|except|aside from|other than)\b(?!-)",
    re.IGNORECASE,
)
_NEGATION = re.compile(r"\b(?:not|never|no|none|neither|nor|without|cannot|\w+n['’]t)\b", re.IGNORECASE)
_YES_OR_NO = re.compile(
    r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|might)\b", re.IGNORECASE
)
_OPPOSITES = """
higher lower; highest lowest; increase reduce; increase decrease; increased decreased; before after;
start end; begin end; began ended; early late; earlier later; north south; east west; northern southern;
eastern western; accept reject; accepted rejected; largest smallest; most least; more less; more fewer;
longer shorter; oldest youngest; win lose; won lost; buy sell; bought sold; male female; rise fall; rose fell;
open close; opened closed; create destroy; created destroyed; maternal paternal; best worst; allow forbid;
maximum minimum; encourage discourage; internal external; positive negative; major minor; import export;
imports exports
"""
_PAIRS = [frozenset(pair.split()) for pair in _OPPOSITES.split(";")]


def is_turned(question: str, sentence: str) -> bool:
    """Tell whether a question denies something, or holds the opposite of a word, and a sentence does not.

    A question for yes or no may deny what the articles affirm, and is answered by it.
    """
    if not _YES_OR_NO.match(question) and _DENIES.search(question) and not _NEGATION.search(sentence):
        return True
    asked, told = (set(re.findall(r"\w+", text.casefold())) for text in (question, sentence))
    return any(len(pair & asked) == len(pair & told) == 1 and pair <= asked | told for pair in _PAIRS)


# --- the reason

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
    wish, texts = wish_of(question, terms), [f"{s.article.title}\n{s.text}" for s in sources]
    held = {term for text in texts for term in terms(text)}
    absent = [word for word in words if not set(terms(word)) & held]
    phrases = [phrase for phrase in asked_phrases(wish) if is_lacking(phrase, absent, texts)]
    inside = {word for phrase in phrases for word in phrase}
    present = [word for word in words if word not in absent]
    found = [word for word in present if word not in inside] or present
    lacking = [*(" ".join(phrase) for phrase in phrases), *(word for word in absent if word not in inside)]
    ungiven = _not_given(wish, sentences)
    if not found:
        return f"The articles do not tell; the closest passages do not mention {_listed(lacking)}."
    if phrases or (lacking and not ungiven):
        return f"The closest passages mention {_joined(found)}, but not {_joined(lacking, 'or')}."
    but = ungiven or "no sentence answers surely enough"
    return f"The closest passages mention {_joined(found)}, but {but}."


def _not_given(wish: Wish, sentences: Sequence[Sentence]) -> str:
    """Say what the nearest sentences do not give, if it was looked for and not found; empty otherwise."""
    texts = [sentence.text for sentence in (*near_sentences(sentences), *sentences[:QUOTED])]
    best = max((strength(wish, text, 1.0) for text in texts), default=0.0)
    nearest, form = "the sentences nearest to it", wish.expected.form
    if best == 0:
        return f"{nearest} do not give {_GIVEN[form]}"
    if form == "role" and best < ENOUGH:
        return f"{nearest} name nobody as “{' '.join(wish.expected.thing)}”"
    if form == "count" and wish.expected.thing and best < ENOUGH:
        return f"{nearest} do not say how many “{' '.join(wish.expected.thing)}”"
    return ""


_GIVEN: dict[str, str] = {
    "count": "a number",
    "amount": "a number",
    "date": "a date",
    "agent": "a name",
    "role": "a name",
    "place": "a place",
}


def _joined(words: Sequence[str], last: str = "and") -> str:
    quoted = [f"“{word}”" for word in list(dict.fromkeys(words))[: SHOWN if last == "and" else None]]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} {last} {quoted[-1]}"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"“{word}”" for word in dict.fromkeys(words))
