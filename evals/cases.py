"""Expected question-answer pairs: JSON lines, one case a line, read strictly."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rag import FootnotedError

SEEDS = Path(__file__).parent / "data" / "seeds.jsonl"
"""The cases over the two seed articles."""


class CaseError(FootnotedError):
    """A file of cases cannot be used; the message names file, line and fix."""

    exit_code = 2


class Case(BaseModel):
    """A question, and what a right answer to it holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1)
    question: str = Field(min_length=1)
    answerable: bool
    must_include: tuple[tuple[str, ...], ...] = ()
    """Facts that the answer must hold, each as alternatives of which one is enough."""
    tags: tuple[str, ...] = ()


def load_cases(path: Path = SEEDS) -> list[Case]:
    """Read a file of cases.

    Raises CaseError for a file that cannot be read, a line that is no case, or an id used twice.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CaseError(f"{path} cannot be read ({error}).") from None
    cases: dict[str, Case] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        case = _parse(line, f"{path}, line {number}")
        if case.id in cases:
            raise CaseError(f"{path}, line {number}: the id {case.id!r} is used twice; rename one.")
        cases[case.id] = case
    return list(cases.values())


def facts_covered(case: Case, text: str) -> float | None:
    """Return the share of a case's facts that a text holds, 0 to 1; None when it states none."""
    if not case.must_include:
        return None
    folded = " ".join(text.casefold().split())
    held = [any(option.casefold() in folded for option in options) for options in case.must_include]
    return sum(held) / len(held)


def _parse(line: str, where: str) -> Case:
    try:
        return Case.model_validate(json.loads(line))
    except json.JSONDecodeError as error:
        raise CaseError(f"{where}: not JSON ({error.msg}); write one object a line.") from None
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise CaseError(f"{where}: {name}: {first['msg']}.") from None
