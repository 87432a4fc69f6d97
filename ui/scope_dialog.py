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


def show_button(engine: QueryEngine, store: Conversations, found: Conversation | None) -> None:
    """Say which articles count, and open the choice."""
    scope = found.scope if found else session.scope()
    if st.button(label_of(scope), icon=":material/filter_list:", key="scope"):
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


@st.dialog("Which articles count here?")
def _choose(engine: QueryEngine, store: Conversations, found: Conversation | None, scope: Scope) -> None:
    entries = {entry.id: entry for entry in engine.index.catalogue.entries()}
    st.caption("Questions of this conversation are asked about these articles only.")
    words = st.text_input("Search articles", key="scope-search") if len(entries) > _OFFERED else ""
    chosen = [id_ for id_ in scope.articles if id_ in entries]
    offered = [*chosen, *(id_ for id_, e in entries.items() if id_ not in chosen and _holds(e, words))]
    picked = st.multiselect(
        "Articles (none chosen: all)",
        offered[: _OFFERED + len(chosen)],
        chosen,
        format_func=lambda id_: plain(shortened(entries[id_].title, _TITLE)),
        key="scope-articles",
    )
    with st.container(horizontal=True):
        since = st.date_input("Since", _day(scope.since), key="scope-since")
        until = st.date_input("Until", _day(scope.until), key="scope-until")
    st.caption("Where a day is named, undated articles do not count.")
    with st.container(horizontal=True):
        if st.button("Apply", type="primary", key="scope-apply"):
            _apply(store, found, tuple(picked), since, until)
        if st.button("All articles", key="scope-all"):
            _apply(store, found, (), None, None)


def _apply(
    store: Conversations,
    found: Conversation | None,
    articles: tuple[str, ...],
    since: date | None,
    until: date | None,
) -> None:
    days = (since.isoformat() if since else None, until.isoformat() if until else None)
    try:
        session.narrow(store, found, Scope(articles, *days))
    except FootnotedError as error:
        st.error(plain(str(error)))
    else:
        st.rerun()


def _holds(entry: Entry, words: str) -> bool:
    about = f"{entry.title} {entry.source or ''} {entry.date or ''} {entry.uri}".casefold()
    return all(word in about for word in words.casefold().split())


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
