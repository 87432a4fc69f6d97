"""Measure answers over a public set, and keep a run folder as `rag eval run` does.

    python benchmarks/public.py path/to/news --index folder [--limit 50] [--name X] [--runs folder]

The set is ingested into the index folder unless it is there already. A limit draws the same cases every
time, by the hash of their ids, so that two runs can be compared: `rag eval compare A B`. `time` and
`scifact` ask for articles only; RAG_TOP_K=50 gives nDCG@10 ten different ones to look at.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from sets import QuestionSet, build_index, load_set, sample_cases

from evals import run
from evals.cases import Case
from evals.running import new_folder
from evals.tables import print_run
from rag import QueryEngine
from rag.console import progress_bar

RUNS = Path(".rag-evals") / "runs"


def main() -> None:
    arguments = parser_for(__doc__).parse_args()
    chosen, cases = chosen_cases(arguments)
    name = arguments.name or chosen.name
    engine = QueryEngine.open(settings=build_index(arguments.folder, arguments.index))
    with engine, progress_bar(quiet=False) as progress:
        done = run(cases, engine, name=name, folder=new_folder(arguments.runs, name), progress=progress)
    print_run(done, Console())


def parser_for(doc: str | None) -> argparse.ArgumentParser:
    """Return the options of every script that measures a set."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0] if doc else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--limit", type=int, help="cases to draw (default: all)")
    parser.add_argument("--name", help="name of the run (default: the set's)")
    parser.add_argument("--runs", type=Path, default=RUNS, help=f"folder of run folders (default: {RUNS})")
    return parser


def chosen_cases(arguments: argparse.Namespace) -> tuple[QuestionSet, list[Case]]:
    """Return the set that was named, and as many of its cases as are wanted."""
    chosen = load_set(arguments.folder)
    return chosen, sample_cases(chosen.cases, arguments.limit)


if __name__ == "__main__":
    main()
