"""A run -> report.md; foreign text is escaped, so that Markdown reads no mark in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rag.export import escape_markdown

from .records import CitationRecord, PassageRecord
from .runs import Run
from .tables import (
    INTERVAL,
    JUDGED,
    LABELLED,
    MEASURED,
    TRUST_LABELLED,
    TRUST_MEASURED,
    Entry,
    Grid,
    Outcome,
    cost_line,
    expected,
    figure,
    grouped,
    headline,
    interval,
    judge_notes,
    judged,
    kinds,
    labels,
    lacking,
    made_with,
    one_line,
    outcomes,
    speed_line,
    tags,
    trust_judged,
    turns,
)
from .telling import (
    SIGNS,
    facts,
    flaw,
    notes_on,
    particulars,
    place,
    retrieved_by,
    sources_expected,
    ungraded,
)

_FIGURES = re.compile(r"[\d.,–]+")
"""Cells that need no escape."""


def to_markdown(run: Run) -> str:
    """Return report.md."""
    return "\n\n".join(_markdown(run)) + "\n"


def _md(text: str) -> str:
    return escape_markdown(one_line(text))


def _markdown(run: Run) -> Iterator[str]:
    summary = run.summary
    yield f"# {_md(run.info.name)}"
    yield f"{_md(headline(run))}  \n{_md(made_with(run))}"
    yield f"## {MEASURED}\n\n{_md(TRUST_MEASURED)}"
    yield _md_metrics(summary)
    yield from (f"- {_md(line)}" for line in notes_on(summary))
    yield from _md_grids(kinds(summary), tags(summary), turns(summary))
    yield f"Speed: {_md(speed_line(summary['speed']))}  \nCost: {_md(cost_line(summary['cost']))}"
    if summary["judged"]:
        yield f"## {JUDGED}\n\n{_md(trust_judged(summary['judged']))}"
        yield from _md_grids(judged(summary))
        yield from map(_md, judge_notes(summary["judged"]))
    if summary["labels"]:
        yield f"## {LABELLED}\n\n{_md(TRUST_LABELLED)}"
        yield from _md_grids(labels(summary))
    yield "## Cases, failures first"
    yield from ("\n".join(_md_case(run, outcome)) for outcome in outcomes(run))
    yield "## How the run was made"
    yield from _md_grids(*particulars(run))


def _md_metrics(summary: Entry) -> str:
    names = summary["baselines"]
    rows = [
        (
            f"{metric['title']}{' (hard)' if metric['hard'] else ''}",
            figure(metric["value"], metric["unit"]),
            interval(metric, metric["unit"]),
            f"{metric['n']:,}",
            *(figure(metric["baselines"].get(name), metric["unit"]) for name in names),
        )
        for _, members in grouped(summary)
        for metric in members
    ]
    return _md_table(("metric", "value", INTERVAL, "n", *names), rows)


def _md_grids(*grids: Grid) -> Iterator[str]:
    for grid in grids:
        if grid.rows:
            yield f"### {_md(grid.title)}"
            yield _md_table(grid.head, grid.rows)


def _md_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, *rows]
    cells = [f"| {' | '.join(_md_cell(cell) for cell in line)} |" for line in lines]
    return "\n".join([cells[0], f"|{' --- |' * len(head)}", *cells[1:]])


def _md_cell(text: str) -> str:
    """Leave figures as they are: in a cell, `1.000` begins no list."""
    return text if _FIGURES.fullmatch(text) else _md(text)


def _md_case(run: Run, outcome: Outcome) -> Iterator[str]:
    case, record = outcome.case, outcome.record
    yield f"### {outcome.verdict}: {_md(case.id)}\n"
    yield from (f"- Before: {_md(turn.question)} — {_md(turn.answer)}" for turn in case.history)
    yield f"- Question: {_md(case.question)}"
    if record and record.searched:
        yield f"- Searched as: {_md(record.searched)}"
    yield f"- Expected: {_md(expected(case))}"
    yield from (f"- Fact: {SIGNS[check.right]} {_md(check.words)}" for check in facts(outcome))
    yield from (f"- Expected source: {_md(line)}" for line in sources_expected(outcome))
    if record and not record.error:
        yield f"- Got ({record.status}): {_md(record.text)}"
        yield from (f"- {_md_note(note, run.passages)}" for note in record.citations)
    if outcome.verdict != "passed":
        yield f"- Because: {_md(outcome.because)}"
    yield from (f"- Lacking: {_md(line)}" for line in lacking(run, case.id))
    yield from (f"- Unscored ({_md(why)}): {_md(', '.join(m))}" for why, m in ungraded(run, case.id).items())
    for passage, score in retrieved_by(record, run.passages) if record else ():
        yield f"- Retrieved: {_md(place(passage.article, passage.start, passage.end))}, score {_md(score)}"


def _md_note(note: CitationRecord, passages: Mapping[str, PassageRecord]) -> str:
    where = place(note.article, note.start, note.end)
    wrong = flaw(note, passages)
    return _md(f"[{note.number}] “{note.quote}” — {where}{f' — {wrong}' if wrong else ''}")
