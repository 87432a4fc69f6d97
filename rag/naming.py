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


def name_of(article: Article) -> str:
    """Return how an article is called in few words: its source, or its title without one, and its date."""
    return _with_date(article.source or _titled(article), article.date)


def lead_ins(articles: Sequence[Article]) -> list[str]:
    """Return words that introduce what each article says, `In ANI (2025-11-08):`.

    By titles, when the sources and dates do not tell the articles apart.
    """
    names = [name_of(article) for article in articles]
    if len(set(names)) < len(articles):
        names = [_with_date(_titled(article), article.date) for article in articles]
    return [f"In {name}:" for name in names]


def _titled(article: Article) -> str:
    return f"“{short_title(article.title)}”"


def _with_date(name: str, date: str | None) -> str:
    plain = " ".join(name.split())
    return f"{plain} ({date})" if date else plain
