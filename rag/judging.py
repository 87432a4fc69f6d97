"""A model that is asked for verdicts: do cited passages support a sentence, is an answer correct.

Its replies are kept by model, prompt and texts; failures never are.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.llms import LLM

import prompts

from .errors import FootnotedError, UsageError
from .llm import LLMAnswerer, cause, load_llm
from .schema import digest
from .settings import Settings

WEIGHTS = {"full": 1.0, "partial": 0.5, "none": 0.0, "contradicts": 0.0}
"""Verdicts on support, and what each counts: the TREC 2024 RAG track (arXiv 2504.15205), with
`contradicts` told apart from `none`."""
NOT_MEASURED = (
    "no agreement with people was measured for this model and prompt; run `rag eval judge-card FILE...`"
)
_PATIENCE = 5
"""After so many failures in a row the judge's server is asked no more."""


class JudgeError(FootnotedError):
    """The judge cannot be used; the message says what to do."""


class Task(NamedTuple):
    """A question to a judge: its prompt is `prompts/<name>.system.md` and `<name>.user.md`."""

    name: str
    verdicts: tuple[str, ...]

    @property
    def version(self) -> str:
        """Hash of the prompt."""
        return prompts.version(f"{self.name}.system", f"{self.name}.user")

    def prompt(self, **texts: str) -> tuple[str, str]:
        """Return system and user message; no text can open or close a tag."""
        held = {name: _without_brackets(text) for name, text in texts.items()}
        return prompts.render(f"{self.name}.system"), prompts.render(f"{self.name}.user", **held)

    def read(self, reply: str) -> str | None:
        """Return the verdict on the last line of a reply, bare or as `{"verdict": ...}`; None without one."""
        last = (reply.strip().splitlines() or [""])[-1].strip()
        if last.startswith("{"):
            try:
                last = json.loads(last)["verdict"]
            except (ValueError, KeyError):
                return None
        word = last.strip(" \t*_`\"'.").lower() if isinstance(last, str) else ""
        return word if word in self.verdicts else None


CORRECTNESS = Task("judge_correctness", ("correct", "incorrect", "not_attempted"))
"""The three grades of SimpleQA (openai/simple-evals)."""
SUPPORT = Task("judge_support", tuple(WEIGHTS))
"""Does the cited text support a statement."""


class Judgement(NamedTuple):
    """A verdict; None means unscored, and `reason` says why."""

    verdict: str | None
    votes: tuple[str | None, ...] = ()
    """One verdict a repeat, None for a reply without one; empty when the model was not asked."""
    reason: str = ""
    prompt: str = ""
    """Hash of model and prompt, by which the cache holds the replies."""

    @property
    def agreement(self) -> float | None:
        """Share of the repeats that agree with the most frequent one; None for fewer than two."""
        if len(self.votes) < 2:
            return None
        return Counter(self.votes).most_common(1)[0][1] / len(self.votes)


class Replies:
    """Replies of judges by prompt and repeat, in a file of JSON lines that only grows; safe between threads.

    What cannot be read in it, such as the line at which a process was killed, is asked again.
    """

    def __init__(self, path: Path) -> None:
        """Read the file, if it is there."""
        self._path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            content = path.read_bytes() if path.exists() else b""
        except OSError as error:
            raise JudgeError(f"{path} cannot be read ({error.strerror}); name another cache.") from None
        self._held = dict(_entries(content))

    def get(self, prompt: str, repeat: int) -> str | None:
        """Return a reply that is held."""
        return self._held.get((prompt, repeat))

    def put(self, prompt: str, repeat: int, reply: str, **about: str) -> None:
        """Hold a reply, and write it to the file in one piece."""
        line = json.dumps({"prompt": prompt, "repeat": repeat, "reply": reply, **about})
        with self._lock:
            self._held[prompt, repeat] = reply
            try:
                with self._path.open("a+b") as file:
                    file.write(_line_break_if_needed(file) + line.encode() + b"\n")
            except OSError as error:
                raise JudgeError(
                    f"{self._path} cannot be written ({error.strerror}); make room or name another cache."
                ) from None


def _line_break_if_needed(file: Any) -> bytes:
    """Return a line break when the file ends in the middle of a line."""
    if file.seek(0, 2) == 0:
        return b""
    file.seek(-1, 2)
    return b"" if file.read(1) == b"\n" else b"\n"


def _entries(content: bytes) -> Iterator[tuple[tuple[str, int], str]]:
    for line in content.split(b"\n"):
        try:
            entry = json.loads(line)
            key, reply = (entry["prompt"], entry["repeat"]), entry["reply"]
        except (ValueError, KeyError, TypeError):
            continue
        if isinstance(reply, str):
            yield key, reply


class _NoReplyError(Exception):
    """The model gave no reply; the text is why, in a few words."""


class Judge:
    """A model that is asked for verdicts, each `repeats` times, and whose replies are kept."""

    def __init__(self, llm: LLM, *, cache: Path, repeats: int = 1) -> None:
        """Take a model and the file of its replies; raises JudgeError when the file cannot be used."""
        if repeats < 1:
            raise UsageError("A judge is asked at least once; set repeats to 1 or more.")
        self._llm = llm
        self.name = LLMAnswerer(llm).name
        self.repeats = repeats
        self.stopped: str | None = None
        """Why the model is asked no more."""
        self._replies = Replies(cache)
        self._failures = 0
        self._lock = threading.Lock()

    @cached_property
    def prompts(self) -> dict[str, str]:
        """Task -> hash of its prompt."""
        return {task.name: task.version for task in (CORRECTNESS, SUPPORT)}

    def correctness(self, question: str, *, expected: str, answer: str) -> Judgement:
        """Grade an answer against the expected one: correct, incorrect or not_attempted."""
        return self._judge(CORRECTNESS, question=question, expected=expected, answer=answer)

    def support(self, statement: str, cited: Sequence[str]) -> Judgement:
        """Say how far the cited texts, taken together, support a statement: one of `WEIGHTS`."""
        return self._judge(SUPPORT, statement=statement, cited="\n\n".join(cited))

    def _judge(self, task: Task, **texts: str) -> Judgement:
        messages = task.prompt(**texts)
        key = digest("\0".join((self.name, *messages)))
        try:
            replies = [self._reply(task, messages, key, repeat) for repeat in range(self.repeats)]
        except _NoReplyError as error:
            return Judgement(None, (), str(error), key)
        return _decide(tuple(task.read(reply) for reply in replies), key)

    def _reply(self, task: Task, messages: tuple[str, str], key: str, repeat: int) -> str:
        held = self._replies.get(key, repeat)
        if held is not None:
            return held
        reply = self._ask(messages)
        if task.read(reply):
            self._replies.put(key, repeat, reply, model=self.name, task=task.name)
        return reply

    def _ask(self, messages: tuple[str, str]) -> str:
        if self.stopped:
            raise _NoReplyError("the judge was asked no more")
        system, user = messages
        try:
            response = self._llm.chat(
                [
                    ChatMessage(role=MessageRole.SYSTEM, content=system),
                    ChatMessage(role=MessageRole.USER, content=user),
                ]
            )
            reply = response.message.content or ""
        except Exception as error:  # every client and server fails in its own way; see `cause`
            raise _NoReplyError(self._failed(error)) from error
        with self._lock:
            self._failures = 0
        if _was_cut(response.raw):
            raise _NoReplyError("its reply reached the length limit; raise RAG_LLM_MAX_TOKENS")
        return reply

    def _failed(self, error: Exception) -> str:
        """Count a failure, unless it is about this prompt only, and return its cause."""
        said = _JUDGES_OWN.sub("RAG_JUDGE", cause(error))
        with self._lock:
            self._failures += getattr(error, "status_code", None) not in _ABOUT_THE_PROMPT
            if self._failures >= _PATIENCE and not self.stopped:
                self.stopped = (
                    f"The judge {self.name} failed {_PATIENCE} times in a row and was asked no more: {said}."
                )
        return said


_ABOUT_THE_PROMPT = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
}
_JUDGES_OWN = re.compile(r"RAG_LLM(?=_BASE_URL|\b)")
"""Settings that the judge has for itself."""


def load_judge(settings: Settings, *, cache: Path, repeats: int = 1) -> Judge:
    """Return the judge that the settings name; no request is made. Raises UsageError without one."""
    url = settings.judge_base_url or settings.llm_base_url
    llm = load_llm(settings.model_copy(update={"llm": settings.judge, "llm_base_url": url}))
    if llm is None:
        raise UsageError("No judge is set; set RAG_JUDGE to openai:<model>.")
    return Judge(llm, cache=cache, repeats=repeats)


def _without_brackets(text: str) -> str:
    """Replace every opening angle bracket: what is judged holds no tags at all."""
    return re.sub("[<＜﹤]", "‹", text)


def _was_cut(raw: Any) -> bool:
    choices: Any = getattr(raw, "choices", None)
    return bool(choices) and getattr(choices[0], "finish_reason", None) == "length"


def _decide(votes: tuple[str | None, ...], key: str) -> Judgement:
    """Return what more than half of the votes say; without such a majority the item is unscored."""
    verdict, count = Counter(votes).most_common(1)[0]
    if count * 2 <= len(votes):
        return Judgement(None, votes, "its repeats disagree", key)
    return Judgement(verdict, votes, "" if verdict else "its reply names no verdict", key)
