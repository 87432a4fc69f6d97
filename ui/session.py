"""What one browser window asked and was answered; Streamlit keeps each window's to itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import streamlit as st

from rag.answer import Answer

from .excerpts import Excerpt

_TURNS = "turns"
_SHOWN = "shown"


@dataclass(slots=True)
class Turn:
    """A question and what came of it, as it was shown."""

    question: str
    state: Literal["asked", "writing", "answered", "failed", "stopped"] = "asked"
    draft: str = ""
    """What has been streamed so far."""
    searched: int = 0
    """Passages in the index when the question was asked."""
    problem: str = ""
    """Why there is no answer, in one line."""
    answer: Answer | None = None
    excerpts: tuple[Excerpt, ...] = ()

    def keep(self, answer: Answer, excerpts: tuple[Excerpt, ...]) -> None:
        """Store the checked answer with all that its sources need to be shown again."""
        self.state, self.answer, self.excerpts = "answered", answer, excerpts

    def fail(self, problem: str) -> None:
        """Store why there is no answer."""
        self.state, self.problem = "failed", problem

    def stop(self) -> None:
        """Give up an answer that no run of the page is writing any more."""
        if self.state == "writing":
            self.state = "stopped"


def turns() -> list[Turn]:
    """Return the conversation of this window, oldest turn first."""
    if _TURNS not in st.session_state:
        st.session_state[_TURNS] = []
    return cast(list[Turn], st.session_state[_TURNS])


def ask(question: str) -> None:
    """Add a question to the conversation; the page answers it where it shows it."""
    turns().append(Turn(question))


def ask_again(number: int) -> None:
    """Put the question of a turn anew; a run that may still be writing keeps the old turn to itself."""
    turns()[number] = Turn(turns()[number].question)


def ask_starter(key: str) -> None:
    """Ask the starter question that was just chosen, if one was."""
    question = st.session_state[key]
    if question:
        ask(question)


def show(position: int) -> None:
    """Remember which excerpt of its turn the source view is at."""
    st.session_state[_SHOWN] = position


def shown() -> int:
    """Return which excerpt of its turn the source view is at, from 0."""
    return cast(int, st.session_state.get(_SHOWN, 0))
