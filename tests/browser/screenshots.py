"""Draws every page and state, wide and narrow, light and dark. Run by `make screenshots`.

python -m tests.browser.screenshots FOLDER
"""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from evals.cases import SEEDS as CASES
from evals.cases import load_cases
from evals.running import new_folder, run
from evals.runs import Run
from rag.engine import QueryEngine
from rag.errors import FootnotedError
from rag.ingestion import ingest
from rag.settings import Settings
from tests.browser.pages import CHROMIUM, NARROW, WIDE, Window, ask
from tests.conftest import SEEDS
from tests.test_page import address_in, chat, free_port

_COLOURS = 64
_EVERY = 4  # every fourth of the built-in cases is asked
_OWN = {
    "bread": (
        "Oslo bakers win a prize",
        "Fjord Daily",
        "2026-03-02",
        "Anna Berg baked bread in Oslo on Monday.",
    ),
    "ferry": (
        "A ferry runs on wind",
        "Fjord Daily",
        "2026-04-11",
        "The ferry Solveig crossed the fjord on Friday.",
    ),
    "bridge": ("The old bridge opens again", "Harbour News", "2026-04-20", "The bridge opened at noon."),
}
"""Invented articles, so that the charts have something to show: title, source, date, text."""
_SIZES = ((WIDE, "wide"), (NARROW, "narrow"))
State = Callable[[Window], None]


def chat_empty(window: Window) -> None:
    expect(window.open().get_by_text("Questions to start with")).to_be_visible(timeout=60_000)
    expect(window.page.get_by_placeholder("Ask about the articles")).to_be_visible()


def chat_answer(window: Window) -> None:
    ask(window.open(), "Who mediated the talks?")


def chat_source(window: Window) -> None:
    ask(window.open(), "Who mediated the talks?").nth(1).click()
    expect(window.page.locator("mark")).to_be_visible()


def chat_declined(window: Window) -> None:
    page = window.open()
    page.get_by_placeholder("Ask about the articles").fill("Who won the 2022 World Cup?")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Closest passages:")).to_be_visible(timeout=60_000)


def settings(window: Window) -> None:
    chat_empty(window)
    page = window.page
    if (page.viewport_size or {"width": WIDE})["width"] < WIDE:
        page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_text("Settings", exact=True).click()
    page.get_by_text("Let a model write").click()
    expect(page.get_by_role("textbox", name="Model")).to_be_visible()


def articles(window: Window) -> None:
    expect(window.open("/articles").get_by_role("table", name="Articles")).to_be_visible()
    expect(window.page.get_by_role("img", name="Articles by source")).to_be_visible()


def articles_adding(window: Window) -> None:
    articles(window)
    window.page.get_by_text("Add articles").click()


def article(window: Window) -> None:
    page = window.open("/articles")
    page.get_by_role("button", name=re.compile("The third round")).click()
    page.get_by_role("button", name="Passage 2").click()
    expect(page.locator("mark")).to_be_visible()


def evals(window: Window) -> None:
    expect(window.open("/evals").get_by_role("table", name="Runs")).to_be_visible()
    expect(window.page.get_by_role("button", name="Compare")).to_be_visible()


def evals_run(window: Window) -> None:
    window.open("/evals").get_by_role("button", name="strict", exact=True).click()
    expect(window.page.get_by_role("table", name="At a glance")).to_be_visible()


def evals_charts(window: Window) -> None:
    evals_run(window)
    window.page.get_by_text("Passed, by tag").first.scroll_into_view_if_needed()


def evals_case(window: Window) -> None:
    evals_run(window)
    window.page.get_by_role("table", name="Cases").get_by_role("button").first.click()
    expect(window.page.get_by_role("heading", name="Expected")).to_be_visible()


def evals_comparison(window: Window) -> None:
    window.open("/evals").get_by_role("button", name="Compare").click()
    expect(window.page.get_by_role("table", name="Metrics of both runs")).to_be_visible(timeout=60_000)


STATES: tuple[State, ...] = (
    chat_empty,
    chat_answer,
    chat_source,
    chat_declined,
    settings,
    articles,
    articles_adding,
    article,
    evals,
    evals_run,
    evals_charts,
    evals_case,
    evals_comparison,
)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve some articles, a file that cannot be read, and two runs."""
    news = shutil.copytree(SEEDS, folder / "news")
    for name, (title, source, date, text) in _OWN.items():
        head = f"---\ntitle: {title}\nsource: {source}\ndate: {date}\n---\n"
        (news / f"{name}.md").write_text(f"{head}{text}\n", encoding="utf-8")
    (news / "empty.txt").touch()
    index = folder / "index"
    ingest(news, index=index, settings=Settings())
    with QueryEngine.open(index, settings=Settings()) as engine:
        _run(folder, engine, "usual")
        _run(folder, engine.with_options(min_confidence=0.9), "strict")
    os.chdir(folder)
    with chat(folder / "log", "--index", str(index), "--port", str(free_port())) as process:
        yield address_in(folder / "log", process)


def _run(folder: Path, engine: QueryEngine, name: str) -> Run:
    home = folder / ".rag-evals" / "runs"
    about = {"case_files": ("seeds",)}
    return run(load_cases(CASES)[::_EVERY], engine, name=name, folder=new_folder(home, name), about=about)


def draw(page: Page, path: Path) -> None:
    """Write what the window shows, in few colours."""
    page.wait_for_timeout(600)  # what moves has come to rest
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    image.quantize(_COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
        path, optimize=True
    )


def main(folder: Path) -> None:
    """Draw all states into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    with ExitStack() as stack:
        address = stack.enter_context(served(Path(stack.enter_context(tempfile.TemporaryDirectory()))))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for state, (width, size), scheme in product(STATES, _SIZES, ("light", "dark")):
            viewport = {"width": width, "height": 900}
            with browser.new_context(viewport=viewport, color_scheme=scheme) as context:
                window = Window(context.new_page(), address)
                state(window)
                window.settle()
                draw(window.page, folder / f"{state.__name__.replace('_', '-')}-{size}-{scheme}.png")
        browser.close()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise FootnotedError("Name the folder: python -m tests.browser.screenshots docs/screenshots")
    main(Path(sys.argv[1]))
