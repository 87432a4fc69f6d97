"""The sidebar of all pages: the way to the others, and what this window answers with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from rag.errors import FootnotedError
from rag.probing import probe
from rag.settings import Settings, load_settings

from . import choices
from .narrow import close_sidebar_after_links
from .plain import plain

_QUOTE, _MODEL = "Quote the articles", "Let a model write"
_CONVERSATION = "c"
"""The query parameter that names a conversation; it goes along from page to page."""


def show(pages: Sequence[StreamlitPage]) -> None:
    """Show the links between the pages and the settings of this window."""
    with st.sidebar:
        st.markdown("**Footnoted**")
        for page in pages:
            st.page_link(page, query_params=_carried())
        close_sidebar_after_links()
        try:
            settings = load_settings()
        except FootnotedError:
            return  # the page says it
        show_settings(settings)


def _carried() -> dict[str, str]:
    conversation = st.query_params.get(_CONVERSATION)
    return {_CONVERSATION: conversation} if conversation else {}


def show_settings(settings: Settings) -> None:
    """Show what can be chosen for this window; it is forgotten when the window is closed."""
    with st.expander("Settings"):
        chosen = replace(
            show_answerer(settings),
            top_k=st.slider(
                "Passages read for an answer", 1, 30, min(settings.top_k, 30), key="setting-top-k"
            ),
            min_confidence=st.slider(
                "How sure quoting must be",
                0.0,
                1.0,
                settings.min_confidence,
                0.05,
                key="setting-min-confidence",
                help="Lower answers more questions, higher declines more of them.",
            ),
        )
        choices.keep(chosen)
        st.caption("These hold for this window until you close it. Nothing of it is written down.")
    if not chosen.model:
        st.caption("Quoting mode: no model configured. Answers are sentences of the articles, word for word.")


def show_answerer(settings: Settings) -> choices.Choices:
    """Show who writes the answers; return the model, its server and its key, none when quoting."""
    kinds = [_QUOTE, _MODEL]
    first = kinds.index(_MODEL if settings.llm else _QUOTE)
    if st.radio("Answers", kinds, index=first, key="setting-kind") == _QUOTE:
        return choices.Choices()
    model = st.text_input("Model", (settings.llm or "").removeprefix("openai:"), key="setting-model")
    base_url = st.text_input(
        "Server",
        settings.llm_base_url or "",
        placeholder="OpenAI's, or http://localhost:11434/v1",
        key="setting-base-url",
    )
    key = st.text_input(
        "Key",
        type="password",
        placeholder="Set already" if settings.openai_api_key else "Local servers need none",
        key="setting-key",
    )
    chosen = choices.Choices(model.strip(), base_url.strip(), key.strip())
    if st.button("Test the connection", disabled=not chosen.model):
        test_connection(chosen, settings)
    return chosen


def test_connection(chosen: choices.Choices, settings: Settings) -> None:
    """Ask the model for a word, and say in one line whether that works."""
    try:
        with st.spinner("Asking the model…"):
            name = probe(chosen.applied_to(settings))
    except FootnotedError as error:
        st.error(plain(str(error)))
    else:
        st.success(f"{plain(name)} answers.")
