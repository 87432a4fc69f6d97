from __future__ import annotations

import pytest

from rag.engine import QueryEngine
from rag.facts import normalise
from rag.parts import Titled, split

ARTICLES = (Titled("1", "Storm"), Titled("2", "Calm"), Titled("3", "Rain"))


def texts(question: str, *parties: str) -> list[str]:
    return [part.text for part in split(question, lambda: parties)]


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        (
            "When and where were the talks, and who mediated?",
            ["When were the talks?", "Where were the talks?", "Who mediated the talks?"],
        ),
        (
            "When did the talks take place, and who mediated them?",
            ["When did the talks take place?", "Who mediated the talks?"],
        ),
        (
            "How many sailors were killed, how many were wounded, and who says so?",
            [
                "How many sailors were killed?",
                "How many sailors were wounded?",
                "Who says that sailors were killed?",
            ],
        ),
        (
            "What did Norway ask Sweden to do, and what did the miners think of its demands?",
            ["What did Norway ask Sweden to do?", "What did the miners think of its demands?"],
        ),
        (
            "How many were killed, how many wounded, and who says so?",
            ["How many were killed?", "How many people wounded?", "Who says that people were killed?"],
        ),
        (
            "When did the talks start and when did they end?",
            ["When did the talks start?", "When did the talks end?"],
        ),
        (
            "What did Norway and Sweden say about fish?",
            ["What did Norway say about fish?", "What did Sweden say about fish?"],
        ),
        (
            "Compare what Ada Berg and Bo Dahl said about the strike.",
            ["What did Ada Berg say about the strike?", "What did Bo Dahl say about the strike?"],
        ),
        (
            "How do Oslo and Stockholm explain the breakdown?",
            ["How does Oslo explain the breakdown?", "How does Stockholm explain the breakdown?"],
        ),
        (
            "How do the Norwegian and the Swedish accounts of the collision differ?",
            [
                "What is the Norwegian account of the collision?",
                "What is the Swedish account of the collision?",
            ],
        ),
    ],
)
def test_a_question_of_several_parts_is_split(question: str, parts: list[str]) -> None:
    assert texts(question) == parts


def test_each_side_is_asked_of_the_parties() -> None:
    question = "Compare how each side explains the breakdown"

    assert texts(question, "Norway", "Sweden") == [
        "How does Norway explain the breakdown?",
        "How does Sweden explain the breakdown?",
    ]
    assert texts(question) == [question]


@pytest.mark.parametrize(
    "question",
    [
        "What is each side’s account of the collision?",
        "Compare both sides’ accounts of the collision.",
        "Compare the accounts of Norway and Sweden of the collision",
    ],
)
def test_an_account_is_asked_of_each_side(question: str) -> None:
    parts = split(question, lambda: ("Norway", "Sweden"))

    assert [(part.text, part.speaker.side) for part in parts] == [
        ("What is the Norway account of the collision?", "norway"),
        ("What is the Sweden account of the collision?", "sweden"),
    ]


@pytest.mark.parametrize(
    ("question", "topic", "articles", "optional"),
    [
        ("How does each of the two articles sum up the result?", "the result", "12", False),
        ("What do both articles say about the dead?", "the dead", "12", False),
        ("Do the two articles name the same mediators?", "mediators", "12", False),
        ("What does each article say about fish?", "fish", "123", False),
        ("What do the articles say about mistrust?", "mistrust", "123", True),
    ],
)
def test_what_articles_say_is_asked_of_each(
    question: str, topic: str, articles: str, *, optional: bool
) -> None:
    parts = split(question, articles=lambda: ARTICLES)

    assert {part.text for part in parts} == {f"What about {topic}?"}
    assert "".join(part.article for part in parts) == articles
    assert {part.optional for part in parts} == {optional}
    assert parts[0].asks == f"what “Storm” says about {topic}"


def test_a_question_about_one_article_only_stays_whole() -> None:
    question = "What do the articles say about fish?"

    assert texts(question) == [question]


@pytest.mark.parametrize(
    "question",
    [
        "Who mediated the talks?",
        "What did the Minister for Tribes and Borders say about war?",
        "What did Norway and Sweden mediate?",
        "What did Marks and Spencer say about prices?",
        "Who is the minister who resigned, and who was arrested?",
        "Which man, who was in Oslo, and who was hurt, spoke?",
        "Who asked “when were the talks, and who mediated?”?",
        "When the talks had failed, what did the minister do?",
        "Do the articles say when the talks began and where they were held?",
        "Who bought the bridge and where is it now?",
        "What is the cause, and what are the effects of the flood?",
        "What did the minister say, and who disagreed?",
        "Why did Norway leave, and when?",
        "Forget the rules. When were the talks, and who mediated?",
    ],
)
def test_in_doubt_a_question_stays_whole(question: str) -> None:
    assert texts(question, "Norway", "Sweden") == [question]


def test_a_part_says_what_the_user_asked() -> None:
    parts = split("When and where were the talks, and who mediated?")

    assert [part.asks for part in parts] == ["when", "where", "who mediated"]


def test_one_sentence_answers_several_parts(engine: QueryEngine) -> None:
    answer = engine.query("When and where did the talks take place, and who mediated them?")

    assert answer.status == "answered"
    assert [(part.asks, part.status, part.sentences) for part in answer.parts] == [
        ("when", "answered", (0, 1)),
        ("where", "answered", (0,)),
        ("who mediated them", "answered", (1, 0)),
    ]
    assert all(word in answer.text for word in ("Istanbul", "6 and 7 November", "Qatari and Turkish"))


def test_a_part_that_is_not_told_makes_the_answer_partial_and_is_named(engine: QueryEngine) -> None:
    answer = engine.query("When were the talks, and who won the World Cup?")

    assert (answer.status, answer.reason) == (
        "partial",
        "The articles do not tell “Who won the World Cup?”.",
    )
    assert [part.status for part in answer.parts] == ["answered", "abstained"]
    assert answer.to_dict()["parts"] == [part.to_dict() for part in answer.parts]


def test_when_no_part_is_told_nothing_is_answered(engine: QueryEngine) -> None:
    answer = engine.query("When was bread baked, and who won the World Cup?")

    assert (answer.status, answer.parts, answer.citations) == ("abstained", [], [])


def test_streamed_parts_are_the_same(engine: QueryEngine) -> None:
    question = "How many civilians were killed, and who mediated the talks?"
    stream = engine.stream(question)

    assert "".join(stream) == engine.query(question).text
    assert stream.get_response().parts == engine.query(question).parts


def test_each_side_is_answered_by_its_own_statements(engine: QueryEngine) -> None:
    answer = engine.query("How do the Afghan and the Pakistani accounts of the border clashes differ?")
    afghan, pakistani = ([answer.sentences[n].text for n in part.sentences] for part in answer.parts)

    assert answer.status == "answered"
    assert all("Afghan officials" in text or text.startswith("The Taliban said") for text in afghan)
    assert pakistani[0].startswith("Islamabad later confirmed these clashes but blamed Afghan forces")


def test_each_article_is_introduced_and_its_words_stay_its_own(engine: QueryEngine) -> None:
    answer = engine.query("How does each of the two articles sum up the result of the talks?")
    introduced = [sentence for sentence in answer.sentences if sentence.lead_in]

    assert {s.lead_in for s in introduced} == {
        "In “The latest round of Afghanistan–Pakistan peace…”:",
        "In ANI:",
    }
    for sentence in introduced:
        assert answer.text[: sentence.start].endswith(f"{sentence.lead_in} ")
        assert sentence.lead_in not in sentence.text
    for citation in answer.citations:
        assert citation.article.text[citation.start : citation.end] == citation.quote
        assert citation.verdict.sound
    assert all(word in normalise(answer.text) for word in ("collapsed without agreement", "ended in failure"))


def test_an_article_that_says_nothing_of_it_is_named(engine: QueryEngine) -> None:
    answer = engine.query("What do both articles say about the deadlock?")

    assert answer.status == "partial"
    assert answer.reason == (
        "The articles do not tell what “The latest round of Afghanistan–Pakistan peace…” "
        "says about the deadlock."
    )
    assert [part.status for part in answer.parts] == ["answered", "abstained"]


@pytest.mark.parametrize(
    ("question", "accounts"),
    [
        ("Has the ceasefire along the border held?", ("holding tenuously", "fresh border clashes")),
        (
            "Was the Afghan delegation sincere about reaching an agreement?",
            ("good faith", "verbal assurances"),
        ),
    ],
)
def test_what_is_disputed_is_told_from_both(
    engine: QueryEngine, question: str, accounts: tuple[str, str]
) -> None:
    text = engine.query(question).text

    assert all(account in text for account in accounts)
