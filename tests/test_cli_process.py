from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.commands import QUESTION, RAG, Rag, index_fixture, is_one_line, process, rag_fixture  # noqa: F401  # used by name
from tests.conftest import SEEDS


def test_developers_get_the_traceback() -> None:
    code = "import sys, rag.cli; rag.cli._settings = None; sys.argv = ['rag', 'articles']; rag.cli.main()"

    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", code], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "Traceback (most recent call last)" in done.stderr
    assert "rag: Unexpected TypeError" in done.stderr


def test_the_command_line_is_imported_without_what_is_slow() -> None:
    slow = [
        "llama_index",
        "chromadb",
        "streamlit",
        "sqlalchemy",
        "numpy",
        "onnxruntime",
        "pydantic",
        "openai",
    ]
    code = f"import sys, rag.cli; print([name for name in {slow} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_a_reader_that_leaves_is_not_complained_about(index: Path) -> None:
    command = f"{' '.join(RAG)} articles --index {index} 2>errors | head -c 1; cat errors"
    closed = [*RAG, "articles", "--index", str(index)]
    reader, writer = os.pipe()
    os.close(reader)

    piped = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, cwd=index.parent, check=True
    )
    refused = subprocess.run(closed, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)

    assert piped.stdout.startswith("T")
    assert "Error" not in piped.stdout
    assert (refused.returncode, refused.stderr) == (1, "")


def test_output_that_cannot_be_written_is_one_line(index: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*RAG, "articles", "--index", str(index)], stdout=full, stderr=subprocess.PIPE, check=False
        )

    assert (done.returncode, done.stderr) == (1, b"rag: No space left on device.\n")


def test_a_closed_stdout_is_no_error(index: Path) -> None:
    command = f"{' '.join(RAG)} articles --index {index} >&-"

    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "2 articles\n")


TRAPS = {
    "NLTK_DATA": "/no/such",
    "TIKTOKEN_CACHE_DIR": "/no/such",
    "MIGRATIONS": "foo",
    "IS_PERSISTENT": "notabool",
    "PERSIST_DIRECTORY": "evil",
    "CHROMA_SERVER_HOST": "example.org",
    "ALLOW_RESET": "maybe",
}


def test_a_hostile_environment_and_a_narrow_terminal_change_nothing(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in TRAPS.items()))
    narrow = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "LANG": "C"}

    assert process("ingest", SEEDS, cwd=tmp_path, env=TRAPS) == (
        0, "2 added, 0 updated, 0 unchanged, 0 removed, 0 failed\n", ""
    )  # fmt: skip
    code, out, err = process("ask", QUESTION, "--json", cwd=tmp_path, env=TRAPS | narrow)
    assert (code, err) == (0, "")
    assert json.loads(out)["status"] == "answered"
    assert process("ask", QUESTION, cwd=tmp_path, env=narrow).code == 0
    assert {path.name for path in tmp_path.iterdir()} == {".env", ".rag-index"}


def test_names_that_are_not_text_survive_ingestion_and_listing(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"\xff\xe9")
    folder.mkdir()
    (folder / "good.txt").write_text("The talks failed.")
    (folder / os.fsdecode(b"bad\n\xfe.txt")).touch()

    code, out, err = process("ingest", folder, "--json", cwd=tmp_path)
    assert code == 1
    assert json.loads(out)["added"][0].endswith("/%FF%E9/good.txt")
    assert err == "rag: \ufffd\ufffd/bad\ufffd\ufffd.txt: empty file\n"
    code, out, _ = process("articles", "--json", cwd=tmp_path)
    assert (code, json.loads(out)[0]["title"]) == (0, "The talks failed")


def test_a_bar_is_shown_on_a_terminal_only(tmp_path: Path) -> None:
    terminal, other_end = pty.openpty()
    pieces: list[bytes] = []

    def read() -> None:
        try:
            while piece := os.read(terminal, 1024):
                pieces.append(piece)
        except OSError:  # the other end is closed
            pass

    reader = threading.Thread(target=read)
    reader.start()
    done = subprocess.run(
        [*RAG, "ingest", str(SEEDS), "--index", str(tmp_path / "index")],
        stdout=subprocess.PIPE,
        stderr=other_end,
        check=True,
    )
    os.close(other_end)
    reader.join()
    os.close(terminal)

    assert done.stdout == b"2 added, 0 updated, 0 unchanged, 0 removed, 0 failed\n"
    assert b"2/2" in b"".join(pieces)


def count_articles(index: Path) -> int:
    try:
        with sqlite3.connect(f"file:{index}/catalogue.sqlite3?mode=ro", uri=True) as connection:
            count = connection.execute("SELECT count(*) FROM articles").fetchone()[0]
        connection.close()
    except sqlite3.OperationalError:  # not there yet
        return 0
    return int(count)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """60 articles of 8 passages each."""
    folder = tmp_path / "many"
    folder.mkdir()
    for n in range(60):
        lines = (
            f"The minister said that the talks in city number {n} failed for reason {m}." for m in range(8)
        )
        (folder / f"{n:03}.txt").write_text("\n\n".join(f"{line} It ended {line.lower()}" for line in lines))
    return folder


def test_ctrl_c_keeps_what_was_finished_and_the_next_run_completes(
    rag: Rag, many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAG_PASSAGE_TOKENS", "32")
    index = tmp_path / "index"
    with subprocess.Popen(
        [*RAG, "ingest", str(many), "--index", str(index)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        while running.poll() is None and not count_articles(index):
            pass
        running.send_signal(signal.SIGINT)
        out, err = running.communicate()

    assert (running.returncode, out) == (1, "")
    assert err == "rag: Interrupted; what was finished before is kept.\n"
    kept = count_articles(index)
    assert 0 < kept < 60
    code, out, _ = rag("ingest", many, "--index", index)
    assert (code, out) == (0, f"{60 - kept} added, 0 updated, {kept} unchanged, 0 removed, 0 failed\n")


class SmallDisk(NamedTuple):
    folder: Path
    resize: Callable[[int], None]
    """Takes kilobytes."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk that is soon full: a small tmpfs of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(*options: str) -> None:
        subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", str(folder)], check=True)

    try:
        mount("-o", "size=256k")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small disk takes root; limits on file sizes are tested without it")
    yield SmallDisk(folder, lambda size: mount("-o", f"remount,size={size}k"))
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("kilobytes", [8, 300])
def test_a_full_disk_is_one_line_and_the_next_run_completes(
    rag: Rag, many: Path, small_disk: SmallDisk, kilobytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAG_PASSAGE_TOKENS", "32")
    index = small_disk.folder / "index"
    small_disk.resize(2048)
    assert rag("ingest", SEEDS, "--index", index).code == 0
    used = shutil.disk_usage(small_disk.folder).used // 1024
    small_disk.resize(used + kilobytes)

    code, out, err = process("ingest", many, "--index", index)

    assert (code, out) == (1, "")
    assert is_one_line(err)
    assert "the disk is full" in err
    asked = process("ask", QUESTION, "--index", index)
    assert asked.code in {0, 3} or asked.out == ""
    assert asked.err == "" or is_one_line(asked.err)
    small_disk.resize(64 * 1024)
    assert 2 <= count_articles(index) <= 62
    code, out, _ = rag("ingest", many, SEEDS, "--index", index)
    assert (code, out.endswith("0 removed, 0 failed\n")) == (0, True)
    assert count_articles(index) == 62


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
from rag.cli import main
main()
"""


@pytest.mark.parametrize("limit", [20_000, 200_000])
def test_a_limit_on_file_sizes_is_one_line_too(
    rag: Rag, many: Path, tmp_path: Path, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAG_PASSAGE_TOKENS", "32")
    index = tmp_path / "index"
    command = [sys.executable, "-c", LIMITED, str(limit), "ingest", str(many), "--index", str(index)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (1, "")
    assert is_one_line(done.stderr)
    code, out, _ = rag("ingest", many, "--index", index)
    assert (code, out.endswith("0 removed, 0 failed\n")) == (0, True)
    assert count_articles(index) == 60
