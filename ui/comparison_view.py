"""Two runs of evals side by side: what can be claimed, which cases flipped, what was changed."""

from __future__ import annotations

import streamlit as st

from evals.comparison import Comparison, Difference, Flip
from evals.tables import NONE, counted, figure

from .drawing import Column, Row, Tone, show_table
from .plain import plain, shortened

_TONES: dict[str, Tone] = {"better": "good", "worse": "bad"}
_LONGEST = 1_000
"""Longest answer that is shown of a flipped case, in characters."""


def show(comparison: Comparison) -> str | None:
    """Show a comparison; return the id of the flipped case that was just opened."""
    st.title("Comparison", anchor=False)
    st.text(f"A: {comparison.a.name}, {comparison.a.id}\nB: {comparison.b.name}, {comparison.b.id}")
    st.info(plain(comparison.conclusion))
    st.caption(plain(_coverage(comparison)))
    opened = show_flips("Passed in A, failed in B", comparison.broken, key="broken")
    opened = show_flips("Failed in A, passed in B", comparison.mended, key="mended") or opened
    show_differences(comparison)
    show_changes(comparison)
    return opened


def _coverage(comparison: Comparison) -> str:
    left_out = {
        "changed": len(comparison.changed),
        "only in A": len(comparison.only_a),
        "only in B": len(comparison.only_b),
    }
    rest = ", ".join(f"{count} {name}" for name, count in left_out.items() if count)
    compared = f"{counted(len(comparison.cases), 'case')} compared"
    return f"{compared}; left out: {rest}." if rest else f"{compared}."


def show_flips(title: str, flips: tuple[Flip, ...], *, key: str) -> str | None:
    """Show cases that came out differently, with both answers; return the id of the one just opened."""
    if not flips:
        return None
    st.subheader(f"{title}: {len(flips)}", anchor=False)
    rows = [
        Row(
            (
                flip.question,
                shortened(flip.answer_a, _LONGEST) or NONE,
                shortened(flip.answer_b, _LONGEST) or NONE,
                flip.reason,
            ),
            flip.case,
        )
        for flip in flips
    ]
    columns = (Column("Case"), Column("Answer A"), Column("Answer B"), Column("Why it failed", "wide"))
    return show_table(title, columns, rows, key=key)


def show_differences(comparison: Comparison) -> None:
    """Show every metric in both runs, those that differ first."""
    st.subheader("Metrics", anchor=False)
    st.caption(
        "B minus A with its interval, each metric by itself. The verdict allows for all metrics together, "
        "so that chance shows a difference in one comparison of twenty at most."
    )
    columns = (
        Column("Metric"),
        Column("A", "figure"),
        Column("B", "figure"),
        Column("B − A", "figure"),
        Column("95 % interval", "wide"),
        Column("Verdict"),
        Column("Cases", "figure wide"),
    )
    dull = ("the same", "not compared")
    ordered = sorted(comparison.metrics, key=lambda found: found.verdict in dull)
    rows = [_difference(found) for found in ordered]
    show_table("Metrics of both runs", columns, rows, key="differences", toned=5)


def _difference(found: Difference) -> Row:
    unit, gap = found.metric.unit, found.interval
    cells = (
        found.metric.title,
        figure(found.a, unit),
        figure(found.b, unit),
        figure(gap.value, unit) if gap else NONE,
        f"{figure(gap.low, unit)} to {figure(gap.high, unit)}" if gap else NONE,
        found.verdict,
        f"{found.n:,}",
    )
    return Row(cells, tone=_TONES.get(found.verdict, ""))


def show_changes(comparison: Comparison) -> None:
    """Show what the two runs were made with, where it differs."""
    if not comparison.changes:
        st.caption("Both runs were made with the same settings, prompts, index and packages.")
        return
    st.subheader("Made differently", anchor=False)
    rows = [Row((change.what, _word(change.a), _word(change.b))) for change in comparison.changes]
    show_table(
        "What the runs were made with", (Column("What"), Column("A"), Column("B")), rows, key="changes"
    )


def _word(value: object) -> str:
    return NONE if value is None else str(value)
