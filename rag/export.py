"""The parts of an answer -> Markdown with footnotes; text of articles and models stays plain text."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .schema import AnswerSentence, Citation, Span

_MARKS = re.compile(r"([\\`*_{}\[\]<>()#+!|~$^&@])")
_LINKS = re.compile(r"(?<=:)(?=//)|(?<=\bwww)(?=\.)", re.IGNORECASE)
_LINE_MARKS = re.compile(r"^([ \t]*)(?:([-=:])|(\d+)(?=[.)]))", re.MULTILINE)


def escape_markdown(text: str) -> str:
    """Put a backslash before every character that Markdown could read as a mark, a list or a link."""
    escaped = _LINKS.sub(r"\\", _MARKS.sub(r"\\\1", text))
    return _LINE_MARKS.sub(_escape_line_mark, escaped)


def _escape_line_mark(match: re.Match[str]) -> str:
    indent, mark, number = match.groups()
    return f"{indent}\\{mark}" if mark else f"{indent}{number}\\"


def marker_spans(sentences: Iterable[AnswerSentence]) -> list[tuple[int, Span]]:
    """Return every footnote marker of an answer's text: its number and where it stands.

    Markers follow their sentence as ` [1][2]`. Quoted text may hold a `[1]` of its own, so a search
    of the text for markers finds too many.
    """
    spans: list[tuple[int, Span]] = []
    for sentence in sentences:
        start = sentence.end + 1
        for number in sentence.citations:
            spans.append((number, Span(start, start + len(f"[{number}]"))))
            start = spans[-1][1].end
    return spans


def markdown(text: str, sentences: Iterable[AnswerSentence], citations: Iterable[Citation]) -> str:
    """Return an answer's text with `[^1]` in place of its markers, and the footnotes below."""
    pieces: list[str] = []
    position = 0
    for number, span in marker_spans(sentences):
        pieces += [escape_markdown(text[position : span.start]), f"[^{number}]"]
        position = span.end
    body = "".join([*pieces, escape_markdown(text[position:])])
    return "\n\n".join([body, *(_footnote(citation) for citation in citations)])


def particulars(citation: Citation) -> str:
    """Return title, source and date of the cited article on one line."""
    article = citation.article
    return ", ".join(part for part in (article.title, article.source, article.date or "undated") if part)


def _footnote(citation: Citation) -> str:
    quote = escape_markdown(" ".join(citation.quote.split()))
    about = escape_markdown(" ".join(particulars(citation).split()))
    where = f"characters {citation.start}–{citation.end}"
    checked = "" if citation.verdict.sound else f" — {escape_markdown(str(citation.verdict))}"
    return f"[^{citation.number}]: “{quote}” — {about}, {where}{checked}"
