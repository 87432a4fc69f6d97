"""What a model says of answers: are they correct, and do the cited passages support each sentence.

This layer is kept apart from the measured one: it never gates, and beside every number stands how well
the judge agrees with people (`evals/judge_card.py`), or that nobody has measured it.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple, Protocol, TypeVar

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.llms import LLM

import prompts
from rag.errors import FootnotedError, UsageError
from rag.llm import LLMAnswerer, cause, load_llm
from rag.schema import digest
from rag.settings import Settings

from .cases import Case
from .records import Record, SentenceRecord
from .runs import Run, read_lines, write_lines
from .scores import Attempt
from .statistics import Bootstrap

WEIGHTS = {"full": 1.0, "partial": 0.5, "none": 0.0, "contradicts": 0.0}
"""Verdicts on support, and what each counts: the TREC 2024 RAG track (arXiv 2504.15205), with
`contradicts` told apart from `none`."""
NOT_MEASURED = (
    "no agreement with people was measured for this model and prompt; run `rag eval judge-card FILE...`"
)
JUDGEMENTS = "judgements.jsonl"
"""The file of a run folder that holds what was judged, one item a line."""
SUPPORT_ONLY = "no agreement with people was measured: the judge card is about support, not about correctness"
_Thing = TypeVar("_Thing")
_Reply = TypeVar("_Reply")
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


# --- a whole run


class Card(Protocol):
    """How well a judge agrees with people on support."""

    @property
    def trust(self) -> str:
        """One line to stand beside a number."""

    @property
    def warning(self) -> str:
        """Why no number should be trusted; empty when there is no reason."""

    def corrected(self, observed: float) -> float | None:
        """Return the share that people would find, from the share that the judge found."""

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""


Progress = Callable[[int, int, str], None]
"""Called with the number done, the number of all, and an id."""


class Item(NamedTuple):
    """What was judged, and the judgement."""

    case: str
    task: str
    sentence: int | None
    """Place in the answer, from 0; None for the answer as a whole."""
    judgement: Judgement

    def to_dict(self) -> dict[str, Any]:
        """Return a line of judgements.jsonl."""
        verdict, votes, reason, prompt = self.judgement
        return {
            "case": self.case,
            "task": self.task,
            "sentence": self.sentence,
            "verdict": verdict,
            "votes": list(votes),
            "reason": reason,
            "prompt": prompt,
        }


@dataclass(frozen=True)
class Judged:
    """The judgements of a run, summed up beside the judge's agreement with people."""

    model: str
    prompts: Mapping[str, str]
    repeats: int
    items: tuple[Item, ...]
    card: Card | None = None
    notice: str | None = None
    """Why the judge was asked no more."""
    groups: Mapping[str, str | None] = field(default_factory=dict)
    """Case -> what it shares with others, which are drawn together for the intervals."""

    @property
    def judgements(self) -> list[dict[str, Any]]:
        """The lines of judgements.jsonl."""
        return [item.to_dict() for item in self.items]

    def to_dict(self) -> dict[str, Any]:
        """Return what stands under `judged` in summary.json."""
        return {
            "model": self.model,
            "prompts": dict(self.prompts),
            "repeats": self.repeats,
            "correctness": self._correctness(),
            "faithfulness": self._support(WEIGHTS),
            "fully_supported": self._fully_supported(),
            "contradicted": self._support({"contradicts": 1.0}),
            "spread": self._spread(),
            "card": self.card.to_dict() if self.card else None,
            "card_note": (self.card.warning if self.card else NOT_MEASURED) or None,
            "notice": self.notice,
        }

    def of(self, task: Task) -> list[Item]:
        """Return what was judged in one way."""
        return [item for item in self.items if item.task == task.name]

    def _correctness(self) -> dict[str, Any]:
        """Share of the expected answers that were given: a case that was declined counts as not correct."""
        items = self.of(CORRECTNESS)
        verdicts = {item.case: item.judgement.verdict for item in items if item.judgement.verdict}
        return {
            **self._mean({case: float(verdict == "correct") for case, verdict in verdicts.items()}),
            "verdicts": {name: list(verdicts.values()).count(name) for name in CORRECTNESS.verdicts},
            "unscored": _unscored(items),
            "trust": SUPPORT_ONLY,
        }

    def _support(self, weights: Mapping[str, float]) -> dict[str, Any]:
        """Mean over answers of the mean over their cited sentences, as the sentences of one hang together."""
        items = self.of(SUPPORT)
        answers: dict[str, list[float]] = {}
        for item in items:
            if verdict := item.judgement.verdict:
                answers.setdefault(item.case, []).append(weights.get(verdict, 0.0))
        return {
            **self._mean({case: fmean(values) for case, values in answers.items()}),
            "sentences": sum(map(len, answers.values())),
            "unscored": _unscored(items),
            "trust": self.card.trust if self.card else NOT_MEASURED,
        }

    def _fully_supported(self) -> dict[str, Any]:
        share = self._support({"full": 1.0})
        known = self.card is not None and share["value"] is not None
        return share | {"corrected": self.card.corrected(share["value"]) if self.card and known else None}

    def _mean(self, values: Mapping[str, float]) -> dict[str, Any]:
        groups = [self.groups.get(case) for case in values]
        interval = Bootstrap(len(values), groups).interval(list(values.values()))
        return interval._asdict() if interval else {"value": None, "low": None, "high": None, "n": 0}

    def _spread(self) -> dict[str, float] | None:
        """How far repeats agree; None when nothing was asked twice."""
        shares = [share for item in self.items if (share := item.judgement.agreement) is not None]
        if not shares:
            return None
        unanimous = sum(share == 1.0 for share in shares) / len(shares)
        return {"agreement": fmean(shares), "unanimous": unanimous}


def _unscored(items: Iterable[Item]) -> dict[str, int]:
    """Reason -> how many."""
    return dict(Counter(item.judgement.reason for item in items if item.judgement.verdict is None))


class _Question(NamedTuple):
    case: str
    task: Task
    sentence: int | None
    ask: Callable[[], Judgement]

    def answered(self) -> Item:
        return Item(self.case, self.task.name, self.sentence, self.ask())


def judge_run(
    run: Run,
    judge: Judge,
    *,
    card: Card | None = None,
    workers: int = 4,
    progress: Progress | None = None,
) -> Judged:
    """Ask a judge about every answer of a run, several at a time.

    Raises JudgeError when the cache cannot be written; a model that fails leaves items unscored.
    """
    questions = [question for attempt in run.attempts for question in _questions(attempt, judge)]
    items = in_parallel(_Question.answered, questions, lambda question: question.case, workers, progress)
    groups = {case.id: case.group for case in run.cases}
    return Judged(judge.name, judge.prompts, judge.repeats, tuple(items), card, judge.stopped, groups)


def in_parallel(
    ask: Callable[[_Thing], _Reply],
    things: Sequence[_Thing],
    name: Callable[[_Thing], str],
    workers: int,
    progress: Progress | None,
) -> list[_Reply]:
    """Ask about each thing in threads, and return the replies in the order of the things."""
    replies: list[_Reply] = []
    pool = ThreadPoolExecutor(workers)
    try:
        for thing, reply in zip(things, pool.map(ask, things), strict=True):
            replies.append(reply)
            if progress:
                progress(len(replies), len(things), name(thing))
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C does not wait for what has not been asked yet
    return replies


def save_judgements(judged: Judged, folder: Path) -> None:
    """Write judgements.jsonl into a run folder."""
    write_lines(folder / JUDGEMENTS, judged.judgements)


def load_judgements(folder: Path) -> list[dict[str, Any]]:
    """Read judgements.jsonl of a run folder; empty when nothing was judged."""
    path = folder / JUDGEMENTS
    return read_lines(path) if path.exists() else []


def _questions(attempt: Attempt, judge: Judge) -> Iterator[_Question]:
    case, record = attempt.case, attempt.record
    if case.answerable and case.expected_answer:
        yield _Question(case.id, CORRECTNESS, None, lambda: _grade(judge, case, record))
    if record.status in {"answered", "partial"}:
        for number, sentence in enumerate(record.sentences):
            if sentence.citations:
                yield _supported(attempt, judge, number, sentence)


def _grade(judge: Judge, case: Case, record: Record) -> Judgement:
    """Ask whether an answer is correct; for one that was declined there is nothing to ask."""
    if record.error is not None:
        return Judgement(None, reason="the case crashed")
    if record.abstained:
        return Judgement("not_attempted", reason="the engine declined")
    before = "".join(f"Asked before: {turn.question}\n" for turn in case.history)
    expected = case.expected_answer or ""
    return judge.correctness(before + case.question, expected=expected, answer=_bare(record.text))


def _supported(attempt: Attempt, judge: Judge, number: int, sentence: SentenceRecord) -> _Question:
    cited = _cited(attempt, sentence)

    def ask() -> Judgement:
        if not cited:
            return Judgement(None, reason="the cited text is not known")
        return judge.support(_bare(sentence.text), cited)

    return _Question(attempt.case.id, SUPPORT, number, ask)


def _cited(attempt: Attempt, sentence: SentenceRecord) -> list[str]:
    """Return the passages that a sentence cites, each once; of an unknown one, the words that stand there."""
    texts = []
    for note in attempt.record.cited_by(sentence):
        passage = attempt.passages.get(note.passage) if note.passage else None
        texts.append(passage.text if passage else note.stands)
    return list(dict.fromkeys(text for text in texts if text))


def _bare(text: str) -> str:
    """Return a text without its footnote marks, which are no part of what it says."""
    return re.sub(r"\s*\[(\d{1,3}|unsupported)\]", "", text).strip()
