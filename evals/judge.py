"""What a model says of the answers of a run: are they correct, does what they cite support each sentence.

This layer is kept apart from the measured one: it never gates, and beside every number stands how well
the judge agrees with people (`rag/cards.py`), or that nobody has measured it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple, Protocol, TypeVar

from rag.judging import CORRECTNESS, NOT_MEASURED, SUPPORT, WEIGHTS, Judge, Judgement, Task

from .cases import Case
from .records import Record, SentenceRecord
from .runs import Run, read_lines, write_lines
from .scores import Attempt
from .statistics import Bootstrap

JUDGEMENTS = "judgements.jsonl"
"""The file of a run folder that holds what was judged, one item a line."""
SUPPORT_ONLY = "no agreement with people was measured: the judge card is about support, not about correctness"
_Thing = TypeVar("_Thing")
_Reply = TypeVar("_Reply")


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
