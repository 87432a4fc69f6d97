"""Starts the chat page: Streamlit, in a process of its own, on this machine only."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from .errors import FootnotedError

_OPTIONS = {
    "server.address": "127.0.0.1",
    "server.maxUploadSize": "20",
    "browser.gatherUsageStats": "false",
    "client.showErrorDetails": "none",
    "client.toolbarMode": "viewer",
    "server.fileWatcherType": "none",
}


def serve(index: Path, *, port: int | None = None) -> int:
    """Run the page until it is stopped; return its exit code.

    Raises FootnotedError when the page's files are not installed.
    """
    spec = find_spec("ui")
    app = Path(spec.origin).parent / "app.py" if spec and spec.origin else None
    if app is None or not app.is_file():
        raise FootnotedError("The chat page is not installed; run `make setup`.")
    options = {**_OPTIONS, "server.headless": str(not _has_display()).lower()}
    if port is not None:
        options["server.port"] = str(port)
    command = [sys.executable, "-m", "streamlit", "run", str(app)]
    command += [f"--{name}={value}" for name, value in options.items()]
    environment = {**os.environ, "RAG_INDEX": str(index.resolve())}
    process = subprocess.Popen(command, env=environment)  # noqa: S603  # our own interpreter and file
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # Streamlit got it too, and says goodbye itself
            continue


def _has_display() -> bool:
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
