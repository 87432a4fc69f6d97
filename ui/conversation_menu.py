"""The conversations in the sidebar, newest first; and what can be done with the one that is open."""

from __future__ import annotations

import json
import re

import streamlit as st

from rag import transcripts
from rag.conversations import Conversation, Conversations
from rag.errors import FootnotedError

from . import session
from .plain import plain, shortened

_LISTED = 30
_TITLE = 40


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
        for entry in entries[:_LISTED]:
            title = plain(shortened(entry.title, _TITLE)) or "Untitled"
            if found and entry.id == found.id:
                st.markdown(f":material/chevron_right: **{title}**")
            else:
                st.page_link("chat_page.py", label=title, query_params={session.CONVERSATION: entry.id})
        if len(entries) > _LISTED:
            st.caption("Search to find older ones.")


def show_button(store: Conversations, found: Conversation) -> None:
    """Show the button behind which a conversation is renamed, exported and deleted."""
    if st.button("Conversation", icon=":material/more_horiz:", key="conversation-menu"):
        _menu(store, found.id)


@st.dialog("This conversation")
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
    with st.form("rename", border=False):
        title = st.text_input("Title", whole.title, max_chars=80, key=f"title-{whole.id}")
        if not st.form_submit_button("Rename"):
            return
    try:
        store.rename(whole.id, title)
    except FootnotedError as error:
        st.error(plain(str(error)))
    else:
        st.rerun()


def show_exports(whole: Conversation) -> None:
    """Offer the conversation as a file, with its footnotes."""
    name = "-".join(re.findall(r"[^\W_]+", whole.title.casefold())[:6]) or "conversation"
    made = (
        ("Markdown", "md", "text/markdown", transcripts.to_markdown(whole)),
        ("HTML", "html", "text/html", transcripts.to_html(whole)),
        ("JSON", "json", "application/json", json.dumps(transcripts.to_dict(whole), indent=2)),
    )
    st.caption("Take it with you")
    with st.container(horizontal=True):
        for label, ending, mime, data in made:
            st.download_button(
                label, data, f"{name}.{ending}", mime, key=f"export-{ending}", on_click="ignore"
            )


def show_delete(store: Conversations, whole: Conversation) -> None:
    """Delete the conversation once that is confirmed."""
    st.divider()
    sure = st.checkbox("Delete this conversation for good", key=f"sure-{whole.id}")
    if st.button("Delete", type="primary", disabled=not sure, key="delete-conversation"):
        store.delete(whole.id)
        session.leave()
        st.rerun()
