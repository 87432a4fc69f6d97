"""What holds of every answer over the shipped stories, however well the reader reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evals import load_cases
from rag.answer import Answer
from rag.answering import DECLINE
from rag.choosing import MAX_ACCOUNTS, MAX_WORDS
from rag.engine import QueryEngine
from rag.ingestion import ingest, ingest_articles
from rag.intents import is_overview, recognise
from rag.overview import MAX_SENTENCES
from rag.schema import Article
from rag.settings import Settings
from tests.conftest import ROOT

STORIES = ROOT / "evals" / "data" / "stories"
QUESTIONS = [case.question for case in load_cases(STORIES / "development.jsonl") if case.question][::6]
TOLD = [
    ("How many extra buses did the city council hire?", "55"),
    ("Who is the chief executive of Karsholm Tramways?", "Ingrid Solvane"),
    ("Who is the union's general secretary?", "Petro Harrick"),
    ("How many volunteers took part in the main trial of LQ-7?", "4,200"),
]
ABSENT = ["How do I bake sourdough bread?", "Who wrote Hamlet?", "What is the capital of Mongolia?"]


@pytest.fixture(scope="module", name="stories")
def stories_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueryEngine]:
    folder = tmp_path_factory.mktemp("stories") / "index"
    ingest(STORIES / "articles", index=folder, settings=Settings())
    with QueryEngine.open(folder, settings=Settings()) as opened:
        yield opened


def assert_footnoted(answer: Answer) -> None:
    """Every sentence has a footnote, every footnote is verbatim, and the words that answer are inside it."""
    assert answer.sentences
    assert not answer.unsupported
    if not is_overview(recognise(answer.question)):  # no words of an overview are the answer
        assert any(note.answer for note in answer.citations)
    assert [note.number for note in answer.citations] == list(range(1, len(answer.citations) + 1))
    for sentence in answer.sentences:
        assert answer.text[sentence.start : sentence.end] == sentence.text
    for note in answer.citations:
        assert note.article.text[note.start : note.end] == note.quote
        assert answer.text[note.answer_start : note.answer_end] == f"[{note.number}]"
        assert note.verdict.sound
        if note.answer is not None:  # a sentence that a pronoun leans on answers nothing itself
            assert note.start <= note.answer.start < note.answer.end <= note.end
        assert note.answer_words in note.quote
        assert "".join(note.quote_parts) == note.quote


def assert_declined(answer: Answer) -> None:
    assert (answer.status, answer.text, answer.citations, answer.parts) == ("abstained", DECLINE, [], [])
    assert answer.reason


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_answer_is_footnoted_or_declined_whatever_is_asked(stories: QueryEngine, question: str) -> None:
    answer = stories.query(question)

    assert answer.confidence is not None
    assert 0 <= answer.confidence <= 1
    if answer.status == "abstained":
        assert_declined(answer)
    else:
        assert_footnoted(answer)
        overview = is_overview(recognise(question))
        assert len(answer.sentences) <= (MAX_SENTENCES if overview else MAX_ACCOUNTS)
        assert overview or sum(len(sentence.text.split()) for sentence in answer.sentences) <= MAX_WORDS


@pytest.mark.parametrize(("question", "told"), TOLD)
def test_what_is_told_in_the_words_of_the_question_is_answered(
    stories: QueryEngine, question: str, told: str
) -> None:
    answer = stories.query(question)

    assert answer.status == "answered"
    assert_footnoted(answer)
    assert told in answer.text


@pytest.mark.parametrize("question", ABSENT)
def test_a_topic_that_is_in_no_article_is_declined(stories: QueryEngine, question: str) -> None:
    assert_declined(stories.query(question))


def test_a_stream_comes_to_the_same_answer(stories: QueryEngine) -> None:
    for question in (TOLD[0][0], ABSENT[0]):
        stream, whole = stories.stream(question), stories.query(question)

        assert "".join(stream) == whole.text
        assert stream.answer.citations == whole.citations


def test_a_part_that_is_told_is_answered_and_one_that_is_not_is_named(stories: QueryEngine) -> None:
    question = f"{TOLD[1][0].rstrip('?')}, and what is the capital of Mongolia?"

    answer = stories.query(question)

    assert answer.status == "partial"
    assert answer.reason == "The articles do not tell “What is the capital of Mongolia?”."
    assert [part.status for part in answer.parts] == ["answered", "abstained"]
    assert "Ingrid Solvane" in answer.text
    assert_footnoted(answer)


def test_when_no_part_is_told_the_question_is_declined(stories: QueryEngine) -> None:
    assert_declined(stories.query("Who wrote Hamlet, and what is the capital of Mongolia?"))


HEADLINE = "Storm closes Harlow bridge"
SCORES = "Results\n\nHarlow 2 Dunmore 1\n\nKesby 0 Tarn 0"
PLAIN = "Minister resigns\n\nPhoto: A. Lind"
CHINESE = "卡维尔省省长王立宣布，洪水造成二十七人死亡。救援队当晚抵达灾区。\n\n河堤年久失修是主要原因。"


@pytest.mark.parametrize(
    ("text", "questions"),
    [
        ("", ["What closed the Harlow bridge?"]),
        (" \n\n ", ["What closed the Harlow bridge?"]),
        (HEADLINE, ["What closed the Harlow bridge?", "Which storm was it, and when did it come?"]),
        (SCORES, ["Did Harlow win?", "Which team won?", "How many?"]),
        (PLAIN, ["Who took the photo?", "Which minister resigned, and why did he?"]),
        (CHINESE, ["洪水造成多少人死亡？", "Who died in the flood?", "？"]),
        ("x" * 5_000, ["What is it?"]),
        ("?!", ["Is it so?"]),
    ],
)
def test_an_article_of_hardly_a_sentence_is_quoted_or_declined(
    tmp_path: Path, text: str, questions: list[str]
) -> None:
    ingest_articles([Article("test:only", "Only", text)], index=tmp_path / "index", settings=Settings())

    with QueryEngine.open(tmp_path / "index", settings=Settings(min_confidence=0)) as willing:
        for question in questions:
            if (answer := willing.query(question)).status == "abstained":
                assert_declined(answer)
            else:
                assert_footnoted(answer)
        strict = willing.with_options(min_confidence=1)
        assert [strict.query(question).status for question in questions] == ["abstained"] * len(questions)
