from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from evals import Run, RunError, load_run, rescore, run
from evals.judge import load_judgements
from evals.judging import CARDS, REPLIES, card_of, judge_of, judged, labelled, made_card
from evals.labels import load_labels
from rag.errors import UsageError
from rag.judging import SUPPORT, Judge
from rag.settings import Settings
from tests.fake_engines import ARTICLES, LEFT, FakeEngine, case, node, responded
from tests.openai_server import Handler, Json, OpenAIServer, reply


def says_yes(handler: Handler, body: Json) -> None:
    """Call every answer correct, and every sentence supported that is about a delegation."""
    asked = body["messages"][1]["content"]
    supported = "FULL" if "delegation" in asked.split("<cited>")[0] else "NONE"
    reply(supported if "<cited>" in asked else "CORRECT")(handler, body)


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        running.will(says_yes)
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def judge(server: OpenAIServer, home: Path) -> Judge:
    return judge_of(Settings(judge="openai:strict", judge_base_url=server.url), home, repeats=1)


@pytest.fixture
def made(tmp_path: Path) -> Run:
    """A run of one case, whose answer has one sentence with one footnote."""
    return run(
        [case("When?", expected_answer=LEFT, must_include=["7 November"])],
        FakeEngine({"When?": responded(f"{LEFT} [1]", node(LEFT))}),
        corpus=ARTICLES,
        folder=tmp_path / "run",
    )


@pytest.fixture
def claims(tmp_path: Path) -> Path:
    """Two claims of WiCE, on which the judge agrees with people."""
    rows = [
        {
            "claim": f"{who} left.",
            "label": label,
            "evidence": [f"{who} left."],
            "meta": {"id": who, "claim_title": "T", "claim_section": "S", "claim_context": ""},
            "supporting_sentences": [[0]],
        }
        for who, label in (("The delegation", "supported"), ("The court", "not_supported"))
    ]
    path = tmp_path / "wice.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def test_a_judge_keeps_its_replies_below_the_home_of_the_runs(judge: Judge, home: Path, made: Run) -> None:
    judged(made, judge, home)

    assert (judge.name, judge.repeats) == ("strict", 1)
    assert [path.name for path in home.iterdir()] == [REPLIES]


def test_without_a_judge_there_is_nothing_to_ask(home: Path) -> None:
    with pytest.raises(UsageError, match="RAG_JUDGE"):
        judge_of(Settings(), home, repeats=1)


def test_a_home_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(RunError, match="cannot be written"):
        judge_of(Settings(judge="openai:strict"), tmp_path / "file" / "home", repeats=1)


def test_what_a_judge_says_is_a_layer_of_its_own(judge: Judge, home: Path, made: Run) -> None:
    steps: list[str] = []
    found = judged(made, judge, home, progress=lambda *step: steps.append(step[2]))
    layer = found.summary["judged"]

    assert layer["model"] == "strict"
    assert layer["card"] is None
    assert len(steps) == 2
    assert {**found.summary, "judged": None} == made.summary
    assert (found.scores, found.records) == (made.scores, made.records)
    assert made.folder is not None
    assert load_run(made.folder) == found
    assert len(load_judgements(made.folder)) == 2
    assert "strict" in (made.folder / "report.md").read_text(encoding="utf-8")
    assert rescore(found).summary["judged"] == layer


def test_a_run_without_a_folder_is_judged_too(judge: Judge, home: Path) -> None:
    loose = run([case("q")], FakeEngine({"q": "Yes."}), corpus=ARTICLES)

    assert judged(loose, judge, home).summary["judged"]["model"] == "strict"


def test_a_card_is_made_from_claims_kept_and_shown_from_then_on(
    judge: Judge, home: Path, made: Run, claims: Path
) -> None:
    assert card_of(judge, home) is None

    first = judged(made, judge, home, claims=[claims])
    card = card_of(judge, home)
    again = judged(made, judge, home)

    assert card is not None
    assert (card.model, card.prompt, card.overall.n) == ("strict", judge.prompts[SUPPORT.name], 2)
    assert card.overall.balanced_accuracy == 1.0
    assert first.summary["judged"]["card"] == again.summary["judged"]["card"] == card.to_dict()
    assert len(list((home / CARDS).iterdir())) == 1


def test_a_card_may_be_made_from_some_of_the_claims(judge: Judge, home: Path, claims: Path) -> None:
    steps: list[int] = []
    card = made_card(judge, [claims, claims], home, limit=2, progress=lambda n, _, __: steps.append(n))

    assert (card.overall.n, steps) == (2, [1, 2])
    assert card_of(judge, home) == card


def test_labels_of_people_are_a_layer_of_its_own(made: Run, tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("case,label,value,who\nWhen?,correct,yes,Ann\n")
    found = labelled(made, file)

    assert made.folder is not None
    assert found.added == len(load_labels(made.folder)) == 1
    assert found.run.summary["labels"]["correct"]["n"] == 1
    assert {**found.run.summary, "labels": None} == made.summary
    assert load_run(made.folder) == found.run
    assert rescore(found.run).summary["labels"] == found.run.summary["labels"]


def test_labels_need_a_folder(tmp_path: Path) -> None:
    loose = run([case("q")], FakeEngine({"q": "Yes."}), corpus=ARTICLES)

    with pytest.raises(RunError, match="no folder"):
        labelled(loose, tmp_path / "labels.csv")
