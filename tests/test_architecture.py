"""What the house promises about itself: imports point down, the map is true, the README's code runs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, SEEDS

README = (ROOT / "README.md").read_text(encoding="utf-8")
LAYERS = [
    line.split()
    for line in README.split("## The map of the house")[1].split("```")[1].strip().splitlines()
    if not line.startswith("text")
]
"""The README's picture of `rag/`: each line imports from the lines above it only."""
LEAVES = ("ui", "evals", "tests", "benchmarks", "training")
RAG = ROOT / "rag"
MODULES = {
    ".".join(path.relative_to(RAG).with_suffix("").parts): path
    for path in sorted(RAG.rglob("*.py"))
    if path.stem != "__init__"
}
"""The files of `rag/` by name, as `engine` or `models.reader`."""


def imported(path: Path) -> Iterator[str]:
    """Yield the modules of this project that a file imports, as `rag.schema` or `ui`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(ROOT).parts[:-1][: -node.level + 1 or None] if node.level else ()
            module = ".".join([*package, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_down(name: str) -> None:
    depth = {each: level for level, names in enumerate(LAYERS) for each in names}

    for module in imported(MODULES[name]):
        package, _, other = module.partition(".")
        assert package not in LEAVES, f"rag imports {module}"
        if package == "rag" and other in depth:
            assert depth[other] < depth[name], f"{name} imports {other}, which is not below it"


def test_the_picture_shows_every_file_of_rag_once() -> None:
    assert sorted(name for names in LAYERS for name in names) == sorted(MODULES)


@pytest.mark.parametrize(
    ("vendor", "home"),
    [
        ("chromadb", "vectors"),
        ("tantivy", "lexical"),
        ("nupunkt", "sentences"),
        ("onnxruntime", "models.runtime"),
        ("openvino", "models.runtime"),
    ],
)
def test_a_vendor_stops_at_one_module(vendor: str, home: str) -> None:
    users = {
        name
        for name, path in MODULES.items()
        if any(module.split(".")[0] == vendor for module in imported(path))
    }

    assert users == {home}


def test_the_map_names_every_file_and_no_other() -> None:
    for folder in ("rag", "rag/models", "ui", "prompts", "evals", "evals/metrics", "benchmarks"):
        pattern = "*.md" if folder == "prompts" else "*.py"
        files = {path.name for path in (ROOT / folder).glob(pattern)} - {"__init__.py"}
        block = README.split(f"\n    {folder}/")[1]
        own = re.split(r"\n    \S", block)[0]
        assert set(re.findall(r"^ +(\S+\.(?:py|md)) ", own, re.MULTILINE)) == files, folder


def test_the_seeds_are_the_two_articles_byte_for_byte() -> None:
    sizes = {path.name: len(path.read_bytes()) for path in SEEDS.iterdir()}

    assert sizes == {"000_abc7d57044bbd6c6.txt": 2090, "001_067e7b6d50dbd9ba.txt": 3722}


def test_the_readmes_python_runs_in_a_fresh_file(tmp_path: Path) -> None:
    code = README.split("```python\n")[1].split("```")[0]
    script = tmp_path / "fresh.py"
    script.write_text(code.replace('"seeds/"', repr(str(SEEDS))), encoding="utf-8")

    run = subprocess.run([sys.executable, script], check=False, cwd=tmp_path, capture_output=True, text=True)

    assert run.returncode == 0, run.stderr
    assert "[1]" in run.stdout
    assert "located, consistent" in run.stdout


def test_the_readmes_transcript_is_what_the_command_prints(seeds_index: Path) -> None:
    transcript = README.split('$ rag ask "How did the defence minister describe the talks?"\n')[1]
    expected = transcript.split("\n\n$ ")[0]
    command = [sys.executable, "-m", "rag.cli", "ask", "--index", str(seeds_index)]

    run = subprocess.run(
        [*command, "How did the defence minister describe the talks?"],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert run.stdout.strip() == expected.strip()


def test_the_readmes_settings_are_the_settings() -> None:
    from rag.settings import Settings

    named = set(re.findall(r"^\| `(RAG_\w+|OPENAI_API_KEY)` \|", README, re.MULTILINE))

    fields = {name for name in Settings.model_fields if name != "openai_api_key"}
    assert named == {f"RAG_{name.upper()}" for name in fields} | {"OPENAI_API_KEY"}


def test_nothing_is_imported_that_would_download_or_compute_on_a_gpu() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")

    assert not re.search(r"^(torch|nvidia-|cuda|triton)", lock, re.MULTILINE)
