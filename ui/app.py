"""The entry: which page is asked for, the sidebar that all of them share, then the page.

Nothing that takes long is imported here before the heading is drawn.
"""

from __future__ import annotations

import logging
from pathlib import Path

import streamlit as st

from ui import loading

_LOG = logging.getLogger("ui.app")  # this file is run as the main module
_ICON = (  # drawn here, as an icon by name would be fetched from another server
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" '
    'fill="#1c4f9c"/><path d="M11 8H8v16h3M21 8h3v16h-3M14 13l3-2v11" fill="none" stroke="#fff" '
    'stroke-width="2.4"/></svg>'
)


def main() -> None:
    chat = st.Page("chat_page.py", title="Chat", url_path="chat", default=True)
    articles = st.Page("articles_page.py", title="Articles", url_path="articles")
    evals = st.Page("evals_page.py", title="Evals", url_path="evals")
    page = st.navigation([chat, articles, evals], position="hidden")
    st.set_page_config(
        page_title=f"{page.title} · Footnoted",
        page_icon=_ICON,
        layout="centered" if page is chat else "wide",
    )
    st.html(Path(__file__).with_name("look.css"))
    if not loading.is_done():
        st.title(loading.WELCOME if page is chat else page.title, anchor=False)
        st.caption("Opening the index…")
        loading.begin()
        loading.wait()
        st.rerun()
    from ui import sidebar  # it imports the engine

    sidebar.show([chat, articles, evals])
    try:
        page.run()
    except Exception:  # noqa: BLE001  # a line for the reader, the details for the terminal
        _LOG.exception("The page could not be drawn")
        st.error("Something went wrong here; the terminal that runs the page says what.")


main()
