"""What is known of the runs below a home folder without reading their cases, and the files of cases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from .cases import SEEDS
from .runs import run_folders


class Listed(NamedTuple):
    """A run in a list."""

    id: str
    name: str
    created: str
    """ISO 8601 with offset."""
    model: str
    cases: int
    """Cases that were asked."""
    finished: bool
    passed: dict[str, Any] | None
    """The metric `passed` of its summary; None without one."""


def listed_runs(home: Path) -> list[Listed]:
    """Return the runs, newest first; a folder that cannot be read is left out."""
    return list(_listed(home))


def _listed(home: Path) -> Iterator[Listed]:
    for folder in reversed(run_folders(home)):
        try:
            info = json.loads((folder / "run.json").read_text(encoding="utf-8"))
            summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
            passed = next((metric for metric in summary["metrics"] if metric["name"] == "passed"), None)
            yield Listed(
                id=folder.name,
                name=str(info["name"]),
                created=str(info["created"]),
                model=str(info["model"]),
                cases=int(summary["graded"]) + len(summary["crashed"]),
                finished=bool(info["finished"]),
                passed=passed,
            )
        except (OSError, ValueError, KeyError, TypeError):
            continue


def case_files(home: Path) -> list[Path]:
    """Return the files of cases: the built-in one, and those in the folder `cases` of the home folder."""
    return [SEEDS, *sorted((home / "cases").glob("*.jsonl"))]
