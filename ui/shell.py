"""What all pages share: the index that is open, and how its absence is told."""

from __future__ import annotations

import shlex
from pathlib import Path

import streamlit as st

from rag.engine import QueryEngine
from rag.errors import FootnotedError, IndexMissing
from rag.index import CATALOGUE
from rag.settings import Settings, load_settings

from . import choices
from .plain import plain

WELCOME = "Ask the articles"
"""The heading of the chat before the first question."""


def open_index() -> QueryEngine:
    """Return the engine of this window; without an index, say what to do and end the run."""
    try:
        return choices.engine_of(shared_engine())
    except FootnotedError as error:
        st.error(plain(str(error)), icon=":material/folder_off:")
        if isinstance(error, IndexMissing):
            show_ingest(load_settings().index)
        st.button("Try again")
        st.stop()


def shared_engine() -> QueryEngine:
    """Return the engine that all windows share.

    Raises a FootnotedError when the settings or the index cannot be used.
    """
    settings = load_settings()
    return _open_engine(str(settings.index), _version(settings.index), settings)


@st.cache_resource(show_spinner="Opening the index…", max_entries=1, on_release=QueryEngine.close)
def _open_engine(folder: str, version: int, _settings: Settings) -> QueryEngine:  # noqa: ARG001  # a key
    """Open an index folder once for all windows; a folder that was made anew is opened anew."""
    return QueryEngine.open(folder, settings=_settings)


def _version(folder: Path) -> int:
    catalogue = folder / CATALOGUE
    return catalogue.stat().st_ino if catalogue.is_file() else 0


def show_ingest(folder: Path) -> None:
    """Show the command that puts articles into the index."""
    st.code(f"rag ingest PATH --index {shlex.quote(str(folder))}", language=None)
