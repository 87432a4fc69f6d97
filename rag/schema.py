"""The value types of the pipeline: frozen, no input or output, no vendor.

All offsets count characters (Unicode code points), start inclusive, end exclusive.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, NamedTuple

Status = Literal["answered", "partial", "abstained"]
Origin = Literal["answerer", "repointed", "found"]
"""Who chose the source of a footnote.

`answerer`: the answerer named it; `repointed`: it named another one, which does not hold the sentence;
`found`: it named none. The last two are the check's own choice among the sources the answerer was given.
"""
Support = Literal["full", "partial", "none", "contradicts"]
"""What a judge, which is a model, says of a sentence and the passages that it cites."""
ConflictKind = Literal["quotation", "number", "date", "name"]


class Span(NamedTuple):
    """A stretch of text: `text[start:end]`."""

    start: int
    end: int


class Hit(NamedTuple):
    """A passage that a search found; higher scores are better."""

    passage_id: str
    score: float


def digest(text: str) -> str:
    """Return the SHA-256 of a text as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def article_id(uri: str) -> str:
    """Return the identity of an article: 16 hexadecimal digits made from its URI."""
    return digest(uri)[:16]


@dataclass(frozen=True, slots=True)
class Article:
    """A document of the corpus; identity is `uri`, change is `text_hash`."""

    uri: str
    title: str
    text: str
    source: str | None = None
    date: str | None = None
    """Day of publication, ISO 8601 (`2025-11-08`), if the article states it."""

    @property
    def id(self) -> str:
        """Identity of the article, derived from its URI."""
        return article_id(self.uri)

    @property
    def text_hash(self) -> str:
        """SHA-256 of the text: the version of the article."""
        return digest(self.text)


@dataclass(frozen=True, slots=True)
class Passage:
    """A run of whole sentences of one article: what is embedded and retrieved."""

    id: str
    article_id: str
    start: int
    end: int
    tokens: int
    sentences: tuple[Span, ...]
    """Sentences inside the passage, as offsets into the article's text."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the check of one sentence against one cited passage found."""

    located: bool
    """The quoted words stand in the article at these offsets."""
    consistent: bool
    """Every number, date, name and quotation of the sentence is in the cited span or its passage."""
    missing: tuple[str, ...] = ()
    """What the sentence states and the passage does not hold."""

    @property
    def sound(self) -> bool:
        """Both facts hold."""
        return self.located and self.consistent

    def __str__(self) -> str:
        located = "located" if self.located else "not located"
        if self.consistent:
            return f"{located}, consistent"
        return f"{located}, not consistent (not in the source: {', '.join(self.missing)})"


@dataclass(frozen=True, slots=True)
class Citation:
    """A footnote: an exact span of an article, and where the answer uses it first."""

    number: int
    article: Article
    start: int
    end: int
    quote: str
    answer_start: int
    answer_end: int
    verdict: Verdict
    passage_id: str
    origin: Origin = "answerer"
    """How the footnote came about where it is used first."""
    answer: Span | None = None
    """Place in the article of the words that answer the question, if the reader found some in the quote."""

    @property
    def answer_words(self) -> str:
        """The words that answer; empty without."""
        return self.article.text[slice(*self.answer)] if self.answer else ""

    @property
    def quote_parts(self) -> tuple[str, str, str]:
        """The quote before, in and after the words that answer; all of it is before when there are none."""
        if self.answer is None or not self.start <= self.answer.start < self.answer.end <= self.end:
            return self.quote, "", ""
        start, end = self.answer.start - self.start, self.answer.end - self.start
        return self.quote[:start], self.quote[start:end], self.quote[end:]

    def to_dict(self) -> dict[str, object]:
        """Return the citation as JSON-ready values, with the article's version hash."""
        return {
            "number": self.number,
            "passage_id": self.passage_id,
            "article_id": self.article.id,
            "title": self.article.title,
            "uri": self.article.uri,
            "source": self.article.source,
            "date": self.article.date,
            "text_hash": self.article.text_hash,
            "start": self.start,
            "end": self.end,
            "quote": self.quote,
            "answer": list(self.answer) if self.answer else None,
            "answer_start": self.answer_start,
            "answer_end": self.answer_end,
            "origin": self.origin,
            "verdict": {
                "located": self.verdict.located,
                "consistent": self.verdict.consistent,
                "missing": list(self.verdict.missing),
            },
        }


@dataclass(frozen=True, slots=True)
class AnswerSentence:
    """One sentence of an answer: `answer.text[start:end] == text`, and its footnote numbers."""

    text: str
    start: int
    end: int
    citations: tuple[int, ...]
    verdict: Verdict
    origin: Origin = "answerer"
    """How its footnotes came about; says nothing when it has none."""
    lead_in: str = ""
    """Fixed words that name source and date; they and a space stand right before `start`, or nothing does."""
    supported: Support | None = None
    """What the judge says (`RAG_JUDGE`); None when it was not asked, or gave no verdict."""

    @property
    def sound(self) -> bool:
        """The sentence has a footnote, and its footnotes hold what it states."""
        return bool(self.citations) and self.verdict.sound

    def to_dict(self) -> dict[str, object]:
        """Return the sentence as JSON-ready values."""
        return {
            "lead_in": self.lead_in,
            "text": self.text,
            "start": self.start,
            "end": self.end,
            "citations": list(self.citations),
            "origin": self.origin if self.citations else None,
            "sound": self.sound,
            "missing": list(self.verdict.missing),
            **({"supported": self.supported} if self.supported else {}),
        }


class Judged(NamedTuple):
    """Who judged the sentences of an answer, and how well that judge agrees with people."""

    model: str
    trust: str
    """Its measured agreement with people, or that nobody has measured it."""
    notice: str | None = None
    """Why sentences are without a verdict."""


@dataclass(frozen=True, slots=True)
class AnswerPart:
    """A part of the question, and which sentences of the answer are about it, from 0."""

    text: str
    """The part as a question of its own."""
    asks: str
    """What the user asked in it, in few words, such as `where`."""
    sentences: tuple[int, ...]

    @property
    def status(self) -> Status:
        """Whether the articles tell it."""
        return "answered" if self.sentences else "abstained"

    def to_dict(self) -> dict[str, object]:
        """Return the part as JSON-ready values."""
        return {
            "text": self.text,
            "asks": self.asks,
            "status": self.status,
            "sentences": list(self.sentences),
        }


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two footnotes that tell the same thing differently."""

    about: str
    """Who or what it is about, as both say it: a speaker, or a word that both have."""
    kind: ConflictKind
    first: Citation
    second: Citation
    says: tuple[str, str]
    """What each of them says: the words, numbers, dates or names that differ."""

    def to_dict(self) -> dict[str, object]:
        """Return the conflict as JSON-ready values; `citations` are the numbers of the footnotes."""
        return {
            "about": self.about,
            "kind": self.kind,
            "citations": [self.first.number, self.second.number],
            "says": list(self.says),
        }
