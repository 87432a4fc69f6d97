from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from evals.records import PassageRecord, Record, SourceRecord
from evals.runs import (
    FILES,
    SCHEMA,
    Run,
    RunError,
    RunInfo,
    find_run,
    load_run,
    read_lines,
    run_folders,
    save_run,
    save_scores,
    slug,
    without_places,
    without_secrets,
    write_lines,
    write_text,
)
from evals.scores import Attempt, Gold, Score
from rag.schema import Span
from tests.fake_engines import case

PASSAGE = PassageRecord(id="a.txt#0-3", article="a.txt", start=0, end=3, text="Yes")
GOLD = ((Gold("a.txt", (Span(0, 3), Span(9, 12))), Gold("b.txt")),)


def run_of(folder: Path | None = None, **info: str) -> Run:
    return Run(
        info=RunInfo(**{"id": "r", "name": "r", "created": "2026-01-01T00:00:00+00:00"} | info),
        cases=(case("é\u2028", tags=["fact"], history=[{"question": "Who?"}]), case("b", answerable=False)),
        records=(
            Record(
                case="é\u2028",
                question="é\u2028",
                status="answered",
                text="Yes.\n\u2028",
                sources=(SourceRecord(passage=PASSAGE.id, score=0.5),),
                seconds={"total": 0.25},
            ),
        ),
        passages={PASSAGE.id: PASSAGE},
        gold={"é\u2028": GOLD, "b": ()},
        scores={"é\u2028": {"passed": Score(1.0), "exact": Score(None, "no expected answer")}},
        summary={"cases": 2, "metrics": []},
        folder=folder,
    )


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = run_of(tmp_path / "deep" / "run")
    save_run(run, tmp_path / "deep" / "run")

    assert load_run(tmp_path / "deep" / "run") == run
    assert load_run(str(tmp_path / "deep" / "run")) == run
    assert sorted(path.name for path in (tmp_path / "deep" / "run").iterdir()) == sorted(FILES)


def test_attempts_are_what_was_asked_with_its_passages_and_gold() -> None:
    run = run_of()

    assert run.attempts == [Attempt(run.cases[0], run.records[0], run.passages, GOLD)]
    assert run.score("é\u2028", "passed") == Score(1.0)
    assert run.score("é\u2028", "unheard-of") == run.score("b", "passed") == Score(None, "not measured")


def test_grades_are_replaced_and_records_left_alone(tmp_path: Path) -> None:
    save_run(run_of(), tmp_path)
    before = (tmp_path / "records.jsonl").stat().st_ino
    changed = Run(info=run_of().info, cases=(), records=(), scores={"b": {"passed": Score(0.0, "no")}})
    save_scores(changed, tmp_path)

    loaded = load_run(tmp_path)
    assert (loaded.scores, loaded.summary) == (changed.scores, {})
    assert loaded.records == run_of().records
    assert (tmp_path / "records.jsonl").stat().st_ino == before


# --- what cannot be read


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    save_run(run_of(), tmp_path)
    (tmp_path / name).unlink()

    with pytest.raises(RunError, match=re.escape(f"{tmp_path} is no finished run: {name} is missing.")):
        load_run(tmp_path)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("content", [b"{", b"[1]\n", b"\xff\n", b"7"])
def test_a_damaged_file_is_said(tmp_path: Path, name: str, content: bytes) -> None:
    save_run(run_of(), tmp_path)
    (tmp_path / name).write_bytes(content)

    with pytest.raises(RunError, match=r"is a damaged run .* make it again with `rag eval run`"):
        load_run(tmp_path)


def test_records_of_no_case_are_damage(tmp_path: Path) -> None:
    save_run(run_of(), tmp_path)
    write_lines(tmp_path / "records.jsonl", [{"case": "z", "question": "?"}, {"case": "y", "question": "?"}])

    with pytest.raises(RunError, match=re.escape("damaged run (records of y, z, which is no case); make")):
        load_run(tmp_path)


def test_a_run_of_another_schema_is_refused(tmp_path: Path) -> None:
    save_run(run_of(), tmp_path)
    info = json.loads((tmp_path / "run.json").read_text()) | {"schema_version": SCHEMA + 1, "new": 1}
    (tmp_path / "run.json").write_text(json.dumps(info))

    with pytest.raises(RunError, match=f"is a run of schema {SCHEMA + 1}; this Footnoted reads {SCHEMA}"):
        load_run(tmp_path)


def test_a_file_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(RunError, match="is a damaged run"):
        load_run(tmp_path / "file")


@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_text(path, "x"),
        lambda path: write_lines(path, [1]),
    ],
)
def test_what_cannot_be_written_is_said(tmp_path: Path, write: Callable[[Path], None]) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(RunError, match=re.escape("x.json cannot be written (File exists); make room")):
        write(tmp_path / "file" / "x.json")


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(RunError, match=re.escape("cannot be written (Not a directory)")):
        save_run(run_of(), tmp_path / "file" / "run")


def test_lines_hold_any_text(tmp_path: Path) -> None:
    values = ["\u2028 \x85 \n", {"é": "\ud83d"}, None, 1.5]
    write_lines(tmp_path / "x.jsonl", values)

    assert read_lines(tmp_path / "x.jsonl") == values
    assert [path.name for path in tmp_path.iterdir()] == ["x.jsonl"]


# --- finding


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("20260101-100000-run", "20260101-100001-my-run", "20260102-100000-other"):
        save_run(run_of(id=name), tmp_path / "home" / "runs" / name)
    (tmp_path / "home" / "runs" / "20260103-100000-broken").mkdir()
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("latest", "20260102-100000-other"),
        ("20260101-100000-run", "20260101-100000-run"),
        ("other", "20260102-100000-other"),
        ("run", "20260101-100001-my-run"),
        ("my run", "20260101-100001-my-run"),
    ],
)
def test_a_run_is_found_by_its_name_or_as_the_latest(home: Path, name: str, found: str) -> None:
    assert find_run(name, home).info.id == found
    assert find_run(str(home / "runs" / found), Path("nowhere")).info.id == found


def test_a_run_that_is_not_there_is_said_with_those_that_are(home: Path, tmp_path: Path) -> None:
    known = "20260101-100000-run, 20260101-100001-my-run, 20260102-100000-other"
    with pytest.raises(RunError, match=f"There is no run 'x' in .*; the last ones are {known}"):
        find_run("x", home)
    with pytest.raises(RunError, match="make one with `rag eval run`"):
        find_run("latest", tmp_path / "none")
    assert [folder.name for folder in run_folders(home)] == known.split(", ")


def test_a_run_of_a_set_is_found_among_others(home: Path) -> None:
    for name, files in (("20260101-100000-run", ["stories"]), ("20260101-100001-my-run", ["a", "stories"])):
        path = home / "runs" / name / "run.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "case_files": files}))
    own = str(home / "runs" / "20260101-100000-run")

    assert [find_run(name, home, of_set="stories").info.id for name in ("latest", "run", own)] == [
        "20260101-100000-run"
    ] * 3
    with pytest.raises(RunError, match=r"no run 'my-run' of the set stories in .*; the last ones are 2026"):
        find_run("my-run", home, of_set="stories")
    with pytest.raises(RunError, match=r"no run 'latest' of the set seeds.*`rag eval run --set seeds`"):
        find_run("latest", home, of_set="seeds")
    with pytest.raises(RunError, match="of the set seeds"):
        find_run(own, home, of_set="seeds")


def test_a_slug_is_a_name_that_a_folder_may_have() -> None:
    assert [slug(name) for name in ("a b", "../..", "", "a=1,b=2")] == ["a-b", "run", "run", "a=1,b=2"]


# --- what is never written down


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("https://me:pass@host/v1", "https://host/v1"),
        ("https://me:p@ss/w@host/v1", "https://host/v1"),
        ("http://host/v1?api_key=abc&top=1", "http://host/v1?&top=1"),
        ("http://host/v1?x=1&access_token=abc#y", "http://host/v1?x=1&#y"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer "),
        ("the key sk-proj-12345678 is wrong", "the key  is wrong"),
        (
            "openai:gpt-4o-mini, a@b.org, top_k=4, risk-taking",
            "openai:gpt-4o-mini, a@b.org, top_k=4, risk-taking",
        ),
    ],
)
def test_secrets_are_taken_out(text: str, left: str) -> None:
    assert without_secrets(text) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("No such file: '/home/me/news/a.txt'", "No such file: '…/a.txt'"),
        ("file:///home/me/a.txt and ~/x/b.txt", "…/a.txt and …/b.txt"),
        ("6/7 November, and/or http://host/v1/chat", "6/7 November, and/or http://host/v1/chat"),
        ("https://me:pass@host/v1/x", "https://host/v1/x"),
    ],
)
def test_folders_of_this_machine_are_taken_out(text: str, left: str) -> None:
    assert without_places(text) == left
