"""The conversations in the sidebar, newest first; and what can be done with the one that is open."""

from __future__ import annotations

import json
import re

import streamlit as st

from rag import transcripts
from rag.conversations import Conversation, Conversations
from rag.errors import FootnotedError

from . import session
from .link_list import Link, show_links
from .plain import plain, shortened

_LISTED = 30
_TITLE = 60
_MENU = "conversation"


def show_list(store: Conversations, found: Conversation | None) -> None:
    """List the conversations, each a link that can be kept or sent on."""
    with st.sidebar:
        st.button(
            "New conversation",
            icon=":material/add:",
            on_click=session.leave,
            disabled=found is None,
            width="stretch",
            key="new-conversation",
        )
        words = st.text_input(
            "Search conversations",
            key="conversation-search",
            placeholder="Search conversations",
            label_visibility="collapsed",
        )
        entries = store.entries(words, limit=_LISTED + 1)
        if words and not entries:
            st.caption("No conversation holds these words.")
        opened = show_links(
            "Conversations",
            [Link(entry.id, shortened(entry.title, _TITLE) or "Untitled") for entry in entries[:_LISTED]],
            parameter=session.CONVERSATION,
            current=found.id if found else None,
            key="conversations",
        )
        if len(entries) > _LISTED:
            st.caption("Search to find older ones.")
    if opened:
        session.enter(opened)
        st.rerun()


def show_button(store: Conversations, found: Conversation) -> None:
    """Show the button behind which a conversation is renamed, exported and deleted."""
    st.button(
        "Conversation",
        icon=":material/more_horiz:",
        key="conversation-menu",
        on_click=session.open_dialog,
        args=(_MENU,),
    )
    if session.is_open(_MENU):
        _menu(store, found.id)


@st.dialog("This conversation", on_dismiss=session.close_dialog)
def _menu(store: Conversations, id_: str) -> None:
    try:
        whole = store.get(id_)
    except FootnotedError as error:
        st.error(plain(str(error)))
        return
    show_rename(store, whole)
    show_exports(whole)
    show_delete(store, whole)


def show_rename(store: Conversations, whole: Conversation) -> None:
    """Ask for another title."""
    key = f"title-{whole.id}"
    with st.form("rename", border=False):
        st.text_input("Title", whole.title, max_chars=80, key=key)
        if st.form_submit_button("Rename", on_click=_rename, args=(store, whole.id, key)):
            st.rerun()


def _rename(store: Conversations, id_: str, key: str) -> None:
    try:
        store.rename(id_, st.session_state[key])
    except FootnotedError as error:
        st.toast(plain(str(error)), icon=":material/error:")
    else:
        session.close_dialog()


def show_exports(whole: Conversation) -> None:
    """Offer the conversation as a file, with its footnotes."""
    name = "-".join(re.findall(r"[^\W_]+", whole.title.casefold())[:6]) or "conversation"
    made = (
        ("Markdown", "md", "text/markdown", transcripts.to_markdown(whole)),
        ("HTML", "html", "text/html", transcripts.to_html(whole)),
        ("JSON", "json", "application/json", json.dumps(transcripts.to_dict(whole), indent=2)),
    )
    st.caption("Take it with you, with its footnotes:")
    with st.container(horizontal=True):
        for label, ending, mime, data in made:
            st.download_button(
                label, data, f"{name}.{ending}", mime, key=f"export-{ending}", on_click="ignore"
            )


def show_delete(store: Conversations, whole: Conversation) -> None:
    """Delete the conversation once that is confirmed."""
    st.divider()
    sure = st.checkbox("Delete this conversation for good", key=f"sure-{whole.id}")
    deleted = st.button(
        "Delete",
        disabled=not sure,
        key="delete-conversation",
        on_click=_delete,
        args=(store, whole.id),
    )
    if deleted:
        st.rerun()


def _delete(store: Conversations, id_: str) -> None:
    try:
        store.delete(id_)
    except FootnotedError as error:
        st.toast(plain(str(error)), icon=":material/error:")
    else:
        session.close_dialog()
        session.leave()
