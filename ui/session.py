"""Which conversation a window is in, and what it is about to ask; the conversations themselves are stored."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import cast

import streamlit as st

from rag.conversations import Conversation, Conversations, StoredTurn, file_of
from rag.engine import QueryEngine
from rag.errors import ConversationError
from rag.scope import Scope

from . import writing

CONVERSATION = "c"
"""The query parameter that names the conversation."""
_ASKING = "asking"
_SCOPE = "scope-to-begin-with"
_ALL = "all-turns"
_NOTICE = "notice"
_DIALOG = "dialog"
_BEGUN = "begun"
DRAWN = 8
"""Latest turns of a conversation that are drawn; the ones before on demand."""


def store(engine: QueryEngine) -> Conversations:
    """Return the conversations about an index; where they cannot be kept, those of this process only."""
    path = file_of(engine.index.folder)
    try:
        return _open(str(path), _version(path))
    except ConversationError as error:
        st.session_state[_NOTICE] = str(error)
        return _open_elsewhere(str(path))


def _version(path: Path) -> int:
    return path.stat().st_ino if path.is_file() else 0


@st.cache_resource(show_spinner=False, max_entries=4)
def _open(path: str, version: int) -> Conversations:  # noqa: ARG001  # a file made anew is opened anew
    return Conversations(Path(path))


@st.cache_resource(show_spinner=False, max_entries=1)
def _open_elsewhere(path: str) -> Conversations:  # noqa: ARG001  # a key
    folder = Path(tempfile.mkdtemp(prefix="footnoted-"))
    return Conversations(folder / "conversations.sqlite")


def notice() -> str:
    """Say why conversations are not kept, nothing when they are."""
    return cast(str, st.session_state.get(_NOTICE, ""))


def held(opened: Conversations) -> Conversation | None:
    """Return the conversation that the address names, with its latest turns; None for a new one.

    Raises ConversationError when there is none of this name.
    """
    id_ = st.query_params.get(CONVERSATION)
    if not id_:
        return None
    whole = st.session_state.get(_ALL) == id_
    return opened.get(id_, last=None if whole else DRAWN)


def show_all(id_: str) -> None:
    """Draw every turn of a conversation from now on."""
    st.session_state[_ALL] = id_


def enter(id_: str) -> None:
    """Go to a conversation."""
    close_dialog()
    st.query_params[CONVERSATION] = id_


def leave() -> None:
    """Begin a new conversation."""
    close_dialog()
    st.query_params.pop(CONVERSATION, None)
    st.session_state.pop(_SCOPE, None)


# --- asking


def ask(question: str) -> None:
    """Ask a question as soon as the page is drawn again."""
    st.session_state[_ASKING] = question


def asking() -> str | None:
    """Return the question that a button asked, once."""
    return cast("str | None", st.session_state.pop(_ASKING, None))


def begin(engine: QueryEngine, opened: Conversations, found: Conversation | None, question: str) -> None:
    """Store a question, name its conversation in the address, and have it answered.

    An answer that is still being written in this conversation is given up.
    """
    narrowed = found.scope if found else scope()
    id_ = found.id if found else opened.create(scope=narrowed).id
    for turn in found.turns if found else ():
        stop(opened, id_, turn)
    number = opened.begin(id_, question)
    st.query_params[CONVERSATION] = id_
    st.session_state[_BEGUN] = (id_, number)
    told = found.told if found else []
    writing.begin(opened, id_, number, engine.within(narrowed) if narrowed else engine, told)


def is_begun(id_: str, number: int) -> bool:
    """Tell whether this window asked a turn, and nothing since."""
    return st.session_state.get(_BEGUN) == (id_, number)


def stop(opened: Conversations, id_: str, turn: StoredTurn) -> None:
    """Give up an answer that is being written; what was shown of it stays."""
    found = writing.of_turn(opened, id_, turn.number)
    if turn.state == "asked" and found and not found.done:
        found.stop()
        try:
            opened.stop(id_, turn.number, draft=found.draft, searched=found.searched)
        except ConversationError as error:
            found.lost = str(error)


# --- the articles that count


def scope() -> Scope:
    """Return what was chosen for a conversation that has not begun."""
    return cast(Scope, st.session_state.get(_SCOPE, Scope()))


def begin_about(article: str) -> None:
    """Begin a new conversation, about one article."""
    leave()
    st.session_state[_SCOPE] = Scope((article,))


def narrow(opened: Conversations, found: Conversation | None, chosen: Scope) -> None:
    """Choose the articles that count in a conversation, or in the one about to begin."""
    if found:
        opened.narrow(found.id, chosen)
    else:
        st.session_state[_SCOPE] = chosen


# --- dialogs: named in the session, so that a page drawn anew keeps the one that is open


def open_dialog(name: str) -> None:
    """Show a dialog from now on."""
    st.session_state[_DIALOG] = name


def close_dialog() -> None:
    """Show none any more."""
    st.session_state.pop(_DIALOG, None)


def is_open(name: str) -> bool:
    """Tell whether a dialog is to be shown."""
    return st.session_state.get(_DIALOG) == name
