"""Starts the chat page: Streamlit, on this machine only."""

from __future__ import annotations

import os
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

from .errors import FootnotedError

_OPTIONS = (
    ("server.address", "127.0.0.1"),
    ("server.allowedHosts", "127.0.0.1"),  # a foreign host name that is made to point here is refused
    ("server.allowedHosts", "localhost"),
    ("server.maxUploadSize", "20"),
    ("server.fileWatcherType", "none"),
    ("runner.postScriptGC", "false"),  # a collection after every look at an answer would starve its thread
    ("server.showEmailPrompt", "false"),  # it would wait for an answer before the page starts
    ("browser.gatherUsageStats", "false"),
    ("client.showErrorDetails", "none"),
    ("client.showErrorLinks", "false"),  # they would hand what went wrong to other servers
    ("client.toolbarMode", "viewer"),
    ("theme.headingFontSizes", '["1.6rem", "1.3rem", "1.1rem"]'),
    # Colours that can be read on either ground: 4.5 to 1 at least.
    ("theme.light.textColor", "#111418"),  # captions are this at 60 %
    ("theme.light.primaryColor", "#1c4f9c"),
    ("theme.light.linkColor", "#1c4f9c"),
    ("theme.dark.primaryColor", "#8ab4f8"),
    ("theme.dark.linkColor", "#8ab4f8"),
)


def serve(index: Path, *, port: int | None = None) -> int:
    """Run the page in this process until it is stopped; return the exit code.

    Raises FootnotedError when the page's files are not installed.
    """
    given = arguments(_app(), port=port)
    os.environ["RAG_INDEX"] = str(index.resolve())
    for number in (signal.SIGINT, signal.SIGTERM):  # the server ends itself, then hands the signal on
        signal.signal(number, _end)
    try:
        from streamlit.web import cli  # 0.5 s that the other commands do not need

        cli.main(given, prog_name="streamlit", standalone_mode=False)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


def _end(*_: object) -> None:
    raise SystemExit(0)


def arguments(app: Path, *, port: int | None = None) -> list[str]:
    """Return what Streamlit is told; without a port it takes 8501 or the next free one."""
    options = [*_OPTIONS, ("server.headless", str(not _has_display()).lower())]
    if port is not None:
        options.append(("server.port", str(port)))
    return ["run", str(app), *(f"--{name}={value}" for name, value in options)]


def _app() -> Path:
    spec = find_spec("ui")
    app = Path(spec.origin).parent / "server.py" if spec and spec.origin else None
    if app is None or not app.is_file():
        raise FootnotedError("The chat page is not installed; run `make setup`.")
    return app


def _has_display() -> bool:
    here = sys.platform in {"darwin", "win32"}
    return here or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
