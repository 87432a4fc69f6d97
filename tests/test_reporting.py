from __future__ import annotations

from pathlib import Path

import pytest

from evals import reporting
from evals.cases import Case, CaseError, Turn, load_cases
from rag.condensing import Turn as Told


def test_a_report_becomes_a_case_with_what_was_said_before(tmp_path: Path) -> None:
    index = tmp_path / "index"
    told = [Told("Who met?", "Anna and Ian met.")]

    reporting.report(index, "Where?", told, expected="In Oslo.", facts="Oslo | Norway's capital, 2 | two")
    reporting.report(index, "Where?", [], expected=None, facts="ignored")

    assert load_cases(tmp_path / "index.cases.jsonl") == [
        Case(
            id="where",
            question="Where?",
            answerable=True,
            expected_answer="In Oslo.",
            must_include=(("Oslo", "Norway's capital"), ("2", "two")),
            history=(Turn(question="Who met?", answer="Anna and Ian met."),),
            tags=("reported",),
        ),
        Case(id="where-2", question="Where?", answerable=False, tags=("reported",)),
    ]


def test_the_command_runs_the_reported_cases() -> None:
    assert reporting.command(Path("/a b/index")) == (
        "rag eval run '/a b/index.cases.jsonl' --index '/a b/index'"
    )


def test_a_file_that_holds_something_else_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "index.cases.jsonl"
    file.write_text("no case\n", encoding="utf-8")

    with pytest.raises(CaseError, match="line 1"):
        reporting.report(tmp_path / "index", "Where?", [], expected="Oslo.")
    assert file.read_text(encoding="utf-8") == "no case\n"
