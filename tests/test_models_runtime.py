from __future__ import annotations

import hashlib
import importlib.util
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag import minilm
from rag.errors import EmbeddingError
from rag.models import reader, runtime
from rag.models.runtime import Floats, batches, load_model, padded, read_checked

TEXTS = ["Who owns the mill?", "The mill burnt on Friday. " * 12, "Émile asks: “why?”"]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def token_ids() -> list[list[int]]:
    return [encoding.ids for encoding in minilm.tokenizer().encode_batch(TEXTS)]


# --- the files


def test_a_missing_file_and_a_changed_one_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "FOLDER", tmp_path)
    (tmp_path / "changed.onnx").write_bytes(b"other bytes")

    with pytest.raises(EmbeddingError, match=r"gone\.onnx is missing; install Footnoted again"):
        read_checked("gone.onnx", sha256="0")
    with pytest.raises(EmbeddingError, match=r"changed\.onnx is not the file that was tested"):
        read_checked("changed.onnx", sha256=digest(b"bytes"))
    with pytest.raises(EmbeddingError, match=r"changed\.onnx is not the file that was tested"):
        load_model("changed.onnx", sha256=digest(b"bytes"))
    assert read_checked("changed.onnx", sha256=digest(b"other bytes")) == b"other bytes"


def test_the_notice_names_every_file_with_its_hash() -> None:
    notice = (runtime.FOLDER / "NOTICE.md").read_text(encoding="utf-8")

    told = dict(re.findall(r"^\| `(\S+/\S+)` \|.*\| `([0-9a-f]{64})` \|$", notice, re.MULTILINE))
    files = [path for path in runtime.FOLDER.glob("*/*") if path.suffix != ".pyc"]
    assert told == {path.relative_to(runtime.FOLDER).as_posix(): digest(path.read_bytes()) for path in files}
    assert (runtime.FOLDER / "LICENSE-APACHE-2.0.txt").is_file()


# --- which backend


def test_openvino_is_asked_for_in_vain_where_it_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "FOLDER", tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    (tmp_path / "model.onnx").write_bytes(b"model")

    with pytest.raises(EmbeddingError, match=r"pip install 'footnoted\[fast\]'"):
        load_model("model.onnx", sha256=digest(b"model"), backend="openvino")


def test_without_openvino_a_model_runs_on_onnxruntime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = (runtime.FOLDER / "reader" / "reader.onnx").read_bytes()
    (tmp_path / "copy.onnx").write_bytes(model)
    ids, mask = padded(token_ids())
    expected = reader.load_forward("onnxruntime")(ids, mask, np.zeros_like(ids))
    monkeypatch.setattr(runtime, "FOLDER", tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    forward = load_model("copy.onnx", sha256=digest(model))

    np.testing.assert_array_equal(forward(ids, mask, np.zeros_like(ids)), expected)


def test_both_backends_read_alike() -> None:
    pytest.importorskip("openvino")
    ids, mask = padded(token_ids())

    def logits(backend: str) -> Floats:
        return reader.load_forward(backend)(ids, mask, np.zeros_like(ids))

    first, second = logits("onnxruntime"), logits("openvino")

    assert first.dtype == second.dtype == np.float32
    assert first.shape == second.shape == (*ids.shape, 2)
    # OpenVINO rounds what goes into a layer to 8 bits
    np.testing.assert_allclose(first[mask == 1], second[mask == 1], atol=0.25)


# --- batches


@given(st.lists(st.integers(1, 300), max_size=60))
def test_batches_hold_every_text_once_longest_first_and_little_padding(lengths: list[int]) -> None:
    grouped = batches(lengths)
    order = [n for batch in grouped for n in batch]

    assert sorted(order) == list(range(len(lengths)))
    assert [lengths[n] for n in order] == sorted(lengths, reverse=True)
    for batch in grouped:
        widths = [-(-lengths[n] // 16) * 16 for n in batch]
        assert widths[0] * len(batch) <= 1024
        assert sum(widths[0] - width for width in widths) <= 32


def test_texts_are_padded_to_the_next_sixteen_tokens() -> None:
    ids, mask = padded([[5, 6, 7], [8]])
    wide, _ = padded([[1] * 17])

    assert ids.tolist() == [[5, 6, 7] + [0] * 13, [8] + [0] * 15]
    assert mask.tolist() == [[1, 1, 1] + [0] * 13, [1] + [0] * 15]
    assert ids.dtype == mask.dtype == np.int64
    assert wide.shape == (1, 32)


def test_a_text_reads_the_same_alone_and_padded_in_company() -> None:
    forward = reader.load_forward("onnxruntime")
    ids, mask = padded(token_ids())
    together = forward(ids, mask, np.zeros_like(ids))

    for row, own in enumerate(token_ids()):
        alone = forward(*padded([own]), np.zeros_like(padded([own])[0]))
        np.testing.assert_allclose(alone[0, : len(own)], together[row, : len(own)], atol=1e-3)


# --- threads


def test_a_model_is_loaded_once() -> None:
    with ThreadPoolExecutor(4) as pool:
        loaded = list(pool.map(reader.load_forward, ["onnxruntime"] * 4))

    assert all(forward is loaded[0] for forward in loaded)


def test_a_model_that_is_loaded_is_not_kept_waiting_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = reader.load_forward("onnxruntime")
    begun, go = threading.Event(), threading.Event()

    def read_slowly(name: str, *, sha256: str) -> bytes:
        begun.set()
        go.wait(60)
        raise EmbeddingError(name)

    monkeypatch.setattr(runtime, "read_checked", read_slowly)
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(load_model, "slow.onnx", sha256="0")
        begun.wait(60)
        try:
            assert pool.submit(reader.load_forward, "onnxruntime").result(timeout=20) is loaded
        finally:
            go.set()
        assert isinstance(slow.exception(), EmbeddingError)


_RACE = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from rag import minilm
from rag.models import reader

together = threading.Barrier(4)

def run(model):
    together.wait()
    forward = model.load_forward()
    ones = np.ones((1, 16), dtype=np.int64)
    for _ in range(20):
        forward(ones, ones, np.zeros_like(ones))

sys.setswitchinterval(1e-6)
with ThreadPoolExecutor(4) as pool:
    list(pool.map(run, [minilm, reader, minilm, reader]))
"""


def test_threads_may_use_both_models_first_at_the_same_time() -> None:
    for _ in range(3):
        subprocess.run([sys.executable, "-c", _RACE], check=True, timeout=120)
