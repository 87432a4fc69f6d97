"""The entry: which page is asked for, the sidebar that all of them share, then the page."""

from __future__ import annotations

import streamlit as st

from ui import sidebar

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
    sidebar.show([chat, articles, evals])
    page.run()


main()
