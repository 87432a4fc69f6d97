"""The pages in a real browser, against a real server on loopback. Run by `make test-browser`.

Not collected by `make test`: it needs Debian's chromium, and the packages of requirements-browser.lock.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from rag.ingestion import ingest
from rag.settings import Settings
from tests.conftest import SEEDS
from tests.openai_server import OpenAIServer, reply
from tests.test_page import address_in, chat, free_port

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "chromium"
WIDE, NARROW = 1280, 400
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


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


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
        log = folder / "log"
        with chat(log, "--index", str(folder / "index"), "--port", str(free_port())) as process:
            yield address_in(log, process)
    finally:
        os.chdir(before)


class Window:
    """A browser window, and every request that it made."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.requests: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("dialog", lambda dialog: self.requests.append(f"dialog:{dialog.message}"))

    def open(self, path: str = "/") -> Page:
        """Go to a page and wait until it is drawn."""
        self.page.goto(self.address + path)
        expect(self.page.get_by_role("heading", level=1)).to_be_visible(timeout=60_000)
        self.settle()
        return self.page

    def settle(self) -> None:
        """Wait until nothing is computed any more."""
        expect(self.page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=60_000)

    @property
    def foreign(self) -> list[str]:
        """Requests to anything but the server itself."""
        own = ("data:", "blob:", f"{self.address}/", f"ws{self.address.removeprefix('http')}/")
        return [url for url in self.requests if not url.startswith(own)]


@pytest.fixture
def window(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Window]:
    """A window of its own; `width` and `scheme` come from the test's parameters."""
    given: dict[str, Any] = getattr(request, "param", {})
    context = browser.new_context(
        viewport={"width": given.get("width", WIDE), "height": 900}, color_scheme=given.get("scheme", "light")
    )
    context.set_default_timeout(30_000)
    yield Window(context.new_page(), address)
    context.close()


def ask(page: Page, question: str) -> Locator:
    """Ask, and return the footnotes of the answer."""
    page.get_by_placeholder("Ask about the articles").fill(question)
    page.keyboard.press("Enter")
    chips = page.get_by_role("button", name=re.compile(r"^Source \d+:"))
    expect(chips.first).to_be_visible(timeout=60_000)
    return chips


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


def test_a_hostile_model_causes_no_request_and_runs_nothing(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with OpenAIServer() as server:
        server.will(reply(REPLY))
        monkeypatch.setenv("RAG_LLM", "openai:tiny")
        monkeypatch.setenv("RAG_LLM_BASE_URL", server.url)
        for address in served(tmp_path):
            with browser.new_context() as context:
                window = Window(context.new_page(), address)
                page = window.open()
                ask(page, "Where did the Glorbnax summit take place?").first.click()
                expect(page.locator("mark")).to_be_visible()
                page.wait_for_load_state("networkidle")

                assert page.evaluate("window.pwned") is None
                assert window.foreign == []


@pytest.mark.parametrize("path", ["/", "/articles", "/evals"])
@pytest.mark.parametrize("window", [{"scheme": "light"}, {"scheme": "dark"}], indirect=True, ids=str)
def test_pages_can_be_used_by_everybody(window: Window, path: str) -> None:
    page = window.open(path)
    page.get_by_text("Settings", exact=True).click()
    page.wait_for_timeout(500)  # what opens is transparent at first

    assert serious(page) == []


@pytest.mark.parametrize("window", [{"scheme": "light"}, {"scheme": "dark"}], indirect=True, ids=str)
def test_an_answer_and_its_source_can_be_used_by_everybody(window: Window) -> None:
    page = window.open()
    chips = ask(page, "Who mediated the talks?")
    window.settle()
    assert serious(page) == []

    chips.first.click()
    expect(page.locator("mark")).to_be_visible()
    page.wait_for_timeout(500)
    assert serious(page) == []


def serious(page: Page) -> list[str]:
    """Return what axe finds that keeps somebody from using the page, with the first place of each."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]} {one['nodes'][0]['failureSummary'][:300]}"
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]


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
    assert serious(page) == []


def test_two_windows_keep_to_themselves(window: Window, browser: Browser) -> None:
    with browser.new_context() as context:
        other = Window(context.new_page(), window.address)
        ask(window.open(), "Who mediated the talks?")
        ask(other.open(), "How many civilians were killed?")

        assert window.page.get_by_test_id("stChatMessage").count() == 2
        assert "civilians" not in (window.page.get_by_test_id("stChatMessage").first.text_content() or "")
