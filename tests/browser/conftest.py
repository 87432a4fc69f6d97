from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, one for all tests: there can be no two at a time."""
    from tests.browser.window import launched  # it needs packages that only these tests need

    with launched() as opened:
        yield opened
