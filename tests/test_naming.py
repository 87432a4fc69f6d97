from __future__ import annotations

from rag.naming import lead_ins, name_of, short_title
from rag.schema import Article


def article(title: str, source: str | None = None, date: str | None = None) -> Article:
    return Article(uri=f"test:{title}", title=title, text="Text.", source=source, date=date)


def test_an_article_is_named_by_its_source_and_date_or_by_its_title() -> None:
    assert name_of(article("Storm", "Herald", "2025-11-08")) == "Herald (2025-11-08)"
    assert name_of(article("Storm over\nthe bay")) == "“Storm over the bay”"


def test_articles_of_one_source_and_day_are_told_apart_by_title() -> None:
    articles = [article("Storm", "Herald", "2025-11-08"), article("Calm", "Herald", "2025-11-08")]

    assert lead_ins(articles) == ["In “Storm” (2025-11-08):", "In “Calm” (2025-11-08):"]
    assert lead_ins(articles[:1]) == ["In Herald (2025-11-08):"]


def test_a_long_title_is_cut_to_its_first_words() -> None:
    assert short_title("One two three four five, six – seven") == "One two three four five, six…"
    assert short_title("One two…") == "One two…"
