from __future__ import annotations

import hashlib
import os
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag.embedding import Embedding
from rag.engine import QueryEngine
from rag.ingestion import ingest
from rag.settings import Settings

ROOT = Path(__file__).parent.parent
SEEDS = ROOT / "seeds"
STYLE = f"<style>{(ROOT / 'ui' / 'look.css').read_text(encoding='utf-8')}</style>"
"""The one piece of HTML in the pages, a constant."""
_LOOPBACK = ("127.", "localhost", "::1")


@pytest.fixture(autouse=True)
def _no_page_breaks(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Let no page under test break behind its line for the reader."""
    yield
    assert "The page could not be drawn" not in [each.getMessage() for each in caplog.get_records("call")]


@pytest.fixture(autouse=True)
def _network_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that would leave this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and not str(address[0]).startswith(_LOOPBACK):
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("RAG_") or name == "OPENAI_API_KEY":
            monkeypatch.delenv(name)


class BagOfWords(Embedding):
    """An embedding whose neighbours mean something: texts that share words are near. 64 dimensions."""

    model_name: str = "bag-of-words"

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return [self._embed(text) for text in texts]

    def _embed(self, text: str) -> list[float]:
        vector = np.full(64, 1e-3)
        for word in re.findall(r"\w+", text.lower()):
            vector[int(hashlib.md5(word.encode()).hexdigest(), 16) % 64] += 1.0
        unit: list[float] = (vector / np.linalg.norm(vector)).tolist()
        return unit


@pytest.fixture(scope="session")
def seeds_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two seed articles, ingested with the bundled model. Read it only."""
    folder = tmp_path_factory.mktemp("seeds") / "index"
    ingest(SEEDS, index=folder, settings=Settings())
    return folder


@pytest.fixture(scope="session")
def engine(seeds_index: Path) -> Iterator[QueryEngine]:
    """A quoting engine over the seeds."""
    with QueryEngine.open(seeds_index, settings=Settings()) as opened:
        yield opened


@pytest.fixture(autouse=True)
def main_module() -> Iterator[None]:
    """Keep the main module what it was: a page under test takes its place, and processes start from it."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main
