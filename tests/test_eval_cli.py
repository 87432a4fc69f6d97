from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from evals.cases import SEEDS as SEED_CASES
from evals.sets import SETS, CaseSet
from tests.commands import RAG, Rag, is_one_line, process, rag_fixture  # noqa: F401  # used by name
from tests.conftest import ROOT, SEEDS
from tests.openai_server import OpenAIServer, reply

PINNED = ("--tag", "pinned")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of runs with one run of the pinned cases, called `first`. Read it only."""
    home = tmp_path_factory.mktemp("evals")
    done = process("eval", "run", *PINNED, "--name", "first", "--home", str(home), "--quiet")
    assert (done.code, done.out, done.err) == (0, "", "")
    return home


@pytest.fixture
def home(ran: Path, tmp_path: Path) -> Path:
    return shutil.copytree(ran, tmp_path / "home")


def first_run(home: Path) -> Path:
    (folder,) = (home / "runs").glob("*-first")
    return folder


def test_help_lists_the_commands(rag: Rag) -> None:
    code, out, err = rag("eval", "--help")

    assert (code, err) == (0, "")
    for command in (
        "run", "show", "list", "score", "compare", "gate", "bless", "sweep", "fit", "add", "draft", "label",
        "judge-card",
    ):  # fmt: skip
        assert f"\n  {command} " in out


def test_a_run_is_printed_and_kept(rag: Rag, home: Path) -> None:
    code, out, err = rag("eval", "run", *PINNED, "--limit", "3", "--name", "small", "--home", home)

    assert (code, err) == (0, "")
    assert out.startswith("small · 3 cases, 3 graded\n")
    for words in ("quotes verbatim", "facts covered", "Speed", "Run folder"):
        assert words in out
    (folder,) = (home / "runs").glob("*-small")
    assert {path.name for path in folder.iterdir()} == {
        "run.json", "cases.jsonl", "records.jsonl", "passages.jsonl", "scores.jsonl", "summary.json",
        "report.md", "report.html",
    }  # fmt: skip
    assert json.loads((folder / "run.json").read_text())["case_files"] == ["seeds"]


def test_the_pinned_cases_pass(ran: Path) -> None:
    scores = [json.loads(line) for line in (first_run(ran) / "scores.jsonl").read_text().splitlines()]

    failed = [line for line in scores if line["metric"] == "passed" and line["value"] != 1]
    assert failed == []


def test_json_is_the_summary(rag: Rag, home: Path) -> None:
    code, out, err = rag("eval", "show", "first", "--home", home, "--json")
    shown = json.loads(out)

    assert (code, err) == (0, "")
    assert shown.pop("run") == str(first_run(home))
    assert shown == json.loads((first_run(home) / "summary.json").read_text())


def test_show_and_list_find_runs_by_name(rag: Rag, home: Path) -> None:
    assert (
        rag("eval", "show", "latest", "--home", home).out == rag("eval", "show", "first", "--home", home).out
    )
    assert rag("eval", "list", "--home", home).out.startswith(f"{first_run(home).name}  20")
    code, out, err = rag("eval", "show", "nosuch", "--home", home)
    assert (code, out) == (2, "")
    assert err == (f"rag: There is no run 'nosuch' in {home}; the last ones are {first_run(home).name}.\n")


def test_score_grades_again_without_asking(rag: Rag, home: Path) -> None:
    before = (first_run(home) / "scores.jsonl").read_text()
    (first_run(home) / "scores.jsonl").write_text("")

    assert rag("eval", "score", "first", "--home", home, "--quiet") == (0, "", "")
    assert (first_run(home) / "scores.jsonl").read_text() == before


def test_the_same_run_twice_shows_no_difference(rag: Rag, home: Path) -> None:
    assert rag("eval", "run", *PINNED, "--name", "again", "--home", home, "--quiet").code == 0
    code, out, err = rag("eval", "compare", "first", "again", "--home", home)

    assert (code, err) == (0, "")
    assert out.endswith("No difference can be claimed: every case has the same grades in both runs.\n")
    compared = json.loads(rag("eval", "compare", "first", "again", "--home", home, "--json").out)
    assert {metric["verdict"] for metric in compared["metrics"]} <= {"the same", "not compared"}


def test_the_gate_lets_an_equal_run_pass_and_stops_a_broken_one(rag: Rag, home: Path, tmp_path: Path) -> None:
    baseline = tmp_path / "baseline"

    code, out, _ = rag("eval", "gate", "first", "--baseline", baseline, "--home", home)
    assert (code, "There is no baseline" in out) == (0, True)
    assert rag("eval", "bless", "first", "--baseline", baseline, "--home", home).code == 0
    assert rag("eval", "gate", "first", "--baseline", baseline, "--home", home).code == 0

    settings = ("--set", "min_confidence=1")
    assert rag("eval", "run", *PINNED, *settings, "--name", "mute", "--home", home, "--quiet").code == 0
    code, out, err = rag("eval", "gate", "mute", "--baseline", baseline, "--home", home)
    assert (code, err) == (1, "")
    assert "mediators" in out
    assert out.splitlines()[-1].startswith("Failed: ")


def test_a_set_is_asked_over_its_own_articles_and_gated_by_its_own_runs(rag: Rag, home: Path) -> None:
    few = ("--limit", "2", "--home", home, "--quiet")
    assert rag("eval", "run", "--set", "direction", "--set", "top_k=4", "--name", "who", *few) == (0, "", "")
    assert rag("eval", "run", "--name", "later", *few) == (0, "", "")
    (folder,) = (home / "runs").glob("*-who")
    info = json.loads((folder / "run.json").read_text())
    baseline = ("--set", "direction", "--baseline", home / "baseline", "--home", home)

    assert (info["case_files"], info["index"]["articles"], info["settings"]["top_k"]) == (["direction"], 5, 4)
    assert rag("eval", "bless", *baseline).out.startswith(f"{folder.name} is the baseline now: ")
    code, out, err = rag("eval", "gate", *baseline)
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == f"Passed: {folder.name} against {home / 'baseline'}."
    assert rag("eval", "gate", "later", *baseline).code == 2


@pytest.mark.parametrize("chosen", SETS.values(), ids=SETS)
def test_a_run_of_a_set_is_held_against_the_baseline_of_the_set(
    rag: Rag, home: Path, monkeypatch: pytest.MonkeyPatch, chosen: CaseSet
) -> None:
    path = first_run(home) / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "case_files": [chosen.name]}))
    monkeypatch.setitem(SETS, chosen.name, chosen._replace(baseline=home / "own"))

    assert rag("eval", "bless", "--home", home).out.endswith(f"{home / 'own'}. Commit it.\n")
    assert rag("eval", "gate", "--set", chosen.name, "--home", home).code == 0


def test_the_seeds_baseline_is_committed_and_whole() -> None:
    from evals import load_cases, load_run

    blessed = load_run(SEED_CASES.parent / "seeds.baseline")

    assert {case.id: case.fingerprint for case in blessed.cases} == {
        case.id: case.fingerprint for case in load_cases()
    }
    assert not [record.error for record in blessed.records if record.error]


def test_a_fit_prints_the_setting(rag: Rag, home: Path) -> None:
    assert rag("eval", "run", "--name", "all", "--home", home, "--quiet").code == 0
    code, out, err = rag("eval", "fit", "--run", "all", "--home", home)

    assert (code, err) == (0, "")
    threshold = out.splitlines()[-1].removeprefix("RAG_MIN_CONFIDENCE=")
    assert 0 <= float(threshold) <= 1
    fitted = json.loads(rag("eval", "fit", "--run", "all", "--home", home, "--json").out)
    assert f"{fitted['min_confidence']:.6g}" == threshold
    assert fitted["chosen"]["wrongly_declined"] <= 0.05


def test_a_sweep_draws_quality_against_time(rag: Rag, home: Path) -> None:
    code, out, err = rag("eval", "sweep", *PINNED, "--limit", "4", "--set", "top_k=1,2", "--home", home)

    assert (code, err) == (0, "")
    assert "top_k=1" in out
    (page,) = (home / "sweeps").glob("*.html")
    assert "<svg" in page.read_text()
    assert len(list((home / "runs").glob("*-sweep-top_k=*"))) == 2


def test_draft_and_add_make_a_file_of_cases(
    rag: Rag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    article = next(iter(sorted(SEEDS.iterdir())))
    code, out, err = rag("eval", "draft", article, "--limit", "3")
    assert (code, err) == (0, "")
    (tmp_path / "drafts.jsonl").write_text(out)
    monkeypatch.setattr("sys.stdin", io.StringIO("keep\nskip\nstop\n"))

    code, out, err = rag("eval", "add", tmp_path / "mine.jsonl", "--from", tmp_path / "drafts.jsonl")

    assert (code, err) == (0, "")
    assert out.endswith("1 of 3 drafts are in " + f"{tmp_path / 'mine.jsonl'}.\n")
    assert len((tmp_path / "mine.jsonl").read_text().splitlines()) == 1
    code, out, err = rag(
        "eval", "run", tmp_path / "mine.jsonl", "--articles", SEEDS, "--home", tmp_path / "home", "--quiet"
    )
    assert (code, out, err) == (0, "", "")


def test_adding_a_case_is_broken_off_without_a_trace(
    rag: Rag, seeds_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("Who mediated the talks?\n"))

    code, _, err = rag("eval", "add", tmp_path / "mine.jsonl", "--index", seeds_index)

    assert code == 1
    assert err.splitlines()[-1] == "rag: Interrupted; what was finished before is kept."
    assert not (tmp_path / "mine.jsonl").exists()


def test_labels_are_imported_by_id(rag: Rag, home: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("case,label,value,who\nmediators,correct,yes,Ada\n")

    assert rag("eval", "label", labels, "first", "--home", home).out.startswith("1 labels added")
    summary = json.loads((first_run(home) / "summary.json").read_text())
    assert summary["labels"]["correct"]["n"] == 1
    labels.write_text("case,label,value,who\nnosuch,correct,yes,Ada\n")
    code, _, err = rag("eval", "label", labels, "first", "--home", home)
    assert (code, is_one_line(err)) == (2, True)


def test_a_judge_is_asked_and_its_figures_stand_beside_its_card(
    rag: Rag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with OpenAIServer() as server:
        server.will(reply("full"))
        monkeypatch.setenv("RAG_JUDGE", "openai:judge-1")
        monkeypatch.setenv("RAG_JUDGE_BASE_URL", server.url)
        options = (*PINNED, "--limit", "2", "--judge", "--home", tmp_path / "home")
        code, out, err = rag("eval", "run", *options)
        asked = len(server.history)
        assert (code, err) == (0, "")
        assert "no agreement with people was measured" in " ".join(out.split())
        assert rag("eval", "run", *options, "--quiet").code == 0
        without_verdict = 2  # "full" is none when the judge is asked whether an answer is right
        assert len(server.history) == asked + without_verdict > 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "nosuch.jsonl"), "nosuch.jsonl cannot be read as cases (No such file or directory)."),
        (("run", "--tag", "nosuch"), "No case has the tag 'nosuch'."),
        (("run", "--set", "topk=4"), "Unknown setting topk. Did you mean top_k?"),
        (
            ("run", "--set", "top_k"),
            "--set top_k: no set of cases (seeds, stories, direction) and no setting, such as top_k=4.",
        ),
        (("run", "--set", "seeds", "--set", "stories"), "Name one set of cases, not seeds and stories."),
        (("run", "x.jsonl", "--set", "seeds"), "Name files of cases or a set, not both."),
        (("sweep", "--set", "stories"), "Nothing to sweep; write --set top_k=4,8 or the like."),
        (
            ("gate", "--set", "tales"),
            "There is no set of cases 'tales'; known are seeds, stories, direction.",
        ),
        (
            ("bless", "--set", "tales"),
            "There is no set of cases 'tales'; known are seeds, stories, direction.",
        ),
        (("fit", "--set", "tales"), "There is no set of cases 'tales'; known are seeds, stories, direction."),
        (("run", "--set", "top_k=0"), "RAG_TOP_K: Input should be greater than or equal to 1 (got '0')."),
        (("run", "--judge"), "No judge is set; set RAG_JUDGE to openai:<model>."),
        (("sweep",), "Nothing to sweep; write --set top_k=4,8 or the like."),
        (("sweep", "--set", "top_k="), "--set top_k=: write name=value,value, such as top_k=4,8."),
        (("draft", "nosuch.txt"), "nosuch.txt: no such file or folder; check the spelling."),
    ],
)
def test_wrong_usage_is_one_line(rag: Rag, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    home = () if arguments[0] == "draft" else ("--home", tmp_path / "home")

    code, out, err = rag("eval", *arguments, *home)

    assert (code > 0, out, err) == (True, "", f"rag: {message}\n")


def test_ctrl_c_keeps_what_was_asked(tmp_path: Path) -> None:
    command = [*RAG, "eval", "run", "--name", "cut", "--home", str(tmp_path)]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not list((tmp_path / "runs").glob("*-cut/records.jsonl")) and time.monotonic() < until:
        assert running.poll() is None
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)

    assert running.returncode == 1
    assert (out, err) == ("", "rag: Interrupted; what was finished before is kept.\n")


def test_a_killed_run_is_kept_as_far_as_it_came_and_can_be_graded(rag: Rag, tmp_path: Path) -> None:
    command = [*RAG, "eval", "run", "--name", "cut", "--home", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        while running.poll() is None and asked(tmp_path) < 3:
            pass
        running.kill()
    count = asked(tmp_path)

    assert 3 <= count < 90
    assert rag("eval", "list", "--home", tmp_path).out.endswith("(interrupted)\n")
    assert rag("eval", "score", "cut", "--home", tmp_path, "--quiet") == (0, "", "")
    shown = json.loads(rag("eval", "show", "cut", "--home", tmp_path, "--json").out)
    assert (shown["cases"], shown["graded"]) == (90, count)
    code, out, err = rag("eval", "bless", "cut", "--home", tmp_path, "--baseline", tmp_path / "baseline")
    assert (code, out, is_one_line(err)) == (2, "", True)


def asked(home: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in home.glob("runs/*/records.jsonl"))


def test_a_judge_card_is_made_and_stands_beside_the_figures(
    rag: Rag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = tmp_path / "claims.jsonl"
    labels = ("supported", "not_supported")
    claims.write_text(
        "".join(
            json.dumps(
                {
                    "claim": f"The bridge number {n} was closed.",
                    "evidence": ["A bridge was closed on Monday."],
                    "supporting_sentences": [[0]] if labels[n % 2] == "supported" else [],
                    "label": labels[n % 2],
                    "meta": {"id": f"c{n}"},
                }
            )
            + "\n"
            for n in range(6)
        )
    )
    with OpenAIServer() as server:
        server.will(reply("full"))
        monkeypatch.setenv("RAG_JUDGE", "openai:judge-1")
        monkeypatch.setenv("RAG_JUDGE_BASE_URL", server.url)
        code, out, err = rag("eval", "judge-card", claims, "--home", tmp_path / "home")
        assert (code, err) == (0, "")
        assert out.startswith("judge-1: not to be trusted: balanced accuracy 0.50 is below 0.70")
        card = json.loads(rag("eval", "judge-card", claims, "--home", tmp_path / "home", "--json").out)
        assert (card["n"], card["balanced_accuracy"], card["false_support_rate"]) == (6, 0.5, 1.0)

        options = (*PINNED, "--limit", "1", "--calibrate", claims, "--home", tmp_path / "home")
        code, out, err = rag("eval", "run", *options)
    assert (code, err) == (0, "")
    assert "not to be trusted" in " ".join(out.split())


def test_a_fit_asks_an_index_when_no_run_is_named(rag: Rag, home: Path, seeds_index: Path) -> None:
    code, out, err = rag("eval", "fit", SEED_CASES, "--index", seeds_index, "--home", home)

    assert (code, err) == (0, "")
    assert "RAG_MIN_CONFIDENCE=" in out


def test_a_fit_needs_cases_of_both_sorts_and_quoting(
    rag: Rag, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = rag("eval", "fit", "--run", "first", "--home", home)
    assert (code, out) == (2, "")
    assert "unanswerable cases with a confidence; a fit needs five" in err
    path = first_run(home) / "run.json"
    path.write_text(path.read_text().replace('"llm": null', '"llm": "openai:gpt-5"'))
    code, out, err = rag("eval", "fit", "--run", "first", "--home", home)
    assert (code, out) == (2, "")
    assert err == "rag: Only quoting declines by a threshold; unset RAG_LLM or name a run without a model.\n"


def test_a_bad_article_is_named_and_the_others_are_asked(rag: Rag, tmp_path: Path) -> None:
    folder = shutil.copytree(SEEDS, tmp_path / "articles")
    (folder / "bad.txt").touch()

    code, out, err = rag(
        "eval", "run", SEED_CASES, *PINNED, "--limit", "1", "--articles", folder, "--home", tmp_path, "--json"
    )

    assert (code, json.loads(out)["graded"]) == (0, 1)
    assert err == f"rag: {(folder / 'bad.txt').as_uri()}: empty file\n"


def test_articles_and_an_index_are_not_both_named(rag: Rag, tmp_path: Path) -> None:
    code, out, err = rag("eval", "run", "--articles", SEEDS, "--index", tmp_path, "--home", tmp_path)

    assert (code, out, err) == (2, "", "rag: Name articles or an index, not both.\n")
