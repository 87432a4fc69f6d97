from __future__ import annotations

import re
from pathlib import Path

import pytest
from llama_index.core.llms import MockLLM

from evals import Run, compare, load_run
from evals.cases import Placed, placed_cases
from evals.engines import settings_of
from evals.summary import BY_TAG
from evals.sweeping import SHOWN, Trial, combinations, html, label_of, markdown, rows, sweep
from rag import QueryEngine
from rag.errors import UsageError

CASES: list[Placed] = placed_cases()[::30]

# --- combinations


def test_every_combination_is_tried_in_order() -> None:
    assert combinations(["top_k=4, 8", "RAG_Passage_Tokens=128,200,"]) == [
        {"top_k": "4", "passage_tokens": "128"},
        {"top_k": "4", "passage_tokens": "200"},
        {"top_k": "8", "passage_tokens": "128"},
        {"top_k": "8", "passage_tokens": "200"},
    ]
    assert combinations(["top_k=4,4"]) == [{"top_k": "4"}]
    assert combinations([]) == [{}]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["top_k"], "--set top_k: write name=value,value, such as top_k=4,8."),
        (["top_k=,"], "--set top_k=,: write name=value,value"),
        (["=4"], "--set =4: write name=value,value"),
        (["top_k=4", "rag_top_k=8"], "--set top_k is given twice; write all its values in one."),
        (["index=a,b"], "--set index: this is no setting to sweep"),
        (["openai_api_key=a,b"], "--set openai_api_key: this is no setting to sweep"),
        (
            [f"top_k={','.join(map(str, range(1, 10)))}", "candidates=10,20,30,40,50,60"],
            "These are 54 combinations; a sweep takes 50.",
        ),
    ],
)
def test_what_cannot_be_swept_is_refused(given: list[str], told: str) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        combinations(given)


def test_a_label_names_the_settings_without_passwords() -> None:
    given = {"top_k": "4", "llm_base_url": "http://me:pass@host/v1", "judge_base_url": "http://x:y@host/v2"}

    assert label_of(given) == "top_k=4,llm_base_url=http://host/v1,judge_base_url=http://host/v2"


# --- trials


def tried(engine: QueryEngine, home: Path, *given: str) -> tuple[list[Trial], list[tuple[int, int, str]]]:
    steps: list[tuple[int, int, str]] = []
    trials = [(each, settings_of([f"{k}={v}" for k, v in each.items()])) for each in combinations(given)]
    made = sweep(
        CASES,
        engine,
        trials,
        home=home,
        name="try",
        progress=lambda *step: steps.append(step),
        about={"case_files": ("seeds",)},
    )
    return made, steps


@pytest.fixture(scope="module")
def trials(engine: QueryEngine, tmp_path_factory: pytest.TempPathFactory) -> list[Trial]:
    """The same cases with one passage and with eight, in passages as they are and in short ones."""
    return tried(engine, tmp_path_factory.mktemp("home"), "top_k=1,8", "passage_tokens=256,64")[0]


def home_of(run: Run) -> Path:
    assert run.folder is not None
    return run.folder.parent.parent


def test_each_trial_is_a_run_with_its_settings(trials: list[Trial], engine: QueryEngine) -> None:
    passages = engine.index.catalogue.passage_count()
    runs = [trial.run for trial in trials]

    assert [trial.label for trial in trials] == [
        "top_k=1,passage_tokens=256",
        "top_k=1,passage_tokens=64",
        "top_k=8,passage_tokens=256",
        "top_k=8,passage_tokens=64",
    ]
    assert [(run.info.settings["top_k"], run.info.index["passage_tokens"]) for run in runs] == [
        (1, 256), (1, 64), (8, 256), (8, 64),
    ]  # fmt: skip
    assert [len(run.records[0].sources) for run in runs] == [1, 1, passages, 8]
    assert all(run.info.case_files == ("seeds",) for run in runs)
    assert all(load_run(run.folder or "") == run for run in runs)
    assert [run.info.name for run in runs] == [f"try-{trial.label}" for trial in trials]


def test_short_passages_have_an_index_of_their_own_and_the_others_are_left_alone(
    trials: list[Trial], engine: QueryEngine
) -> None:
    counts = [trial.run.info.index["passages"] for trial in trials]

    assert counts[0] == counts[2] == engine.index.catalogue.passage_count() < int(counts[1])
    assert counts[1] == counts[3]
    assert engine.index.catalogue.recipe.passage_tokens == 256
    assert len(list((home_of(trials[0].run) / "indexes").iterdir())) == 1
    prints = [trial.run.info.index["fingerprint"] for trial in trials]
    assert prints[0] == prints[2] != prints[1] == prints[3]


def test_the_first_trial_is_what_the_others_are_held_against(trials: list[Trial]) -> None:
    first, *others = trials

    assert first.comparison is None
    assert [trial.comparison for trial in others] == [compare(first.run, trial.run) for trial in others]
    assert [row.verdict for row in rows(trials)] == [
        "the first",
        *(trial.comparison.conclusion for trial in others if trial.comparison),
    ]


def test_the_rows_hold_quality_and_time(trials: list[Trial]) -> None:
    row = rows(trials)[0]
    metrics = {entry["name"]: entry["value"] for entry in trials[0].run.summary["metrics"]}

    assert row.values == tuple(metrics[name] for name in SHOWN)
    assert set(BY_TAG) <= set(SHOWN)
    assert row.median_seconds is not None
    assert row.median_seconds > 0


def test_progress_goes_on_through_the_trials(engine: QueryEngine, tmp_path: Path) -> None:
    _, steps = tried(engine, tmp_path, "top_k=1,2")

    assert steps == [(n, len(CASES), p.case.id) for _ in range(2) for n, p in enumerate(CASES, start=1)]
    assert not (tmp_path / "indexes").exists()


def test_a_model_of_ones_own_and_another_backend_are_used(engine: QueryEngine, tmp_path: Path) -> None:
    llm = MockLLM()
    base = QueryEngine(engine.index, embedding=engine.embedding, settings=engine.settings, llm=llm)
    alike, other, short = (
        tried(base, tmp_path / name, *given)[0]
        for name, given in (
            ("a", ["top_k=2"]),
            ("b", ["embedding_backend=onnxruntime"]),
            ("c", ["passage_tokens=64"]),
        )
    )

    for made in (alike, other, short):
        assert any(record.notice for record in made[0].run.records), "the model said nothing of use"
    assert other[0].run.info.settings["embedding_backend"] == "onnxruntime"


# --- tables


def test_a_sweep_is_a_table_in_markdown(trials: list[Trial]) -> None:
    lines = markdown(trials).splitlines()

    assert lines[0] == f"| settings | {' | '.join(SHOWN)} | median time | against the first |"
    assert lines[1] == "|" + " --- |" * 9
    assert len(lines) == 6
    assert lines[2].startswith("| top_k=1,passage_tokens=256 | ")
    assert lines[2].endswith(" | the first |")


def test_a_bar_in_a_label_is_no_bar_of_the_table(trials: list[Trial]) -> None:
    line = markdown([trials[0]._replace(label="a|b")]).splitlines()[2]

    assert line.startswith(r"| a\|b | ")


def test_a_sweep_is_a_page_that_fetches_nothing(trials: list[Trial]) -> None:
    page = html([trials[0]._replace(label="<b>&"), *trials[1:]])

    assert page.count("<svg") == 1
    assert page.count('<th scope="row">') == 4
    assert "&lt;b&gt;&amp;" in page
    assert "<b>" not in page
    assert not re.search(r"(src|href)=|<script|@import|url\(", page)


def test_a_run_in_which_all_crashed_has_no_point_and_no_time(trials: list[Trial]) -> None:
    crashed = {**trials[0].run.summary, "speed": {"stages": []}, "metrics": []}
    run = Run(info=trials[0].run.info, cases=(), records=(), summary=crashed)
    (row,) = rows([Trial("none", run, None)])

    assert (row.values, row.median_seconds) == ((None,) * len(SHOWN), None)
    assert "none" in html([Trial("none", run, None)])
