"""Runs the command line for its tests, in this process or in one of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from rag.cli import main
from tests.conftest import ROOT

RAG = [sys.executable, "-W", "error", "-m", "rag.cli"]
QUESTION = "Who mediated the talks?"


class Done(NamedTuple):
    code: int
    out: str
    err: str


Rag = Callable[..., Done]


@pytest.fixture(name="rag")
def rag_fixture(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Rag:
    """Run the command line in this process."""

    def run(*arguments: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["rag", *map(str, arguments)])
        held = signal.getsignal(signal.SIGINT)  # an interrupted command ignores it from then on
        try:
            with pytest.raises(SystemExit) as end:
                main()
        finally:
            signal.signal(signal.SIGINT, held)
        out, err = capsys.readouterr()
        return Done(int(end.value.code or 0), out, err)

    return run


def process(
    *arguments: str | Path | bytes, env: dict[str, str] | None = None, cwd: Path | None = None
) -> Done:
    """Run the command line in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
    done = subprocess.run([*RAG, *arguments], capture_output=True, env=environment, cwd=cwd, check=False)
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def is_one_line(text: str) -> bool:
    return text.startswith("rag: ") and text.count("\n") == 1 and text.endswith("\n")


@pytest.fixture(name="index")
def index_fixture(seeds_index: Path, tmp_path: Path) -> Path:
    return shutil.copytree(seeds_index, tmp_path / "index")
