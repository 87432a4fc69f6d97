"""The bundled all-MiniLM-L6-v2: its tokenizer, and texts to vectors; no download."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import cache

import numpy as np
from tokenizers import Encoding, Tokenizer

from .errors import EmbeddingError
from .models.runtime import Floats, Forward, Integers, batches, load_model, padded, read_checked

NAME = "all-MiniLM-L6-v2-int8"
DIMENSIONS = 384
MAX_TOKENS = 256
"""The model was trained on, and reads, no more than this."""

_MODEL = "minilm/model.onnx"
_MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_TOKENIZER = "minilm/tokenizer.json"
_TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"


def count_tokens(texts: Sequence[str]) -> list[int]:
    """Return the length of each text in tokens, [CLS] and [SEP] included, never cut."""
    return [len(encoding.ids) for encoding in tokenizer().encode_batch_fast(list(texts))]


def embed(texts: Sequence[str], forward: Forward) -> Floats:
    """Return unit vectors, shape (texts, 384): the mean of the hidden states of each text's tokens.

    Texts run in small batches of like length, so that padding costs little.
    """
    token_ids = [_read_ids(encoding) for encoding in tokenizer().encode_batch_fast(list(texts))]
    vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
    for batch in batches([len(ids) for ids in token_ids]):
        hidden, mask = _hidden([token_ids[n] for n in batch], forward)
        vectors[batch] = _means(hidden, mask)
    return vectors


def _read_ids(encoding: Encoding) -> list[int]:
    """Return the tokens of a text; of one that is too long the first ones and the last, [SEP]."""
    ids: list[int] = encoding.ids
    return ids[: MAX_TOKENS - 1] + ids[-1:] if len(ids) > MAX_TOKENS else ids


def _hidden(token_ids: Sequence[Sequence[int]], forward: Forward) -> tuple[Floats, Integers]:
    """Return the last hidden states of a padded batch, and its mask."""
    ids, mask = padded(token_ids)
    return forward(ids, mask, np.zeros_like(ids)), mask


def _means(hidden: Floats, mask: Integers) -> Floats:
    """Return the mean hidden state of each text's tokens, at unit length."""
    weights = mask[..., np.newaxis].astype(np.float32)
    mean: Floats = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
    unit: Floats = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    return unit


@cache
def tokenizer() -> Tokenizer:
    """Return the model's own WordPiece tokenizer, without its stored cut and padding."""
    loaded = Tokenizer.from_str(read_checked(_TOKENIZER, sha256=_TOKENIZER_SHA256).decode("utf-8"))
    loaded.no_truncation()
    loaded.no_padding()
    return loaded


def load_forward(backend: str = "auto") -> Forward:
    """Load the model once per process on `openvino`, `onnxruntime`, or the first of the two installed.

    Raises EmbeddingError when its file is not the one tested, or OpenVINO is asked for and not installed.
    """
    return load_model(_MODEL, sha256=_MODEL_SHA256, backend=backend)


def prefetch(backend: str) -> None:
    """Begin to load the model in a thread, while the caller imports what else it needs."""

    def load() -> None:
        with suppress(EmbeddingError):  # whoever needs the model will raise it again
            load_forward(backend)

    threading.Thread(target=load, name="prefetch").start()
