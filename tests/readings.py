"""Sources made by hand, and a reader and a vocabulary that know what they are told."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rag.citations import Source
from rag.models.reader import UNREAD, Reading, Window
from rag.ordinary import is_function_word
from rag.reading import Candidate, Read, candidates
from rag.schema import Article, Passage, Span
from rag.sentences import sentence_spans

Answers = Mapping[str, tuple[float, str]]
"""A sentence -> the margin of its best answer, and the words of it that answer."""


class Vocabulary:
    """One of ten passages in which every word is as rare as the others, but for those that are named."""

    def __init__(self, frequencies: Mapping[str, int] | None = None, *, passages: int = 10) -> None:
        self.frequencies = frequencies or {}
        self.passages = passages

    def terms(self, text: str) -> list[str]:
        words = re.findall(r"[^\W_]+", text.lower())
        return [word for word in dict.fromkeys(words) if not is_function_word(word)]

    def document_frequency(self, term: str) -> int:
        return self.frequencies.get(term, 1)

    def passage_count(self) -> int:
        return self.passages


class Reader:
    """Says what it is told of a sentence, that any other one does not answer, and keeps what it was asked."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.questions: list[str] = []
        self.windows: list[Window] = []

    def __call__(self, question: str, windows: Sequence[Window]) -> list[list[Reading]]:
        self.questions.append(question)
        self.windows += windows
        return [[self._of(window.text, span) for span in window.sentences] for window in windows]

    def _of(self, text: str, span: Span) -> Reading:
        if text[slice(*span)] not in self.answers:
            return Reading(UNREAD.margin, Span(span.start, span.start))
        margin, words = self.answers[text[slice(*span)]]
        start = text.index(words, span.start)
        return Reading(margin, Span(start, start + len(words)))


def source(  # noqa: PLR0913  # a passage, its place and its article
    text: str,
    number: int = 1,
    *,
    article: str = "a",
    title: str = "News",
    outlet: str | None = None,
    score: float = 1.0,
) -> Source:
    """Return an article whose one passage is its whole text."""
    about = Article(f"test:{article}", title, text, outlet)
    passage = Passage(f"p{number}", about.id, 0, len(text), 9, tuple(sentence_spans(text)))
    return Source(number, passage, about, score)


def sources(*texts: str) -> list[Source]:
    """Return a passage of another article for each text."""
    return [source(text, n, article=f"a{n}", title=f"News {n}") for n, text in enumerate(texts, start=1)]


def read_by(answers: Answers, question: str, given: Sequence[Source]) -> list[Candidate]:
    """Return the sentences of sources, best first, as a reader ranks them that knows these answers."""
    read: Read = Reader(answers)
    return candidates(question, given, read, Vocabulary())
