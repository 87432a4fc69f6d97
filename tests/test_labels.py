from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evals.cases import Case
from evals.judge import JUDGEMENTS
from evals.labels import Label, LabelError, import_labels, labels_summary, load_labels
from evals.records import Record
from evals.runs import Run, RunInfo, load_run, save_run
from evals.scores import Score
from rag.judging import CORRECTNESS, SUPPORT

PASSED = {"a": 1.0, "b": 0.0, "c": 1.0, "d": None}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run of four cases, of which two passed."""
    run = Run(
        info=RunInfo(id="r", name="r", created="2026-01-01T00:00:00+00:00"),
        cases=tuple(Case(id=name, question="?", answerable=True) for name in PASSED),
        records=tuple(Record(case=name, question="?", status="answered", text="x") for name in PASSED),
        scores={name: {"passed": Score(value)} for name, value in PASSED.items()},
    )
    save_run(run, tmp_path / "run")
    return tmp_path / "run"


def csv(path: Path, *lines: str, header: str = "case,label,value,who,note") -> Path:
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8-sig")
    return path


# --- import


def test_labels_are_read_from_csv_and_from_json_lines(folder: Path, tmp_path: Path) -> None:
    table = csv(tmp_path / "l.csv", 'a,correct,yes,Ann,"well, nearly"', "", "b,correct,0.5, Ann ,")
    lines = tmp_path / "l.jsonl"
    rows = [
        {"case": "a", "label": "correct", "value": 0, "who": "Bob"},
        {"case": "b", "label": "supported", "value": False, "who": "Bob", "note": "no"},
    ]
    lines.write_text("\n\n".join(json.dumps(row) for row in rows))

    from_csv, from_json = import_labels(folder, table), import_labels(folder, lines)

    assert from_csv == [
        Label(case="a", label="correct", value=1.0, who="Ann", note="well, nearly"),
        Label(case="b", label="correct", value=0.5, who="Ann"),
    ]
    assert from_json == [
        Label(case="a", label="correct", value=0.0, who="Bob"),
        Label(case="b", label="supported", value=0.0, who="Bob", note="no"),
    ]
    assert load_labels(folder) == [*from_csv, *from_json]


def test_a_label_given_anew_replaces_the_old(folder: Path, tmp_path: Path) -> None:
    import_labels(folder, csv(tmp_path / "1.csv", "a,correct,yes,Ann,", "b,correct,yes,Ann,"))
    import_labels(folder, csv(tmp_path / "2.csv", "a,correct,NO,Ann,looked again", "a,correct,yes,Bob,"))

    assert [(label.case, label.who, label.value, label.note) for label in load_labels(folder)] == [
        ("a", "Ann", 0.0, "looked again"),
        ("b", "Ann", 1.0, ""),
        ("a", "Bob", 1.0, ""),
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("z,correct,yes,Ann,", "line 3: the run has no case 'z'; its cases are in cases.jsonl"),
        ("a,correct,maybe,Ann,", r"line 3: value: write yes, no or a number from 0 to 1 \(got 'maybe'\)"),
        ("a,correct,1.5,Ann,", r"line 3: value: write yes, no or a number from 0 to 1"),
        ("a,correct,-1,Ann,", r"line 3: value: write yes"),
        ("a,correct,nan,Ann,", r"line 3: value: write yes"),
        ("a,correct,,Ann,", r"line 3: value: write yes"),
        ("a,correct,yes,,", "line 3: who: write text"),
        ("a,,yes,Ann,", "line 3: label: write text"),
        ("b,correct,no,Ann,", "line 3: Ann gave 'b' this label at .*, line 2 already; keep one"),
        ("a,correct,yes,Ann,x,y", "line 3: more columns than the header names"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_stored(
    folder: Path, tmp_path: Path, line: str, said: str
) -> None:
    with pytest.raises(LabelError, match=said):
        import_labels(folder, csv(tmp_path / "l.csv", "b,correct,yes,Ann,", line))

    assert load_labels(folder) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "case,label,value\na,correct,yes\n",
            "line 2: who is missing; the columns are case, label, value, who",
        ),
        ("case;label;value;who\na;correct;yes;Ann\n", "line 2: .*with commas between"),
        ("case,label,value,who,score\na,correct,yes,Ann,3\n", "line 2: unknown column 'score'; known are"),
        ('{"case": "a", "label": "x", "value": 1, "who": "A", "by": 1}', "line 1: unknown column 'by'"),
        ('{"case": "a"', "line 1: not JSON"),
        ('{"case": "a", "label": "x", "value": null, "who": "A"}', "line 1: value: write yes"),
        ('{"case": 5, "label": "x", "value": 1, "who": "A"}', "line 1: case: write text"),
        ('{"case": "a", "label": "x", "value": 1, "who": "A"}\n[1]', "line 2: the line: write text"),
        ("", "holds no label"),
        ("case,label,value,who\n", "holds no label"),
        ('case,label,value,who\na,correct,"yes\n', "line 2: "),
    ],
)
def test_a_file_that_holds_no_labels_is_refused(
    folder: Path, tmp_path: Path, content: str, said: str
) -> None:
    path = tmp_path / "labels"
    path.write_text(content)

    with pytest.raises(LabelError, match=said):
        import_labels(folder, path)


def test_files_that_cannot_be_read_are_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="cannot be read as labels"):
        import_labels(folder, tmp_path / "none.csv")
    (folder / "labels.jsonl").write_text('{"case": "a"}\n')
    with pytest.raises(LabelError, match="remove it and import the labels again"):
        load_labels(folder)


# --- in figures


def judgement(case: str, verdict: str | None, *, sentence: int | None = None) -> dict[str, Any]:
    task = CORRECTNESS if sentence is None else SUPPORT
    return {"case": case, "task": task.name, "sentence": sentence, "verdict": verdict}


def test_people_are_compared_with_each_other_with_passed_and_with_the_judge(
    folder: Path, tmp_path: Path
) -> None:
    labels = csv(
        tmp_path / "l.csv",
        "a,correct,yes,Ann,",
        "b,correct,yes,Ann,",
        "c,correct,yes,Ann,",
        "d,correct,no,Ann,",
        "a,correct,yes,Bob,",
        "b,correct,yes,Bob,",
        "c,correct,no,Bob,",
        "a,correct,yes,Cyd,",
        "a,supported,yes,Ann,",
        "b,supported,no,Ann,",
        "a,polite,0.25,Ann,",
    )
    import_labels(folder, labels)
    judged = [
        judgement("a", "correct"),
        judgement("b", "incorrect"),
        judgement("c", "correct"),
        judgement("d", "not_attempted"),
        judgement("a", "full", sentence=0),
        judgement("a", None, sentence=1),
        judgement("b", "full", sentence=0),
        judgement("b", "partial", sentence=1),
    ]
    (folder / JUDGEMENTS).write_text("".join(json.dumps(line) + "\n" for line in judged))

    summary = labels_summary(load_run(folder))

    correct = summary["correct"]
    assert {name: correct[name] for name in correct if name not in {"low", "high"}} == {
        "value": 0.625,  # of 1, 1, .5 and 0
        "n": 4,
        "people": 3,
        "between_people": {"share": 0.8, "n": 5},  # three pairs on a, one on b, and c differs
        "with_passed": {"share": 0.5, "n": 2},  # a and b; c is undecided, d is not graded
        "with_judge": {"share": 2 / 3, "n": 3},  # a and d, not b
    }
    assert 0.0 <= correct["low"] < 0.625 < correct["high"] <= 1.0
    assert summary["supported"]["with_judge"] == {"share": 1.0, "n": 2}
    assert summary["supported"]["between_people"] is None
    assert summary["polite"] == {
        "value": 0.25,
        "low": 0.25,
        "high": 0.25,
        "n": 1,
        "people": 1,
        "between_people": None,
        "with_passed": {"share": 0.0, "n": 1},
        "with_judge": None,
    }


def test_without_labels_there_is_nothing_to_say(folder: Path) -> None:
    run = load_run(folder)

    assert labels_summary(run) == {}
    assert labels_summary(Run(run.info, run.cases, run.records)) == {}
