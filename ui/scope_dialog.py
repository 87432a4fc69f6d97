"""Which articles count in a conversation: chosen ones, or those of some days."""

from __future__ import annotations

from datetime import date

import streamlit as st

from rag.catalogue import Entry
from rag.conversations import Conversation, Conversations
from rag.engine import QueryEngine
from rag.errors import FootnotedError
from rag.scope import Scope

from . import session
from .plain import plain, shortened

_OFFERED = 200
"""Most articles to choose from; a search narrows more of them down."""
_TITLE = 80
_DIALOG = "scope"
_ARTICLES, _SINCE, _UNTIL = "scope-articles", "scope-since", "scope-until"


def show_button(engine: QueryEngine, store: Conversations, found: Conversation | None) -> None:
    """Say which articles count, and open the choice."""
    scope = found.scope if found else session.scope()
    st.button(
        label_of(scope),
        icon=":material/filter_list:",
        key="scope",
        help="Choose the articles or days that this conversation is about",
        on_click=session.open_dialog,
        args=(_DIALOG,),
    )
    if session.is_open(_DIALOG):
        _choose(engine, store, found, scope)


def label_of(scope: Scope) -> str:
    """Say in few words which articles count."""
    if not scope:
        return "All articles"
    count = len(scope.articles)
    articles = "" if not count else "1 article" if count == 1 else f"{count} articles"
    days = " ".join(
        part
        for part in (f"since {scope.since}" * bool(scope.since), f"until {scope.until}" * bool(scope.until))
        if part
    )
    return ", ".join(part for part in (articles, days) if part)


@st.dialog("Which articles count here?", on_dismiss=session.close_dialog)
def _choose(engine: QueryEngine, store: Conversations, found: Conversation | None, scope: Scope) -> None:
    entries = {entry.id: entry for entry in engine.index.catalogue.entries()}
    st.caption("The next questions of this conversation are asked about these articles only.")
    words = st.text_input("Search articles", key="scope-search") if len(entries) > _OFFERED else ""
    chosen = [id_ for id_ in scope.articles if id_ in entries]
    others = [id_ for id_, entry in entries.items() if id_ not in chosen and _holds(entry, words)]
    st.multiselect(
        "Articles (none chosen: all)",
        [*chosen, *others[:_OFFERED]],
        chosen,
        format_func=lambda id_: plain(shortened(entries[id_].title, _TITLE)),
        key=_ARTICLES,
    )
    with st.container(horizontal=True):
        st.date_input("Since", _day(scope.since), key=_SINCE)
        st.date_input("Until", _day(scope.until), key=_UNTIL)
    st.caption("Where a day is named, undated articles do not count.")
    with st.container(horizontal=True):
        applied = st.button("Apply", key="scope-apply", on_click=_apply, args=(store, found))
        if applied or st.button("All of them", key="scope-all", on_click=_apply_all, args=(store, found)):
            st.rerun()


def _apply(store: Conversations, found: Conversation | None) -> None:
    days = (st.session_state[key] for key in (_SINCE, _UNTIL))
    since, until = (day.isoformat() if day else None for day in days)
    try:
        session.narrow(store, found, Scope(tuple(st.session_state[_ARTICLES]), since, until))
    except FootnotedError as error:
        st.toast(plain(str(error)), icon=":material/error:")
    else:
        session.close_dialog()


def _apply_all(store: Conversations, found: Conversation | None) -> None:
    session.narrow(store, found, Scope())
    session.close_dialog()


def _holds(entry: Entry, words: str) -> bool:
    about = f"{entry.title} {entry.source or ''} {entry.date or ''} {entry.uri}".casefold()
    return all(word in about for word in words.casefold().split())


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
