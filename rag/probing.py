"""Does the configured model answer? One short question tells."""

from __future__ import annotations

from llama_index.core.base.llms.types import ChatMessage, MessageRole

from .connections import close_responses
from .errors import LLMError
from .llm import cause, load_llm
from .settings import Settings

_PATIENCE = 15.0
"""Seconds to wait for a word at most."""


def probe(settings: Settings) -> str:
    """Ask the model that the settings name for a word; return the model's name.

    Raises LLMError, in one line that names the cause, when it does not answer.
    """
    patient = settings.model_copy(update={"llm_timeout": min(settings.llm_timeout, _PATIENCE)})
    llm = load_llm(patient)
    if llm is None:
        raise LLMError("No model is configured; answers are quoted.")
    try:
        llm.chat([ChatMessage(role=MessageRole.USER, content="Reply with the word ready.")])
    except Exception as error:  # every client and server fails in its own way; see `cause`
        raise LLMError(f"The model {llm.metadata.model_name} does not answer: {cause(error)}.") from error
    finally:
        close_responses()
    return llm.metadata.model_name
