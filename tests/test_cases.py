from __future__ import annotations

from pathlib import Path

import pytest

from evals.cases import CaseError, facts_covered, load_cases
from rag.engine import QueryEngine

CASES = load_cases()


def test_quoting_answers_nineteen_of_twenty_seed_questions(engine: QueryEngine) -> None:
    answers = {case.id: engine.query(case.question) for case in CASES if case.answerable}
    facts = {case.id: facts_covered(case, answers[case.id].text) for case in CASES if case.answerable}
    citations = [citation for answer in answers.values() for citation in answer.citations]

    assert len(facts) == 20
    assert sum(share == 1.0 for share in facts.values()) >= 19
    assert all(len(answer.sentences) <= 3 for answer in answers.values())
    assert all(c.article.text[c.start : c.end] == c.quote and c.verdict.sound for c in citations)


@pytest.mark.parametrize("case", [c for c in CASES if not c.answerable], ids=lambda case: case.id)
def test_off_topic_questions_are_declined(engine: QueryEngine, case: object) -> None:
    answer = engine.query(case.question)  # type: ignore[attr-defined]  # pytest's parameters are objects

    assert (answer.status, answer.citations) == ("abstained", [])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not JSON"),
        ('{"id": "a", "question": "?"}', "answerable: Field required"),
        ('{"id": "a", "question": "?", "answerable": true, "anwser": 1}', "anwser: Extra inputs"),
    ],
)
def test_a_bad_case_is_named_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text(f"\n{line}\n", encoding="utf-8")

    with pytest.raises(CaseError, match=f"line 2: {message}"):
        load_cases(path)


def test_an_id_stands_once_and_the_file_must_be_there(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text('{"id": "a", "question": "?", "answerable": true}\n' * 2, encoding="utf-8")

    with pytest.raises(CaseError, match="'a' is used twice"):
        load_cases(path)
    with pytest.raises(CaseError, match="cannot be read"):
        load_cases(tmp_path / "none.jsonl")


def test_a_fact_is_held_when_one_of_its_alternatives_is() -> None:
    case = next(case for case in CASES if case.id == "mediators")

    assert facts_covered(case, "QATARI and Turkish\nmediation") == 1.0
    assert facts_covered(case, "Qatar alone") == 0.5
    assert facts_covered(next(case for case in CASES if not case.answerable), "") is None
