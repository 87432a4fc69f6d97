"""The whole path with a real model and server; `make test-llm` runs it, the other tests do without.

So small a model as SmolLM2-135M invents much and cites little. What it says changes with the machine, so
these tests hold for whatever it says: what is shown as sound is in the articles.
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from llama_index.core.base.llms.types import CompletionResponse, CompletionResponseGen, LLMMetadata
from llama_index.core.llms import CustomLLM
from pydantic import SecretStr

from rag.answer import Answer
from rag.answering import Question
from rag.citations import UNSUPPORTED, Words
from rag.engine import QueryEngine
from rag.llm import LLMAnswerer, load_llm
from rag.schema import AnswerSentence
from rag.settings import Settings
from tests.conftest import ROOT

KEY = "loopback-only"
MODEL = "SmolLM2-135M-Instruct"
QUESTIONS = [
    "In which city were the negotiations held?",
    "How many people were wounded in the clashes?",
    "On which days did the dialogue take place?",
    "What did the Taliban thank Turkey and Qatar for?",
    "Who is Pakistan's defence minister?",
    "How much does the new iPhone cost?",
]
NUMBERS = "zero one two three four five six seven eight nine ten".split()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server of the model, which takes no request without the key."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.llm.server", str(port), KEY]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(f"http://127.0.0.1:{port}/health", process)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Return when the server is ready; its model takes a second or two to load."""
    with httpx.Client(transport=httpx.HTTPTransport(retries=10)) as client:  # each waits twice as long
        while process.poll() is None:
            if client.get(url).status_code == httpx.codes.OK:
                return
    raise AssertionError(f"the server ended with exit code {process.returncode}; run `make test-llm`")


def opened(index: Path, url: str, **more: object) -> QueryEngine:
    settings = Settings.model_validate(
        {
            "llm": f"openai:{MODEL}",
            "llm_base_url": url,
            "OPENAI_API_KEY": SecretStr(KEY),
            "llm_context": 4096,
            "llm_max_tokens": 96,
            "min_confidence": 0,
            "top_k": 2,
            **more,
        }
    )
    return QueryEngine.open(index, settings=settings)


class Streamed(NamedTuple):
    """An answer with the pieces that it came in."""

    pieces: list[str]
    answer: Answer


@pytest.fixture(scope="module")
def streamed(seeds_index: Path, url: str) -> list[Streamed]:
    """The answers to all questions, each checked against its stream."""
    with opened(seeds_index, url) as engine:
        return [_streamed(engine, question) for question in QUESTIONS]


@pytest.fixture
def answers(streamed: list[Streamed]) -> list[Answer]:
    return [answer for _, answer in streamed]


def _streamed(engine: QueryEngine, question: str) -> Streamed:
    stream = engine.stream(question)
    pieces = list(stream)
    shown = "".join(pieces)
    answer = stream.get_response()
    whole = f"{answer.notice}\n\n{answer.text}" if answer.notice else answer.text
    assert shown.endswith(whole)
    assert answer.notice or shown == whole
    return Streamed(pieces, answer)


def held(word: str, text: str) -> bool:
    """Tell whether a number or a name stands in a text, in digits or words, as `Turkey` or `Turkish`."""
    if word.isdecimal() and int(word) < len(NUMBERS):
        return re.search(rf"\b({word}|{NUMBERS[int(word)]})\b", text, re.IGNORECASE) is not None
    beginning = re.escape(word if word.isdecimal() else word[:4])
    return re.search(rf"\b{beginning}", text, re.IGNORECASE) is not None


def invented(sentence: str, text: str) -> list[str]:
    """Return the numbers and the capitalised words, but the first, of a sentence that a text does not hold.

    Made without the checks of `rag.facts`, to check them.
    """
    body = sentence.split(maxsplit=1)[-1] if " " in sentence else ""
    stated = [*re.findall(r"\d+", sentence), *re.findall(r"\b[A-Z][^\W\d_]+", body)]
    return [word for word in stated if not held(word, text)]


def test_the_tested_versions_are_installed() -> None:
    lock = (ROOT / "requirements-llm.lock").read_text(encoding="utf-8")

    for name, pinned in re.findall(r"^([\w-]+)==(\S+)", lock, re.MULTILINE):
        assert version(name) == pinned


def test_an_answer_is_streamed_in_pieces_and_ends(streamed: list[Streamed]) -> None:
    for pieces, answer in streamed:
        assert answer.raw
        assert pieces
        assert answer.seconds["answer"] > 0
    assert max(len(pieces) for pieces, _ in streamed) >= 4


def test_its_words_are_there_before_it_has_come_to_its_end(seeds_index: Path, url: str) -> None:
    with opened(seeds_index, url) as engine:
        model = LLMAnswerer(load_llm(engine.settings) or pytest.fail("no model is set"))
        draft = model.draft(Question(QUESTIONS[0], ()), engine.sources(engine.retrieve(QUESTIONS[0])))
        first = next(event for event in draft if isinstance(event, Words))
        so_far = model.raw
        rest = list(draft)

    assert first.text.strip()
    assert rest
    assert model.raw.startswith(so_far)
    assert len(so_far) < len(model.raw)


def test_it_is_asked_the_same_again(seeds_index: Path, url: str, streamed: list[Streamed]) -> None:
    with opened(seeds_index, url) as engine:
        again = _streamed(engine, QUESTIONS[0]).answer

    assert (
        again.prompt == streamed[0].answer.prompt
    )  # its reply may differ, as the server keeps what it has read


def test_some_of_what_the_model_says_fails(streamed: list[Streamed]) -> None:
    marked = sum("".join(pieces).count(UNSUPPORTED) for pieces, _ in streamed)
    given_up = sum(answer.model != MODEL or answer.status == "abstained" for _, answer in streamed)

    assert marked + given_up >= 1


class Echo(CustomLLM):
    """A model that says one text, here what the real one said with something planted in it."""

    says: str

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="echo", context_window=4096, num_output=96)

    def complete(self, *_: Any, **__: Any) -> CompletionResponse:
        return CompletionResponse(text=self.says)

    def stream_complete(self, *_: Any, **__: Any) -> CompletionResponseGen:
        return (CompletionResponse(text=self.says, delta=self.says) for _ in range(1))


@pytest.mark.parametrize("planted", ["on 31 March", "for 4,711 dollars", "as Zebulon Quist said", "in 1733"])
def test_an_invention_planted_in_what_it_says_is_never_sound(
    seeds_index: Path, answers: list[Answer], planted: str
) -> None:
    with QueryEngine.open(seeds_index, settings=Settings(top_k=2, min_confidence=0)) as engine:
        for answer in (answer for answer in answers if answer.raw):
            spoilt = re.sub(r"(?<=\w)(?=[.!?](?:\s|\Z))", f" {planted}", answer.raw or "")
            engine.llm = Echo(says=spoilt)
            again = engine.query(answer.question)

            assert not any(sentence.sound and planted in sentence.text for sentence in again.sentences)


def test_a_wrong_key_is_said_and_the_articles_are_quoted(seeds_index: Path, url: str) -> None:
    with opened(seeds_index, url, OPENAI_API_KEY=SecretStr("wrong")) as engine:
        answer = _streamed(engine, QUESTIONS[0]).answer

    assert answer.notice == (
        f"The model {MODEL} gave no answer: its server refused the key (401); check OPENAI_API_KEY. "
        "Quoting instead."
    )
    assert (answer.model, answer.raw) == ("quoting", None)
    assert "Istanbul" in answer.text


def test_the_model_is_heard_and_what_of_it_is_shown_is_a_whole_answer(answers: list[Answer]) -> None:
    assert all(answer.raw for answer in answers)
    for answer in (answer for answer in answers if answer.model == MODEL):
        assert answer.status == "abstained" or any(sentence.sound for sentence in answer.sentences)


def test_nothing_that_is_not_in_its_source_is_shown_as_sound(answers: list[Answer]) -> None:
    for answer in answers:
        notes = {citation.number: citation for citation in answer.citations}
        for sentence in (s for s in answer.sentences if s.sound):
            text = "\n".join(notes[number].article.text for number in sentence.citations)
            assert invented(sentence.text, text) == [], answer.raw
            assert all(_stands(notes[number].quote, text) for number in sentence.citations)


def _stands(quote: str, text: str) -> bool:
    return bool(quote.strip()) and quote in text


def test_what_the_model_invents_is_caught(answers: list[Answer]) -> None:
    texts = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "seeds").iterdir())
    said = [answer for answer in answers if invented(answer.raw or "", texts)]

    assert said, "it invented nothing: ask it for more"
    for answer in said:
        assert not any(s.sound and invented(s.text, texts) for s in answer.sentences)


def test_what_fails_is_left_out_on_request(seeds_index: Path, url: str) -> None:
    with opened(seeds_index, url, unsupported="drop") as engine:
        answer = _streamed(engine, QUESTIONS[0]).answer

    assert UNSUPPORTED not in answer.text
    assert all(sentence.sound for sentence in _stated(answer))


def _stated(answer: Answer) -> list[AnswerSentence]:
    return answer.sentences if answer.status != "abstained" else []
