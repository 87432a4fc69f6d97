from __future__ import annotations

import copy
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from rag import ChatEngine, Conversations, Scope, transcripts
from rag.answer import Answer
from rag.condensing import Turn
from rag.conversations import Feedback, Recording, file_of
from rag.engine import QueryEngine
from rag.errors import ConversationError, UsageError
from rag.ingestion import ingest_articles
from rag.restoring import restored
from rag.schema import AnswerPart, Article, Judged
from rag.settings import Settings
from tests.answers import WHO, answer_by
from tests.conftest import ROOT

MEDIATED = "Who mediated the talks?"
CUP = "Who won the 2022 World Cup?"
BOTH = "When and where were the talks, and who mediated?"


@pytest.fixture(name="store")
def store_fixture(tmp_path: Path) -> Iterator[Conversations]:
    ticks = count(1_000)
    with Conversations(tmp_path / "c.sqlite", clock=lambda: float(next(ticks))) as opened:
        yield opened


@pytest.fixture(scope="module")
def answers(engine: QueryEngine) -> dict[str, Answer]:
    chat = ChatEngine(engine)
    asked = (MEDIATED, "Were they content with the outcome?", CUP, BOTH, "How did Asif describe the talks?")
    return {question: chat.chat(question) for question in asked}


def test_answers_come_back_exactly_as_they_were_shown(
    store: Conversations, answers: dict[str, Answer]
) -> None:
    held = store.create(scope=Scope(since="2025-11-01"))
    for question, answer in answers.items():
        store.finish(held.id, store.begin(held.id, question), answer)

    found = store.get(held.id)

    assert (found.title, found.scope) == (MEDIATED, Scope(since="2025-11-01"))
    assert [turn.number for turn in found.turns] == [1, 2, 3, 4, 5]
    for turn, answer in zip(found.turns, answers.values(), strict=True):
        assert turn.answer is not None
        assert turn.answer.to_dict() == json.loads(json.dumps(answer.to_dict()))
        assert turn.answer.to_html() == answer.to_html()
        assert turn.answer.to_markdown() == answer.to_markdown()
        assert turn.answer.citations == answer.citations
        assert turn.answer.conflicts == answer.conflicts
        assert turn.answer.sentences == answer.sentences
        assert turn.answer.parts == answer.parts
        assert turn.answer.unsupported == answer.unsupported
        assert [n.node.node_id for n in turn.answer.cited_nodes] == [
            n.node.node_id for n in answer.cited_nodes
        ]
        assert (turn.question, turn.searched, turn.seconds) == (
            answer.question, answer.searched, turn.answer.seconds
        )  # fmt: skip
    assert [turn.question for turn in found.told] == list(answers)
    assert found.told[2] == Turn(CUP)


def test_the_words_that_answer_come_back(store: Conversations) -> None:
    held, answer = store.create(), answer_by(WHO)
    store.finish(held.id, store.begin(held.id, answer.question), answer)

    found = store.get(held.id)

    (turn,) = found.turns
    assert turn.answer is not None
    assert turn.answer.citations == answer.citations
    assert turn.answer.to_dict() == json.loads(json.dumps(answer.to_dict()))
    assert transcripts.to_markdown(found).count(f"said **{WHO}**, 41.") == 2
    assert transcripts.to_html(found).count(f"said <strong>{WHO}</strong>, 41.") == 2


def test_an_answer_of_an_older_version_comes_back() -> None:
    values: dict[str, Any] = json.loads(json.dumps(answer_by(WHO).to_dict()))
    for citation in values["citations"]:
        del citation["answer"]
    values["parts"] = [
        {"text": "Who?", "asks": "who", "status": "answered", "sentences": [0], "article": "a"}
    ]

    again = restored(values, texts_of(answer_by(WHO)))

    assert again.citations == answer_by(None).citations
    assert again.parts == [AnswerPart("Who?", "who", (0,))]


@pytest.mark.parametrize("damage", [[3], [3, 4, 5], ["a", 4], "34"])
def test_words_that_answer_at_no_place_are_refused(damage: object) -> None:
    values: dict[str, Any] = json.loads(json.dumps(answer_by(WHO).to_dict()))
    values["citations"][0]["answer"] = damage

    with pytest.raises(UsageError, match=r"citations\.0\.answer"):
        restored(values, texts_of(answer_by(WHO)))


def texts_of(answer: Answer) -> dict[str, str]:
    return {note.article.text_hash: note.article.text for note in answer.citations}


def test_what_a_judge_said_comes_back(store: Conversations, answers: dict[str, Answer]) -> None:
    answer = copy.copy(answers[MEDIATED])
    answer.sentences = [replace(sentence, supported="full") for sentence in answer.sentences]
    answer.judged = Judged("judge", "Agrees with people in 8 of 10 cases.")
    held = store.create()
    store.finish(held.id, store.begin(held.id, MEDIATED), answer)

    (turn,) = store.get(held.id).turns

    assert turn.answer is not None
    assert turn.answer.judgements == answer.judgements
    assert turn.answer.sentences == answer.sentences


def test_the_last_turns_can_be_read_alone(store: Conversations) -> None:
    held = store.create()
    for question in ("One?", "Two?", "Three?"):
        store.begin(held.id, question)

    found = store.get(held.id, last=2)

    assert [(turn.number, turn.question) for turn in found.turns] == [(2, "Two?"), (3, "Three?")]


def test_a_conversation_can_be_narrowed_later(store: Conversations) -> None:
    held = store.create()
    store.narrow(held.id, Scope(since="2025-11-01"))

    assert store.get(held.id).scope == Scope(since="2025-11-01")
    with pytest.raises(ConversationError, match="no conversation gone"):
        store.narrow("gone", Scope())


def test_what_was_cited_is_shown_though_the_article_is_gone(tmp_path: Path) -> None:
    article = Article(uri="test:ferry", title="News", text="A ferry sank off Zanzibar on Monday morning.")
    index = tmp_path / "index"
    ingest_articles([article], index=index, settings=Settings())
    with QueryEngine.open(index, settings=Settings()) as engine, Conversations.of(index) as store:
        held = store.create()
        answer = engine.query("Where did a ferry sink?")
        store.finish(held.id, store.begin(held.id, answer.question), answer)
        with engine.index.writing():
            engine.index.catalogue.delete(article.id)

        turn = store.get(held.id).turns[0]

    assert file_of(index) == tmp_path / "index.conversations.sqlite"
    assert turn.answer is not None
    assert [note.article for note in turn.answer.citations] == [article]


def test_conversations_are_listed_newest_first_and_found_by_their_words(
    store: Conversations, answers: dict[str, Answer]
) -> None:
    mediated = answer_by("Qatari officials", quote="Qatari officials mediated the talks in Istanbul.")
    first, second, empty = store.create(), store.create("Über Fußball"), store.create()
    store.finish(first.id, store.begin(first.id, MEDIATED), mediated)
    store.finish(second.id, store.begin(second.id, CUP), answers[CUP])
    store.begin(first.id, "100%_sure?")

    assert [(entry.id, entry.title, entry.turns) for entry in store.entries()] == [
        (first.id, MEDIATED, 2), (second.id, "Über Fußball", 1)
    ]  # fmt: skip
    assert store.get(empty.id).turns == ()
    found = {
        words: [entry.id for entry in store.entries(words)]
        for words in ("istanbul QATARI", "istanbul cup", "fussball", "uber", "world", "100%_", "%", "nope")
    }
    assert found == {
        "istanbul QATARI": [first.id],
        "istanbul cup": [],
        "fussball": [second.id],
        "uber": [second.id],
        "world": [second.id],
        "100%_": [first.id],
        "%": [first.id],
        "nope": [],
    }
    assert [entry.id for entry in store.entries(limit=1)] == [first.id]


def test_a_conversation_is_renamed_and_deleted_with_what_only_it_cited(
    store: Conversations, answers: dict[str, Answer], tmp_path: Path
) -> None:
    one, other = store.create(), store.create()
    for held in (one, other):
        store.finish(held.id, store.begin(held.id, MEDIATED), answers[MEDIATED])

    store.rename(one.id, "  The \n mediators ")
    assert store.get(one.id).title == "The mediators"
    assert [entry.id for entry in store.entries("mediators")] == [one.id]
    with pytest.raises(UsageError, match="title is empty"):
        store.rename(one.id, " ")

    store.delete(one.id)
    assert [entry.id for entry in store.entries()] == [other.id]
    assert store.get(other.id).turns[0].answer is not None
    store.delete(other.id)
    with sqlite3.connect(tmp_path / "c.sqlite") as database:
        tables = ("conversations", "turns", "texts", "cited")
        counts = [database.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables]
    database.close()
    assert counts == [0, 0, 0, 0]


def test_a_long_question_makes_a_short_title(store: Conversations) -> None:
    held = store.create()
    store.begin(held.id, "Who " + "really " * 30 + "mediated?")

    assert store.get(held.id).title == "Who " + " ".join(["really"] * 10) + "…"


def test_turns_that_were_stopped_or_failed_stay_as_they_were(store: Conversations) -> None:
    held = store.create()
    numbers = [store.begin(held.id, f"Question {n}?") for n in range(3)]
    store.stop(held.id, numbers[0], draft="Turkey and", searched="Which question?")
    store.fail(held.id, numbers[1], "The index is gone.")

    stopped, failed, asked = store.get(held.id).turns

    assert (stopped.state, stopped.draft, stopped.searched) == ("stopped", "Turkey and", "Which question?")
    assert (failed.state, failed.problem) == ("failed", "The index is gone.")
    assert (asked.state, asked.answer, asked.seconds) == ("asked", None, {})
    assert store.get(held.id).told == []
    assert asked.told == Turn("Question 2?")


def test_readers_say_what_they_think_of_an_answer(store: Conversations) -> None:
    held = store.create()
    number = store.begin(held.id, MEDIATED)
    feedback = Feedback(good=False, reasons=("wrong source",), note="It was Oman.")

    store.rate(held.id, number, feedback)
    assert store.get(held.id).turns[0].feedback == feedback
    store.rate(held.id, number, None)
    assert store.get(held.id).turns[0].feedback is None


def test_what_is_not_there_is_named(store: Conversations) -> None:
    for call in (
        lambda: store.get("nope"),
        lambda: store.rename("nope", "x"),
        lambda: store.begin("nope", "x"),
        lambda: store.stop("nope", 1),
    ):
        with pytest.raises(ConversationError, match="There is no conversation nope"):
            call()


ASKING = """
import sys
from pathlib import Path
from rag.conversations import Conversations
with Conversations(Path(sys.argv[1])) as store:
    for n in range(20):
        store.begin(sys.argv[2], f"{sys.argv[3]} {n}?")
"""


def test_two_processes_write_one_conversation(store: Conversations) -> None:
    held = store.create()
    running = [
        subprocess.Popen(
            [sys.executable, "-c", ASKING, store.path, held.id, name],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for name in ("one", "two")
    ]

    assert [process.wait() for process in running] == [0, 0]
    turns = store.get(held.id).turns
    assert [turn.number for turn in turns] == list(range(1, 41))
    assert {turn.question for turn in turns} == {f"{name} {n}?" for name in ("one", "two") for n in range(20)}


def test_a_killed_process_loses_no_more_than_the_turn_it_was_at(
    store: Conversations, answers: dict[str, Answer]
) -> None:
    held = store.create()
    store.finish(held.id, store.begin(held.id, MEDIATED), answers[MEDIATED])
    killed = (
        ASKING.replace("for n in range(20)", "for n in range(1)") + "    import os; os.kill(os.getpid(), 9)"
    )
    subprocess.run(
        [sys.executable, "-c", killed, store.path, held.id, "last"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )

    assert [(turn.state, turn.question) for turn in store.get(held.id).turns] == [
        ("answered", MEDIATED), ("asked", "last 0?")
    ]  # fmt: skip


# --- files that cannot be used


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    Conversations(path).close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE about SET value = '2'")
    database.close()

    with pytest.raises(ConversationError, match=r"c\.sqlite was written by a newer version of Footnoted"):
        Conversations(path)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    path.write_bytes(b"no database" * 100)

    with pytest.raises(ConversationError, match=r"c\.sqlite is no file of conversations or is damaged"):
        Conversations(path)


@pytest.mark.parametrize("damage", ["{", "[]", '{"question": 1}', None])
def test_a_damaged_answer_is_named(
    store: Conversations, answers: dict[str, Answer], damage: str | None
) -> None:
    held = store.create()
    store.finish(held.id, store.begin(held.id, MEDIATED), answers[MEDIATED])
    with sqlite3.connect(store.path) as database:
        if damage is None:
            database.execute("DELETE FROM cited")
        else:
            database.execute("UPDATE turns SET answer = ?", (damage,))
    database.close()

    with pytest.raises(ConversationError, match="is damaged"):
        store.get(held.id)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConversationError, match=r"Conversations are not kept: .*gone cannot be written"):
        Conversations(tmp_path / "gone" / "c.sqlite")


def test_restoring_names_what_is_missing(answers: dict[str, Answer]) -> None:
    values = answers[MEDIATED].to_dict()
    texts = texts_of(answers[MEDIATED])

    with pytest.raises(UsageError, match="cannot be shown again: KeyError, 'conflicts'"):
        restored({name: value for name, value in values.items() if name != "conflicts"}, texts)
    with pytest.raises(UsageError, match="cannot be shown again"):
        restored(values, {})


# --- the conversation being held


def test_what_is_recorded_can_be_gone_on_with(store: Conversations, answers: dict[str, Answer]) -> None:
    notices: list[str] = []
    recording = Recording(store, notices.append, scope=Scope(until="2026-01-01"))
    recording.asked(MEDIATED)
    recording.answered(answers[MEDIATED])
    again = Recording(store, notices.append, id_=recording.id)
    again.asked("And then?")
    again.stopped("Then", "What then?")
    again.asked("Why?")
    again.failed("No index.")

    held = store.get(str(recording.id))

    assert [turn.state for turn in held.turns] == ["answered", "stopped", "failed"]
    assert held.scope == Scope(until="2026-01-01")
    assert notices == []


def test_where_nothing_can_be_stored_one_notice_says_so(
    store: Conversations, answers: dict[str, Answer]
) -> None:
    notices: list[str] = []
    recording = Recording(store, notices.append)
    recording.asked(MEDIATED)
    with sqlite3.connect(store.path) as database:
        database.execute("DROP TABLE turns")
    database.close()
    recording.answered(answers[MEDIATED])
    recording.asked(CUP)
    recording.answered(answers[CUP])

    assert len(notices) == 1
    assert "is damaged (no such table: turns)" in notices[0]
    Recording(None, notices.append).asked(MEDIATED)
    assert len(notices) == 1


# --- transcripts


def test_a_conversation_is_exported_with_its_footnotes_apart(
    store: Conversations, answers: dict[str, Answer]
) -> None:
    held = store.create("The *talks* <b>")
    for question in list(answers)[:2]:
        store.finish(held.id, store.begin(held.id, question), answers[question])
    store.stop(held.id, store.begin(held.id, "Why [^1]?"), draft="<i>Because")
    store.fail(held.id, store.begin(held.id, "How?"), "No index.")
    found = store.get(held.id)
    second = answers[list(answers)[1]]

    told = transcripts.to_markdown(found)
    page = transcripts.to_html(found)
    plain = json.loads(json.dumps(transcripts.to_dict(found)))

    assert told.startswith(f"# The \\*talks\\* \\<b\\>\n\n## {MEDIATED}\n\n")
    assert f"*Searched: {second.searched}*" in told
    assert "[^1-1]: “" in told
    assert "[^2-1]: “" in told
    assert "[^1]:" not in told
    assert told.split("\n\n")[-5:] == [
        "## Why \\[\\^1\\]?",
        "*Stopped; what stood there was not checked to its end.*",
        "\\<i\\>Because",
        "## How?",
        "*No index.*",
    ]
    assert page.count("<!doctype html>") == page.count("</main>") == 1
    assert "<title>The *talks* &lt;b&gt;</title>" in page
    assert "Content-Security-Policy" in page
    assert 'id="turn-1-note-1"' in page
    assert 'href="#turn-2-note-1"' in page
    assert 'id="note-' not in page
    assert "&lt;i&gt;Because" in page
    assert f"Searched: {second.searched}" in page
    assert plain["turns"][1]["answer"] == json.loads(json.dumps(second.to_dict()))
    assert [turn["state"] for turn in plain["turns"]] == ["answered", "answered", "stopped", "failed"]


def test_a_conversation_without_answers_is_a_page_too(store: Conversations) -> None:
    held = store.create("Empty")

    assert "<title>Empty</title>" in transcripts.to_html(store.get(held.id))
