"""Article -> passages of whole sentences, with exact offsets and token counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .schema import Article, Passage, Span
from .sentences import sentence_spans, trim

CountTokens = Callable[[Sequence[str]], list[int]]
"""Texts -> their lengths in tokens, with the two special tokens of the model."""

SPECIAL_TOKENS = 2


def split_article(article: Article, *, max_tokens: int, count_tokens: CountTokens) -> list[Passage]:
    """Pack the sentences of an article into passages of at most `max_tokens` tokens.

    A sentence that is longer by itself is cut, at white space where there is some. The passages
    hold every character of the text that is not white space, once and in order.
    """
    text = article.text
    pieces = _pieces(text, max_tokens=max_tokens, count_tokens=count_tokens)
    runs = _pack([size for _, size in pieces], max_tokens)
    version = article.text_hash[:8]
    passages = []
    for run in runs:
        spans = tuple(span for span, _ in pieces[run.start : run.end])
        start, end = spans[0].start, spans[-1].end
        passages.append((start, end, spans))
    sizes = count_tokens([text[start:end] for start, end, _ in passages])
    return [
        Passage(f"{article.id}-{version}-{n}", article.id, start, end, size, spans)
        for n, ((start, end, spans), size) in enumerate(zip(passages, sizes, strict=True))
    ]


def _pieces(text: str, *, max_tokens: int, count_tokens: CountTokens) -> list[tuple[Span, int]]:
    """Return the sentences with their sizes, those that are too long cut to fit."""
    sentences = sentence_spans(text)
    sizes = count_tokens([text[s.start : s.end] for s in sentences])
    pieces: list[tuple[Span, int]] = []
    for span, size in zip(sentences, sizes, strict=True):
        if size <= max_tokens:
            pieces.append((span, size))
        else:
            pieces += _cut(text, span, max_tokens=max_tokens, count_tokens=count_tokens)
    return pieces


def _cut(text: str, span: Span, *, max_tokens: int, count_tokens: CountTokens) -> list[tuple[Span, int]]:
    """Halve a span, at white space near its middle if there is some, until every part fits."""
    size = count_tokens([text[span.start : span.end]])[0]
    if size <= max_tokens or span.end - span.start < 2:
        return [(span, size)]
    middle = _break_near_middle(text, span)
    halves = (trim(text, Span(span.start, middle)), trim(text, Span(middle, span.end)))
    return [
        piece
        for half in halves
        if half.start < half.end
        for piece in _cut(text, half, max_tokens=max_tokens, count_tokens=count_tokens)
    ]


def _break_near_middle(text: str, span: Span) -> int:
    middle = (span.start + span.end) // 2
    quarter = (span.end - span.start) // 4
    for distance in range(quarter):
        for position in (middle - distance, middle + distance):
            if text[position].isspace():
                return position
    return middle


def _pack(sizes: Sequence[int], max_tokens: int) -> list[Span]:
    """Group consecutive pieces into runs (index spans) whose tokens fit; greedy from the left."""
    runs: list[Span] = []
    start, used = 0, SPECIAL_TOKENS
    for n, size in enumerate(sizes):
        own = size - SPECIAL_TOKENS
        if n > start and used + own > max_tokens:
            runs.append(Span(start, n))
            start, used = n, SPECIAL_TOKENS
        used += own
    if start < len(sizes):
        runs.append(Span(start, len(sizes)))
    return runs
