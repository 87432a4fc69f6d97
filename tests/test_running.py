from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.chat_engine.types import AgentChatResponse
from pydantic import SecretStr

import prompts
from evals import Case, CaseError, Corpus, Run, RunError, load_run, rescore, run, running, save_reports
from evals.cases import Placed, placed_cases
from evals.markdown import to_markdown
from evals.running import models, new_folder, packages, public_settings
from evals.scores import Gold, Score
from evals.webpage import to_html
from rag import QueryEngine
from rag.schema import Span
from rag.settings import Settings
from tests.conftest import ROOT, SEEDS
from tests.fake_engines import (
    ARTICLES,
    KILLED,
    LEFT,
    TALKS,
    Answered,
    FakeChat,
    FakeEngine,
    case,
    node,
    responded,
)

SMALL = placed_cases()[::15]
KEY = "sk-very-secret-key"


@pytest.fixture(scope="module")
def made(engine: QueryEngine, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run over some of the built-in cases, kept in a folder. Read it only."""
    return run(SMALL, engine, name="small", folder=tmp_path_factory.mktemp("runs") / "first")


def folder_of(found: Run) -> Path:
    assert found.folder is not None
    return found.folder


def measured(found: Run) -> dict[str, Any]:
    """Return the summary but for what the clock says."""
    return {name: value for name, value in found.summary.items() if name != "speed"}


def timeless(found: Run) -> list[dict[str, Any]]:
    return [record.model_dump(exclude={"seconds"}) for record in found.records]


# --- a run


def test_a_run_asks_grades_and_says_how_it_was_made(made: Run, engine: QueryEngine) -> None:
    info = made.info

    assert (info.id, info.name, info.finished, info.workers) == ("first", "small", True, 1)
    assert (info.engine, info.model) == ("rag.engine.QueryEngine", "quoting")
    assert info.settings["top_k"] == 8
    assert info.prompts == {
        name: prompts.version(name)
        for name in ("answer.system", "answer.user", "condense.system", "condense.user")
    }
    assert info.packages == packages()
    assert info.packages["llama-index-core"]
    assert info.models == models()
    assert info.wall_seconds > 0
    assert info.index | {"fingerprint": ""} == {
        "fingerprint": "",
        "articles": 2,
        "passages": engine.index.catalogue.passage_count(),
        "embedding": engine.index.catalogue.recipe.embedding,
        "passage_tokens": 256,
    }
    assert made.cases == tuple(placed.case for placed in SMALL)
    assert [record.case for record in made.records] == list(made.scores) == list(made.gold)
    assert {source.passage for record in made.records for source in record.sources} == set(made.passages)
    assert made.score(made.cases[0].id, "passed").value == 1.0
    assert made.summary["graded"] == made.summary["cases"] == len(SMALL)


def test_its_folder_holds_all_of_it_and_both_reports(made: Run) -> None:
    loaded = load_run(folder_of(made))

    assert loaded == made
    assert sorted(path.name for path in folder_of(made).iterdir()) == [
        "cases.jsonl",
        "passages.jsonl",
        "records.jsonl",
        "report.html",
        "report.md",
        "run.json",
        "scores.jsonl",
        "summary.json",
    ]
    assert (folder_of(made) / "report.md").read_text(encoding="utf-8") == to_markdown(made)
    assert (folder_of(made) / "report.html").read_text(encoding="utf-8") == to_html(made)


def test_asking_again_gives_the_same_grades_and_metrics(made: Run, engine: QueryEngine) -> None:
    again = run(SMALL, engine)

    assert timeless(again) == timeless(made)
    assert again.scores == made.scores
    assert measured(again) == measured(made)
    assert again.info.index == made.info.index
    assert again.info.cases_digest == made.info.cases_digest
    assert again.folder is None


def test_four_workers_give_what_one_gives(made: Run, engine: QueryEngine) -> None:
    seen: list[tuple[int, int, str]] = []
    again = run(SMALL, engine, workers=4, progress=lambda *step: seen.append(step))

    assert timeless(again) == timeless(made)
    assert measured(again) == measured(made)
    assert seen == [(n, len(SMALL), p.case.id) for n, p in enumerate(SMALL, start=1)]


def test_grading_again_from_the_records_changes_nothing(made: Run) -> None:
    again = rescore(load_run(folder_of(made)))

    assert again == made


def test_grading_again_keeps_what_a_judge_and_people_said(made: Run) -> None:
    said = replace(made, summary={**made.summary, "judged": {"n": 1}, "labels": {"n": 2}}, scores={})
    again = rescore(said)

    assert (again.summary["judged"], again.summary["labels"]) == ({"n": 1}, {"n": 2})
    assert again.scores == made.scores


def plain_types(value: Any) -> set[type]:
    if isinstance(value, dict):
        return {str} | {type(key) for key in value} | set().union(*map(plain_types, value.values()), set())
    if isinstance(value, list):
        return set().union(*map(plain_types, value), set())
    return {type(value)}


def test_the_summary_is_plain_json(made: Run) -> None:
    assert json.loads(json.dumps(made.summary, allow_nan=False)) == made.summary
    assert plain_types(made.summary) <= {str, int, float, bool, type(None)}


def test_what_the_source_of_a_case_is_stands_as_gold(engine: QueryEngine) -> None:
    name = min(path.name for path in SEEDS.iterdir())
    text = Corpus.of(engine.index).text_of(name) or ""
    expected = [{"article": name, "quote": text[10:60]}]
    found = run([case("Who mediated the talks?", expected_sources=expected)], engine)

    assert found.gold == {"Who mediated the talks?": ((Gold(name, (Span(10, 60),)),),)}


def test_a_package_that_is_not_installed_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PACKAGES", ("no-package-has-this-name", "numpy"))

    assert list(packages()) == ["numpy"]


def test_a_run_tells_the_bundled_models_apart() -> None:
    found = models()

    assert list(found) == ["minilm/model.onnx", "reader/reader.onnx"]
    assert found["minilm/model.onnx"] == "8199be6f699a"


# --- what is not written down


def test_a_folder_holds_no_key_no_password_and_no_path_of_this_machine(
    engine: QueryEngine, tmp_path: Path
) -> None:
    settings = Settings(
        openai_api_key=SecretStr(KEY),
        index=engine.settings.index,
        llm_base_url="https://me:hunter2@models.example/v1?api_key=hunter3",
        judge_base_url="http://hunter2@judge.example",
    )
    secretive = QueryEngine(engine.index, embedding=engine.embedding, settings=settings)
    kept = run(SMALL[:2], secretive, folder=tmp_path / "kept").folder
    assert kept is not None
    whole = "".join(path.read_text(encoding="utf-8") for path in kept.iterdir())

    for secret in (KEY, "hunter", str(tmp_path), str(ROOT), str(engine.index.folder), "file:", "/tmp/"):
        assert secret not in whole
    assert load_run(kept).info.settings["llm_base_url"] == "https://models.example/v1?"
    assert load_run(kept).info.settings["judge_base_url"] == "http://judge.example"


def test_settings_are_told_without_keys_and_paths() -> None:
    told = public_settings(Settings(openai_api_key=SecretStr(KEY), llm="openai:sk-abcdefghij", top_k=3))

    assert set(Settings.model_fields) - set(told) == {"openai_api_key", "index", "judge_cards"}
    assert (told["top_k"], told["llm"], told["llm_max_tokens"]) == (3, "openai:", 600)
    assert json.loads(json.dumps(told)) == told


# --- what is refused


def test_a_folder_that_holds_a_run_is_refused(made: Run, engine: QueryEngine) -> None:
    before = {path: path.read_bytes() for path in folder_of(made).iterdir()}

    with pytest.raises(RunError, match="first holds a run already; name another folder"):
        run(SMALL, engine, folder=folder_of(made))
    assert {path: path.read_bytes() for path in folder_of(made).iterdir()} == before


def test_a_folder_that_cannot_be_written_is_known_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    engine = FakeEngine({"q": "Yes."})

    with pytest.raises(RunError, match=re.escape("cannot be written (Not a directory); name another folder")):
        run([case("q")], engine, folder=tmp_path / "file" / "run", corpus=ARTICLES)
    assert engine.asked == []


def test_an_engine_of_another_kind_needs_its_articles() -> None:
    with pytest.raises(RunError, match=re.escape("give its articles: run(cases, engine, corpus=[...])")):
        run([case("q")], FakeEngine({"q": "Yes."}))


def test_a_chat_engine_is_not_asked_twice_at_a_time() -> None:
    chat = FakeChat(AgentChatResponse(response="On 7 November."))

    with pytest.raises(RunError, match="ask it with workers=1"):
        run([case("q")], chat, corpus=ARTICLES, workers=2)
    assert run([case("q")], chat, corpus=ARTICLES).records[0].text == "On 7 November."


@pytest.mark.parametrize(
    ("cases", "told"),
    [
        ([], "There is no case to ask; give at least one."),
        ([case("a"), case("b"), case("a")], "2 cases have the id 'a'; give each its own."),
        (
            [case("a", expected_sources=[{"article": "x.txt"}])],
            "case 'a': the article 'x.txt' is not in the index",
        ),
        (
            [Placed(case("a", expected_sources=[{"article": "x.txt"}]), "c.jsonl, line 7")],
            "c.jsonl, line 7: the article 'x.txt' is not in the index",
        ),
    ],
)
def test_cases_that_cannot_be_graded_are_refused(
    cases: list[Case | Placed], told: str, tmp_path: Path
) -> None:
    with pytest.raises(CaseError, match=re.escape(told)):
        run(cases, FakeEngine({}), corpus=ARTICLES, folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_reports_need_a_folder(made: Run) -> None:
    with pytest.raises(RunError, match="no folder"):
        save_reports(replace(made, folder=None))


# --- other engines


def test_the_answers_of_another_engine_are_graded_by_the_same_metrics(tmp_path: Path) -> None:
    cases = [
        case(
            "When?",
            must_include=["7 November"],
            expected_sources=[{"article": "talks.txt", "quote": LEFT}],
        ),
        case("Who won?", answerable=False),
    ]
    answers: dict[str, Answered] = {
        "When?": responded("On 7 November. [1] Fine. [2]", node(TALKS.text, score=0.9), node(TALKS.text)),
        "Who won?": "I don't know.",
    }
    found = run(cases, FakeEngine(answers), corpus=ARTICLES, folder=tmp_path / "run")
    grades = {name: found.score("When?", name) for name in found.scores["When?"]}

    assert found.info.engine == "tests.fake_engines.FakeEngine"
    assert (found.info.settings, found.info.prompts, found.info.model) == ({}, {}, "")
    assert set(found.info.index) == {"fingerprint", "articles"}
    assert grades["passed"] == Score(1.0)
    assert grades["distinct_passages"] == Score(0.5, "a passage was retrieved twice")
    assert grades["quotes_verbatim"] == grades["citation_recall"] == Score(1.0)
    assert found.score("Who won?", "declined_rightly") == Score(1.0)
    assert found.summary["cost"]["reason"] == "the engine does not tell its prompts"
    assert load_run(tmp_path / "run") == found
    assert Corpus.from_articles(ARTICLES).fingerprint != found.info.index["fingerprint"]


def test_a_corpus_may_be_given_as_it_is() -> None:
    found = run([case("q")], FakeEngine({"q": "Yes."}), corpus=Corpus.from_articles(ARTICLES))

    assert found.info.index["articles"] == 2


def test_one_may_tell_what_declines() -> None:
    found = run(
        [case("q", answerable=False)], FakeEngine({"q": "PASS"}), corpus=ARTICLES, declines="PASS".__eq__
    )

    assert found.records[0].status == "abstained"


def test_a_lone_surrogate_of_a_model_is_kept_as_it_is(tmp_path: Path) -> None:
    found = run([case("q")], FakeEngine({"q": "Yes \ud83d."}), corpus=ARTICLES, folder=tmp_path / "run")

    assert found.records[0].text == "Yes \ud83d."
    assert load_run(tmp_path / "run") == found


# --- what breaks


def test_a_crash_in_one_case_stops_nothing_and_counts_as_nothing(tmp_path: Path) -> None:
    cases = [case(name, must_include=["7 November"]) for name in ("a", "b", "c")]
    engine = FakeEngine(lambda question: ValueError("no") if question == "b" else LEFT)
    found = run(cases, engine, corpus=ARTICLES, folder=tmp_path / "run")

    assert engine.asked == ["a", "b", "c"]
    assert found.info.finished
    assert found.summary["crashed"] == [{"case": "b", "error": "ValueError: no"}]
    assert (found.summary["cases"], found.summary["graded"]) == (3, 2)
    passed = next(metric for metric in found.summary["metrics"] if metric["name"] == "passed")
    assert (passed["value"], passed["n"]) == (1.0, 2)
    assert passed["unscored"] == {"the case crashed: ValueError: no": 1}
    assert load_run(tmp_path / "run") == found


@pytest.mark.parametrize("workers", [1, 3])
def test_what_was_asked_before_an_interruption_is_kept_and_can_be_graded_again(
    tmp_path: Path, workers: int
) -> None:
    cases = [case(f"q{n}", must_include=["7 November"]) for n in range(6)]
    engine = FakeEngine(lambda question: KeyboardInterrupt() if question == "q3" else LEFT)

    with pytest.raises(KeyboardInterrupt):
        run(cases, engine, corpus=ARTICLES, folder=tmp_path / "run", workers=workers)

    found = load_run(tmp_path / "run")
    assert [record.case for record in found.records] == ["q0", "q1", "q2"]
    assert (found.info.finished, len(found.cases)) == (False, 6)
    assert (found.summary["cases"], found.summary["graded"]) == (6, 3)
    assert rescore(found) == found
    assert "q2" in to_html(found)
    assert to_markdown(found) == (tmp_path / "run" / "report.md").read_text(encoding="utf-8")


def test_an_interruption_before_the_first_answer_leaves_no_run(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run([case("q")], FakeEngine({"q": KeyboardInterrupt()}), corpus=ARTICLES, folder=tmp_path / "run")

    with pytest.raises(RunError, match=re.escape("is no finished run: run.json is missing")):
        load_run(tmp_path / "run")


@pytest.mark.parametrize("workers", [1, 3])
def test_progress_that_fails_leaves_what_was_asked(tmp_path: Path, workers: int) -> None:
    def broken(*_: object) -> None:
        raise BrokenPipeError("gone")

    with pytest.raises(BrokenPipeError, match="gone"):
        run(
            [case("a"), case("b")],
            FakeEngine(lambda _: LEFT),
            corpus=ARTICLES,
            folder=tmp_path / "run",
            progress=broken,
            workers=workers,
        )

    found = load_run(tmp_path / "run")
    assert ([record.case for record in found.records], found.info.finished) == (["a"], False)


@pytest.mark.parametrize("stage", ["score_all", "save_reports"])
def test_an_interruption_of_the_grading_leaves_a_run_that_can_be_graded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    cases = [case(name, must_include=["7 November"]) for name in ("a", "b")]
    monkeypatch.setattr(running, stage, interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(cases, FakeEngine(lambda _: LEFT), corpus=ARTICLES, folder=tmp_path / "run")
    monkeypatch.undo()

    found = load_run(tmp_path / "run")
    assert (len(found.records), found.info.finished, found.scores) == (2, False, {})
    assert (found.summary["cases"], found.summary["graded"]) == (2, 0)
    assert "0" in to_markdown(found)
    again = rescore(found)
    assert (again.info.finished, again.score("b", "passed")) == (True, Score(1.0))
    save_reports(again)
    assert load_run(tmp_path / "run") == again


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_case_whose_passages_are_elsewhere_is_graded_all_the_same() -> None:
    expected = [{"article": "talks.txt", "quote": LEFT}]
    answer = responded("Yes. [1]", node(KILLED, file_name="talks.txt"), node("Gone.", file_path="/x/y.txt"))
    found = run([case("q", expected_sources=expected)], FakeEngine({"q": answer}), corpus=ARTICLES)

    assert found.score("q", "quote_recall_at_5") == Score(0.0)
    assert found.score("q", "article_recall_at_1") == Score(1.0)
    assert found.score("q", "citation_recall") == Score(0.0)


# --- folders


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("run", "run"),
        ("my run/../x", "my-run-..-x"),
        ("top_k=4,passage_tokens=128", "top_k=4,passage_tokens=128"),
        ("é ü", "é-ü"),
        ("///", "run"),
        ("x" * 300, "x" * 100),
    ],
)
def test_a_new_folder_is_named_by_time_and_name_and_is_never_there(
    tmp_path: Path, name: str, slug: str
) -> None:
    folders: list[Path] = []
    for _ in range(3):
        folders.append(new_folder(tmp_path, name))
        folders[-1].mkdir()

    assert len(set(folders)) == 3
    assert re.fullmatch(rf"\d{{8}}-\d{{6}}-{re.escape(slug)}", folders[0].name)
    assert all(folder.parent == tmp_path for folder in folders)


def test_the_folder_at_hand_has_a_name_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = run([case("q")], FakeEngine({"q": "Yes."}), corpus=ARTICLES, folder=".")

    assert found.info.id == tmp_path.name
    assert load_run(".") == found
