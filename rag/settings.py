"""One frozen `Settings`; the only reader of the environment (prefix `RAG_`)."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from .errors import UsageError

MAX_PASSAGE_TOKENS = 256
"""What all-MiniLM-L6-v2 reads; it cuts the rest in silence."""


MIN_CONFIDENCE = 0.2
"""Least probability of an answer at which quoting gives one.

At it, at most one in twenty answerable questions of public sets is declined (`benchmarks/abstention.py`).
"""


class Settings(BaseSettings):
    """How to index and answer; every field can be set by `RAG_<NAME>` or by keyword."""

    model_config = SettingsConfigDict(
        env_prefix="RAG_", env_ignore_empty=True, frozen=True, extra="forbid", populate_by_name=True
    )

    index: Path = Path(".rag-index")
    """Folder of the index."""
    top_k: int = Field(default=8, ge=1, le=100)
    """Passages given to the answerer."""
    candidates: int = Field(default=50, ge=1, le=1000)
    """Passages that each of the two searches proposes before fusion."""
    min_confidence: float = Field(default=MIN_CONFIDENCE, ge=0, le=1)
    """Confidence below which quoting declines, and a model must cite what was asked; see `rag eval fit`."""
    passage_tokens: int = Field(default=MAX_PASSAGE_TOKENS, ge=32, le=MAX_PASSAGE_TOKENS)
    """Largest passage, in tokens of the bundled MiniLM tokenizer."""
    embedding: str = Field(default="minilm", pattern=r"^(minilm|openai:.+)$")
    """`minilm` (bundled), or `openai:<model>` for OpenAI and compatible servers."""
    embedding_base_url: str | None = None
    """Server for `openai:` embeddings; OpenAI's own when unset."""
    embedding_backend: str = Field(default="auto", pattern=r"^(auto|openvino|onnxruntime)$")
    """What runs the bundled model; `auto` takes OpenVINO when it is installed."""
    llm: str | None = Field(default=None, pattern=r"^openai:.+$")
    """`openai:<model>`; quoting without a model when unset."""
    llm_base_url: str | None = None
    """An OpenAI-compatible server (Ollama, vLLM, llama.cpp); OpenAI's own when unset."""
    llm_timeout: float = Field(default=60.0, gt=0, le=600)
    """Seconds to wait for the model to connect, and between two pieces of text; signs of life are none."""
    llm_context: int = Field(default=8192, ge=1024)
    """Window of a model that is not OpenAI's, in tokens; OpenAI's own are known by name."""
    llm_max_tokens: int = Field(default=600, ge=16)
    """Longest answer of a model, in tokens."""
    unsupported: Literal["show", "drop"] = "show"
    """What becomes of a model's sentence that fails the checks: shown with a mark, or left out."""
    repair: int = Field(default=0, ge=0, le=1)
    """How often a model is asked to mend sentences that fail; nothing is shown before it has."""
    fetch_private: bool = False
    """Addresses of this machine and its own network may be read, too, when a URL is ingested."""
    judge: str | None = Field(default=None, pattern=r"^openai:.+$")
    """`openai:<model>` that says of each sentence whether its sources support it; also judges in evals."""
    judge_base_url: str | None = None
    """Server of the judge; the same as `llm_base_url` when unset."""
    judge_cards: Path = Path(".rag-evals/judge-cards")
    """Where `rag eval judge-card` keeps how well a judge agrees with people."""
    openai_api_key: SecretStr | None = Field(default=None, validation_alias="OPENAI_API_KEY")
    """Read from `OPENAI_API_KEY`."""


def load_settings(**overrides: Any) -> Settings:
    """Read the environment and apply keyword overrides that are not None.

    Raises UsageError for a value out of bounds or an unknown `RAG_` variable.
    """
    _refuse_unknown_variables()
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        if first["type"] == "extra_forbidden":
            raise UsageError(_unknown(name, sorted(Settings.model_fields))) from None
        variable = name if name.isupper() else f"RAG_{name.upper()}"
        raise UsageError(f"{variable}: {first['msg']} (got {first['input']!r}).") from None


def _refuse_unknown_variables() -> None:
    known = sorted(f"RAG_{field.upper()}" for field in Settings.model_fields if field != "openai_api_key")
    for name, value in os.environ.items():
        if value and name.upper().startswith("RAG_") and name.upper() not in known:
            raise UsageError(_unknown(name, known, " in the environment"))


def _unknown(name: str, known: list[str], where: str = "") -> str:
    close = difflib.get_close_matches(name.upper() if known[0].isupper() else name, known, n=1)
    hint = f"Did you mean {close[0]}?" if close else f"Known: {', '.join(known)}."
    return f"Unknown setting {name}{where}. {hint}"
