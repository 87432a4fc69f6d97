"""Ask questions that people typed, and say how many are answered right, declined rightly, declined wrongly.

    python benchmarks/natural.py path/to/questions.jsonl path/to/articles --index folder

A line of the file is a question: kind, question, answerable, and all, a list of expressions. An answer is
right when it holds a match of every expression, in any case. Kinds that
are named by `--without` are left out.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from pathlib import Path

from rag import QueryEngine, ingest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("questions", type=Path)
    parser.add_argument("articles", type=Path)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--without", nargs="*", default=["overview", "meta"])
    arguments = parser.parse_args()
    ingest(arguments.articles, index=arguments.index)
    lines = arguments.questions.read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, filter(None, lines)) if row["kind"] not in arguments.without]
    outcomes: Counter[tuple[bool, str]] = Counter()
    with QueryEngine.open(arguments.index) as engine:
        for row in rows:
            answer = engine.query(row["question"])
            outcome = judged(answer.status, answer.text, row["answerable"], row.get("all", []))
            outcomes[row["answerable"], outcome] += 1
            if outcome in {"wrong", "declined wrongly"}:
                print(f"{row['kind']:10} {outcome:17} {row['question']}\n    {answer.text}")
    for (answerable, outcome), count in sorted(outcomes.items()):
        print(f"{'answerable' if answerable else 'unanswerable':13} {outcome:17} {count:3}")


def judged(status: str, text: str, answerable: bool, wanted: list[str]) -> str:  # noqa: FBT001  # as a case has it
    """Return what came of a question in two words."""
    if status == "abstained":
        return "declined wrongly" if answerable else "declined rightly"
    right = answerable and all(re.search(expression, text, re.IGNORECASE) for expression in wanted)
    return "right" if right else "wrong"


if __name__ == "__main__":
    main()
