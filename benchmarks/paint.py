"""How soon the chat page is there, against an empty Streamlit page on a server with the same options.

    python benchmarks/paint.py INDEX [--starts 3] [--rounds 10]

Needs Debian's chromium and the package playwright. The index is copied first. Both servers run side by side
and are opened in turn, each time in a fresh browser profile. Times are from the request: to the browser's
first contentful paint, until the page's heading stands there, and until a question can be typed (the empty
page has nothing but its heading). The first opening after a server's start is told apart, since that loads
what is loaded once; both servers are started anew for each of those.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from rag.page import arguments
from tests.test_page import address_in, chat, free_port

_EMPTY = 'import streamlit as st\n\nst.title("Empty")\n'
_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000"


class Times(NamedTuple):
    """Seconds from the request."""

    paint: float
    heading: float
    ready: float


Opened = dict[str, Times]
"""One opening of each side."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("index", type=Path)
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=10)
    given = parser.parse_args()
    first: list[Opened] = []
    later: list[Opened] = []
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        index = shutil.copytree(given.index, scratch / "index")
        playwright = stack.enter_context(import_module("playwright.sync_api").sync_playwright())
        chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for start in range(given.starts):
            with _empty(scratch) as empty:
                empty_first = _opened(browser, empty, "heading")
                with _chat(scratch / "log", index) as page:
                    first.append({"empty": empty_first, "chat": _opened(browser, page, "textbox")})
                    rounds = given.rounds if start + 1 == given.starts else 0
                    later += [
                        {
                            "empty": _opened(browser, empty, "heading"),
                            "chat": _opened(browser, page, "textbox"),
                        }
                        for _ in range(rounds)
                    ]
        browser.close()
    report(first, "first opening after a start")
    report(later, "later openings")


@contextmanager
def _chat(log: Path, index: Path) -> Iterator[str]:
    with chat(log, "--index", str(index), "--port", str(free_port())) as process:
        yield address_in(log, process)


@contextmanager
def _empty(scratch: Path) -> Iterator[str]:
    """Serve an empty page as `rag page` serves its own."""
    app, log = scratch / "empty.py", scratch / "empty.log"
    app.write_text(_EMPTY, encoding="utf-8")
    with log.open("wb") as out:
        command = [sys.executable, "-m", "streamlit", *arguments(app, port=free_port())]
        process = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        yield address_in(log, process)
    finally:
        process.kill()
        process.wait()


def _opened(browser: Any, url: str, last: str) -> Times:
    """Open a page; `last` is the role of what makes it ready."""
    with browser.new_context() as context:
        page = context.new_page()
        started = time.perf_counter()
        page.goto(url, wait_until="commit")
        page.get_by_role("heading", level=1).wait_for(timeout=60_000)
        heading = time.perf_counter() - started
        page.locator(".stMain").get_by_role(last).last.wait_for(timeout=60_000)
        ready = time.perf_counter() - started
        page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
        return Times(page.evaluate(_PAINT), heading, ready)


def report(times: list[Opened], which: str) -> None:
    for name in Times._fields:
        empty, page = (median(getattr(each[side], name) for each in times) for side in ("empty", "chat"))
        print(
            f"{which}, {name}, median of {len(times)}: "
            f"chat {page:.2f} s, empty {empty:.2f} s, ratio {page / empty:.2f}"
        )


if __name__ == "__main__":
    main()
