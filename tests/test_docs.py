from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evals.cli import app
from tests.conftest import ROOT, SEEDS

EVALS = (ROOT / "docs" / "evals.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", EVALS, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(SEEDS, tmp_path / "seeds")
    return tmp_path


def test_the_python_of_the_page_on_evals_runs_in_a_fresh_file(folder: Path) -> None:
    (folder / "fresh.py").write_text(PYTHON[0], encoding="utf-8")

    run = subprocess.run(
        [sys.executable, "fresh.py"], check=False, cwd=folder, capture_output=True, text=True
    )

    assert run.returncode == 0, run.stderr
    assert "settings.top_k: 8 -> 2" in run.stdout


def test_the_fixture_of_the_page_on_evals_works_in_pytest(folder: Path) -> None:
    (folder / "test_answers.py").write_text(PYTHON[2], encoding="utf-8")

    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        check=False,
        cwd=folder,
        capture_output=True,
        text=True,
    )

    assert run.returncode == 0, run.stdout
    assert "15 passed" in run.stdout


def test_the_page_on_evals_names_every_command() -> None:
    named = set(re.findall(r"`([a-z-]+)(?: [^`]*)?`", EVALS.split("## Three layers")[0]))
    callbacks = [(command.name, command.callback) for command in app.registered_commands]
    commands = {name or callback.__name__ for name, callback in callbacks if callback}

    assert commands <= named
