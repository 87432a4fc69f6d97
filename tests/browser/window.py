"""A browser window as the tests use it, and the server behind it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.test_page import address_in, chat, free_port

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "chromium"
WIDE, NARROW, HEIGHT = 1280, 400, 900


@contextmanager
def launched() -> Iterator[Browser]:
    """Start chromium."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@contextmanager
def paged(index: Path, log: Path) -> Iterator[str]:
    """Serve the pages over an index; give their address."""
    with chat(log, "--index", str(index), "--port", str(free_port())) as process:
        yield address_in(log, process)


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

    @property
    def is_narrow(self) -> bool:
        """There is no room for the sidebar."""
        size = self.page.viewport_size
        return bool(size and size["width"] < WIDE)


def put(page: Page, question: str) -> None:
    """Ask, without waiting."""
    page.get_by_placeholder("Ask about the articles").fill(question)
    page.keyboard.press("Enter")


def ask(page: Page, question: str) -> Locator:
    """Ask, and return the footnotes of the answers as soon as the last one has any."""
    put(page, question)
    chips = page.get_by_test_id("stChatMessage").last.get_by_role("button", name=re.compile(r"^Source \d+:"))
    expect(page.get_by_test_id("stChatMessage").filter(has_text=question).last).to_be_visible(timeout=60_000)
    expect(chips.first).to_be_visible(timeout=60_000)
    return chips
