"""What the harness costs: a run over the seed cases, kept in a folder, against the engine's own time in it.

    python benchmarks/harness.py [--rounds 5]

The share is (everything that `evals.run` does - what the engine says it took) / what the engine says it
took: reading articles, looking up quotes, grading, baselines, intervals, both reports, all files.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

from evals import load_cases, run
from evals.engines import SEED_ARTICLES
from rag import QueryEngine, Settings, ingest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    cases = load_cases()
    with tempfile.TemporaryDirectory() as scratch:
        settings = Settings(index=Path(scratch) / "index")
        ingest(SEED_ARTICLES, index=settings.index, settings=settings)
        with QueryEngine.open(settings.index, settings=settings) as engine:
            run(cases[:3], engine)  # loads what is loaded once
            shares = []
            for number in range(rounds):
                started = time.perf_counter()
                done = run(cases, engine, folder=Path(scratch) / f"run-{number}")
                whole = time.perf_counter() - started
                own = sum(record.seconds["total"] for record in done.records)
                shares.append((whole - own) / own)
                print(f"{len(cases)} cases: {whole:.2f} s, of which the engine {own:.2f} s: {shares[-1]:.1%}")
    print(f"median share of the harness: {median(shares):.1%}")


if __name__ == "__main__":
    main()
