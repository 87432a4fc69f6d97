"""The sets of cases that come along: their files, the articles that they ask about, and their baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rag.errors import UsageError

_DATA = Path(__file__).parent / "data"


class CaseSet(NamedTuple):
    """A set of cases, which is asked over its own articles."""

    name: str
    files: tuple[Path, ...]
    """Where there are several, the name of each is a tag of its cases."""
    articles: Path
    """A folder."""
    baseline: Path
    """Folder of the run that the gate compares with."""

    def part(self, file: Path) -> str | None:
        """Return the tag of the cases in one of the files, None when there is no other file."""
        return file.stem if len(self.files) > 1 else None


def _in_folder(name: str, *parts: str) -> CaseSet:
    folder = _DATA / name
    files = tuple(folder / f"{part}.jsonl" for part in parts)
    return CaseSet(name, files, folder / "articles", folder / "baseline")


DEFAULT = "seeds"
SETS: Mapping[str, CaseSet] = {
    each.name: each
    for each in (
        CaseSet(
            DEFAULT,
            (_DATA / "seeds.jsonl",),
            Path(__file__).parent.parent / "seeds",
            _DATA / "seeds.baseline",
        ),
        _in_folder("stories", "development", "held-out"),
        _in_folder("direction", "cases"),
    )
}
"""By name; `evals/data/README.md` says what each holds."""


def find_set(name: str) -> CaseSet:
    """Return a set by its name.

    Raises UsageError, naming those that there are, for an unknown one.
    """
    if name not in SETS:
        raise UsageError(f"There is no set of cases {name!r}; known are {', '.join(SETS)}.")
    return SETS[name]


def set_of(files: Sequence[Path]) -> CaseSet | None:
    """Return the set whose files these are, all of them and no others; None when there is none."""
    wanted = {path.resolve() for path in files}
    return next((each for each in SETS.values() if {file.resolve() for file in each.files} == wanted), None)
