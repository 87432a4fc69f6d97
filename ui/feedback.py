"""What a reader thinks of an answer: a thumb, reasons, and a case for the evals."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from evals import reporting
from rag.conversations import Conversations, Feedback, StoredTurn
from rag.errors import FootnotedError

from .plain import plain

_GOOD = ("Answers the question", "Sources fit", "Complete")
_BAD = (
    "Wrong",
    "Beside the question",
    "Something is missing",
    "A source does not say that",
    "Should have declined",
    "Should have answered",
)
_SAVED = "saved-cases"


def show(store: Conversations, id_: str, turn: StoredTurn, index: Path) -> None:
    """Show the thumbs; below them, once one is chosen, the reasons."""
    key = f"{id_}-{turn.number}"
    given = turn.feedback
    thumb = st.feedback("thumbs", key=f"thumb-{key}", default=int(given.good) if given else None)
    if thumb is None:
        if given:
            _rate(store, id_, turn, None)
        return
    good = bool(thumb)
    kept = given if given and given.good == good else Feedback(good)
    offered = _GOOD if good else _BAD
    reasons = st.pills(
        "Why?",
        offered,
        selection_mode="multi",
        default=[reason for reason in kept.reasons if reason in offered],
        key=f"reasons-{key}-{thumb}",
    )
    note = st.text_input("In your words", kept.note, max_chars=500, key=f"note-{key}-{thumb}")
    now = Feedback(good, tuple(reasons), note.strip())
    if now != given:
        _rate(store, id_, turn, now)
    if not good:
        show_case(store, id_, turn, index)


def _rate(store: Conversations, id_: str, turn: StoredTurn, feedback: Feedback | None) -> None:
    try:
        store.rate(id_, turn.number, feedback)
    except FootnotedError as error:
        st.error(plain(str(error)))


def show_case(store: Conversations, id_: str, turn: StoredTurn, index: Path) -> None:
    """Offer to keep the question as a case; tell where it is and how to run it."""
    key = f"{id_}-{turn.number}"
    saved = st.session_state.setdefault(_SAVED, set())
    if key in saved:
        st.caption(f"Saved as an eval case in {plain(str(reporting.file_of(index)))}. Run the saved cases:")
        st.code(reporting.command(index), language=None, wrap_lines=True)
    elif st.button("Save as an eval case", key=f"case-{key}", icon=":material/playlist_add_check:"):
        _describe(store, id_, turn, index)


@st.dialog("Save as an eval case")
def _describe(store: Conversations, id_: str, turn: StoredTurn, index: Path) -> None:
    """Ask what a right answer holds."""
    st.text(turn.question)
    declines = st.checkbox("The articles do not tell this; declining is right", key="case-declines")
    expected = st.text_input("A right answer, in one short sentence", key="case-expected", disabled=declines)
    facts = st.text_input(
        "Facts that it must hold",
        key="case-facts",
        disabled=declines,
        placeholder="four | 4, Istanbul",
        help="Commas part facts, | parts spellings of one fact.",
    )
    if not st.button("Save", type="primary", key="case-save"):
        return
    if not declines and not expected.strip():
        st.error("Write a right answer, or say that declining is right.")
        return
    try:
        told = [each for each in store.get(id_).turns if each.number < turn.number and each.answer]
        reporting.report(
            index,
            turn.question,
            [each.told for each in told],
            expected=None if declines else expected.strip(),
            facts=facts,
        )
    except FootnotedError as error:
        st.error(plain(str(error)))
        return
    st.session_state[_SAVED].add(f"{id_}-{turn.number}")
    st.rerun()
