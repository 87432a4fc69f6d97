"""How quick the chat page is, in a headless chromium, against a server of its own.

    python benchmarks/page.py INDEX QUESTION... [--many 200]

Needs Debian's chromium and the package playwright. The index is copied first. Times are from the Enter key,
until the first words of the answer are on the page and until it stands there checked: in a new conversation,
then in one of 100 turns. `--many` asks that many questions more and tells what memory the server has then.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from itertools import count, cycle, islice
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import psutil  # type: ignore[import-untyped]  # it ships no types; only the server's memory is read

from rag import Conversations, QueryEngine
from tests.test_page import address_in, chat, free_port

TURNS = 100
_NUMBERS = count(1)
_STATE = """
(words) => {
  const shown = [...document.querySelectorAll('[data-testid=stChatMessage]')].slice(-2);
  if (shown.length < 2 || !shown[0].innerText.includes(words)) return [false, false];
  const roots = [...shown[1].querySelectorAll('*')].map((one) => one.shadowRoot).filter(Boolean);
  const has = (selector) => roots.some((root) => root.querySelector(selector));
  return [has('.root p, .declined'), has('details.stages')];
}
"""


class Times(NamedTuple):
    """Seconds from the Enter key."""

    words: float
    checked: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("index", type=Path)
    parser.add_argument("questions", nargs="+")
    parser.add_argument("--many", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        index = Path(scratch) / "index"
        shutil.copytree(given.index, index)
        long = _long(index, given.questions)
        with _page(Path(scratch) / "log", index) as (page, address, server):
            _open(page, address)
            _ask(page, given.questions[0])  # loads what is loaded once
            print(_told("in a new conversation", [_asked(page, question) for question in given.questions]))
            started = time.perf_counter()
            page.goto(f"{address}/?c={long}")
            page.locator("details.stages").last.wait_for(timeout=60_000)
            print(f"opening {TURNS} turns: {time.perf_counter() - started:.2f} s")
            _settle(page)
            print(_told(f"in {TURNS} turns", [_asked(page, question) for question in given.questions]))
            _many(page, address, server, list(islice(cycle(given.questions), given.many)))


def _long(index: Path, questions: Sequence[str]) -> str:
    """Store a conversation of many turns; return its id."""
    with QueryEngine.open(index) as engine, Conversations.of(index) as store:
        answers = [engine.query(question) for question in questions]
        held = store.create("A long one")
        for answer in islice(cycle(answers), TURNS):
            store.finish(held.id, store.begin(held.id, answer.question), answer)
    return held.id


@contextmanager
def _page(log: Path, index: Path) -> Iterator[tuple[Any, str, psutil.Process]]:
    """Start a server and a browser."""
    with chat(log, "--index", str(index), "--port", str(free_port())) as process:
        address = address_in(log, process)
        with import_module("playwright.sync_api").sync_playwright() as playwright:
            chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            yield browser.new_page(), address, psutil.Process(process.pid)
            browser.close()


def _open(page: Any, address: str) -> None:
    page.goto(address)
    page.get_by_placeholder("Ask about the articles").wait_for(timeout=60_000)
    _settle(page)


def _settle(page: Any) -> None:
    """Wait until nothing is looked for any more."""
    page.wait_for_timeout(500)
    while page.get_by_text("Looking for questions").count():
        page.wait_for_timeout(50)


def _ask(page: Any, question: str) -> Times:
    asked = f"{question} ({next(_NUMBERS)})"  # told from the one before
    page.get_by_placeholder("Ask about the articles").fill(asked)
    started = time.perf_counter()
    page.keyboard.press("Enter")
    words = 0.0
    while True:
        has_words, is_checked = page.evaluate(_STATE, asked)
        passed = time.perf_counter() - started
        words = words or (passed if has_words else 0.0)
        if is_checked:
            return Times(words, passed)
        page.wait_for_timeout(10)  # looking takes time from the page


def _asked(page: Any, question: str) -> Times:
    """Ask, and go on when nothing is looked for any more."""
    times = _ask(page, question)
    _settle(page)
    return times


def _many(page: Any, address: str, server: psutil.Process, questions: Sequence[str]) -> None:
    """Ask many questions, in conversations of ten turns, and print what memory the server has."""
    for number, question in enumerate(questions):
        if number % 10 == 0:
            _open(page, address)
        if number % 50 == 0:
            print(f"{number} questions: {server.memory_info().rss / 1e6:.0f} MB")
        _ask(page, question)
    if questions:
        print(f"{len(questions)} questions: {server.memory_info().rss / 1e6:.0f} MB")


def _told(where: str, times: Sequence[Times]) -> str:
    words, checked = [each.words for each in times], [each.checked for each in times]
    return (
        f"{where}, {len(times)} questions: "
        f"first words after {median(words):.2f} s (at most {max(words):.2f}), "
        f"checked after {median(checked):.2f} s (at most {max(checked):.2f})"
    )


if __name__ == "__main__":
    main()
