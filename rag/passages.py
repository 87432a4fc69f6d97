"""Article -> passages of whole sentences, with exact offsets and token counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from .schema import Article, Passage, Span
from .sentences import sentence_spans, trim

CountTokens = Callable[[Sequence[str]], list[int]]
"""Texts -> their lengths in tokens, with the two special tokens of the model."""

Run = tuple[Span, ...]

SPECIAL_TOKENS = 2
MAX_TOKEN_CHARACTERS = 16
"""Characters that a passage may have for each of its tokens; English has 4 to 5."""


def split_article(article: Article, *, max_tokens: int, count_tokens: CountTokens) -> list[Passage]:
    """Pack the sentences of an article into passages of at most `max_tokens` tokens.

    A sentence that is longer by itself is cut, at white space where there is some. The passages
    hold every character of the text that is not white space, once and in order. They are bounded in
    characters too, since a model counts a word of any length that it does not know as one token.
    """
    pieces = _pieces(article.text, max_tokens=max_tokens, count_tokens=count_tokens)
    runs = _pack(pieces, max_tokens)
    fitting = _fit(article.text, runs, max_tokens=max_tokens, count_tokens=count_tokens)
    version = article.text_hash[:8]
    return [
        Passage(f"{article.id}-{version}-{n}", article.id, spans[0].start, spans[-1].end, size, spans)
        for n, (spans, size) in enumerate(fitting)
    ]


def _pieces(text: str, *, max_tokens: int, count_tokens: CountTokens) -> list[tuple[Span, int]]:
    """Return the sentences with their sizes, those that are too long cut to fit."""
    limit = max_tokens * MAX_TOKEN_CHARACTERS
    sentences = [part for span in sentence_spans(text) for part in _shorten(text, span, limit)]
    sizes = count_tokens([text[s.start : s.end] for s in sentences])
    pieces: list[tuple[Span, int]] = []
    for span, size in zip(sentences, sizes, strict=True):
        if size <= max_tokens:
            pieces.append((span, size))
        else:
            pieces += _cut(text, span, max_tokens=max_tokens, count_tokens=count_tokens)
    return pieces


def _shorten(text: str, span: Span, limit: int) -> Iterator[Span]:
    """Cut a span into parts of at most `limit` characters, at white space if some is in the latter half."""
    while span.end - span.start > limit:
        window = text[span.start : span.start + limit + 1]
        cut = len(window.rsplit(None, 1)[0])
        if cut < limit // 2 or cut > limit:
            cut = limit
        yield trim(text, Span(span.start, span.start + cut))
        span = trim(text, Span(span.start + cut, span.end))
    yield span


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


def _pack(pieces: Sequence[tuple[Span, int]], max_tokens: int) -> list[Run]:
    """Group consecutive pieces into runs whose tokens and characters fit; greedy from the left."""
    runs: list[Run] = []
    run: list[Span] = []
    used = SPECIAL_TOKENS
    for span, size in pieces:
        own = size - SPECIAL_TOKENS
        too_long = run and span.end - run[0].start > max_tokens * MAX_TOKEN_CHARACTERS
        if run and (too_long or used + own > max_tokens):
            runs.append(tuple(run))
            run, used = [], SPECIAL_TOKENS
        run.append(span)
        used += own
    return [*runs, tuple(run)] if run else runs


def _fit(
    text: str, runs: Sequence[Run], *, max_tokens: int, count_tokens: CountTokens
) -> Iterator[tuple[Run, int]]:
    """Yield runs with their true sizes; parts of one word can be fewer tokens apart than together."""
    sizes = count_tokens([text[run[0].start : run[-1].end] for run in runs])
    for run, size in zip(runs, sizes, strict=True):
        if size <= max_tokens or len(run) < 2:
            yield run, size
        else:
            halves = (run[: len(run) // 2], run[len(run) // 2 :])
            yield from _fit(text, halves, max_tokens=max_tokens, count_tokens=count_tokens)
