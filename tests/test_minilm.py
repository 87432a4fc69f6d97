from __future__ import annotations

import numpy as np
import pytest

from rag import minilm
from rag.embedding import MiniLM
from rag.models.runtime import Floats, Integers


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_vectors_are_unit_length_and_near_for_like_meaning(backend: str) -> None:
    pytest.importorskip(backend)
    texts = ["Peace talks failed.", "Negotiations collapsed.", "I bake bread."]
    vectors = minilm.embed(texts, minilm.load_forward(backend))

    assert vectors.shape == (3, minilm.DIMENSIONS)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-3)
    assert vectors[0] @ vectors[1] > 0.5
    assert vectors[0] @ vectors[2] < 0.3


def test_both_backends_agree() -> None:
    pytest.importorskip("openvino")
    texts = ["A short one.", "A longer one, " * 30, "x" * 500]
    first = minilm.embed(texts, minilm.load_forward("onnxruntime"))
    second = minilm.embed(texts, minilm.load_forward("openvino"))

    assert (first * second).sum(axis=1).min() > 0.995


def test_a_text_has_the_same_vector_alone_and_in_company() -> None:
    texts = [f"Sentence number {n} " + "of many words " * n for n in range(40)]
    forward = minilm.load_forward("onnxruntime")
    together = minilm.embed(texts, forward)

    for n in (0, 17, 39):
        np.testing.assert_allclose(minilm.embed([texts[n]], forward)[0], together[n], atol=1e-4)


def test_little_of_what_the_model_reads_is_padding() -> None:
    texts = ["word " * n for n in (90, 8, 40, 20, 60, 12, 30, 8, 25, 70, 45, 10)]
    masks: list[Integers] = []

    def forward(ids: Integers, mask: Integers, segments: Integers) -> Floats:
        assert not segments.any()
        masks.append(mask)
        return np.ones((*ids.shape, minilm.DIMENSIONS), dtype=np.float32)

    minilm.embed(texts, forward)

    read, padded = sum(int(mask.sum()) for mask in masks), sum(mask.size for mask in masks)
    assert read == sum(minilm.count_tokens(texts))
    assert padded < 1.5 * read


def test_only_the_first_256_tokens_are_read() -> None:
    long, longer = "word " * 300, "word " * 300 + "Zanzibar " * 50
    forward = minilm.load_forward("onnxruntime")

    assert minilm.count_tokens([long, "word"]) == [302, 3]
    first, second = minilm.embed([long, longer], forward)
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_no_texts_give_no_vectors() -> None:
    assert minilm.embed([], minilm.load_forward("onnxruntime")).shape == (0, minilm.DIMENSIONS)
    assert MiniLM().get_text_embedding_batch([]) == []
