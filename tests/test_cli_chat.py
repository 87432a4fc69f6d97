"""`rag chat`, `rag conversations` and the choice of articles on the command line."""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rag import ChatEngine, Conversations
from rag.answer import Answer, StreamingAnswer
from rag.conversations import Recording, file_of
from rag.engine import QueryEngine
from rag.errors import LLMError
from rag.terminal import talk
from tests.answers import WHO, answer_by, streamed
from tests.commands import QUESTION, Rag, index_fixture, is_one_line, rag_fixture  # noqa: F401  # used by name

Type = Callable[..., None]


@pytest.fixture(name="own")
def own_fixture(index: Path, tmp_path: Path) -> Path:
    """An index of the test's own, beside which nothing is stored yet."""
    return shutil.copytree(index, tmp_path / "own")


@pytest.fixture(name="typed")
def typed_fixture(monkeypatch: pytest.MonkeyPatch) -> Type:
    """Have these lines on stdin."""

    def typed(*lines: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))

    return typed


def test_chat_answers_line_after_line(rag: Rag, own: Path, typed: Type) -> None:
    typed("Who speaks for the Taliban?", "", "And what did he say about Pakistan?")

    code, out, err = rag("chat", "--index", own)

    assert (code, err) == (0, "")
    first, second = out.split("Searched: ")
    searched = second.split("\n\n")[0]
    assert searched.endswith(" say about Pakistan?")
    assert "\n[1] " in first
    assert "\n[1] " in second
    with Conversations.of(own) as store:
        (entry,) = store.entries()
        states = [(turn.state, turn.searched) for turn in store.get(entry.id).turns]
    assert states == [("answered", None), ("answered", searched)]


def test_chat_goes_on_with_a_stored_conversation(rag: Rag, own: Path, typed: Type) -> None:
    assert rag("chat", "--continue", "--index", own) == (
        2, "", "rag: There is no conversation to go on with; begin one with `rag chat`.\n"
    )  # fmt: skip
    typed("Who speaks for the Taliban?")
    assert rag("chat", "--index", own, "--article", "000_abc7d57044bbd6c6.txt").code == 0
    with Conversations.of(own) as store:
        (entry,) = store.entries()

    for options in (["--continue"], ["--conversation", entry.id]):
        typed("And what did he say about Pakistan?")
        out = rag("chat", "--index", own, *options).out
        assert re.match(r"Searched: .* say about Pakistan\?\n", out)
        assert "001_067e7b6d50dbd9ba" not in out, "it keeps its articles"

    assert rag("chat", "--index", own, "--conversation", "nope").err == (
        "rag: There is no conversation nope; `rag conversations` lists those there are.\n"
    )
    assert rag("chat", "--index", own, "--continue", "--since", "2025-01-01").code == 2


def test_conversations_are_listed_found_printed_and_deleted(rag: Rag, own: Path, typed: Type) -> None:
    typed(QUESTION, "Who won the 2022 World Cup?")
    rag("chat", "--index", own)
    typed("Why did the talks fail?")
    rag("chat", "--index", own)

    listed = rag("conversations", "--index", own).out.splitlines()
    assert [line.split("  ")[2] for line in listed] == ["Why did the talks fail?", QUESTION]
    (found,) = json.loads(rag("conversations", "world cup", "--index", own, "--json").out)
    assert (found["title"], found["turns"]) == (QUESTION, 2)
    id_ = found["id"]
    assert rag("conversations", "--show", id_, "--index", own).out.startswith(f"# {QUESTION}\n")
    assert rag("conversations", "--show", id_, "--index", own, "--html").out.startswith("<!doctype html>")
    turns = json.loads(rag("conversations", "--show", id_, "--index", own, "--json").out)["turns"]
    assert [turn["state"] for turn in turns] == ["answered", "answered"]

    assert rag("conversations", "--delete", id_, "--index", own) == (0, "", "")
    assert len(rag("conversations", "--index", own).out.splitlines()) == 1
    assert rag("conversations", "--delete", id_, "--index", own).code == 1


def test_chat_goes_on_without_storing_where_it_cannot(rag: Rag, own: Path, typed: Type) -> None:
    file_of(own).write_text("no database at all, but long enough to be looked at as one" * 20)
    typed(QUESTION, QUESTION)

    code, out, err = rag("chat", "--index", own)

    assert code == 0
    assert out.count("\n[1] ") == 2
    assert is_one_line(err)
    assert "is no file of conversations or is damaged" in err
    assert rag("chat", "--index", own, "--continue").err.splitlines()[-1] == (
        "rag: No stored conversation can be read; begin a new one."
    )


def test_a_question_that_cannot_be_asked_is_one_line_and_the_next_is_answered(
    rag: Rag, own: Path, typed: Type
) -> None:
    typed("x" * 5_000, QUESTION)

    code, out, err = rag("chat", "--index", own)

    assert code == 1
    assert err == "rag: The question has 5,000 characters; ask in at most 4,000.\n"
    assert "\n[1] " in out
    with Conversations.of(own) as store:
        (entry,) = store.entries()
        assert [turn.state for turn in store.get(entry.id).turns] == ["failed", "answered"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_prompt_gives_up_a_line_at_ctrl_c_and_leaves_at_ctrl_d(
    rag: Rag, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: Iterator[str | BaseException] = iter([KeyboardInterrupt(), QUESTION, EOFError()])

    def press(_prompt: str) -> str:
        key = next(keys)
        if isinstance(key, BaseException):
            raise key
        return key

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("builtins.input", press)

    code, out, err = rag("chat", "--index", own)

    assert (code, err) == (0, "")
    assert out.startswith("\nCtrl-D leaves.\n")
    assert "\n[1] " in out


def test_chat_shows_the_words_that_answer_in_bold_on_a_terminal(
    rag: Rag, own: Path, typed: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.engine.QueryEngine.stream", lambda *_: streamed(answer_by(WHO)))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    typed("Who said it?")

    out = rag("chat", "--index", own).out

    assert out.count(f"said \x1b[1m{WHO}\x1b[0m, 41.") == 2
    with Conversations.of(own) as store:
        (entry,) = store.entries()
        (turn,) = store.get(entry.id).turns
    assert turn.answer is not None
    assert turn.answer.citations[0].answer_words == WHO


def test_ask_keeps_to_articles_and_days(rag: Rag, own: Path) -> None:
    answer = json.loads(
        rag("ask", QUESTION, "--index", own, "--json", "--article", "000_abc7d57044bbd6c6.txt").out
    )
    assert {source["uri"].rsplit("/", 1)[1] for source in answer["sources"]} == {"000_abc7d57044bbd6c6.txt"}

    code, out, _ = rag("ask", QUESTION, "--index", own, "--since", "2025-01-01")
    assert (code, "No article is among those chosen" in out) == (3, True)
    assert rag("ask", QUESTION, "--index", own, "--until", "soon").err == (
        "rag: soon is no day; write it as 2025-11-08.\n"
    )


# --- the loop itself


def test_ctrl_c_stops_one_answer_and_the_talk_goes_on(engine: QueryEngine, tmp_path: Path) -> None:
    lines = iter([QUESTION, "Why did the talks fail?"])
    shown: list[Answer] = []
    said: list[str] = []

    def show(stream: StreamingAnswer) -> Answer:
        if not said:
            next(iter(stream))
            raise KeyboardInterrupt
        shown.append(stream.get_response())
        return shown[-1]

    with Conversations(tmp_path / "c.sqlite") as store:
        recording = Recording(store, said.append)
        failures = talk(
            ChatEngine(engine), recording, read=lambda: next(lines, None), show=show, complain=said.append
        )
        turns = store.get(str(recording.id)).turns

    assert (failures, said) == (0, ["Stopped; Ctrl-D leaves."])
    assert [turn.state for turn in turns] == ["stopped", "answered"]
    assert turns[0].draft
    assert len(shown) == 1


def test_ctrl_c_ends_a_talk_without_a_terminal(engine: QueryEngine) -> None:
    def show(_: StreamingAnswer) -> Answer:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        talk(
            ChatEngine(engine),
            Recording(None, print),
            read=lambda: QUESTION,
            show=show,
            complain=print,
            goes_on=False,
        )


def test_an_answer_that_fails_is_told_in_one_line(engine: QueryEngine) -> None:
    lines, said = iter([QUESTION]), list[str]()

    def show(_: StreamingAnswer) -> Answer:
        raise LLMError("it broke off")

    failures = talk(
        ChatEngine(engine),
        Recording(None, print),
        read=lambda: next(lines, None),
        show=show,
        complain=said.append,
    )

    assert (failures, said) == (1, ["it broke off"])
