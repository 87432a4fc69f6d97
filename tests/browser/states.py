"""Every page and state of the product: how to get there, and three servers to get there on.

One quotes, one has a model that writes what is asked of it here, one has no index.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from playwright.sync_api import expect

from evals.cases import SEEDS as CASES
from evals.cases import load_cases
from evals.running import new_folder, run
from evals.runs import Run
from rag.engine import QueryEngine
from rag.ingestion import ingest
from rag.settings import Settings
from tests.browser.window import Window, ask, paged, put
from tests.conftest import SEEDS
from tests.openai_server import Handler, Json, OpenAIServer, reply, write_and_wait

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
MEDIATED, DESCRIBED = "Who mediated the talks?", "How did the defence minister describe the talks?"
State = Callable[[Window], None]


# --- the chat


def chat_empty(window: Window) -> None:
    expect(window.open().get_by_text("Questions to start with")).to_be_visible(timeout=60_000)
    expect(window.page.get_by_placeholder("Ask about the articles")).to_be_visible()


def chat_answer(window: Window) -> None:
    ask(window.open(), MEDIATED)
    expect(window.page.get_by_text("Go on with")).to_be_visible(timeout=60_000)


def chat_quote(window: Window) -> None:
    ask(window.open(), MEDIATED).nth(1).focus()
    window.page.keyboard.press("Shift+Tab")
    expect(window.page.locator(".tip")).to_be_visible()


def chat_source(window: Window) -> None:
    ask(window.open(), MEDIATED).nth(1).click()
    expect(window.page.locator("mark")).to_be_visible()


def chat_conflict(window: Window) -> None:
    ask(window.open(), DESCRIBED)
    expect(window.page.get_by_role("heading", name="The articles differ")).to_be_visible()


def chat_parts(window: Window) -> None:
    ask(window.open(), "When and where were the talks, and who won the 2022 World Cup?")
    expect(window.page.get_by_role("heading", name="Part by part")).to_be_visible()


def chat_follow_up(window: Window) -> None:
    ask(window.open(), DESCRIBED)
    ask(window.page, "And what did the other side say?")
    expect(window.page.get_by_text("Searched:")).to_be_visible()


def chat_declined(window: Window) -> None:
    put(window.open(), "Who won the 2022 World Cup?")
    expect(window.page.get_by_text("Closest passages:")).to_be_visible(timeout=60_000)


def chat_feedback(window: Window) -> None:
    ask(window.open(), MEDIATED)
    window.page.get_by_role("radio", name="Thumbs down").click()
    window.page.get_by_role("button", name="Something is missing").click()
    expect(window.page.get_by_role("button", name="Save as an eval case")).to_be_visible()


def chat_case(window: Window) -> None:
    chat_feedback(window)
    window.page.get_by_role("button", name="Save as an eval case").click()
    expect(window.page.get_by_role("dialog")).to_be_visible()


def chat_scope(window: Window) -> None:
    window.open().get_by_role("button", name="All articles").click()
    expect(window.page.get_by_role("dialog")).to_be_visible()


def chat_conversation(window: Window) -> None:
    ask(window.open(), MEDIATED)
    window.page.locator(".stMain").get_by_role("button", name="Conversation").click()
    expect(window.page.get_by_role("dialog")).to_be_visible()


def chat_debug(window: Window) -> None:
    ask(window.open("/?debug=1"), MEDIATED)
    window.page.get_by_text("Debug", exact=True).click()
    expect(window.page.get_by_role("table", name="Scores")).to_be_visible()


def settings(window: Window) -> None:
    chat_empty(window)
    page = window.page
    if window.is_narrow:
        page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_text("Settings", exact=True).click()
    page.get_by_text("Let a model write").click()
    expect(page.get_by_role("textbox", name="Model")).to_be_visible()


# --- the chat with a model


def chat_writing(window: Window) -> None:
    put(window.open(), DESCRIBED)
    expect(window.page.get_by_text("complete deadlock")).to_be_visible(timeout=60_000)


def chat_stopped(window: Window) -> None:
    chat_writing(window)
    window.page.locator(".stMain").get_by_role("button", name="Stop").click()
    expect(window.page.get_by_role("button", name="Ask again")).to_be_visible()


def chat_unsupported(window: Window) -> None:
    ask(window.open(), MEDIATED)
    expect(window.page.get_by_text("unsupported: not in its source").first).to_be_visible()


def chat_no_index(window: Window) -> None:
    expect(window.open().get_by_role("button", name="Try again")).to_be_visible()


# --- the articles


def articles(window: Window) -> None:
    expect(window.open("/articles").get_by_role("table", name="Articles")).to_be_visible()
    expect(window.page.get_by_role("img", name="Articles by source")).to_be_visible()


def articles_adding(window: Window) -> None:
    articles(window)
    window.page.get_by_text("Add articles").click()
    expect(window.page.get_by_role("button", name="Add to the index")).to_be_visible()


def article(window: Window) -> None:
    page = window.open("/articles")
    page.get_by_role("button", name=re.compile("The third round")).click()
    page.get_by_role("button", name="Passage 2").click()
    expect(page.locator("mark")).to_be_visible()


def article_deleting(window: Window) -> None:
    article(window)
    window.page.get_by_role("button", name="Delete").click()
    expect(window.page.get_by_role("dialog")).to_be_visible()


# --- the evals


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


STATES: Mapping[str, tuple[State, ...]] = {
    "quoting": (
        chat_empty,
        chat_answer,
        chat_quote,
        chat_source,
        chat_conflict,
        chat_parts,
        chat_follow_up,
        chat_declined,
        chat_feedback,
        chat_case,
        chat_scope,
        chat_conversation,
        chat_debug,
        settings,
        articles,
        articles_adding,
        article,
        article_deleting,
        evals,
        evals_run,
        evals_charts,
        evals_case,
        evals_comparison,
    ),
    "model": (chat_writing, chat_stopped, chat_unsupported),
    "nothing": (chat_no_index,),
}
"""The states, by the server that has them."""


@contextmanager
def served() -> Iterator[dict[str, str]]:
    """Serve some articles, a file that cannot be read, and two runs; give the addresses of the servers."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        index = _index(folder)
        stack.callback(os.chdir, Path.cwd())
        os.chdir(folder)
        addresses = {
            "quoting": stack.enter_context(paged(index, folder / "quoting.log")),
            "nothing": stack.enter_context(paged(folder / "nowhere", folder / "nothing.log")),
        }
        model = stack.enter_context(OpenAIServer())
        model.will(_write)
        other = shutil.copytree(index, folder / "other" / "index")
        stack.enter_context(_environment(RAG_LLM="openai:tiny", RAG_LLM_BASE_URL=model.url))
        addresses["model"] = stack.enter_context(paged(other, folder / "model.log"))
        yield addresses


def _index(folder: Path) -> Path:
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
    return index


def _run(folder: Path, engine: QueryEngine, name: str) -> Run:
    home = folder / ".rag-evals" / "runs"
    about = {"case_files": ("seeds",)}
    return run(load_cases(CASES)[::_EVERY], engine, name=name, folder=new_folder(home, name), about=about)


def _write(handler: Handler, body: Json) -> None:
    """Write an answer of which one sentence is in no article; of another question only the beginning."""
    if DESCRIBED in str(body["messages"]):
        write_and_wait("Khawaja Asif described the talks as a “complete deadlock” [1].")(handler, body)
    else:
        reply("Turkey and Qatar mediated the talks [1]. They paid 5 million dollars for it [1].")(
            handler, body
        )


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    os.environ.update(values)
    try:
        yield
    finally:
        for name in values:
            del os.environ[name]
