from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from evals import background
from evals.background import Runner
from evals.cases import SEEDS, load_cases
from evals.listing import listed_runs
from evals.options import Choice
from evals.running import Progress, new_folder, run
from evals.runs import Run, RunError, load_run
from rag.engine import QueryEngine
from rag.settings import Settings
from tests.conftest import ROOT
from ui.drawn import recorded
from ui.excerpts import of_record

HOME = ".rag-evals"


@pytest.fixture(scope="module")
def cases() -> list[Any]:
    """Six of the built-in cases, with failures among them."""
    every = {case.id: case for case in load_cases(SEEDS)}
    return [every[name] for name in sorted(every)[:6]]


@pytest.fixture
def home(seeds_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home of runs, beside the index of the seeds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAG_INDEX", str(seeds_index))
    yield tmp_path / HOME
    st.cache_resource.clear()
    st.cache_data.clear()


def made(home: Path, engine: QueryEngine, cases: list[Any], name: str) -> Run:
    return run(
        cases, engine, name=name, folder=new_folder(home / "runs", name), about={"case_files": ("own.jsonl",)}
    )


def evals_page(**query: str) -> AppTest:
    page = AppTest.from_file(str(ROOT / "ui" / "app.py"), default_timeout=60).run()
    page.switch_page("evals_page.py")
    for name, value in query.items():
        page.query_params[name] = value
    return clean(page.run())


def clean(page: AppTest) -> AppTest:
    assert not page.exception
    return page


def drawn(page: AppTest, key: str) -> Any:
    found = [element for element in page.get("bidi_component") if element.key == key]
    return json.loads(found[-1].proto.json) if found else None


def cells(page: AppTest, key: str) -> list[list[str]]:
    data = drawn(page, key)
    return [row["cells"] for row in data["rows"]] if data else []


def words(element: Any) -> str:
    """Return a note as it is read, without what keeps Markdown out of it."""
    return str(element.value).replace("\u2060", "").replace("\\", "")


def press(page: AppTest, label: str) -> AppTest:
    return clean(next(button for button in page.button if button.label == label).click().run())


_started: list[Runner] = []
"""What the page makes runs with, the last one in the end."""


@pytest.fixture(autouse=True)
def _noted_runners(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Runner.__init__

    def noted(self: Runner, home: Path) -> None:
        original(self, home)
        _started.append(self)

    monkeypatch.setattr(background.Runner, "__init__", noted)


def test_without_runs_the_page_says_how_to_make_one(home: Path) -> None:
    page = evals_page()

    assert "There are no runs yet" in page.info[0].value
    assert page.selectbox[0].options == ["Built in: 90 questions about the two seed articles"]


def test_a_run_is_made_beside_the_page_and_listed(home: Path) -> None:
    page = evals_page()
    page.number_input[0].set_value(2)
    page.text_input[0].set_value("first")
    press(page, "Start")
    _started[-1].wait()
    page.run()

    assert words(page.success[0]) == "The run first is done: 2 of 2 cases asked."
    assert [row[0] for row in cells(page, "runs")] == ["first"]
    assert [row[3:5] for row in cells(page, "runs")] == [["2", "quoting"]]


def test_a_run_that_goes_on_is_seen_by_every_window_and_can_be_stopped(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def slow(*given: Any, progress: Progress, **more: Any) -> Run:
        def held(done: int, total: int, case: str) -> None:
            asked.set()
            go_on.wait(60)
            progress(done, total, case)

        return run(*given, progress=held, **more)

    monkeypatch.setattr(background, "run", slow)
    page = evals_page()
    press(page, "Start")
    assert asked.wait(60)
    other = evals_page()

    assert [button.label for button in other.button if "Stop" in button.label] == ["Stop the run"]
    press(other, "Start")
    assert "goes on; wait until it is done" in words(other.error[0])

    _started[-1].stop()
    go_on.set()
    _started[-1].wait()
    page.run()

    assert words(page.success[0]) == "The run page is stopped: 1 of 90 cases asked."
    assert [row[0] for row in cells(page, "runs")] == ["page (not finished)"]
    assert len(load_run(home / "runs" / listed_runs(home)[0].id).records) == 1


def test_cases_that_cannot_be_used_are_one_line(home: Path) -> None:
    page = evals_page()
    page.file_uploader[0].set_value(("mine.jsonl", b'{"question": 3}', "application/json"))
    press(page, "Start")

    assert len(page.error) == 1
    assert "mine.jsonl, line 1" in words(page.error[0])
    assert not (home / "cases" / "mine.jsonl").exists()


def test_cases_of_ones_own_are_asked_over_the_index_of_the_page(home: Path, cases: list[Any]) -> None:
    page = evals_page()
    case = cases[0].to_line().encode()
    page.file_uploader[0].set_value(("../mine.jsonl", case, "application/json"))
    press(page, "Start")
    _started[-1].wait()
    page.run()

    assert page.selectbox[0].options[1:] == ["mine.jsonl"]
    assert (home / "cases" / "mine.jsonl").read_bytes() == case
    assert [row[3] for row in cells(page, "runs")] == ["1"]


def test_a_run_shows_its_failures_first_and_its_figures(
    home: Path, engine: QueryEngine, cases: list[Any]
) -> None:
    strict = engine.with_options(min_confidence=1.0)
    page = evals_page(run=made(home, strict, cases, "strict").info.id)

    shown = cells(page, "cases")
    assert {row[1] for row in shown} == {"failed"}
    assert cells(page, "at-a-glance")[0][0] == "passed"
    titles = [element.key for element in page.get("bidi_component") if str(element.key).startswith("chart-")]
    assert len(titles) >= 2

    page.segmented_control(key="case-filter").set_value("All").run()
    assert len(cells(clean(page), "cases")) == 6


def test_a_case_is_shown_as_in_the_chat_with_what_was_expected(
    home: Path, engine: QueryEngine, cases: list[Any]
) -> None:
    done = made(home, engine, cases, "all")
    cited = next(record for record in done.records if record.citations)
    page = evals_page(run=done.info.id, case=cited.case)

    answer = drawn(page, "case-answer")
    assert answer["sentences"][0]["sources"]
    assert [note["quote"] for note in answer["notes"]] == [note.quote for note in cited.citations]
    assert {note["said"] for note in answer["notes"]} == {"These exact words stand in the article."}
    assert [subheader.value for subheader in page.subheader][:2] == ["Answer", "Expected"]


def test_a_declined_case_shows_the_closest_passages(
    home: Path, engine: QueryEngine, cases: list[Any]
) -> None:
    done = made(home, engine.with_options(min_confidence=1.0), cases, "all")
    page = evals_page(run=done.info.id, case=done.records[0].case)

    answer = drawn(page, "case-answer")
    assert answer["declined"] == "The articles do not answer this question."
    assert {note["group"] for note in answer["notes"]} == {"close"}


def test_a_quote_that_is_not_in_the_article_is_shown_as_unsupported(
    home: Path, engine: QueryEngine, cases: list[Any]
) -> None:
    done = made(home, engine, cases, "all")
    cited = next(record for record in done.records if record.citations)
    changed = cited.model_copy(
        update={
            "citations": tuple(note.model_copy(update={"quote": "Invented."}) for note in cited.citations)
        }
    )
    answer = recorded(changed, of_record(done, changed))

    assert "not verbatim" in answer["sentences"][0]["why"]
    assert {note["verdict"] for note in answer["notes"]} == {"unsupported"}


def test_two_runs_are_compared_case_by_case(home: Path, engine: QueryEngine, cases: list[Any]) -> None:
    before = made(home, engine, cases, "before")
    after = made(home, engine.with_options(min_confidence=1.0), cases, "after")
    page = press(evals_page(), "Compare")

    assert page.query_params["run"] == after.info.id
    assert page.query_params["against"] == before.info.id
    assert page.info[0].value
    assert cells(page, "broken")
    assert all(row[2] == "The articles do not answer this question." for row in cells(page, "broken"))
    assert ["settings.min_confidence", "0.2", "1.0"] in cells(page, "changes")


def test_a_run_becomes_the_baseline_once_that_is_confirmed(
    home: Path, engine: QueryEngine, cases: list[Any]
) -> None:
    page = evals_page(run=made(home, engine, cases, "good").info.id)
    press(page, "Make it the baseline")
    folder = home.parent / "own.baseline"
    assert not folder.exists()
    press(page, "Make it so")

    assert load_run(folder).info.name == "good"
    page = press(page, "Check it against the baseline")
    assert page.success[0].value.startswith("Passed.")


def test_an_address_of_no_run_shows_all_runs(home: Path) -> None:
    page = evals_page(run="../../etc", case="x")

    assert page.title[0].value == "Evals"


def test_a_run_that_crashes_says_so_in_one_line(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(background, "run", broken)
    page = evals_page()
    press(page, "Start")
    _started[-1].wait()
    page.run()

    assert "The run page failed" in page.error[0].value
    assert "secret detail" not in page.error[0].value
    assert "secret detail" in caplog.text


def test_there_must_be_an_index_for_cases_of_ones_own(home: Path, tmp_path: Path, cases: list[Any]) -> None:
    own = tmp_path / "own.jsonl"
    own.write_text(cases[0].to_line(), encoding="utf-8")

    with pytest.raises(RunError, match="no index to ask"):
        Runner(home).start("x", Choice([own]), Settings())


def test_a_damaged_run_is_left_out_of_the_list(home: Path, engine: QueryEngine, cases: list[Any]) -> None:
    made(home, engine, cases[:1], "whole")
    damaged = home / "runs" / "20260101-000000-damaged"
    damaged.mkdir()
    (damaged / "run.json").write_text("{", encoding="utf-8")

    assert [listed.name for listed in listed_runs(home)] == ["whole"]
