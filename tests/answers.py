"""Answers made by hand, for tests of how an answer is shown and kept."""

from __future__ import annotations

from rag.answer import Answer, StreamingAnswer
from rag.citations import Footnoter, LeadIn, Marker, SentenceEnd, Source, Words
from rag.schema import AnswerPart, Article, Conflict, Passage, Span

QUOTE = "Four people and 5 dogs were saved, said Captain Ida Holm, 41."
WHO = "Captain Ida Holm"
BEFORE = "It blew hard. "


def answer_by(
    answer: str | Span | None = WHO, *, quote: str = QUOTE, shown: str | None = None, title: str = "Rescue"
) -> Answer:
    """Return an answer of one sentence, whose footnote says that these words of the quote answer.

    `shown` is the sentence when it is no quotation. The quote stands behind `BEFORE` in its article.
    """
    if isinstance(answer, str):
        answer = Span(quote.index(answer), quote.index(answer) + len(answer))
    span = Span(len(BEFORE), len(BEFORE) + len(quote))
    article = Article("test:rescue", title, f"{BEFORE}{quote} Nobody was hurt.", "Harbour News", "2026-04-20")
    passage = Passage("p", article.id, 0, len(article.text), 20, (span,))
    footnoter = Footnoter([Source(1, passage, article, 1.0)])
    words = Span(len(BEFORE) + answer.start, len(BEFORE) + answer.end) if answer else None
    for event in (Words(shown or " ".join(quote.split())), Marker(1, span, words), SentenceEnd()):
        footnoter.feed(event)
    return Answer(
        response=footnoter.text,
        question="Who said it?",
        status="answered",
        sentences=footnoter.sentences,
        citations=footnoter.citations,
    )


def answer_with_accounts() -> Answer:
    """An answer whose two footnotes differ, with a part that is told and one that is not."""
    articles = [Article("u:1", "One *a*", "He said 4.", "Herald <b>"), Article("u:2", "Two", "He said 5.")]
    span = Span(0, 10)
    sources = [
        Source(n, Passage(f"p{n}", of.id, 0, 10, 9, (span,)), of, 1.0)
        for n, of in enumerate(articles, start=1)
    ]
    footnoter = Footnoter(sources)
    for source, lead_in in zip(sources, ("In Herald <b>:", ""), strict=True):
        if lead_in:
            footnoter.feed(LeadIn(lead_in))
        for event in (Words(source.text), Marker(source.number, span), SentenceEnd()):
            footnoter.feed(event)
    first, second = footnoter.citations
    return Answer(
        response=footnoter.text,
        question="What <i>?",
        status="partial",
        sentences=footnoter.sentences,
        citations=footnoter.citations,
        conflicts=[Conflict("he", "number", first, second, ("4", "5"))],
        parts=[AnswerPart("What was said?", "what", (0, 1)), AnswerPart("Who <sang>?", "who", ())],
    )


def streamed(answer: Answer) -> StreamingAnswer:
    """Return an answer as it comes: its sentence, then what follows."""
    end = answer.sentences[0].end
    return StreamingAnswer(iter((answer.text[:end], answer.text[end:])), [], [answer])
