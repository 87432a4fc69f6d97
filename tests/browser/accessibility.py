"""Every page and state can be used by everybody, as far as axe-core can tell. Run by `make test-browser`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.states import STATES, State, served
from tests.browser.window import HEIGHT, NARROW, WIDE, Window

pytestmark = [pytest.mark.browser, pytest.mark.slow]
_STATES = [(place, state) for place, states in STATES.items() for state in states]
_WINDOWS = ((WIDE, "light"), (NARROW, "dark"), (WIDE, "dark"), (NARROW, "light"))


@pytest.fixture(scope="module")
def addresses() -> Iterator[dict[str, str]]:
    with served() as found:
        yield found


def rounds() -> Iterator[Any]:
    """Yield every state in every window; the short round has each state in one of two, by turns."""
    for width, scheme in _WINDOWS:
        for number, (place, state) in enumerate(_STATES):
            is_short = (width, scheme) == _WINDOWS[number % 2]
            name = f"{state.__name__}-{width}-{scheme}"
            marks = () if is_short else (pytest.mark.long,)
            yield pytest.param((width, scheme), place, state, id=name, marks=marks)


@pytest.fixture(scope="module")
def context(browser: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    width, scheme = request.param
    options: dict[str, Any] = {"viewport": {"width": width, "height": HEIGHT}, "color_scheme": scheme}
    with browser.new_context(**options, reduced_motion="reduce") as opened:
        opened.add_init_script("localStorage.clear()")  # the sidebar stays as it was left
        yield opened


@pytest.mark.parametrize(("context", "place", "state"), list(rounds()), indirect=["context"])
def test_a_state_can_be_used_by_everybody(
    context: BrowserContext, addresses: dict[str, str], place: str, state: State
) -> None:
    with context.new_page() as page:
        state(Window(page, addresses[place]))
        page.wait_for_timeout(500)  # what opens is transparent at first

        assert serious(page) == []
        assert page.evaluate("document.scrollingElement.scrollWidth <= window.innerWidth")


def serious(page: Page) -> list[str]:
    """Return what axe finds that keeps somebody from using the page, with the first place of each."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]} {one['nodes'][0]['failureSummary'][:300]}"
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]
