from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag import QueryEngine, ingest_articles
from rag.schema import Article
from rag.settings import Settings
from rag.suggesting import candidates, starters, suggest_followups, suggest_rephrasings


def test_questions_to_start_with_all_have_an_answer(engine: QueryEngine) -> None:
    found = starters(engine)

    assert len(found) == 4
    assert [engine.query(question).status for question in found] == ["answered"] * 4


def test_candidates_are_about_speakers_and_names_in_turn() -> None:
    texts = [
        "Near Oslo, Anna Novak said no to Ruritania. Anna Novak left with Oslo. Ian Berg warned in Oslo."
    ]

    assert list(candidates(texts)) == [
        "What did Anna Novak say?",
        "What is said about Oslo?",
        "What did Ian Berg say?",
        "What is said about Ruritania?",
    ]


def test_offices_are_no_speakers_and_what_is_counted_is_asked_for() -> None:
    texts = ["The Police Department said that four cows were seized and others stayed. Anna Novak said so."]

    assert list(candidates(texts)) == ["What did Anna Novak say?", "How many cows were seized?"]


def test_what_is_more_urgent_comes_before_each_question_that_is_tried(engine: QueryEngine) -> None:
    waits: list[str] = []
    found = starters(engine, pace=lambda: waits.append("waited"))

    assert len(waits) >= len(found) == 4


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("How many civilians were killed along the border?", "What did Zabihullah Mujahid say?"),
        ("What did Khawaja Asif say?", "How many civilians were killed?"),
        ("Who mediated the talks?", "What did Khawaja Asif say?"),
    ],
)
def test_questions_to_go_on_with_are_about_what_was_not_mentioned(
    engine: QueryEngine, question: str, expected: str
) -> None:
    answer = engine.query(question)
    quoted = {note.quote for note in answer.citations}

    found = suggest_followups(answer, engine)

    assert expected in found
    assert len(found) == len(set(found)) == 3
    for each in found:
        given = engine.query(each)
        assert given.status != "abstained"
        assert not {note.quote for note in given.citations} <= quoted, "it tells nothing new"


def test_what_was_declined_is_not_gone_on_with(engine: QueryEngine) -> None:
    assert suggest_followups(engine.query("Who won the 2022 World Cup?"), engine) == []


def test_what_was_declined_is_asked_without_what_narrows_it(engine: QueryEngine) -> None:
    answer = engine.query("What did Khawaja Asif say about elephants in Paris?")

    found = suggest_rephrasings(answer, engine)

    assert answer.status == "abstained"
    assert found == ["What did Khawaja Asif say?", "What is said about Khawaja Asif?"]
    assert [engine.query(each).status for each in found] == ["answered", "answered"]


def test_nothing_is_suggested_that_is_far_from_the_question(engine: QueryEngine) -> None:
    assert suggest_rephrasings(engine.query("Who won the 2022 World Cup?"), engine) == []


def test_an_answer_needs_no_rephrasing(engine: QueryEngine) -> None:
    assert suggest_rephrasings(engine.query("Who mediated the talks?"), engine) == []


@pytest.fixture(name="two")
def two_fixture(tmp_path: Path) -> Iterator[QueryEngine]:
    texts = {
        "ferry": "A ferry sank off Zanzibar. Anna Novak said that the ferry was old. Ten people swam.",
        "bridge": "A bridge was closed in Oslo. Ian Berg said that the bridge was unsafe.",
    }
    articles = [Article(uri=f"test:{name}", title="News", text=text) for name, text in texts.items()]
    ingest_articles(articles, index=tmp_path / "index", settings=Settings())
    with QueryEngine.open(tmp_path / "index", settings=Settings(min_confidence=0)) as opened:
        yield opened


def test_suggestions_keep_to_the_chosen_articles(two: QueryEngine) -> None:
    narrow = two.within(articles=["test:ferry"])

    assert starters(narrow)[0] == "What did Anna Novak say?"
    assert not any("Berg" in question or "Oslo" in question for question in starters(narrow))


def test_an_index_without_names_has_nothing_to_suggest(tmp_path: Path) -> None:
    article = Article(uri="test:plain", title="News", text="it rained all day and nobody was seen.")
    ingest_articles([article], index=tmp_path / "index", settings=Settings())
    with QueryEngine.open(tmp_path / "index", settings=Settings()) as engine:
        assert starters(engine) == []
