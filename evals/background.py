"""A run in a thread of its own: how far it is, how to stop it, what came of it. One at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rag import FootnotedError, QueryEngine
from rag.settings import Settings

from .engines import default_articles, open_over
from .options import Choice
from .running import new_folder, run
from .runs import RunError

_LOG = logging.getLogger(__name__)
State = Literal["starting", "asking", "done", "stopped", "failed"]


@dataclass
class Job:
    """A run that was started; its fields change while it goes on."""

    name: str
    total: int
    done: int = 0
    case: str = ""
    """The case that was asked last."""
    state: State = "starting"
    problem: str = ""
    """Why it failed, in one line."""
    run: str = ""
    """Name of the run's folder, once there is one."""

    @property
    def goes_on(self) -> bool:
        """Say whether it still asks."""
        return self.state in {"starting", "asking"}


class _Stopped(Exception):
    """Somebody stopped the run."""


class Runner:
    """Starts runs below a home folder; safe to share between threads."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.job: Job | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, name: str, choice: Choice, settings: Settings, engine: QueryEngine | None = None) -> Job:
        """Start asking cases: the built-in ones over their own articles, others over `engine`.

        Raises RunError when a run goes on already, or there is nothing to ask.
        """
        with self._lock:
            if self.job and self.job.goes_on:
                raise RunError(f"The run {self.job.name} goes on; wait until it is done, or stop it.")
            articles = default_articles(choice.files, [], None)
            if not articles and engine is None:
                raise RunError("There is no index to ask; add articles first.")
            self._stopping.clear()
            job = self.job = Job(name, len(choice.placed))
            asked = None if articles else engine
            self._thread = threading.Thread(
                target=self._work, args=(job, choice, settings, articles, asked), name="evals", daemon=True
            )
            self._thread.start()
        return job

    def stop(self) -> None:
        """Stop after the case at hand; what was asked is kept."""
        self._stopping.set()

    def wait(self, seconds: float | None = None) -> None:
        """Return when nothing goes on, or after so long."""
        if self._thread:
            self._thread.join(seconds)

    def _work(
        self, job: Job, choice: Choice, settings: Settings, articles: list[Path], engine: QueryEngine | None
    ) -> None:
        try:
            with self._opened(settings, articles, engine) as opened:
                self._ask(job, choice, opened)
            job.state = "done"
        except _Stopped:
            job.state = "stopped"
        except FootnotedError as error:
            job.problem, job.state = str(error), "failed"
        except Exception:  # noqa: BLE001  # a line for the reader, the details for the terminal
            _LOG.exception("The run %s failed", job.name)
            job.problem = "Something went wrong; the terminal that runs the page says what."
            job.state = "failed"

    @contextmanager
    def _opened(
        self, settings: Settings, articles: list[Path], engine: QueryEngine | None
    ) -> Iterator[QueryEngine]:
        if engine is not None:
            yield engine
            return
        opened, _ = open_over(articles, settings, home=self.home)
        with opened:
            yield opened

    def _ask(self, job: Job, choice: Choice, engine: QueryEngine) -> None:
        def progress(done: int, _: int, case: str) -> None:
            job.done, job.case = done, case
            if self._stopping.is_set():
                raise _Stopped

        folder = new_folder(self.home / "runs", job.name)
        job.run, job.state = folder.name, "asking"
        run(choice.placed, engine, name=job.name, folder=folder, progress=progress, about=choice.about)
