"""Answers that are being written: each in a thread of its own, which no run of the page can break off.

So a page that is drawn anew goes on showing the answer where it stands, and so does a second window.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from rag.answer import Answer
from rag.chat import ChatEngine
from rag.condensing import Turn
from rag.conversations import Conversations
from rag.engine import QueryEngine
from rag.errors import FootnotedError
from rag.suggesting import Pace

from . import threads

_LOG = logging.getLogger(__name__)
_UNEXPECTED = "Something went wrong while answering; the terminal that runs the page says what."
_PATIENCE = 5.0
"""Seconds that suggestions wait for an answer that is being made, at most, before each question they try."""
_KEPT = 50
"""Latest answers whose stages, prompt and suggestions are remembered."""
T = TypeVar("T")


@dataclass
class Writing:
    """An answer on its way, and how far it is."""

    question: str
    stage: str = ""
    draft: str = ""
    """What has been streamed so far."""
    searched: str | None = None
    """The question that a follow-up is searched as."""
    answer: Answer | None = None
    problem: str = ""
    lost: str = ""
    """Why it could not be stored."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _done: threading.Event = field(default_factory=threading.Event)

    @property
    def done(self) -> bool:
        """It is answered, failed or stopped, and stored."""
        return self._done.is_set()

    @property
    def stopped(self) -> bool:
        """The reader does not want it any more."""
        return self._stop.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait for its end, so long at most; tell whether it has come."""
        return self._done.wait(seconds)

    def stop(self) -> None:
        """Give it up; what the model still sends is thrown away."""
        self._stop.set()

    def run(self, engine: QueryEngine, told: Sequence[Turn]) -> None:
        """Answer the question."""
        passages = _counted(engine.index.catalogue.passage_count(), "passage")
        self.stage = f"Searching {passages}"
        stream = ChatEngine(engine, turns=told).stream(self.question)
        self.searched = stream.searched
        kept = f"Searched {passages}, kept {len(stream.source_nodes)}"
        self.stage = f"{kept}; writing, not all of it is checked yet"
        with closing(stream.response_gen) as pieces:
            for piece in pieces:
                if self.stopped:
                    return
                self.draft += piece
        self.answer = stream.get_response()


def summary(answer: Answer) -> list[str]:
    """Return in one line what was done for an answer, then each step in its own."""
    kept, notes = len(answer.source_nodes), answer.citations
    located = sum(note.verdict.located for note in notes)
    checked = f"checked {_counted(len(notes), 'footnote')}: {located} located" if notes else ""
    seconds = answer.seconds.get("total")
    steps = [f"kept {_counted(kept, 'passage')}", checked, f"{seconds:.1f} s" if seconds is not None else ""]
    line = ", ".join(step for step in steps if step)
    by = "Quoted, without a model" if answer.model == "quoting" else f"Written by {answer.model}"
    told = [f"{stage}: {value:.2f} s" for stage, value in answer.seconds.items() if stage != "total"]
    return [line[0].upper() + line[1:], by, *told]


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


class _Superseded(Exception):  # no error: nobody waits for it any more
    """Ends what is not wanted any more."""


class Later(Generic[T]):
    """What a function returns, once a thread has run it."""

    def __init__(self, make: Callable[[Pace], T], otherwise: T) -> None:
        """Begin; a function that fails gives `otherwise`, and `problem` or the log tells why.

        The function calls what it is given before each of its steps, and waits there or ends.
        """
        self.value = otherwise
        self.problem = ""
        self._make = make
        self._dropped = threading.Event()
        self._done = threading.Event()
        threads.start(self._run, "suggesting")

    @property
    def ready(self) -> bool:
        """The value is there."""
        return self._done.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait for the value, so long at most; tell whether it is there."""
        return self._done.wait(seconds)

    def drop(self) -> None:
        """Want it no more; what is left of the work is not done."""
        self._dropped.set()

    def _pace(self) -> None:
        """Wait while an answer is being made, so that what is only suggested takes no time from it."""
        with _lock:
            going = [each for each in _writings.values() if not (each.done or each.stopped)]
        if going:
            going[-1].wait(_PATIENCE)
        if self._dropped.is_set():
            raise _Superseded

    def _run(self) -> None:
        try:
            self.value = self._make(self._pace)
        except _Superseded:
            pass
        except FootnotedError as error:
            self.problem = str(error)
        except Exception:  # noqa: BLE001  # a line for the reader, the details for the terminal
            _LOG.exception("Nothing could be suggested")
        finally:
            self._done.set()


Key = tuple[str, str, int]
"""File of the conversations, conversation, turn."""
_writings: OrderedDict[Key, Writing] = OrderedDict()
_suggestions: OrderedDict[Key, Later[list[str]]] = OrderedDict()
_lock = threading.Lock()


def begin(store: Conversations, id_: str, number: int, engine: QueryEngine, told: Sequence[Turn]) -> Writing:
    """Answer a stored question in a thread, and store what comes of it."""
    key = (str(store.path), id_, number)
    question = store.get(id_, last=1).turns[-1].question
    writing = Writing(question)
    _remember(_writings, key, writing)
    _drop_suggestions(key)

    def work() -> None:
        try:
            writing.run(engine, told)
        except FootnotedError as error:
            writing.problem = str(error)
        except Exception:  # noqa: BLE001  # a line for the reader, the details for the terminal
            _LOG.exception("The question could not be answered")
            writing.problem = _UNEXPECTED
        finally:
            _keep(store, id_, number, writing)

    threads.start(work, "writing")
    return writing


def _keep(store: Conversations, id_: str, number: int, writing: Writing) -> None:
    """Store what came of a question; its conversation may be gone by now."""
    try:
        if writing.stopped:
            store.stop(id_, number, draft=writing.draft, searched=writing.searched)
        elif writing.answer is not None:
            store.finish(id_, number, writing.answer)
        else:
            store.fail(id_, number, writing.problem)
    except FootnotedError as error:
        writing.lost = str(error)
    finally:
        writing._done.set()  # noqa: SLF001  # the two belong together


def of_turn(store: Conversations, id_: str, number: int) -> Writing | None:
    """Return the answer of a turn as this process wrote it, or writes it."""
    return _writings.get((str(store.path), id_, number))


def suggestions(key: Key, make: Callable[[Pace], list[str]]) -> Later[list[str]]:
    """Return what to ask next, found once for a turn."""
    with _lock:
        found = _suggestions.get(key)
    if found is None:
        found = Later(make, [])
        _remember(_suggestions, key, found)
    return found


def _drop_suggestions(asked: Key) -> None:
    """Give up what was to be suggested after the turns before."""
    with _lock:
        before = [found for key, found in _suggestions.items() if key[:2] == asked[:2]]
    for found in before:
        found.drop()


def _remember(kept: OrderedDict[Key, T], key: Key, value: T) -> None:
    with _lock:
        kept[key] = value
        while len(kept) > _KEPT:
            kept.popitem(last=False)


@atexit.register
def _end() -> None:
    """Give up what is being made, when the process ends; an answer on its way is stored as stopped."""
    with _lock:
        writings, suggested = list(_writings.values()), list(_suggestions.values())
    for writing in writings:
        writing.stop()
    for found in suggested:
        found.drop()


def forget() -> None:
    """Forget everything that was remembered."""
    with _lock:
        _writings.clear()
        _suggestions.clear()
