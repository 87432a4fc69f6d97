"""What is done on the pages, in a real browser against a real server on loopback. Run by `make test-browser`.

Not collected by `make test`: it needs Debian's chromium, and the packages of requirements-browser.lock.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, Locator, expect

from rag.ingestion import ingest
from rag.settings import Settings
from tests.browser.window import HEIGHT, NARROW, WIDE, Window, ask, paged, put
from tests.conftest import SEEDS
from tests.openai_server import OpenAIServer, reply
from tests.test_page import address_in, chat, free_port

pytestmark = [pytest.mark.browser, pytest.mark.slow]

_TEXT = """
The Glorbnax summit took place in Zarquon on Monday, officials said <script>window.pwned = true</script>.
The Glorbnax summit ended with <img src=http://127.0.0.1:9/c.png onerror="window.pwned = true"> a handshake.
The Glorbnax summit was ![seen](http://127.0.0.1:9/d.png) by [many](javascript:window.pwned=true)
in Zarquon <iframe src=http://127.0.0.1:9/e></iframe> and www.evil.example :material/home: told the rest
<style>* { background: url(http://127.0.0.1:9/f.png) }</style> of it."""
HOSTILE = f"""<html><head><title>Glorbnax summit <img src=http://127.0.0.1:9/t.png></title>
<style>@import url(http://127.0.0.1:9/a.css); body {{ background: url(http://127.0.0.1:9/b.png) }}</style>
<script>window.pwned = true; fetch("http://127.0.0.1:9/script")</script></head><body><article>
<p>{escape(_TEXT)}</p>
<img src="http://127.0.0.1:9/g.png"><iframe src="http://127.0.0.1:9/h"></iframe></article></body></html>"""
REPLY = """The Glorbnax summit took place in Zarquon ![x](http://127.0.0.1:9/i.png) [1].
<img src=http://127.0.0.1:9/j.png onerror="window.pwned = true"> <script>window.pwned = true</script>
[here](javascript:window.pwned=true) <style>@import url(http://127.0.0.1:9/k.css)</style> it went well [1]."""


LONG = "Turkey and Qatar mediated the talks [1]. The talks took place in Istanbul [1]. " * 4
WATCH = """
window.shifts = [];
new PerformanceObserver((seen) => {
  for (const one of seen.getEntries()) if (!one.hadRecentInput) window.shifts.push(one.value);
}).observe({ type: "layout-shift" });
"""


class Modelled(NamedTuple):
    """A window, and the server of the model that writes its answers."""

    window: Window
    server: OpenAIServer


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the pages are, over the seeds and an article that means harm."""
    yield from served(tmp_path_factory.mktemp("served"))


def served(folder: Path) -> Iterator[str]:
    hostile = folder / "hostile.html"
    hostile.write_text(HOSTILE, encoding="utf-8")
    ingest([SEEDS, hostile], index=folder / "index", settings=Settings())
    before = Path.cwd()
    os.chdir(folder)
    try:
        with paged(folder / "index", folder / "log") as address:
            yield address
    finally:
        os.chdir(before)


@pytest.fixture
def window(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Window]:
    """A window of its own; `width` and `scheme` come from the test's parameters."""
    given: dict[str, Any] = getattr(request, "param", {})
    context = browser.new_context(
        viewport={"width": given.get("width", WIDE), "height": HEIGHT},
        color_scheme=given.get("scheme", "light"),
    )
    context.set_default_timeout(30_000)
    yield Window(context.new_page(), address)
    context.close()


def is_in_view(element: Locator, around: Locator) -> bool:
    inner, outer = element.bounding_box(), around.bounding_box()
    assert inner
    assert outer
    return bool(outer["y"] <= inner["y"] < outer["y"] + outer["height"])


@pytest.mark.parametrize("window", [{"width": WIDE}, {"width": NARROW}], indirect=True, ids=str)
def test_a_click_on_a_footnote_shows_its_exact_words_in_view(window: Window) -> None:
    page = window.open()
    quote = ask(page, "Who mediated the talks?").nth(1).get_attribute("title") or ""
    page.get_by_role("button", name=re.compile(r"^Source 2:")).first.click()

    mark = page.locator("mark")
    expect(mark).to_be_visible()
    assert (mark.text_content() or "") == quote[1:-1]
    assert is_in_view(mark, page.get_by_role("region", name="Text of the article"))
    assert page.evaluate("document.scrollingElement.scrollWidth <= window.innerWidth")
    assert window.foreign == []


def test_the_server_tells_browsers_to_load_from_nowhere_else(window: Window) -> None:
    response = window.page.goto(window.address)

    assert response
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self' blob: 'sha256-")
    assert "connect-src 'self'" in policy


def test_a_hostile_article_causes_no_request_and_runs_nothing(window: Window) -> None:
    page = window.open()
    ask(page, "Where did the Glorbnax summit take place?").first.click()
    expect(page.locator("mark")).to_be_visible()
    page = window.open("/articles")
    page.get_by_role("button", name=re.compile("Glorbnax")).click()
    page.get_by_role("button", name="Passage 1").click()
    expect(page.locator("mark")).to_be_visible()
    page.wait_for_load_state("networkidle")

    assert "window.pwned = true" in (page.locator("article").text_content() or "")
    assert page.evaluate("window.pwned") is None
    assert window.foreign == []


@pytest.fixture
def modelled(browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Modelled]:
    """A window on pages whose answers are written by a model."""
    with OpenAIServer() as server:
        monkeypatch.setenv("RAG_LLM", "openai:tiny")
        monkeypatch.setenv("RAG_LLM_BASE_URL", server.url)
        for address in served(tmp_path):
            with browser.new_context(viewport={"width": WIDE, "height": HEIGHT}) as context:
                yield Modelled(Window(context.new_page(), address), server)


def test_a_hostile_model_causes_no_request_and_runs_nothing(modelled: Modelled) -> None:
    modelled.server.will(reply(REPLY))
    page = modelled.window.open()
    ask(page, "Where did the Glorbnax summit take place?").first.click()
    expect(page.locator("mark")).to_be_visible()
    page.wait_for_load_state("networkidle")

    assert page.evaluate("window.pwned") is None
    assert modelled.window.foreign == []


def test_nothing_jumps_while_an_answer_is_written(modelled: Modelled) -> None:
    modelled.server.will(reply(LONG, size=20, pause=0.1))
    page = modelled.window.open()
    ask(page, "What is said about the talks?")  # what loads with the first answer is loaded
    modelled.window.settle()
    page.evaluate(WATCH)
    put(page, "Who mediated the talks?")
    expect(page.locator(".chip.pending").first).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Go on with")).to_be_visible(timeout=60_000)

    moved = page.evaluate("window.shifts.reduce((sum, one) => sum + one, 0)")
    assert moved < 0.1, "cumulative layout shift; browsers call up to .1 good"


def test_the_question_asked_last_stands_on_top_wherever_the_reader_was(window: Window) -> None:
    page = window.open()
    ask(page, "Who mediated the talks?")
    ask(page, "How many civilians were killed?")
    page.mouse.move(800, 400)
    page.mouse.wheel(0, -5_000)
    ask(page, "How did the defence minister describe the talks?")

    asked = page.get_by_test_id("stChatMessage").nth(4)
    page.wait_for_function(
        "(one) => Math.abs(one.getBoundingClientRect().top - 64) < 3", arg=asked.element_handle()
    )
    page.mouse.wheel(0, -300)
    page.wait_for_function("(one) => one.getBoundingClientRect().top > 300", arg=asked.element_handle())
    window.settle()
    assert (asked.bounding_box() or {"y": 0})["y"] > 300, "who reads elsewhere is left there"


def test_an_answer_is_copied_with_its_sources(window: Window) -> None:
    window.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = window.open()
    ask(page, "How many civilians were killed?")
    page.get_by_role("button", name="Copy with sources").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()

    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("Afghan officials stated that four civilians were killed")
    assert "\n[1] The third round of peace negotiations" in copied


def test_an_article_is_asked_about_by_itself(window: Window) -> None:
    page = window.open("/articles")
    page.get_by_role("button", name=re.compile("The latest round")).click()
    page.get_by_role("button", name="Ask about it").click()
    expect(page.get_by_role("button", name="1 article", exact=True)).to_be_visible()
    ask(page, "Who mediated the talks?")

    assert page.get_by_role("group", name="Sources").get_by_role("button").count() == 1


def test_a_footnote_is_reached_and_opened_by_keyboard_and_gets_the_focus_back(window: Window) -> None:
    page = window.open()
    chip = ask(page, "Who mediated the talks?").first
    window.settle()
    chip.focus()
    page.keyboard.press("Enter")
    expect(page.locator("mark")).to_be_visible()
    page.keyboard.press("Escape")

    expect(page.locator("mark")).to_have_count(0)
    expect(chip).to_be_focused()


def test_a_file_is_dropped_read_shown_and_deleted(window: Window, tmp_path: Path) -> None:
    file = tmp_path / "bread.txt"
    file.write_text("Oslo bakers win\n\nAnna Berg baked bread in Oslo on Monday.", encoding="utf-8")
    page = window.open("/articles")
    page.get_by_text("Add articles").click()
    page.set_input_files("input[type=file]", file)
    page.get_by_role("button", name="Add to the index").click()

    expect(page.get_by_role("table", name="What was read")).to_contain_text("added")
    page.get_by_role("button", name="Oslo bakers win").click()
    page.get_by_role("button", name="Passage 1").click()
    expect(page.locator("mark")).to_have_text("Oslo bakers win\n\nAnna Berg baked bread in Oslo on Monday.")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_role("heading", name="Articles", level=1)).to_be_visible()
    expect(page.get_by_role("button", name="Oslo bakers win")).to_have_count(0)


def test_a_run_is_started_watched_and_read(window: Window) -> None:
    page = window.open("/evals")
    page.get_by_role("spinbutton", name="First cases only").fill("2")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_text("2 of 2 cases asked")).to_be_visible(timeout=120_000)
    page.get_by_role("table", name="Runs").get_by_role("button").first.click()

    expect(page.get_by_role("table", name="At a glance")).to_contain_text("passed")


@pytest.mark.parametrize("window", [{"width": NARROW}], indirect=True, ids=str)
def test_on_a_narrow_screen_the_sidebar_makes_way_for_where_it_led(window: Window) -> None:
    page = window.open()
    ask(page, "Who mediated the talks?")
    for name in ("Articles", "Chat", "Who mediated the talks?"):
        page.get_by_test_id("stExpandSidebarButton").click()
        page.get_by_test_id("stSidebar").get_by_role("link", name=name).first.click()
        expect(page.get_by_test_id("stSidebar")).not_to_be_in_viewport()


def test_a_server_that_is_stopped_while_it_answers_ends_quietly(browser: Browser, tmp_path: Path) -> None:
    index, log = tmp_path / "index", tmp_path / "log"
    ingest(SEEDS, index=index, settings=Settings())
    with (
        chat(log, "--index", str(index), "--port", str(free_port())) as process,
        browser.new_context() as context,
    ):
        page = Window(context.new_page(), address_in(log, process)).open()
        put(page, "Who mediated the talks?")
        expect(page.get_by_test_id("stChatMessage").first).to_be_visible()
        process.send_signal(signal.SIGINT)

        assert process.wait(timeout=20) == 0
    assert "terminate" not in log.read_text(encoding="utf-8")


def test_two_windows_keep_to_themselves(window: Window, browser: Browser) -> None:
    with browser.new_context() as context:
        other = Window(context.new_page(), window.address)
        ask(window.open(), "Who mediated the talks?")
        ask(other.open(), "How many civilians were killed?")

        assert window.page.get_by_test_id("stChatMessage").count() == 2
        assert "civilians" not in (window.page.get_by_test_id("stChatMessage").first.text_content() or "")
