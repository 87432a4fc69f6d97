from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from rag import page
from rag.errors import FootnotedError


def test_the_page_listens_to_this_machine_only_and_tells_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "_has_display", lambda: False)

    assert page.arguments(Path("app.py"), port=8600) == [
        "run",
        "app.py",
        "--server.address=127.0.0.1",
        "--server.allowedHosts=127.0.0.1",
        "--server.allowedHosts=localhost",
        "--server.maxUploadSize=20",
        "--server.fileWatcherType=none",
        "--runner.postScriptGC=false",
        "--server.showEmailPrompt=false",
        "--browser.gatherUsageStats=false",
        "--client.showErrorDetails=none",
        "--client.showErrorLinks=false",
        "--client.toolbarMode=viewer",
        '--theme.headingFontSizes=["1.6rem", "1.3rem", "1.1rem"]',
        "--theme.light.textColor=#111418",
        "--theme.light.primaryColor=#1c4f9c",
        "--theme.light.linkColor=#1c4f9c",
        "--theme.dark.primaryColor=#8ab4f8",
        "--theme.dark.linkColor=#8ab4f8",
        "--server.headless=true",
        "--server.port=8600",
    ]


@pytest.mark.parametrize(("display", "headless"), [(":0", "false"), ("", "true")])
@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")
def test_a_browser_opens_where_there_is_a_display(
    monkeypatch: pytest.MonkeyPatch, display: str, headless: str
) -> None:
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)

    arguments = page.arguments(Path("app.py"))

    assert arguments[-1] == f"--server.headless={headless}"
    assert not any("server.port" in argument for argument in arguments)


def test_a_missing_page_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(page, "find_spec", lambda _: None)

    with pytest.raises(FootnotedError, match="make setup"):
        page.serve(tmp_path)


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def chat(log: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `rag page` without a display, its output in a file."""
    environment = {name: value for name, value in os.environ.items() if "DISPLAY" not in name}
    command = [sys.executable, "-m", "rag.cli", "page", *options]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def address_in(log: Path, process: subprocess.Popen[bytes]) -> str:
    """Wait for the page to print its address and to answer there."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"http://127\.0\.0\.1:\d+", log.read_text(encoding="utf-8"))
        try:
            if found and urlopen(f"{found.group()}/_stcore/health", timeout=5).read() == b"ok":
                return found.group()
        except URLError:
            pass
        time.sleep(0.05)  # another process: there is no clock of its to inject
    raise AssertionError(log.read_text(encoding="utf-8"))


def test_the_page_starts_on_its_port_and_ends_quietly(seeds_index: Path, tmp_path: Path) -> None:
    log, port = tmp_path / "log", free_port()
    with chat(log, "--index", str(seeds_index), "--port", str(port)) as process:
        assert address_in(log, process) == f"http://127.0.0.1:{port}"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0

    assert "Traceback" not in log.read_text(encoding="utf-8")


def test_a_taken_port_is_passed_over(seeds_index: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with closing(socket.socket()) as taken:
        try:
            taken.bind(("127.0.0.1", 8501))
            taken.listen()
        except OSError:
            pass  # someone else has it, which will do
        with chat(log, "--index", str(seeds_index)) as process:
            assert address_in(log, process) != "http://127.0.0.1:8501"
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0
