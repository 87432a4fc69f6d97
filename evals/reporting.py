"""An answer that a reader found wrong -> a case, in a file of cases beside the index."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from rag.condensing import Turn as ToldTurn

from .authoring import append_case, facts_in, known_ids
from .cases import Case, Turn
from .drafts import free_id, slug

REPORTED = "reported"
"""The tag of cases that come from readers."""


def file_of(index: Path) -> Path:
    """Return the file of reported cases about an index: beside its folder, named after it."""
    folder = index.resolve()
    return folder.with_name(f"{folder.name}.cases.jsonl")


def report(
    index: Path, question: str, told: Sequence[ToldTurn], *, expected: str | None, facts: str = ""
) -> Case:
    """Append a case to the file of an index, and return it; without an expected answer, declining is right.

    `facts` is read as `four | 4, Istanbul`. Raises CaseError when the file cannot be used.
    """
    path = file_of(index)
    case = Case(
        id=free_id(slug(question) or "case", known_ids(path)),
        question=question,
        answerable=expected is not None,
        expected_answer=expected,
        must_include=facts_in(facts) if expected else (),
        history=tuple(Turn(question=turn.question, answer=turn.answer) for turn in told),
        tags=(REPORTED,),
    )
    append_case(path, case)
    return case


def command(index: Path) -> str:
    """Return the command that asks the reported cases."""
    return f"rag eval run {shlex.quote(str(file_of(index)))} --index {shlex.quote(str(index))}"
