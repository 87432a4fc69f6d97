"""An answer judged, when asked: does each sentence follow from the passages that it cites."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import cast

from .answer import Answer
from .cards import load_card
from .errors import FootnotedError
from .judging import SUPPORT, Judge, Judgement, load_judge
from .schema import AnswerSentence, Judged, Support
from .settings import Settings

REPLIES = "judge-replies.jsonl"
"""The judge's replies, in the folder of the index: the same sentence and passages are asked about once."""
_AT_ONCE = 4


class Assessor:
    """A judge with its card; it adds verdicts to answers, and never changes or loses one."""

    def __init__(self, judge: Judge, *, cards: Path) -> None:
        """Take a judge, and the folder of cards."""
        self._judge = judge
        self._cards = cards

    def assess(self, answer: Answer) -> None:
        """Add a verdict to every sentence with a footnote; what fails is said in a notice."""
        cited = [n for n, sentence in enumerate(answer.sentences) if sentence.citations]
        if not cited:
            return
        notice: str | None = None
        try:
            judgements = self._judgements(answer, [answer.sentences[n] for n in cited])
            for n, judgement in zip(cited, judgements, strict=True):
                verdict = cast("Support | None", judgement.verdict)
                answer.sentences[n] = replace(answer.sentences[n], supported=verdict)
            notice = _notice(judgements)
        except (FootnotedError, OSError) as error:
            notice = f"The judge {self._judge.name} gave no verdict: {error}"
        answer.judged = Judged(self._judge.name, self._trust(), notice)

    def _judgements(self, answer: Answer, sentences: Sequence[AnswerSentence]) -> list[Judgement]:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(lambda s: self._judge.support(s.text, _passages(answer, s)), sentences))

    def _trust(self) -> str:
        try:
            card = load_card(self._cards, self._judge.name, SUPPORT.version)
        except FootnotedError as error:
            return str(error)
        if card is None:
            return "How well it judges: not measured; run `rag eval judge-card`."
        return f"How well it judges: {card.trust}."


def load_assessor(settings: Settings, folder: Path) -> Assessor | None:
    """Return the judge that the settings name, None without one; its replies are kept in a folder.

    Raises JudgeError when its replies cannot be kept beside the index.
    """
    if settings.judge is None:
        return None
    return Assessor(load_judge(settings, cache=folder / REPLIES), cards=settings.judge_cards)


def _passages(answer: Answer, sentence: AnswerSentence) -> list[str]:
    """Return the passages that a sentence cites, each once; the quote of one that was not retrieved."""
    texts = {node.node.node_id: node.node.get_content() for node in answer.source_nodes}
    cited = [note for note in answer.citations if note.number in sentence.citations]
    return list(dict.fromkeys(texts.get(note.passage_id, note.quote) for note in cited))


def _notice(judgements: Sequence[Judgement]) -> str | None:
    failed = [judgement.reason for judgement in judgements if judgement.verdict is None]
    if not failed:
        return None
    return f"{len(failed)} of {len(judgements)} sentences have no verdict: {failed[0]}."
