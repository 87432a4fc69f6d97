"""What one window answers with, where that differs from the settings of the server.

A key stays in the memory of the window's session: it is written to no file, log or address.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import streamlit as st
from pydantic import SecretStr

from rag.engine import QueryEngine
from rag.llm import load_llm
from rag.settings import Settings, load_settings

_CHOICES = "choices"
_ENGINE = "engine"


@dataclass(frozen=True, slots=True)
class Choices:
    """What the sidebar says."""

    model: str = ""
    """Empty: quoting."""
    base_url: str = ""
    """Empty: OpenAI's server."""
    key: str = field(default="", repr=False)
    top_k: int | None = None
    min_confidence: float | None = None

    def applied_to(self, settings: Settings) -> Settings:
        """Return settings that say so.

        The server's own key goes to the server's own address only; another address gets the key typed here.
        Raises UsageError for a value out of bounds.
        """
        same_server = self.base_url == (settings.llm_base_url or "")
        own = settings.openai_api_key.get_secret_value() if settings.openai_api_key and same_server else ""
        checked = load_settings(
            index=settings.index,
            top_k=self.top_k,
            min_confidence=self.min_confidence,
            llm=f"openai:{self.model}" if self.model else None,
        )
        changed: dict[str, Any] = {
            "llm": f"openai:{self.model}" if self.model else None,
            "llm_base_url": self.base_url or None,
            "openai_api_key": SecretStr(self.key or own) if self.key or own else None,
        }
        return checked.model_copy(update=changed)


def keep(choices: Choices) -> None:
    """Remember what this window chose."""
    st.session_state[_CHOICES] = choices


def applied(settings: Settings) -> Settings:
    """Return the settings with what this window chose."""
    chosen = st.session_state.get(_CHOICES)
    return cast(Choices, chosen).applied_to(settings) if chosen else settings


def engine_of(shared: QueryEngine) -> QueryEngine:
    """Return the engine of this window: over the index that all share, with what the window chose."""
    chosen = st.session_state.get(_CHOICES)
    if chosen is None:
        return shared
    kept = st.session_state.get(_ENGINE)
    if kept is None or kept[:2] != (id(shared), chosen):
        settings = cast(Choices, chosen).applied_to(shared.settings)
        llm = load_llm(settings)
        engine = QueryEngine(shared.index, embedding=shared.embedding, settings=settings, llm=llm)
        kept = st.session_state[_ENGINE] = (id(shared), chosen, engine)
    return cast(QueryEngine, kept[2])
