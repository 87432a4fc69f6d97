"""Text -> sentence spans, paragraph by paragraph, with nupunkt."""

from __future__ import annotations

import re
from collections.abc import Iterator

import nupunkt

from .schema import Span


def paragraph_spans(text: str) -> Iterator[Span]:
    """Yield the paragraphs of a text: runs between blank lines, without the white space around."""
    start = 0
    for blank in re.finditer(r"\n[^\S\n]*\n\s*|\Z", text):
        span = trim(text, Span(start, blank.start()))
        if span.start < span.end:
            yield span
        start = blank.end()


def sentence_spans(text: str) -> list[Span]:
    """Return the sentences of a text in order; no span crosses a blank line or holds outer white space."""
    return [span for paragraph in paragraph_spans(text) for span in _split(text, paragraph)]


def trim(text: str, span: Span) -> Span:
    """Narrow a span so that it neither starts nor ends with white space."""
    piece = text[span.start : span.end]
    lead = len(piece) - len(piece.lstrip())
    return Span(span.start + lead, max(span.start + lead, span.start + len(piece.rstrip())))


def _split(text: str, paragraph: Span) -> Iterator[Span]:
    for start, end in nupunkt.sent_spans(text[paragraph.start : paragraph.end]):
        span = trim(text, Span(paragraph.start + start, paragraph.start + end))
        if span.start < span.end:
            yield span
