"""How an answer names an article in its own words: by source and date, or by the first words of its title."""

from __future__ import annotations

from collections.abc import Sequence

from .schema import Article

TITLE_WORDS = 6
"""Words of a title that tell it from others."""


def short_title(title: str, most: int = TITLE_WORDS) -> str:
    """Return the first words of a title, on one line, with `…` where more follow."""
    words = title.rstrip("…").split()
    if len(words) <= most and not title.endswith("…"):
        return " ".join(words)
    return f"{' '.join(words[:most]).rstrip(' ,;:.–—-')}…"


def lead_ins(articles: Sequence[Article]) -> list[str]:
    """Return words that introduce what each article says, `In ANI (2025-11-08):`.

    By titles, when the sources and dates do not tell the articles apart.
    """
    named = [_lead_in(article.source or _titled(article), article.date) for article in articles]
    if len(set(named)) == len(articles):
        return named
    return [_lead_in(_titled(article), article.date) for article in articles]


def _titled(article: Article) -> str:
    return f"“{short_title(article.title)}”"


def _lead_in(name: str, date: str | None) -> str:
    return f"In {' '.join(name.split())} ({date}):" if date else f"In {' '.join(name.split())}:"
