"""Overviews: which articles, which sentences, in which order; and what is answered in fixed words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.engine import QueryEngine
from rag.ingestion import ingest_articles
from rag.overview import day_of
from rag.persons import persons
from rag.schema import Article
from rag.settings import Settings
from rag.smalltalk import NO_QUESTION, reply
from rag.topics import Found, newest, story

QUAY = """A crane fell into the dock at Quay Five on 3 May, and the port was closed.

"We heard a crack like a cannon," said Oda Ferrin, 44, a tally clerk. Ferrin said nobody was near.

The crane, built in 1988, had been inspected in April, according to Lars Uhl, the harbour master of Tolm.

Bellhaven said the dock would open again on 9 May."""
LATER = """Divers lifted the fallen crane at Quay Five from the dock on 11 May, two days later than planned.

The port of Tolm lost 14 ships to other harbours in that week, said Lars Uhl, the harbour master.

"It will be a bad year for Tolm," Uhl said."""
CHESS = """Mirela Dobos won the chess cup of Ashwick on 4 May after a final of six hours.

She beat Jon Pell, who had won it three times."""


@pytest.fixture(scope="module", name="port")
def port_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueryEngine]:
    folder = tmp_path_factory.mktemp("port") / "index"
    articles = [
        Article("quay.txt", "Crane falls into the dock", QUAY, "Tolm Post", "2031-05-04"),
        Article("later.txt", "Fallen crane lifted", LATER, "Tolm Post", "2031-05-12"),
        Article("chess.txt", "Dobos wins the cup", CHESS, None, "2031-05-05"),
    ]
    ingest_articles(articles, index=folder, settings=Settings())
    with QueryEngine.open(folder, settings=Settings()) as opened:
        yield opened


@pytest.mark.parametrize(
    "question",
    [
        "What happened to the crane at Quay Five? Summarise it.",
        "Summarise the crane accident",
        "key points of the crane story",
    ],
)
def test_an_overview_tells_one_story_with_a_footnote_for_every_sentence(
    port: QueryEngine, question: str
) -> None:
    answer = port.query(question)

    assert answer.status == "answered"
    assert not answer.unsupported
    assert {note.article.uri for note in answer.citations} <= {"quay.txt", "later.txt"}
    assert all(note.article.text[note.start : note.end] == note.quote for note in answer.citations)


def test_without_a_topic_the_newest_articles_come_first(port: QueryEngine) -> None:
    answer = port.query("What happened?")

    assert [note.article.date for note in answer.citations] == sorted(
        (str(note.article.date) for note in answer.citations), reverse=True
    )
    assert len({note.article.uri for note in answer.citations}) == 3
    texts = [sentence.text for sentence in answer.sentences]
    assert len(set(texts)) == len(texts)


def test_people_are_listed_with_what_they_are(port: QueryEngine) -> None:
    text = port.query("Who are the people in the crane story?").text

    assert "Oda Ferrin, 44, a tally clerk" in text
    assert "Lars Uhl, the harbour master" in text
    assert "Dobos" not in text


def test_whoever_is_quoted_is_given_with_the_quotation(port: QueryEngine) -> None:
    text = port.query("who is quoted on the crane?").text

    assert "a crack like a cannon" in text
    assert "a bad year" in text


def test_a_timeline_is_in_the_order_of_its_days(port: QueryEngine) -> None:
    text = port.query("timeline of the crane accident").text

    assert text.index("3 May") < text.index("9 May") < text.index("11 May")


def test_the_latest_is_of_the_newest_article(port: QueryEngine) -> None:
    answer = port.query("what's the latest on the crane?")

    assert {note.article.uri for note in answer.citations} == {"later.txt"}


def test_accounts_that_do_not_contradict_each_other_are_told_article_by_article(port: QueryEngine) -> None:
    answer = port.query("What differs between the articles on the crane?")

    assert {sentence.lead_in for sentence in answer.sentences} == {
        "In Tolm Post (2031-05-04):",
        "In Tolm Post (2031-05-12):",
    }


def test_a_topic_that_no_article_has_is_declined(port: QueryEngine) -> None:
    answer = port.query("Give me a summary of the volcano on Ysk")

    assert answer.status == "abstained"
    assert answer.source_nodes
    assert "no articles in the index" not in str(answer.reason)


@pytest.mark.parametrize(
    ("question", "begins"),
    [
        ("hello", "Hello."),
        ("thanks!", "You are welcome"),
        ("Who are you?", "This is Footnoted"),
        ("how many articles are there?", "There are 3 articles, from 2031-05-04 to 2031-05-12."),
    ],
)
def test_small_talk_is_answered_in_fixed_words(port: QueryEngine, question: str, begins: str) -> None:
    answer = port.query(question)

    assert answer.text.startswith(begins)
    assert (answer.status, answer.reason) == ("abstained", NO_QUESTION)
    assert (answer.citations, answer.source_nodes) == ([], [])


def test_articles_are_counted_with_their_days() -> None:
    assert reply("how_many_articles", {"a": None}) == "There is 1 article."
    assert reply("how_many_articles", {"a": "2031-01-02", "b": None}) == (
        "There are 2 articles, of 2031-01-02; 1 without a date."
    )
    assert reply("fact", {}) is None


def test_small_talk_needs_no_article(tmp_path: Path) -> None:
    ingest_articles([], index=tmp_path / "index", settings=Settings())
    with QueryEngine.open(tmp_path / "index", settings=Settings()) as empty:
        assert empty.query("hi").text.startswith("Hello.")


def test_what_tells_nothing_breaks_nothing(tmp_path: Path) -> None:
    articles = [Article("a.txt", "Results", "3:1\n\n2:0"), Article("b.txt", "天气", "今天天气很好")]
    ingest_articles(articles, index=tmp_path / "index", settings=Settings())
    with QueryEngine.open(tmp_path / "index", settings=Settings()) as odd:
        for question in (
            "What happened?",
            "Who is quoted?",
            "timeline",
            "list the people",
            "what differs between the articles",
        ):
            odd.query(question)


def test_articles_of_one_story_share_names() -> None:
    articles = {name: Article(name, name, text) for name, text in (("q", QUAY), ("l", LATER), ("c", CHESS))}
    found = [Found("q", 5.0, 1.0), Found("c", 4.9, 1.0), Found("l", 1.0, 0.5)]

    assert [article.uri for article in story(found, articles)] == ["q", "l"]
    assert story([], {}) == []
    assert story([Found("q", 1.0, 0.0)], articles) == []


def test_the_newest_articles_are_those_with_the_latest_dates() -> None:
    assert newest({"a": None, "b": "2031-01-02", "c": "2031-05-01"}) == ["c", "b", "a"]


def test_persons_speak_or_have_an_age_and_places_and_firms_do_not() -> None:
    assert set(persons([QUAY, LATER, CHESS])[:2]) == {"Lars Uhl", "Oda Ferrin"}
    assert "Quay Five" not in persons([QUAY, LATER])


@pytest.mark.parametrize(
    ("text", "published", "day"),
    [
        ("It fell on 3 May.", "2031-05-04", (2031, 5, 3)),
        ("It fell on 3 May 2029.", None, (2029, 5, 3)),
        ("It fell on Friday.", "2031-05-04", (2031, 5, 2)),
        ("It fell on Friday.", None, None),
        ("It fell.", "2031-05-04", None),
        ("It fell on Friday.", "soon", None),
    ],
)
def test_a_day_is_told_by_date_or_by_its_name(text: str, published: str | None, day: object) -> None:
    assert day_of(text, published) == day
