"""The source view: an article in a panel at the side, and the way to the other sources of an answer."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from . import components, session
from .excerpts import Excerpt
from .plain import plain, shortened

_LABEL = 40
"""Longest title on a button, in characters."""


def button(number: int, position: int, excerpt: Excerpt) -> bool:
    """Show a button for an excerpt's article; tell whether it was just clicked."""
    label = f"{excerpt.number} · {plain(shortened(excerpt.article.title, _LABEL))}"
    return st.button(label, key=f"source-{number}-{position}", help=plain(excerpt.article.title))


def show(excerpts: Sequence[Excerpt], position: int) -> None:
    """Open the view at one of the excerpts."""
    session.show(position)
    _view(excerpts)


@st.dialog("Source", width="medium", position="right")
def _view(excerpts: Sequence[Excerpt]) -> None:
    """Show an article with the quoted words marked, and the way to the other sources."""
    position, count = session.shown(), len(excerpts)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Previous", key="previous", disabled=position == 0, on_click=session.show, args=(position - 1,)
        )
        st.button(
            "Next", key="next", disabled=position + 1 == count, on_click=session.show, args=(position + 1,)
        )
        st.caption(f"{position + 1} of {count}")
    components.show_article(excerpts[position], key="article")
