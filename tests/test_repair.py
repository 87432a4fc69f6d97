from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.answer import Answer
from rag.citations import UNSUPPORTED
from rag.engine import QueryEngine
from rag.settings import Settings
from tests.openai_server import OpenAIServer, error, reply

QUESTION = "Who mediated the talks?"
GOOD = "Turkey and Qatar mediated the talks in Istanbul."
FIRST = f"{GOOD} Erdogan won the cup. Six civilians were killed and five wounded."
ASKED = (
    "1. Erdogan won the cup. (it names no source, and its words stand in none)\n"
    "2. Six civilians were killed and five wounded. (it names no source, and its words stand in none)\n"
)
MENDED = "Afghan officials stated that four civilians were killed and five wounded."


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


@pytest.fixture(scope="module")
def repairing(server: OpenAIServer, seeds_index: Path) -> Iterator[QueryEngine]:
    settings = Settings(llm="openai:m", llm_base_url=server.url, repair=1)
    with QueryEngine.open(seeds_index, settings=settings) as opened:
        yield opened


def ask(engine: QueryEngine) -> Answer:
    """Ask in a stream, and check what came against the answer."""
    stream = engine.stream(QUESTION)
    shown = "".join(stream)
    assert shown == stream.answer.text
    return stream.answer


def test_a_model_mends_exactly_what_failed(server: OpenAIServer, repairing: QueryEngine) -> None:
    second = f"2. {MENDED}\n1. -\n3. Norway won.\n"
    server.will(reply(FIRST), reply(second))

    answer = ask(repairing)

    assert answer.text == f"{GOOD} [1] Erdogan won the cup. {UNSUPPORTED} {MENDED} [2]"
    assert (answer.status, answer.repaired, answer.notice) == ("partial", 1, None)
    assert answer.raw == f"{FIRST}\n\n{second}"
    assert answer.to_dict()["repaired"] == 1
    first, again = server.history
    assert [message["role"] for message in again.body["messages"]] == ["system", "user", "assistant", "user"]
    assert again.body["messages"][:2] == first.body["messages"]
    assert again.body["messages"][2]["content"] == FIRST
    assert ASKED in again.body["messages"][3]["content"]
    assert answer.prompt == again.prompt


def test_what_is_wrong_with_a_footnoted_sentence_is_said(
    server: OpenAIServer, repairing: QueryEngine
) -> None:
    server.will(reply(f"{GOOD} Erdogan came [1]."), reply("1. Turkey mediated the talks in Istanbul.\n"))

    answer = ask(repairing)

    assert "1. Erdogan came. (not in its source: Erdogan)\n" in server.history[1].prompt
    assert answer.text == f"{GOOD} [1] Turkey mediated the talks in Istanbul. [1]"
    assert (answer.status, answer.repaired) == ("answered", 1)


@pytest.mark.parametrize(
    "second",
    [
        reply("1. Erdogan won it again. [1]\n2. Seven civilians were killed."),
        reply("Sorry, I cannot."),
        reply(""),
        reply("<think>never ends"),
        error(500),
    ],
)
def test_a_second_round_that_fails_changes_nothing(
    server: OpenAIServer, repairing: QueryEngine, second: object
) -> None:
    server.will(reply(FIRST), second)  # type: ignore[arg-type]  # behaviours, parametrized

    answer = ask(repairing)

    failed = f"Erdogan won the cup. {UNSUPPORTED} Six civilians were killed and five wounded. {UNSUPPORTED}"
    assert answer.text == f"{GOOD} [1] {failed}"
    assert (answer.repaired, answer.notice) == (0, None)


@pytest.mark.parametrize("text", [GOOD, "The articles do not answer this question."])
def test_a_whole_answer_is_not_asked_about_again(
    server: OpenAIServer, repairing: QueryEngine, text: str
) -> None:
    server.will(reply(text))

    assert ask(repairing).repaired == 0
    assert len(server.history) == 1


def test_a_repair_that_does_not_fit_the_window_is_not_tried(server: OpenAIServer, seeds_index: Path) -> None:
    settings = Settings(
        llm="openai:m", llm_base_url=server.url, repair=1, llm_context=1024, llm_max_tokens=200, top_k=1
    )
    with QueryEngine.open(seeds_index, settings=settings) as engine:
        server.will(reply(f"Turkey mediated the talks. {'Erdogan came. ' * 40}"))
        ask(engine)

    assert len(server.history) <= 1


def test_nothing_is_left_of_a_repair_when_quoting_takes_over(
    server: OpenAIServer, repairing: QueryEngine
) -> None:
    server.will(reply("Erdogan won."), reply("1. Norway won."))

    answer = repairing.query(QUESTION)

    assert (answer.model, answer.repaired) == ("quoting", 0)
    assert answer.raw == "Erdogan won.\n\n1. Norway won."
