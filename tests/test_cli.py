from __future__ import annotations

import io
import json
import re
import shutil
import signal
import sys
from pathlib import Path

import pytest

from rag import cli
from rag.answer import Answer
from rag.console import print_html, print_json
from tests.answers import WHO, answer_by, streamed
from tests.commands import QUESTION, Rag, index_fixture, is_one_line, rag_fixture  # noqa: F401  # used by name
from tests.conftest import SEEDS

BOLD = f"\x1b[1m{WHO}\x1b[0m"


def test_ingest_says_what_it_did(rag: Rag, tmp_path: Path) -> None:
    folder = shutil.copytree(SEEDS, tmp_path / "articles")
    uris = sorted(path.as_uri() for path in folder.iterdir())

    assert rag("ingest", folder, "--index", tmp_path / "index") == (
        0, "2 added, 0 updated, 0 unchanged, 0 removed, 0 failed\n", ""
    )  # fmt: skip
    (folder / "bad.txt").touch()
    code, out, err = rag("ingest", folder, tmp_path / "gone", "--index", tmp_path / "index", "--json")
    assert json.loads(out) == {
        "added": [],
        "updated": [],
        "unchanged": uris,
        "removed": [],
        "failed": [
            {"uri": (folder / "bad.txt").as_uri(), "reason": "empty file"},
            {"uri": (tmp_path / "gone").as_uri(), "reason": "no such file or folder; check the spelling"},
        ],
    }
    assert code == 1
    assert err.splitlines() == [
        f"rag: {folder}/bad.txt: empty file",
        f"rag: {tmp_path}/gone: no such file or folder; check the spelling",
    ]
    (folder / "bad.txt").unlink()
    assert rag("ingest", folder, "--index", tmp_path / "index", "--quiet", "--prune") == (0, "", "")


def test_ask_prints_an_answer_with_its_footnotes(rag: Rag, index: Path) -> None:
    code, out, err = rag("ask", QUESTION, "--index", index)

    assert (code, err) == (0, "")
    assert "Turkey" in out
    assert "\n[1] " in out


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, answer: Answer) -> None:
    """Have a terminal that shows styles, and this answer to any question."""
    monkeypatch.setattr("rag.engine.QueryEngine.stream", lambda *_: streamed(answer))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")


def said_and_quoted(out: str) -> list[str]:
    """Return how the words that answer are printed in the sentence, and in the quote below it."""
    shown = re.findall(r"were saved, said (.*), 41\.(?: \[1\]|”)$", out, re.MULTILINE)
    assert len(shown) == 2
    return shown


def test_the_words_that_answer_are_bold_on_a_terminal(
    rag: Rag, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_terminal(monkeypatch, answer_by(WHO))

    assert said_and_quoted(rag("ask", "Who said it?", "--index", index).out) == [BOLD, BOLD]


@pytest.mark.parametrize("kind", ["pipe", "dumb"])
def test_words_are_plain_where_no_style_is_shown(
    rag: Rag, index: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    on_a_terminal(monkeypatch, answer_by(WHO))
    monkeypatch.setenv("TERM", kind)
    if kind == "pipe":
        monkeypatch.setattr(sys.stdout, "isatty", lambda: False)

    assert said_and_quoted(rag("ask", "Who said it?", "--index", index).out) == [WHO, WHO]


def test_what_a_model_writes_is_printed_as_it_comes_and_bold_in_the_quote_only(
    rag: Rag, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_terminal(monkeypatch, answer_by(WHO))
    monkeypatch.setenv("RAG_LLM", "openai:tiny")
    monkeypatch.setenv("RAG_LLM_BASE_URL", "http://127.0.0.1:9/v1")

    assert said_and_quoted(rag("ask", "Who said it?", "--index", index).out) == [WHO, BOLD]


def test_an_article_cannot_drive_a_terminal_with_the_words_that_answer(
    rag: Rag, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_terminal(monkeypatch, answer_by("\x1b[2Jred", quote="It was \x1b[2Jred."))

    out = rag("ask", "What was red?", "--index", index).out

    assert out.startswith("It was \x1b[1m[2Jred\x1b[0m. [1]\n")
    assert out.count("\x1b") == 4


def test_ask_json_prints_one_object(rag: Rag, index: Path) -> None:
    code, out, err = rag("ask", QUESTION, "--index", index, "--json", "--top-k", "3")
    answer = json.loads(out)

    assert (code, err) == (0, "")
    assert {
        "question", "status", "reason", "text", "sentences", "citations", "sources", "model", "seconds",
    } <= answer.keys()  # fmt: skip
    assert (answer["question"], answer["status"], answer["model"]) == (QUESTION, "answered", "quoting")
    assert {"text", "start", "end", "citations"} <= answer["sentences"][0].keys()
    assert {
        "number", "article_id", "title", "uri", "start", "end", "quote", "answer_start", "answer_end",
        "verdict",
    } <= answer["citations"][0].keys()  # fmt: skip
    assert {"article_id", "title", "start", "end", "score"} <= answer["sources"][0].keys()
    assert len(answer["sources"]) == 3


def test_ask_prints_markdown_or_a_page(rag: Rag, index: Path) -> None:
    code, out, err = rag("ask", QUESTION, "--index", index, "--md")
    assert (code, err) == (0, "")
    assert "\n\n[^1]: “" in out

    code, out, err = rag("ask", QUESTION, "--index", index, "--html")
    assert (code, err) == (0, "")
    assert out.startswith("<!doctype html>\n")
    assert out.endswith("</html>\n")
    assert f"<title>{QUESTION}</title>" in out


@pytest.mark.parametrize("form", ["--md", "--html"])
def test_ask_declines_in_every_form(rag: Rag, index: Path, form: str) -> None:
    code, out, err = rag("ask", "Who won the 2022 World Cup?", "--index", index, form)

    assert (code, err) == (3, "")
    assert "The articles do not answer this question." in out


@pytest.mark.parametrize("forms", [("--md", "--html"), ("--json", "--md"), ("--json", "--html", "--md")])
def test_ask_takes_one_form(rag: Rag, index: Path, forms: tuple[str, ...]) -> None:
    done = rag("ask", QUESTION, "--index", index, *forms)

    assert done == (2, "", "rag: Choose one of --json, --md and --html.\n")


def test_a_page_is_escaped_where_stdout_is_not_utf8(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="latin-1"))

    print_html("<p>é …</p>\n")
    sys.stdout.flush()

    assert written.getvalue() == b"<p>&#233; &#8230;</p>\n"


def test_ask_says_when_the_articles_do_not_tell(rag: Rag, index: Path) -> None:
    code, out, _ = rag("ask", "Who won the 2022 World Cup?", "--index", index)
    assert code == 3
    assert "Closest passages:" in out

    code, out, _ = rag("ask", "Who won the 2022 World Cup?", "--index", index, "--json")
    assert (code, json.loads(out)["status"]) == (3, "abstained")


@pytest.mark.parametrize("question", ["-n question", "--index", "naïve \udcff\udcfe?"])
def test_any_words_can_be_asked(rag: Rag, index: Path, question: str) -> None:
    code, out, err = rag("ask", "--index", index, "--json", "--", question)

    assert (code, err) == (3, "")
    assert json.loads(out)["question"] == question.replace("\udcff\udcfe", "\ufffd\ufffd")


def test_search_shows_passages_best_first(rag: Rag, index: Path) -> None:
    code, out, err = rag("search", "Turkey mediated", "--index", index, "--top-k", "2")
    assert (code, err) == (0, "")
    assert [line[:3] for line in out.splitlines() if line[:1].isdigit()] == ["1. ", "2. "]

    _, out, _ = rag("search", "Turkey mediated", "--index", index, "--json")
    passages = json.loads(out)
    assert [p["score"] for p in passages] == sorted((p["score"] for p in passages), reverse=True)


def test_articles_lists_them(rag: Rag, index: Path) -> None:
    code, out, err = rag("articles", "--index", index)
    assert (code, err) == (0, "2 articles\n")
    assert ", ANI, undated, " in out

    code, out, err = rag("articles", "--index", index, "--json")
    assert (code, err) == (0, "")
    assert [entry["source"] for entry in json.loads(out)] == [None, "ANI"]


def test_rebuild_follows_the_settings(rag: Rag, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_PASSAGE_TOKENS", "64")
    code, out, err = rag("ask", QUESTION, "--index", index)
    assert (code, out) == (1, "")
    assert is_one_line(err)
    assert err.endswith(f"Rebuild it with `rag rebuild --index {index}`.\n")

    assert rag("rebuild", "--index", index) == (0, "2 articles rebuilt.\n", "")
    assert rag("rebuild", "--index", index, "--quiet") == (0, "", "")
    assert rag("ask", QUESTION, "--index", index).code == 0


def test_page_opens_the_page(rag: Rag, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Path, int | None]] = []

    def serve(folder: Path, *, port: int | None) -> int:
        calls.append((folder, port))
        return 0

    monkeypatch.setattr("rag.page.serve", serve)

    assert rag("page", "--index", index, "--port", "9000") == (0, "", "")
    assert calls == [(index, 9000)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ask"], "Missing argument 'question'. Try `rag ask --help`."),
        (["ask", "x", "--nope"], "No such option: --nope"),
        (["nope"], "No such command 'nope'. Try `rag --help`."),
        (["ask", "x", "--top-k", "many"], "Invalid value for '--top-k'"),
        (["ask", "x", "--top-k", "0"], "RAG_TOP_K: Input should be greater than or equal to 1"),
        (["ask", ""], "The question is empty"),
        (["ask", " \n\t"], "The question is empty"),
        (["ask", "x" * 100_000], "The question has 100,000 characters; ask in at most 4,000."),
        (["search", "x" * 100_000], "The question has 100,000 characters"),
        (["ingest"], "Missing argument 'paths'. Try `rag ingest --help`."),
        (["ingest", ""], "A path is empty; name a file or folder."),
        (
            ["ingest", "/no/such", "/no/other"],
            "/no/such, /no/other: no such file or folder; check",
        ),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(
    rag: Rag, index: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.setenv("RAG_INDEX", str(index))

    code, out, err = rag(*arguments)

    assert (code, out) == (2, "")
    assert is_one_line(err)
    assert message.lower() in err.lower()


def test_a_misspelt_setting_and_a_folder_without_articles(
    rag: Rag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rag("ingest", tmp_path, "--index", tmp_path / "i") == (
        2, "", f"rag: No .txt, .md or .html files in {tmp_path}.\n"
    )  # fmt: skip
    monkeypatch.setenv("RAG_TOPK", "3")
    code, _, err = rag("articles")
    assert (code, is_one_line(err)) == (2, True)
    assert "Did you mean RAG_TOP_K?" in err


@pytest.mark.parametrize(
    "command", [["ask", "x"], ["search", "x"], ["articles"], ["rebuild"], ["ingest", str(SEEDS)]]
)
@pytest.mark.parametrize("kind", ["missing", "file", "foreign", "garbage", "truncated"])
def test_an_index_folder_that_is_none_is_one_line_and_code_1(
    rag: Rag, index: Path, tmp_path: Path, command: list[str], kind: str
) -> None:
    folder = tmp_path / kind
    if kind == "file":
        folder.write_text("x")
    elif kind == "foreign":
        folder.mkdir()
        (folder / "photo.jpg").touch()
    elif kind in {"garbage", "truncated"}:
        folder = index
        whole = (folder / "catalogue.sqlite3").read_bytes()
        (folder / "catalogue.sqlite3").write_bytes(b"rubbish" if kind == "garbage" else whole[:3000])

    code, out, err = rag(*command, "--index", folder)

    if (command[0], kind) == ("ingest", "missing"):
        assert (code, err) == (0, "")
    else:
        assert (code, out) == (1, "")
        assert is_one_line(err)
        assert str(folder) in err
    if kind == "foreign":
        assert [path.name for path in folder.iterdir()] == ["photo.jpg"]


def test_an_unexpected_error_is_one_line(rag: Rag, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise ValueError("bad\nthing")

    monkeypatch.setattr(cli, "_settings", fail)

    code, _, err = rag("articles")

    assert (code, is_one_line(err)) == (1, True)
    assert err.startswith("rag: Unexpected ValueError: bad thing (`python -X dev")


def test_an_error_of_the_system_is_one_line(rag: Rag, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise PermissionError(13, "Permission denied", "/x")

    monkeypatch.setattr(cli, "_settings", fail)

    assert rag("articles") == (1, "", "rag: Permission denied: /x.\n")


def test_rag_alone_prints_the_help(rag: Rag) -> None:
    alone = rag()

    assert alone.code == 0
    assert alone.out.startswith("Usage: ")
    assert alone == rag("--help")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyboardInterrupt(), "rag: Interrupted; what was finished before is kept.\n"),
        (BrokenPipeError(32, "Broken pipe"), ""),
        (SystemExit(1), ""),
    ],
)
def test_other_ends_of_a_command(
    rag: Rag, monkeypatch: pytest.MonkeyPatch, error: BaseException, message: str
) -> None:
    def fail(**_: object) -> None:
        raise error

    handler = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(cli, "_settings", fail)

    assert rag("articles") == (1, "", message)
    signal.signal(signal.SIGINT, handler)


def test_a_bar_follows_the_articles(rag: Rag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    code, out, err = rag("ingest", SEEDS, "--index", tmp_path / "index")

    assert (code, out) == (0, "2 added, 0 updated, 0 unchanged, 0 removed, 0 failed\n")
    assert "2/2" in err


def test_json_is_escaped_where_it_cannot_be_shown(capsys: pytest.CaptureFixture[str]) -> None:
    for value, shown in (({"a": "é"}, '"é"'), ({"a": "é\udcff"}, r'"\u00e9\udcff"')):
        print_json(value)
        out = capsys.readouterr().out
        assert json.loads(out) == value
        assert shown in out


def test_names_are_shown_from_here_or_as_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    assert cli._name((tmp_path / "a b.txt").as_uri()) == "a b.txt"
    assert cli._name("file:///elsewhere/a.txt") == "/elsewhere/a.txt"
    assert cli._name("https://example.org/a%20b") == "https://example.org/a%20b"


def test_a_group_without_a_command_prints_its_help(rag: Rag) -> None:
    code, out, err = rag("eval")

    assert (code, err) == (0, "")
    assert out.startswith("Usage: rag eval [OPTIONS] COMMAND")
