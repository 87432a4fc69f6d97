"""Runs a bundled ONNX model on OpenVINO where it is installed, else on onnxruntime; no download."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import EmbeddingError

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
Forward = Callable[[Integers, Integers, Integers], Floats]
"""Token ids, mask and segments, each (batch, tokens) -> the model's output, (batch, tokens, values)."""

FOLDER = Path(__file__).parent
_BATCH_TOKENS = 1024
"""Texts of like length share a batch of at most this many tokens; larger ones ran slower."""
_SPARE_TOKENS = 32
"""Padding, to the width of its longest text, that a batch may hold: about what another batch costs."""
_WIDTH_STEP = 16
"""Texts are padded to a multiple of this: OpenVINO keeps memory for every shape it has seen."""

_loading = threading.Lock()
_loaded: dict[tuple[str, str, str], Forward] = {}


def read_checked(name: str, *, sha256: str) -> bytes:
    """Read a model's file that comes with the package, and check it.

    Raises EmbeddingError when it is missing or is not the file that was tested.
    """
    path = FOLDER / name
    if not path.is_file():
        raise EmbeddingError(f"The model's file {path} is missing; install Footnoted again.")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise EmbeddingError(f"{path} is not the file that was tested; install Footnoted again.")
    return content


def load_model(name: str, *, sha256: str, backend: str = "auto") -> Forward:
    """Load a model once per process on `openvino`, `onnxruntime`, or the first of the two installed.

    Raises EmbeddingError when its file is not the one tested, or OpenVINO is asked for and not installed.
    """
    key = name, sha256, backend
    if key not in _loaded:  # one that is there is not kept waiting by another that is being loaded
        with _loading:
            if key not in _loaded:
                _loaded[key] = _load(name, sha256, backend)
    return _loaded[key]


def _load(name: str, sha256: str, backend: str) -> Forward:
    model = read_checked(name, sha256=sha256)
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

    def forward(ids: Integers, mask: Integers, segments: Integers) -> Floats:
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": segments}
        output: Floats = session.run(None, feed)[0]
        return output

    return forward


def _load_openvino(model: bytes) -> Forward:
    import openvino  # an optional extra

    core = openvino.Core()
    compiled = core.compile_model(core.read_model(model), "CPU", {"PERFORMANCE_HINT": "LATENCY"})

    def forward(ids: Integers, mask: Integers, segments: Integers) -> Floats:
        request = compiled.create_infer_request()
        request.infer({"input_ids": ids, "attention_mask": mask, "token_type_ids": segments})
        return np.array(request.get_output_tensor(0).data, dtype=np.float32)

    # Threads whose first uses of OpenVINO meet lock each other out, and the whole process with them.
    one = np.ones((1, _WIDTH_STEP), dtype=np.int64)
    forward(one, one, np.zeros_like(one))
    return forward


def batches(lengths: Sequence[int]) -> list[list[int]]:
    """Group text numbers, longest first, so that each padded batch is small and holds little padding."""
    grouped: list[list[int]] = []
    room = spare = width = 0
    for n in sorted(range(len(lengths)), key=lambda n: -lengths[n]):
        own = _width(lengths[n])
        spare -= width - own
        if not grouped or room < width or spare < 0:
            grouped.append([])
            room, spare, width = _BATCH_TOKENS, _SPARE_TOKENS, own
        grouped[-1].append(n)
        room -= width
    return grouped


def padded(token_ids: Sequence[Sequence[int]]) -> tuple[Integers, Integers]:
    """Return token ids of one shape, and their mask: 1 for tokens, 0 for padding."""
    shape = (len(token_ids), _width(max(len(ids) for ids in token_ids)))
    table, mask = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    for row, ids in enumerate(token_ids):
        table[row, : len(ids)] = ids
        mask[row, : len(ids)] = 1
    return table, mask


def _width(length: int) -> int:
    """Return how many tokens a text takes at least when it is padded."""
    return -(-length // _WIDTH_STEP) * _WIDTH_STEP
