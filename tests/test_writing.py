from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.conversations import Conversations
from rag.engine import QueryEngine
from rag.suggesting import Pace
from ui import writing


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Conversations]:
    with Conversations(tmp_path / "conversations.sqlite") as opened:
        yield opened
    writing.forget()


def test_suggestions_give_way_to_an_answer_that_is_being_made(
    engine: QueryEngine, store: Conversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_go_on, order = threading.Event(), list[str]()
    run = writing.Writing.run

    def slow(self: writing.Writing, *args: object) -> None:
        assert may_go_on.wait(20)
        run(self, *args)  # type: ignore[arg-type]  # as it was called
        order.append("answered")

    monkeypatch.setattr(writing.Writing, "run", slow)
    conversation = store.create()
    number = store.begin(conversation.id, "Who mediated the talks?")
    asked = writing.begin(store, conversation.id, number, engine, [])

    def suggest(pace: Pace) -> list[str]:
        pace()
        order.append("suggested")
        return []

    later: writing.Later[list[str]] = writing.Later(suggest, [])
    assert not later.wait(0.2)
    may_go_on.set()

    assert asked.wait(20)
    assert later.wait(20)
    assert order == ["answered", "suggested"]


def test_what_was_to_be_suggested_is_given_up_with_the_next_question(
    engine: QueryEngine, store: Conversations
) -> None:
    begun, may_go_on = threading.Event(), threading.Event()

    def suggest(pace: Pace) -> list[str]:
        begun.set()
        assert may_go_on.wait(20)
        pace()
        return ["What is said about Istanbul?"]

    conversation = store.create()
    found = writing.suggestions((str(store.path), conversation.id, 1), suggest)
    assert begun.wait(20)
    number = store.begin(conversation.id, "Who mediated the talks?")
    asked = writing.begin(store, conversation.id, number, engine, [])
    may_go_on.set()

    assert found.wait(20)
    assert asked.wait(20)
    assert found.value == []
    assert found.problem == ""
