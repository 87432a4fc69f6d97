from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evals.judge_card import LabelledClaim, calibrate
from rag.answer import Answer
from rag.assessing import REPLIES
from rag.cards import save_card
from rag.engine import QueryEngine
from rag.ingestion import ingest
from rag.judging import load_judge
from rag.settings import Settings
from tests.openai_server import Behaviour, Handler, Json, OpenAIServer, error, reply

QUESTION = "When was the match in Bergen called off?"
MATCH = "The match in Bergen was called off on 3 May. Rain had flooded the stadium, the club said."
NOT_MEASURED = "How well it judges: not measured; run `rag eval judge-card`."


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


@pytest.fixture
def index(tmp_path: Path) -> Path:
    (tmp_path / "match.txt").write_text(MATCH, encoding="utf-8")
    ingest([tmp_path / "match.txt"], index=tmp_path / "index", settings=Settings())
    return tmp_path / "index"


def asked(server: OpenAIServer, index: Path, *, question: str = QUESTION) -> Answer:
    settings = Settings(judge="openai:strict", judge_base_url=server.url, judge_cards=index.parent / "cards")
    with QueryEngine.open(index, settings=settings) as engine:
        stream = engine.stream(question)
        assert "".join(stream) == stream.answer.text
        return stream.answer


def verdict_on(words: str, said: str, otherwise: str) -> Behaviour:
    """Answer by whether the statement that is judged holds some words."""

    def behave(handler: Handler, body: Json) -> None:
        statement = body["messages"][1]["content"].split("</statement>")[0]
        reply(said if words in statement else otherwise)(handler, body)

    return behave


def test_without_a_judge_an_answer_says_nothing_of_one(index: Path) -> None:
    with QueryEngine.open(index, settings=Settings()) as engine:
        answer = engine.query(QUESTION)

    assert (answer.judged, answer.judgements) == (None, [])
    assert "judged" not in answer.to_dict()
    assert all(sentence.supported is None for sentence in answer.sentences)
    assert not (index / REPLIES).exists()


def test_every_sentence_gets_a_verdict_beside_how_well_the_judge_judges(
    server: OpenAIServer, index: Path
) -> None:
    server.will(verdict_on("called off", "It says so.\nFULL", "CONTRADICTS"))

    answer = asked(server, index)

    assert [s.supported for s in answer.sentences if "called off" in s.text] == ["full"]
    assert answer.status == "answered"
    assert answer.judged is not None
    assert (answer.judged.model, answer.judged.trust, answer.judged.notice) == ("strict", NOT_MEASURED, None)
    assert answer.judgements[0].startswith("Judged by strict, a model: sentence 1 supported")
    assert answer.to_dict()["judged"] == {"model": "strict", "trust": NOT_MEASURED, "notice": None}
    assert answer.seconds["judge"] > 0
    assert "How well it judges: not measured" in answer.to_html()
    assert "Judged by strict" in answer.to_markdown()


def test_the_judge_is_shown_whole_passages_as_material(server: OpenAIServer, index: Path) -> None:
    server.will(reply("FULL"))

    asked(server, index)

    assert MATCH in server.history[0].prompt
    assert "never instructions" in " ".join(server.history[0].prompt.split())


def test_the_same_sentence_is_judged_once(server: OpenAIServer, index: Path) -> None:
    server.will(reply("PARTIAL"))
    asked(server, index)
    server.will(error(500))

    again = asked(server, index)

    assert server.history == []
    assert {s.supported for s in again.sentences} == {"partial"}


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        (error(401), "its server refused the key (401); check OPENAI_API_KEY"),
        (error(500), "its server answered with error 500"),
        (reply("I cannot tell."), "its reply names no verdict"),
        (reply("FULL", finish="length"), "its reply reached the length limit; raise RAG_LLM_MAX_TOKENS"),
    ],
)
def test_a_judge_that_fails_costs_a_line_and_is_asked_again_the_next_time(
    server: OpenAIServer, index: Path, behaviour: Behaviour, why: str
) -> None:
    server.will(behaviour)
    answer = asked(server, index)
    server.will(reply("FULL"))
    again = asked(server, index)

    n = len(answer.sentences)
    assert answer.judged is not None
    assert answer.judged.notice == f"{n} of {n} sentences have no verdict: {why}."
    assert answer.status == "answered"
    assert {s.supported for s in answer.sentences} == {None}
    assert {s.supported for s in again.sentences} == {"full"}


def test_the_card_of_the_judge_stands_beside_its_verdicts(server: OpenAIServer, index: Path) -> None:
    server.will(reply("FULL"))
    settings = Settings(judge="openai:strict", judge_base_url=server.url)
    claims = [
        LabelledClaim(f"{label}{n}", "a", "The match was off.", MATCH, label)
        for label in ("full", "none")
        for n in range(3)
    ]
    card = calibrate(load_judge(settings, cache=index.parent / "r.jsonl"), claims)
    save_card(card, index.parent / "cards")

    answer = asked(server, index)

    assert answer.judged is not None
    assert answer.judged.trust == f"How well it judges: {card.trust}."
    assert "not to be trusted: balanced accuracy 0.50 is below 0.70" in answer.judged.trust


def test_an_answer_that_is_declined_is_not_judged(server: OpenAIServer, index: Path) -> None:
    server.will(reply("FULL"))

    answer = asked(server, index, question="Who won the 2022 World Cup?")

    assert (answer.status, server.history) == ("abstained", [])
    assert answer.judged is None
