"""What the source view shows: an article with one exact span of it marked, or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import unquote, urlsplit

from evals.records import PassageRecord, Record
from evals.runs import Run
from evals.telling import flaw
from rag.answer import Answer, source_dict
from rag.export import Line, one_line
from rag.schema import Article, Citation, Span, Verdict

CLOSEST = 3
"""Passages shown with an abstention."""
_EXACT = "These exact words stand in the article."
_OTHER = "A passage that was retrieved; the answer does not cite it."
_CLOSE = "A close passage; it does not answer the question."
_NOT_LOCATED = "The passage could not be located in the article, so nothing is highlighted."


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A quote and the article it comes from; `note` says how well the two fit."""

    number: int
    article: Article
    start: int
    end: int
    quote: str
    note: str
    sound: bool = True
    """The article holds what the answer says with this footnote."""
    answer: Span | None = None
    """Place in the article of the words that answer the question, inside the quote."""

    @property
    def line(self) -> Line:
        """The quote on one line."""
        inside = Span(self.answer.start - self.start, self.answer.end - self.start) if self.answer else None
        return one_line(self.quote, inside)

    @property
    def told(self) -> str:
        """How well the two fit, or that the words were not found."""
        return self.note if self.located or not self.quote else _NOT_LOCATED

    @property
    def located(self) -> bool:
        """The quote is, character for character, what stands at its place in the article."""
        return bool(self.quote) and self.article.text[self.start : self.end] == self.quote

    @property
    def about(self) -> str:
        """Source, date and file of the article on one line."""
        article = self.article
        return " · ".join(
            part for part in (article.source, article.date or "undated", name_of(article.uri)) if part
        )

    def to_data(self) -> dict[str, str]:
        """Return the article in three pieces, so that no offset is counted twice in two languages."""
        text = self.article.text
        start, end = (self.start, self.end) if self.located else (len(text), len(text))
        return {
            "title": self.article.title,
            "about": self.about,
            "note": self.told,
            "before": text[:start],
            "quote": text[start:end],
            "after": text[end:],
        }


def of_answer(answer: Answer, articles: Mapping[str, Article]) -> tuple[Excerpt, ...]:
    """Return an excerpt for each footnote, or the closest passages when there is no answer.

    A passage is shown in its article of today, if `articles` holds that by id and the words still stand
    there, else by itself.
    """
    if answer.status != "abstained":
        return tuple(_of_citation(citation) for citation in answer.citations)
    passages = (source_dict(node) for node in answer.source_nodes[:CLOSEST])
    return tuple(_of_node(number, each, articles, _CLOSE) for number, each in enumerate(passages, start=1))


def uncited(answer: Answer) -> tuple[Excerpt, ...]:
    """Return the passages that were retrieved and that no footnote points into, best first."""
    cited = {citation.passage_id for citation in answer.citations}
    nodes = [node for node in answer.source_nodes if node.node.node_id not in cited]
    return tuple(_of_node(n, source_dict(node), {}, _OTHER) for n, node in enumerate(nodes, start=1))


def _of_citation(citation: Citation) -> Excerpt:
    return Excerpt(
        number=citation.number,
        article=citation.article,
        start=citation.start,
        end=citation.end,
        quote=citation.quote,
        note=_note(citation.verdict),
        sound=citation.verdict.sound,
        answer=citation.answer if citation.quote_parts[1] else None,
    )


def _note(verdict: Verdict) -> str:
    if not verdict.located:
        return _NOT_LOCATED
    if verdict.consistent:
        return _EXACT
    return f"The answer says more than this source holds. Not in it: {', '.join(verdict.missing)}."


def _of_node(
    number: int, passage: Mapping[str, object], articles: Mapping[str, Article], note: str
) -> Excerpt:
    text, start, end = str(passage["text"]), cast(int, passage["start"]), cast(int, passage["end"])
    article = articles.get(str(passage["article_id"]))
    if article is not None and article.text[start:end] == text:
        return Excerpt(number, article, start, end, text, note)
    source, date = (cast("str | None", passage[name]) for name in ("source", "date"))
    alone = Article(str(passage["uri"]), str(passage["title"]), text, source, date)
    return Excerpt(number, alone, 0, len(text), text, note)


def of_record(run: Run, record: Record) -> tuple[Excerpt, ...]:
    """Return an excerpt for each footnote of an eval's record: its passage, as it was retrieved then.

    When the record declines, these are the closest passages.
    """
    if record.abstained:
        close = [run.passages[s.passage] for s in record.sources if s.passage in run.passages][:CLOSEST]
        return tuple(
            _of_passage(number, passage, passage.span, passage.text, _CLOSE)
            for number, passage in enumerate(close, start=1)
        )
    return tuple(
        _of_passage(note.number, passage, note.span, note.quote, flawed or _EXACT, sound=not flawed)
        for note in record.citations
        if note.passage and (passage := run.passages.get(note.passage))
        for flawed in [flaw(note, run.passages)]
    )


def _of_passage(  # noqa: PLR0913  # what an excerpt is made of
    number: int, passage: PassageRecord, span: Span, quote: str, note: str, *, sound: bool = True
) -> Excerpt:
    article = Article(passage.article, passage.article, passage.text)
    start, end = span.start - passage.start, span.end - passage.start
    return Excerpt(number, article, start, end, quote, note, sound)


def name_of(uri: str) -> str:
    """Return the name of a URI's file, or the whole of any other URI."""
    parts = urlsplit(uri)
    return unquote(parts.path).rsplit("/", 1)[-1] if parts.scheme == "file" else uri
