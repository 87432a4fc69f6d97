"""What takes long to load is loaded when the server starts, not when somebody waits for it.

It begins a moment later: a browser that is opened at once is first sent its own part, undisturbed.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress

from . import threads

WELCOME = "Ask the articles"
"""The heading of the chat before the first question, and while it loads."""
_LOG = logging.getLogger(__name__)
_MOMENT = 1.0
_PATIENCE = 60.0
_begun = threading.Lock()
_done = threading.Event()
_done.set()


def begin_soon() -> None:
    """Begin in a moment, or with the first page that is drawn."""
    _done.clear()
    timer = threading.Timer(_MOMENT, begin)
    timer.daemon = True
    timer.start()


def begin() -> None:
    """Begin to load in a thread, once; what cannot be loaded is told by the page that needs it."""
    if _begun.acquire(blocking=False):
        threads.start(_load, "loading")


def is_done() -> bool:
    """Tell whether everything is there, or nothing is to be loaded."""
    return _done.is_set()


def wait() -> None:
    """Wait until it is."""
    _done.wait(_PATIENCE)


def _load() -> None:
    """Import what the pages import, and answer once, so that no reader waits for it."""
    try:
        import pandas  # type: ignore[import-untyped]  # noqa: F401, ICN001  # Streamlit does, for components

        from rag import minilm
        from rag.engine import QueryEngine
        from rag.errors import FootnotedError
        from rag.models import reader

        with suppress(FootnotedError), QueryEngine.open() as engine:
            _done.set()
            is_bundled = engine.settings.embedding == "minilm"  # another would be asked over the network
            if is_bundled:
                minilm.prefetch(engine.settings.embedding_backend)
            reader.prefetch(engine.settings.embedding_backend)
            if is_bundled:
                engine.quoting_only().query("What is new?")
        import openai.resources  # noqa: F401  # the client of a model does with its first question
    except Exception:  # noqa: BLE001  # the page tells
        _LOG.debug("Nothing was loaded ahead", exc_info=True)
    finally:
        _done.set()
