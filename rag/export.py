"""The parts of an answer -> Markdown with footnotes; text of articles and models stays plain text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .schema import Citation

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+!|~$^&])")


def escape_markdown(text: str) -> str:
    """Put a backslash before every character that Markdown could read as a mark."""
    return _MARKDOWN.sub(r"\\\1", text)


def markdown(text: str, citations: Sequence[Citation]) -> str:
    """Return an answer's text with `[^1]` in place of its markers, and the footnotes below."""
    starts = {number: f"[{number}]" for number in (c.number for c in citations)}
    body = escape_markdown(text)
    for number, marker in starts.items():
        body = body.replace(escape_markdown(marker), f"[^{number}]")
    return "\n\n".join([body, *(_footnote(citation) for citation in citations)])


def particulars(citation: Citation) -> str:
    """Return title, source and date of the cited article on one line."""
    article = citation.article
    return ", ".join(part for part in (article.title, article.source, article.date or "undated") if part)


def _footnote(citation: Citation) -> str:
    quote = escape_markdown(" ".join(citation.quote.split()))
    about = escape_markdown(particulars(citation))
    where = f"characters {citation.start}–{citation.end}"
    checked = "" if citation.verdict.sound else f" — {escape_markdown(str(citation.verdict))}"
    return f"[^{citation.number}]: “{quote}” — {about}, {where}{checked}"
