"""ChatEngine: follow-up questions. Each is made to stand alone, then asked of the same engine."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.chat_engine.types import BaseChatEngine
from llama_index.core.llms import LLM

import prompts

from .answer import Answer, StreamingAnswer
from .answering import DECLINE
from .citations import bare
from .condensing import Turn, leans, standalone
from .engine import MAX_QUESTION, QueryEngine
from .facts import missing_facts
from .injection import speaks_to_model
from .llm import count_tokens
from .sentences import sentence_spans
from .settings import Settings
from .thoughts import spoken

REMEMBERED = 6
"""Turns that are looked back at."""
HISTORY_TOKENS = 1_500
"""Most tokens of earlier turns that a model is shown; the oldest are left out."""
LONGEST = 300
"""Characters of a question that a model rewrote, beyond those of the question itself."""
LONGEST_WORDS = 60
"""Characters of the words that answered which a later question may take over."""
READ = 4
"""Passages that are read to judge what a question may mean."""


class ChatEngine(BaseChatEngine):
    """One conversation over a QueryEngine; answers are the engine's own.

    A question that stands alone is asked as it is. One that leans on the turns before is rewritten, by the
    model when there is one, else by reading, and `answer.searched` tells what was asked instead.
    """

    def __init__(self, engine: QueryEngine, *, turns: Sequence[Turn] = ()) -> None:
        """Take the engine, and the turns of a conversation to go on with, oldest first."""
        self.engine = engine
        self.turns = list(turns)

    @classmethod
    def open(
        cls, index: str | Path | None = None, *, settings: Settings | None = None, llm: LLM | None = None
    ) -> Self:
        """Open an index folder as `QueryEngine.open` does, for a new conversation."""
        return cls(QueryEngine.open(index, settings=settings, llm=llm))

    def close(self) -> None:
        """Close the engine."""
        self.engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def reset(self) -> None:
        """Forget the conversation."""
        self.turns.clear()

    @property
    def chat_history(self) -> list[ChatMessage]:
        """The conversation as LlamaIndex's messages."""
        return [
            ChatMessage(role=role, content=text)
            for turn in self.turns
            for role, text in ((MessageRole.USER, turn.question), (MessageRole.ASSISTANT, turn.answer))
        ]

    def chat(self, message: str, chat_history: list[ChatMessage] | None = None) -> Answer:  # type: ignore[override]  # an Answer, a LlamaIndex Response
        """Answer the next question; messages that are given take the place of the conversation so far.

        Raises UsageError as `QueryEngine.query` does.
        """
        searched = self._searched(message, chat_history)
        return self._told(self.engine.query(searched), message, searched)

    async def achat(self, message: str, chat_history: list[ChatMessage] | None = None) -> Answer:  # type: ignore[override]  # see chat
        """Answer the next question, in a thread."""
        return await asyncio.to_thread(self.chat, message, chat_history)

    def stream_chat(  # type: ignore[override]  # see chat
        self, message: str, chat_history: list[ChatMessage] | None = None
    ) -> StreamingAnswer:
        """Answer the next question piece by piece; see `stream`."""
        return self.stream(message, chat_history)

    async def astream_chat(  # type: ignore[override]  # see chat
        self, message: str, chat_history: list[ChatMessage] | None = None
    ) -> StreamingAnswer:
        """Retrieve in a thread; answer piece by piece as the result is read."""
        return await asyncio.to_thread(self.stream, message, chat_history)

    def stream(self, question: str, chat_history: Sequence[ChatMessage] | None = None) -> StreamingAnswer:
        """Rewrite and retrieve now; answer piece by piece as the result is read.

        `searched` of the result is there from the start. The turn joins the conversation at its end: one
        that is broken off leaves no trace.
        """
        searched = self._searched(question, chat_history)
        inner = self.engine.stream(searched)
        box: list[Answer] = []

        def pieces() -> Iterator[str]:
            yield from inner.response_gen
            box.append(self._told(inner.get_response(), question, searched))

        stream = StreamingAnswer(pieces(), inner.source_nodes, box)
        stream.searched = searched if searched != question else None
        return stream

    def _searched(self, question: str, chat_history: Sequence[ChatMessage] | None) -> str:
        if chat_history is not None:
            self.turns = turns_of(chat_history)
        return self.condense(question)

    def _told(self, answer: Answer, question: str, searched: str) -> Answer:
        """Say in an answer what was asked, and take it into the conversation."""
        if searched != question:
            answer.question, answer.searched = question.strip(), searched
        self.turns.append(turn_of(answer))
        return answer

    def condense(self, question: str) -> str:
        """Return a question as it can be asked without the turns before."""
        if not self.turns or len(question) > MAX_QUESTION:
            return question
        turns = self.turns[-REMEMBERED:]
        llm = self.engine.llm if leans(question) else None
        return (llm and rewritten(question, turns, llm)) or standalone(question, turns, self._confidence)

    def _confidence(self, question: str) -> float:
        """Say how surely the nearest passages answer a question, 0 to 1; below 0 with what was told last."""
        if len(question) > MAX_QUESTION:
            return 0.0
        sources = self.engine.sources(self.engine.retrieve(question)[:READ])
        found = self.engine.quoting.look(question, sources)
        last = next((turn for turn in reversed(self.turns) if turn.answer), Turn(""))
        words = found.ranked[0].words.casefold() if found.ranked else ""
        repeats = any(words in told.casefold() for told in last.words or (last.answer,))
        return -1.0 if words and repeats else found.confidence


def turn_of(answer: Answer) -> Turn:
    """Return an answered question as later ones look back at it; what was declined says nothing."""
    if answer.status == "abstained":
        return Turn(answer.question, "", answer.searched)
    found = dict.fromkeys(note.answer_words for note in answer.citations)
    words = sorted((words for words in found if 0 < len(words) <= LONGEST_WORDS), key=len)
    return Turn(answer.question, answer.text, answer.searched, tuple(words))


def turns_of(messages: Sequence[ChatMessage]) -> list[Turn]:
    """Return the questions among messages, each with the reply that follows it."""
    turns: list[Turn] = []
    for message in messages:
        text = message.content or ""
        if message.role == MessageRole.USER:
            turns.append(Turn(text))
        elif message.role == MessageRole.ASSISTANT and turns:
            said = "" if bare(text) == bare(DECLINE) else text
            turns[-1] = turns[-1]._replace(answer=said)
    return turns


# --- by a model


def rewritten(question: str, turns: Sequence[Turn], llm: LLM) -> str | None:
    """Return the question as a model makes it stand alone; None when its reply cannot be used."""
    conversation = _conversation(turns, llm)
    messages = [
        ChatMessage(role=MessageRole.SYSTEM, content=prompts.render("condense.system")),
        ChatMessage(
            role=MessageRole.USER,
            content=prompts.render(
                "condense.user", conversation=conversation, question=_without_tags(question)
            ),
        ),
    ]
    try:
        reply = "".join(spoken([llm.chat(messages).message.content or ""]))
    except Exception:  # noqa: BLE001  # every client fails in its own way, and reading takes its place
        return None
    return checked(reply, question, turns)


def checked(reply: str, question: str, turns: Sequence[Turn]) -> str | None:
    """Return a model's reply if it is one question, about nothing that was not named before; else None.

    Words of the conversation that speak to a model are refused too, so that none of them is handed on.
    """
    line = reply.strip().removeprefix("Question:").strip().strip('"“”').strip()
    told = [question, *(text for turn in turns for text in (turn.question, turn.answer, turn.searched or ""))]
    is_one = line.endswith("?") and "\n" not in line and len(sentence_spans(line)) == 1
    if not is_one or len(line) > len(question) + LONGEST or len(line) > MAX_QUESTION:
        return None
    if missing_facts(line, ["\n".join(told)]) or speaks_to_model(line) or leans(line):
        return None
    return line


def _conversation(turns: Sequence[Turn], llm: LLM) -> str:
    """Return the latest turns that fit into HISTORY_TOKENS, oldest first; the last is cut to fit."""
    name = _name(llm)
    shown: list[str] = []
    room = HISTORY_TOKENS
    for turn in reversed(turns):
        text = _without_tags(f"Question: {turn.searched or turn.question}\nAnswer: {turn.answer or '(none)'}")
        if (cost := count_tokens(text, name)) > room:
            shown += [] if shown else [text[: HISTORY_TOKENS * 2]]
            break
        room -= cost
        shown.append(text)
    return "\n\n".join(reversed(shown))


def _name(llm: LLM) -> str:
    try:
        return llm.metadata.model_name
    except ValueError:  # LlamaIndex's OpenAI, for a name that it does not know
        return "unknown"


_TAG = re.compile(r"[<＜﹤](?=\W{0,20}conversation)", re.IGNORECASE)


def _without_tags(text: str) -> str:
    """Replace the bracket of anything that a model could read as the end of the conversation."""
    return _TAG.sub("‹", text)
