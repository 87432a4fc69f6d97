"""One more round with a model: it mends the sentences of its answer that failed, and only these."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import prompts

from .answering import Declined, Question
from .citations import Event, Footnoter, Given, MarkerReader, SentenceEnd, SentenceReader, Source
from .errors import LLMError
from .llm import LLMAnswerer
from .schema import AnswerSentence

_LINE = re.compile(r"^[ \t]*(\d{1,3})[.):][ \t]+(\S.*)$", re.MULTILINE)


class RepairingAnswerer:
    """A model that is shown what failed, once; a sentence is replaced only by one that passes.

    Nothing comes before the whole answer is settled, so that what has been shown is never taken back. A
    second round that fails in any way changes nothing.
    """

    def __init__(self, model: LLMAnswerer, footnoter: Callable[[], Footnoter]) -> None:
        """Take the model, and what makes a Footnoter to try sentences with; it must not drop any."""
        self._model = model
        self._footnoter = footnoter
        self.repaired = 0
        """How many sentences of the last draft were replaced."""

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    def draft(self, question: Question, sources: Sequence[Source]) -> Iterator[Event | Given | Declined]:
        """Yield the events of the model's reply, mended, or Declined."""
        self.repaired = 0
        given, events = Given(len(sources)), []
        for event in self._model.draft(question, sources):
            if isinstance(event, Given):
                given = event
            elif isinstance(event, Declined):
                yield event
                return
            else:
                events.append(event)
        groups = list(_by_sentence(events))
        mended = self._mended(groups, given)
        self.repaired = len(mended)
        yield given
        for n, group in enumerate(groups):
            yield from mended.get(n, group)

    def _mended(self, groups: Sequence[Sequence[Event]], given: Given) -> dict[int, list[Event]]:
        """Return the events to put in the place of groups that fail, by their index."""
        failed = self._failed(groups, given)
        if not failed:
            return {}
        try:
            reply = self._model.ask_again(prompts.render("repair.user", failed=_listed(failed.values())))
        except LLMError:
            return {}
        lines = {int(number): text for number, text in _LINE.findall(reply)}
        tried = {n: _read(lines[at]) for at, n in enumerate(failed, start=1) if at in lines}
        return {
            n: _ending_as(groups[n], events)
            for n, events in tried.items()
            if events and not self._failed([events], given)
        }

    def _failed(self, groups: Sequence[Sequence[Event]], given: Given) -> Mapping[int, AnswerSentence]:
        """Return the first sentence that fails of each group in which one does."""
        footnoter = self._footnoter()
        footnoter.feed(given)
        failed: dict[int, AnswerSentence] = {}
        for n, group in enumerate(groups):
            known = len(footnoter.sentences)
            for event in group:
                footnoter.feed(event)
            new = footnoter.sentences[known:]
            unsound = [s for s in new if not s.sound and not footnoter.is_exempt(s.text)]
            if unsound:
                failed[n] = unsound[0]
        return failed


def _by_sentence(events: Iterable[Event]) -> Iterator[list[Event]]:
    group: list[Event] = []
    for event in events:
        group.append(event)
        if isinstance(event, SentenceEnd):
            yield group
            group = []
    if group:
        yield group


def _listed(failed: Iterable[AnswerSentence]) -> str:
    return "\n".join(f"{n}. {sentence.text} ({_why(sentence)})" for n, sentence in enumerate(failed, start=1))


def _why(sentence: AnswerSentence) -> str:
    if sentence.citations and sentence.verdict.missing:
        return f"not in its source: {', '.join(sentence.verdict.missing)}"
    return "it names no source, and its words stand in none"


def _read(line: str) -> list[Event]:
    """Return the events of a line; none when it has no word."""
    markers, sentences = MarkerReader(), SentenceReader()
    events: list[Event] = []
    for part in (*markers.feed(line), *markers.finish()):
        events += sentences.feed(part)
    events += sentences.finish()
    return events if re.search(r"[^\W\d]", line) else []


def _ending_as(group: Sequence[Event], events: Sequence[Event]) -> list[Event]:
    """Return the events with the separator that the group has at its end."""
    return [*events[:-1], group[-1]]
