"""One more component of our own, which shows nothing.

On a narrow screen the sidebar lies over the page; it is closed once a link in it is followed.
"""

from __future__ import annotations

import streamlit as st

_JS = """
const NARROW = 768;  // where Streamlit lays the sidebar over the page, in pixels

function tidy(event) {
  const path = event.composedPath();  // links of our own are in shadow roots
  const isLink = path.some((one) => one.tagName === "A");
  const sidebar = path.find((one) => one.dataset && one.dataset.testid === "stSidebar");
  if (innerWidth >= NARROW || !isLink || !sidebar) return;
  sidebar.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click();
}

export default function () {
  document.addEventListener("click", tidy);
  return () => document.removeEventListener("click", tidy);
}
"""
_tidy = st.components.v2.component("footnoted.narrow", html="<i hidden></i>", js=_JS)


def close_sidebar_after_links() -> None:
    """Watch the links of the sidebar."""
    _tidy(key="narrow")
