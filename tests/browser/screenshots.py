"""Draws every page and state, wide and narrow, light and dark. Run by `make screenshots`.

python -m tests.browser.screenshots FOLDER [NAME...]
"""

from __future__ import annotations

import io
import sys
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page

from rag.errors import FootnotedError
from tests.browser.states import STATES, State, served
from tests.browser.window import HEIGHT, NARROW, WIDE, Window, launched

_COLOURS = 64
_SIZES = ((WIDE, "wide"), (NARROW, "narrow"))


def main(folder: Path, names: Collection[str]) -> None:
    """Draw the states of these names into a folder, all of them when none is named."""
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    chosen = [pair for pair in _named() if not names or _name(pair[1]) in names]
    with ExitStack() as stack:
        addresses = stack.enter_context(served())
        browser = stack.enter_context(launched())
        for (width, size), scheme in product(_SIZES, ("light", "dark")):
            for page, name in _drawn(browser, addresses, chosen, width=width, scheme=scheme):
                draw(page, folder / f"{name}-{size}-{scheme}.png")


def _named() -> list[tuple[str, State]]:
    return [(place, state) for place, states in STATES.items() for state in states]


def _name(state: State) -> str:
    return state.__name__.replace("_", "-")


def _drawn(
    browser: Browser, addresses: dict[str, str], chosen: list[tuple[str, State]], *, width: int, scheme: str
) -> Iterator[tuple[Page, str]]:
    """Yield a page in each state, all of them in one context, which keeps what it has loaded."""
    options: dict[str, Any] = {"viewport": {"width": width, "height": HEIGHT}, "color_scheme": scheme}
    with browser.new_context(**options, reduced_motion="reduce") as context:
        context.add_init_script("localStorage.clear()")  # the sidebar stays as it was left
        for place, state in chosen:
            with context.new_page() as page:
                window = Window(page, addresses[place])
                state(window)
                if place != "model":
                    window.settle()
                yield page, _name(state)


def draw(page: Page, path: Path) -> None:
    """Write what the window shows, in few colours."""
    page.wait_for_timeout(600)  # what moves has come to rest
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    image.quantize(_COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
        path, optimize=True
    )


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise FootnotedError("Name the folder: python -m tests.browser.screenshots docs/screenshots")
    main(Path(sys.argv[1]), sys.argv[2:])
