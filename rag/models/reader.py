"""The bundled reader: a question and a few sentences -> the words of each that answer, how surely.

MiniLM-L6 with two heads, trained as `docs/reader.md` says: where an answer starts, and where it ends; the
first token stands for "none", as in SQuAD 2 (Rajpurkar, Jia and Liang, 2018).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from tokenizers import Encoding

from ..errors import EmbeddingError
from ..minilm import tokenizer
from ..schema import Span
from .runtime import Floats, Forward, batches, load_model, padded

NAME = "footnoted-reader"
_MODEL = "reader/reader.onnx"
_MODEL_SHA256 = "7e23e28ef4f263d59ad8442cf9cd51fde758e10a31db22020404ddf6b042f6f0"
MAX_TOKENS = 192
"""Tokens of a question with its window; the rest is not read."""
_QUESTION_TOKENS = 48
_TITLE = 150
"""Characters of a title that are read."""
_LONGEST = 40
"""Tokens of an answer, at most."""
_CLS, _SEP = 101, 102


class Window(NamedTuple):
    """A few sentences that stand together in an article."""

    title: str
    """What the article is called; it is read before the sentences, and is no answer."""
    text: str
    sentences: tuple[Span, ...]
    """Places in `text`, in order; together they need not cover it."""


class Reading(NamedTuple):
    """What the reader says of one sentence."""

    margin: float
    """Logit of the best answer in the sentence less that of "none": above 0 it rather answers."""
    answer: Span
    """Place in the window's text of the words that answer best, if any do."""


UNREAD = Reading(-20.0, Span(0, 0))
"""Of a sentence that stands after the last token that is read."""


class _Encoded(NamedTuple):
    ids: list[int]
    lead: int
    """Tokens before the title."""
    offsets: list[tuple[int, int]]
    """Places in the window's text of the tokens after those; below 0 in the title."""


def load_forward(backend: str = "auto") -> Forward:
    """Load the model once per process; see `runtime.load_model`."""
    return load_model(_MODEL, sha256=_MODEL_SHA256, backend=backend)


def prefetch(backend: str) -> None:
    """Begin to load the model in a thread, while the caller does something else."""

    def load() -> None:
        with suppress(EmbeddingError):  # whoever needs the model will raise it again
            load_forward(backend)

    threading.Thread(target=load, name="prefetch reader").start()


def read(question: str, windows: Sequence[Window], forward: Forward) -> list[list[Reading]]:
    """Read a question over windows; return for each window what is said of each of its sentences."""
    asked = tokenizer().encode(question, add_special_tokens=False).ids[:_QUESTION_TOKENS]
    titles = [_before(window.title) for window in windows]
    texts = [title + window.text for title, window in zip(titles, windows, strict=True)]
    encodings = tokenizer().encode_batch(texts, add_special_tokens=False)
    encoded = [_encoded(asked, each, len(title)) for each, title in zip(encodings, titles, strict=True)]
    found: dict[int, list[Reading]] = {}
    for batch in batches([len(each.ids) for each in encoded]):
        ids, mask = padded([encoded[n].ids for n in batch])
        segments = np.zeros_like(ids)
        for row, n in enumerate(batch):
            segments[row, encoded[n].lead : len(encoded[n].ids)] = 1
        logits = forward(ids, mask, segments)
        found |= {n: _readings(encoded[n], windows[n], logits[row]) for row, n in enumerate(batch)}
    return [found[n] for n in range(len(windows))]


def _before(title: str) -> str:
    """Return a title as a sentence of its own, with the space after it."""
    shown = title.strip()[:_TITLE]
    return f"{shown}{'' if shown[-1:] in '.?!' else '.'} " if shown else ""


def _encoded(asked: list[int], read: Encoding, title: int) -> _Encoded:
    ids = [*[_CLS, *asked, _SEP, *read.ids][: MAX_TOKENS - 1], _SEP]
    lead = len(asked) + 2
    offsets = [(start - title, end - title) for start, end in read.offsets[: len(ids) - lead - 1]]
    return _Encoded(ids, lead, offsets)


def _readings(encoded: _Encoded, window: Window, logits: Floats) -> list[Reading]:
    none = float(logits[0].sum())
    own = logits[encoded.lead : encoded.lead + len(encoded.offsets)]
    return [_reading(encoded.offsets, sentence, own, none) for sentence in window.sentences]


def _reading(offsets: Sequence[tuple[int, int]], sentence: Span, logits: Floats, none: float) -> Reading:
    """Return the best answer among the tokens of one sentence."""
    inside = [n for n, (start, end) in enumerate(offsets) if start >= sentence.start and end <= sentence.end]
    if not inside:
        return UNREAD
    first = inside[0]
    starts, ends = logits[first : inside[-1] + 1].T
    sums = starts[:, np.newaxis] + ends[np.newaxis, :]
    size = np.arange(len(starts))
    length = size[np.newaxis, :] - size[:, np.newaxis]
    sums = np.where((length >= 0) & (length < _LONGEST), sums, -np.inf)
    start, end = np.unravel_index(int(sums.argmax()), sums.shape)
    answer = Span(offsets[first + int(start)][0], offsets[first + int(end)][1])
    return Reading(float(sums[start, end]) - none, answer)
