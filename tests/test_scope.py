from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag import QueryEngine, Scope, ingest_articles
from rag.errors import UsageError
from rag.schema import Article
from rag.settings import Settings

DAYS = {"early": "2025-01-01", "middle": "2025-06-15", "late": "2025-12-31", "undated": None}
ARTICLES = {
    name: Article(
        uri=f"file:///news/{name}%20report.txt",
        title=f"The {name} news",
        text=f"The harbour bridge was closed on day {number} of the storm, the mayor said.",
        date=day,
    )
    for number, (name, day) in enumerate(DAYS.items(), start=1)
}
QUESTION = "When was the harbour bridge closed?"


@pytest.fixture(scope="module")
def news(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueryEngine]:
    index = tmp_path_factory.mktemp("news") / "index"
    ingest_articles(list(ARTICLES.values()), index=index, settings=Settings())
    with QueryEngine.open(index, settings=Settings()) as opened:
        yield opened


def names(engine: QueryEngine) -> set[str]:
    """Return which articles the passages for the question are from."""
    known = {article.id: name for name, article in ARTICLES.items()}
    return {known[node.node.metadata["article_id"]] for node in engine.retrieve(QUESTION)}


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (None, None, {"early", "middle", "late", "undated"}),
        ("2025-06-15", None, {"middle", "late"}),
        (None, "2025-06-15", {"early", "middle"}),
        ("2025-06-15", "2025-06-15", {"middle"}),
        ("2026-01-01", None, set()),
    ],
)
def test_days_count_themselves_and_undated_articles_are_in_no_range(
    news: QueryEngine, since: str | None, until: str | None, expected: set[str]
) -> None:
    assert names(news.within(since=since, until=until)) == expected


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (["early report.txt"], {"early"}),
        (["news/late report.txt", "EARLY REPORT.TXT"], {"early", "late"}),
        ([ARTICLES["undated"].id], {"undated"}),
        ([ARTICLES["undated"].uri], {"undated"}),
        (["middle news"], {"middle"}),
        (["news"], {"early", "middle", "late", "undated"}),
    ],
)
def test_articles_are_named_as_people_name_them(
    news: QueryEngine, named: list[str], expected: set[str]
) -> None:
    assert names(news.within(articles=named)) == expected


def test_articles_and_days_are_both_kept_to(news: QueryEngine) -> None:
    assert names(news.within(articles=["early report.txt", "late report.txt"], since="2025-02-01")) == {
        "late"
    }


def test_a_scope_narrows_before_the_searches_rank(news: QueryEngine) -> None:
    narrow = QueryEngine(
        news.index,
        embedding=news.embedding,
        settings=Settings(candidates=1, top_k=1),
        scope=Scope((ARTICLES["late"].id,)),
    )

    (node,) = narrow.retrieve(QUESTION)

    assert node.node.metadata["title"] == "The late news"
    whole = {n.node.node_id: n.node.metadata for n in news.retrieve(QUESTION)}
    assert node.node.metadata == whole[node.node.node_id], "its scores are those without a scope"


def test_an_engine_keeps_its_scope_with_other_options(news: QueryEngine) -> None:
    narrow = news.within(Scope(since="2025-12-01")).with_options(top_k=3)

    assert (names(narrow), narrow.settings.top_k) == ({"late"}, 3)


def test_an_empty_scope_says_so(news: QueryEngine) -> None:
    answer = news.within(since="2030-01-01").query(QUESTION)

    assert (answer.status, answer.source_nodes) == ("abstained", [])
    assert answer.reason == "No article is among those chosen or of these days; choose more."


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        ({"since": "yesterday"}, "yesterday is no day; write it as 2025-11-08."),
        ({"until": "2025-02-30"}, "2025-02-30 is no day"),
        ({"until": "20250201"}, "20250201 is no day"),
        ({"since": "2025-02-02", "until": "2025-02-01"}, "swap them"),
        ({"articles": ["nope.txt"]}, "No article is called 'nope.txt'; `rag articles` lists them."),
        ({"articles": [" "]}, "No article is called ' '"),
    ],
)
def test_what_names_nothing_is_refused(news: QueryEngine, scope: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        news.within(**scope)  # type: ignore[arg-type]  # a table of cases


def test_a_scope_is_kept_as_json() -> None:
    scope = Scope(("a", "b"), "2025-01-01", None)

    assert Scope.from_dict(scope.to_dict()) == scope
    assert (bool(scope), bool(Scope())) == (True, False)


def test_many_articles_may_be_chosen(tmp_path: Path) -> None:
    many = [
        Article(uri=f"test:{n}", title=f"News {n}", text=f"Ship number {n} left the harbour.")
        for n in range(620)
    ]
    ingest_articles(many, index=tmp_path / "index", settings=Settings(embedding="minilm"))
    with QueryEngine.open(tmp_path / "index", settings=Settings()) as engine:
        chosen = Scope(tuple(article.id for article in many[:610]))
        nodes = engine.within(chosen).retrieve("Which ship left the harbour?")

    assert {node.node.metadata["article_id"] for node in nodes} <= set(chosen.articles)
    assert len(nodes) == 8
