"""One run of evals: its metrics, its charts, its cases with the failures first; one case as in the chat."""

from __future__ import annotations

import streamlit as st

from evals.runs import Run
from evals.tables import (
    MEASURED,
    NONE,
    TRUST_MEASURED,
    Entry,
    Grid,
    Outcome,
    best_baseline,
    cost_line,
    expected,
    figure,
    grouped,
    headline,
    interval,
    kinds,
    lacking,
    made_with,
    outcomes,
    speed_line,
    tags,
)
from evals.telling import SIGNS, facts, flaw, notes_on, retrieved_by, sources_expected
from evals.webpage import drawn_of

from . import components, drawn
from .drawing import Column, Row, Tone, show_chart, show_table
from .excerpts import of_record
from .plain import plain, shortened

_PAGE = 50
"""Cases listed at a time."""
_SNIPPET = 300
"""Longest retrieved passage that is shown, in characters."""
_MAIN = ("passed", "facts_covered", "citation_precision", "citation_recall")
_COLUMNS = (
    Column("Metric"),
    Column("Value", "figure"),
    Column("95 % interval", "figure"),
    Column("n", "figure wide"),
    Column("Best baseline", "wide"),
)
_TONES: dict[str, Tone] = {"passed": "good", "failed": "bad", "crashed": "bad"}


def show(run: Run) -> str | None:
    """Show a run; return the id of the case that was just opened."""
    st.title(plain(run.info.name), anchor=False)
    st.caption(plain(headline(run)))
    st.caption(plain(made_with(run)))
    show_table("At a glance", _COLUMNS, list(map(_metric, _main(run.summary))), key="at-a-glance")
    opened = show_cases(run)
    show_charts(run)
    show_metrics(run.summary)
    for number, grid in enumerate((kinds(run.summary), tags(run.summary))):
        show_grid(grid, key=f"grid-{number}")
    st.caption(plain(f"Speed: {speed_line(run.summary['speed'])}"))
    st.caption(plain(f"Cost: {cost_line(run.summary['cost'])}"))
    return opened


def _main(summary: Entry) -> list[Entry]:
    return [metric for metric in summary["metrics"] if metric["name"] in _MAIN]


def show_metrics(summary: Entry) -> None:
    """Show every metric with its interval and the best trivial baseline."""
    st.subheader(MEASURED, anchor=False)
    st.caption(plain(TRUST_MEASURED))
    for number, (heading, metrics) in enumerate(grouped(summary)):
        st.markdown(f"**{plain(heading)}**")
        show_table(heading, _COLUMNS, list(map(_metric, metrics)), key=f"metrics-{number}")
    notes = notes_on(summary)
    if notes:
        with st.expander("What was not scored, and why"):
            for line in notes:
                st.caption(plain(line))


def _metric(metric: Entry) -> Row:
    unit, best = metric["unit"], best_baseline(metric)
    against = f"{figure(best.value, unit)} {best.name}" if best else NONE
    value = figure(metric["value"], unit)
    return Row((metric["title"], value, interval(metric, unit), f"{metric['n']:,}", against))


def show_charts(run: Run) -> None:
    """Show the charts of a run, two beside each other where there is room."""
    drawn = [chart for chart in drawn_of(run) if chart.svg]
    sides = st.columns(2)
    for number, chart in enumerate(drawn):
        with sides[number % 2]:
            st.markdown(f"**{plain(chart.title)}**")
            if chart.note:
                st.caption(plain(chart.note))
            show_chart(chart.svg, key=f"chart-{number}")


def show_grid(grid: Grid, *, key: str) -> None:
    """Show a small table of words, if it has rows."""
    if grid.rows:
        st.subheader(plain(grid.title), anchor=False)
        first, *rest = grid.head
        columns = [Column(first), *(Column(name, "figure") for name in rest)]
        show_table(grid.title, columns, [Row(tuple(row)) for row in grid.rows], key=key)


def show_cases(run: Run) -> str | None:
    """Show the cases, failures first; return the id of the one that was just opened."""
    st.subheader("Cases", anchor=False)
    every = outcomes(run)
    bad = sum(outcome.bad for outcome in every)
    names = {"Failures": bad, "All": len(every)}
    chosen = st.segmented_control(
        "Show",
        list(names),
        default="Failures" if bad else "All",
        format_func=lambda name: f"{name} ({names[name]})",
        key="case-filter",
    )
    found = every if chosen == "All" else [outcome for outcome in every if outcome.bad]
    pages = -(-len(found) // _PAGE)
    at = st.pagination(pages, key="case-page") if pages > 1 else 1
    columns = (Column("Question"), Column("Result"), Column("Why", "wide"))
    rows = [_row(outcome) for outcome in found[(at - 1) * _PAGE : at * _PAGE]]
    return show_table("Cases", columns, rows, key="cases", toned=1) if rows else None


def _row(outcome: Outcome) -> Row:
    why = "" if outcome.verdict == "passed" else shortened(outcome.because, 200)
    cells = (outcome.case.question, outcome.verdict, why)
    return Row(cells, outcome.case.id, _TONES.get(outcome.verdict, ""))


# --- one case


def outcome_of(run: Run, case: str) -> Outcome | None:
    """Return what a case of the run came to; None when it has no such case."""
    return next((outcome for outcome in outcomes(run) if outcome.case.id == case), None)


def show_case(run: Run, outcome: Outcome) -> None:
    """Show a case: the question and its answer as in the chat, and beside them what was expected."""
    st.title(plain(shortened(outcome.case.question, 200)), anchor=False)
    st.caption(plain(f"{outcome.case.id} · {', '.join(outcome.case.tags) or 'no tags'}"))
    if outcome.verdict == "passed":
        st.success("Passed")
    else:
        st.error(plain(f"{outcome.verdict.capitalize()}: {outcome.because}"))
    left, right = st.columns([3, 2])
    with left:
        st.subheader("Answer", anchor=False)
        show_answer(run, outcome)
    with right:
        st.subheader("Expected", anchor=False)
        show_expected(outcome)
    lines = lacking(run, outcome.case.id)
    if lines:
        st.subheader("Less than perfect", anchor=False)
        st.text("\n".join(lines))
    show_retrieved(run, outcome)


def show_answer(run: Run, outcome: Outcome) -> None:
    """Show the answer as the chat does, with footnotes that open their sources."""
    record = outcome.record
    if record is None or record.error:
        st.text("There is no answer.")
        return
    components.show_answer(drawn.recorded(record, of_record(run, record)), key="case-answer")
    for note in record.citations:
        if flawed := flaw(note, run.passages):
            st.caption(plain(f"[{note.number}] {flawed}"))


def show_expected(outcome: Outcome) -> None:
    """Show what a right answer says, and where it stands."""
    st.text(expected(outcome.case))
    for check in facts(outcome):
        st.text(f"{SIGNS[check.right]} {check.words}")
    for line in sources_expected(outcome):
        st.caption(plain(line))


def show_retrieved(run: Run, outcome: Outcome) -> None:
    """Show the passages that the answer could be made from, folded away."""
    retrieved = retrieved_by(outcome.record, run.passages) if outcome.record else []
    if not retrieved:
        return
    with st.expander(f"Retrieved passages: {len(retrieved)}"):
        columns = (Column("Passage"), Column("Score", "figure"), Column("Text"))
        rows = [Row((passage.id, score, shortened(passage.text, _SNIPPET))) for passage, score in retrieved]
        show_table("Retrieved passages", columns, rows, key="retrieved")
