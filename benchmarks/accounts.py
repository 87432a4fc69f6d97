"""Measure how many questions with conflicting answers get all of them, each with a footnote that says it.

    python benchmarks/accounts.py path/to/ramdocs --index folder [--limit 100]

Of every case with facts: are all facts given, and does each stand in a sentence with a footnote whose quote
says it? Also told: the share of answers of a hundred words or more. Intervals are bootstrap intervals.
"""

from __future__ import annotations

from collections.abc import Iterable

from public import chosen_cases, parser_for
from rich.console import Console
from sets import build_index

from evals.cases import Case
from evals.metrics.answers import says
from evals.statistics import Bootstrap
from rag import Answer, QueryEngine

MOST_WORDS = 100


def main() -> None:
    arguments = parser_for(__doc__).parse_args()
    chosen, cases = chosen_cases(arguments)
    cases = [case for case in cases if case.answerable and case.must_include]
    with QueryEngine.open(settings=build_index(arguments.folder, arguments.index)) as engine:
        answers = [engine.query(case.question) for case in cases]
    console = Console()
    given = [float(gives_all(answer, case)) for answer, case in zip(answers, cases, strict=True)]
    several = [len(case.must_include) > 1 for case in cases]
    report(console, f"{chosen.name}: all facts given, each with a footnote", given)
    told = [value for value, more in zip(given, several, strict=True) if more]
    if told:
        report(console, f"{chosen.name}: of these, several facts", told)
    report(console, f"{chosen.name}: {MOST_WORDS} words or more", [float(is_long(a)) for a in answers])


def gives_all(answer: Answer, case: Case) -> bool:
    """Tell whether every fact stands in a sentence, and in the quote of one of its footnotes."""
    quotes = {citation.number: citation.quote for citation in answer.citations}
    told = [(s.text, [quotes[number] for number in s.citations]) for s in answer.sentences]
    return all(any(_says(text, notes, fact) for text, notes in told) for fact in case.must_include)


def _says(text: str, quotes: Iterable[str], spellings: Iterable[str]) -> bool:
    return any(says(text, one) and any(says(quote, one) for quote in quotes) for one in spellings)


def is_long(answer: Answer) -> bool:
    """Tell whether an answer has a hundred words or more, with those that introduce its sentences."""
    return sum(len(f"{s.lead_in} {s.text}".split()) for s in answer.sentences) >= MOST_WORDS


def report(console: Console, name: str, values: list[float]) -> None:
    """Print a share with its interval."""
    interval = Bootstrap(len(values)).interval(values)
    if interval:
        console.print(
            f"{name}: {interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f}), n {interval.n}"
        )


if __name__ == "__main__":
    main()
