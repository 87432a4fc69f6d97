"""Time of `rag ask` from a cold start against a bare script that imports and loads what it must.

    python benchmarks/cold_start.py [--rounds 7]

Bare: import llama_index.core, chromadb and onnxruntime, and load both models on onnxruntime. Both scripts
run in turn, each in a new process; the figure is the ratio of the medians.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
SEEDS = ROOT / "seeds"
MODELS = [str(ROOT / "rag" / "models" / name) for name in ("minilm/model.onnx", "reader/reader.onnx")]
BARE = """
import sys
import llama_index.core, chromadb, onnxruntime
for model in sys.argv[1:]:
    onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
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
        bare = [sys.executable, "-c", BARE, *MODELS]
        times = [(timed(bare), timed(ask), timed([*rag, "--help"])) for _ in range(rounds)]
    bare_s, ask_s, help_s = (statistics.median(column) for column in zip(*times, strict=True))
    print(f"bare imports and models  {bare_s:.2f} s")
    print(f"rag ask over the seeds   {ask_s:.2f} s   {ask_s / bare_s:.2f} x bare")
    print(f"rag --help               {help_s:.2f} s")


def timed(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
