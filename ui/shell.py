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


def open_index(heading: str = "") -> QueryEngine:
    """Return the engine of this window; without an index, say what to do under a heading and end the run."""
    try:
        return choices.engine_of(shared_engine())
    except FootnotedError as error:
        if heading:
            st.title(heading, anchor=False)
        if isinstance(error, IndexMissing):
            show_missing()
        else:
            st.error(plain(str(error)), icon=":material/folder_off:")
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


def show_missing() -> None:
    """Show the two ways to the first articles."""
    st.info("There are no articles yet. Add some here, or read a folder from the terminal:")
    st.page_link("articles_page.py", label="Add articles", icon=":material/library_add:")
    show_ingest(load_settings().index)


def show_ingest(folder: Path) -> None:
    """Show the command that puts articles into the index."""
    st.code(f"rag ingest PATH --index {shlex.quote(str(folder))}", language=None, wrap_lines=True)
