"""What a reader thinks of an answer: a thumb, reasons, and a case for the evals."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from evals import reporting
from rag.conversations import Conversations, Feedback, StoredTurn
from rag.errors import FootnotedError

from . import session
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
_DECLINES, _EXPECTED, _FACTS = "case-declines", "case-expected", "case-facts"


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
        show_case(id_, turn, index)


def _rate(store: Conversations, id_: str, turn: StoredTurn, feedback: Feedback | None) -> None:
    try:
        store.rate(id_, turn.number, feedback)
    except FootnotedError as error:
        st.error(plain(str(error)))


def show_case(id_: str, turn: StoredTurn, index: Path) -> None:
    """Offer to keep the question as a case; tell where it is and how to run it."""
    key = f"{id_}-{turn.number}"
    saved = st.session_state.setdefault(_SAVED, set())
    if key in saved:
        st.caption(f"Saved as an eval case in {plain(str(reporting.file_of(index)))}. Run the saved cases:")
        st.code(reporting.command(index), language=None, wrap_lines=True)
        return
    dialog = f"case-{key}"
    opened = st.button(
        "Save as an eval case",
        key=f"open-{dialog}",
        icon=":material/playlist_add_check:",
        on_click=session.open_dialog,
        args=(dialog,),
    )
    if opened:
        st.rerun()


def show_dialog(store: Conversations, id_: str, turn: StoredTurn, index: Path) -> None:
    """Show the dialog that saves a turn as a case, if it is open."""
    if session.is_open(f"case-{id_}-{turn.number}"):
        _describe(store, id_, turn, index)


@st.dialog("Save as an eval case", on_dismiss=session.close_dialog)
def _describe(store: Conversations, id_: str, turn: StoredTurn, index: Path) -> None:
    """Ask what a right answer holds."""
    st.text(turn.question)
    declines = st.checkbox("The articles do not tell this; declining is right", key=_DECLINES)
    st.text_input("A right answer, in one short sentence", key=_EXPECTED, disabled=declines)
    st.text_input(
        "Facts that it must hold",
        key=_FACTS,
        disabled=declines,
        placeholder="four | 4, Istanbul",
        help="Commas part facts, | parts spellings of one fact.",
    )
    args = (store, id_, turn, index)
    if st.button("Save", key="case-save", on_click=_save, args=args):
        st.rerun()


def _save(store: Conversations, id_: str, turn: StoredTurn, index: Path) -> None:
    """Write the case; say what is missing instead."""
    declines, expected = st.session_state[_DECLINES], st.session_state[_EXPECTED].strip()
    if not declines and not expected:
        st.toast("Write a right answer, or say that declining is right.", icon=":material/error:")
        return
    try:
        told = [each.told for each in store.get(id_).turns if each.number < turn.number and each.answer]
        right = None if declines else expected
        reporting.report(index, turn.question, told, expected=right, facts=st.session_state[_FACTS])
    except FootnotedError as error:
        st.toast(plain(str(error)), icon=":material/error:")
        return
    st.session_state.setdefault(_SAVED, set()).add(f"{id_}-{turn.number}")
    session.close_dialog()
