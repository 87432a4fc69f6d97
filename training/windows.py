"""Rows -> windows of a few sentences, as token ids and the tokens that the answer may start and end with."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from .data import STOP_WORDS, Row, loosely_typed, words

CHARACTERS = 520
QUESTION_TOKENS, TOKENS = 48, 192


class Batch(NamedTuple):
    """Tensors (windows, tokens): what the reader reads, and 1 where an answer may start and end."""

    ids: Tensor
    mask: Tensor
    segments: Tensor
    starts: Tensor
    ends: Tensor


class Window(NamedTuple):
    """Token ids, the first token of the text, and the tokens that the answer may start and end with."""

    ids: list[int]
    lead: int
    starts: list[int]
    ends: list[int]


def sentences(text: str) -> list[tuple[int, int]]:
    """Return the sentences (start, end), each with the white space after it."""
    cuts = [0, *(m.end() for m in re.finditer(r"(?<=[.!?])[\"'”’)]*\s+|\n+", text)), len(text)]
    return [(a, b) for a, b in pairwise(cuts) if text[a:b].strip()]


def window(row: Row, rng: random.Random) -> tuple[int, int, tuple[tuple[int, int], ...]]:
    """Choose whole sentences around the answer, or, where there is none, around the question's words.

    Our own stories are long enough that an answered question is asked of a window without the answer, too.
    """
    cut = sentences(row.text)
    if row.spans and not (row.source == "news" and len(cut) > 4 and rng.random() < 0.2):
        a, b = rng.choice(row.spans)
        first = max((n for n, (start, _) in enumerate(cut) if start <= a), default=0)
        last = max((n for n, (start, _) in enumerate(cut) if start < b), default=first)
    else:
        asked = set(words(row.question)) - STOP_WORDS
        free = [n for n, (a, b) in enumerate(cut) if not any(s < b and e > a for s, e in row.spans)] or [0]
        first = last = max(
            free, key=lambda n: len(asked & set(words(row.text[slice(*cut[n])]))) + rng.random() * 1.5
        )
    size = rng.choice((CHARACTERS, CHARACTERS, CHARACTERS // 2, CHARACTERS * 5 // 4))
    answered = any(s < cut[last][1] and e > cut[first][0] for s, e in row.spans)
    while True:
        wider = [(max(first - 1, 0), last), (first, min(last + 1, len(cut) - 1))]
        fitting = [
            (low, high)
            for low, high in wider
            if (low, high) != (first, last)
            and cut[high][1] - cut[low][0] <= size
            and (answered or not any(s < cut[high][1] and e > cut[low][0] for s, e in row.spans))
        ]
        if not fitting:
            break
        first, last = rng.choice(fitting)
    start, end = cut[first][0], cut[last][1]
    return start, end, tuple((a, b) for a, b in row.spans if a >= start and b <= end) if answered else ()


class Encoder:
    """Turns rows into batches with the tokenizer of the bundled model."""

    def __init__(self, tokenizer: str, *, seed: int = 0) -> None:
        self._tokenizer = Tokenizer.from_file(tokenizer)
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._rng = random.Random(seed)

    def encode(self, rows: Sequence[Row]) -> list[Window]:
        """Return one window of each row, differently cut and typed at each call."""
        return [self._one(row) for row in rows]

    def _one(self, row: Row) -> Window:
        rng = self._rng
        start, end, spans = window(row, rng)
        question = loosely_typed(row.question, rng)
        title = "" if rng.random() < 0.15 or not row.title else f"{row.title}. "
        asked = self._tokenizer.encode(question, add_special_tokens=False).ids[:QUESTION_TOKENS]
        read = self._tokenizer.encode(title + row.text[start:end].rstrip(), add_special_tokens=False)
        ids = [*[101, *asked, 102, *read.ids][: TOKENS - 1], 102]
        lead = len(asked) + 2
        shift = len(title) - start
        offsets = read.offsets[: len(ids) - lead - 1]
        starts, ends = [], []
        for a, b in spans if row.whole_sentence else ([rng.choice(spans)] if spans else []):
            inside = [n for n, (x, y) in enumerate(offsets) if x < b + shift and y > a + shift]
            if inside:
                starts += inside if row.whole_sentence else inside[:1]
                ends += inside if row.whole_sentence else inside[-1:]
        return Window(ids, lead, [lead + n for n in starts] or [0], [lead + n for n in ends] or [0])


def stack(windows: Sequence[Window]) -> Batch:
    """Pad windows to one length."""
    length = max(len(ids) for ids, *_ in windows)
    table = np.zeros((5, len(windows), length), dtype=np.int64)
    for n, (ids, lead, starts, ends) in enumerate(windows):
        table[0, n, : len(ids)] = ids
        table[1, n, : len(ids)] = 1
        table[2, n, lead : len(ids)] = 1
        table[3, n, starts] = 1
        table[4, n, ends] = 1
    return Batch(*torch.from_numpy(table))
