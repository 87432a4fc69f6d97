"""What stands behind an answer, for those who ask with `?debug=1`: all of it text, none of it markup."""

from __future__ import annotations

import streamlit as st

from rag.answer import Answer
from rag.conversations import StoredTurn

from .drawing import Column, Row, show_table

_GONE = "(kept in memory only: ask again to see it)"


def show(turn: StoredTurn, fresh: Answer | None) -> None:
    """Show prompt, searched question, scores, timings and the raw reply of an answer.

    `fresh` is the answer as this process made it; only that has the prompt.
    """
    answer = turn.answer or fresh
    if answer is None:
        return
    with st.expander("Debug", icon=":material/bug_report:"):
        st.code("\n".join(_lines(turn, answer)), language=None, wrap_lines=True)
        columns = (Column("Passage"), *(Column(name, "figure") for name in ("Score", "Dense", "Lexical")))
        show_table("Scores", columns, _rows(answer), key=f"scores-{turn.number}")
        if answer.model != "quoting" or answer.raw:
            st.caption("Prompt")
            st.code((fresh.prompt if fresh else None) or _GONE, language=None, wrap_lines=True)
            st.caption("Raw reply")
            st.code(answer.raw or "(none)", language=None, wrap_lines=True)


def _lines(turn: StoredTurn, answer: Answer) -> list[str]:
    seconds = (f"{stage} {value:.3f} s" for stage, value in answer.seconds.items())
    confidence = "–" if answer.confidence is None else f"{answer.confidence:.3f}"
    return [
        f"asked: {turn.question}",
        f"searched: {answer.searched or turn.question}",
        f"status: {answer.status}, by {answer.model}, confidence {confidence}",
        f"timings: {', '.join(seconds)}",
        f"unknown markers: {answer.unknown_markers}, repaired: {answer.repaired}, dropped: {answer.dropped}",
    ]


def _rows(answer: Answer) -> list[Row]:
    return [
        Row(
            (
                f"{n}. {about.get('title')}",
                *map(_figure, (node.score, about.get("dense"), about.get("lexical"))),
            )
        )
        for n, node in enumerate(answer.source_nodes, start=1)
        for about in [node.node.metadata]
    ]


def _figure(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, int | float) else "–"
