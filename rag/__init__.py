"""Footnoted: questions over a folder of news articles, every sentence of an answer footnoted and checked.

The public names, in the order of the pipeline; each is loaded when it is first used, so that
importing `rag` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .answer import Answer, StreamingAnswer
    from .chat import ChatEngine
    from .conversations import Conversations
    from .engine import QueryEngine
    from .errors import FootnotedError
    from .index import Index
    from .ingestion import IngestReport, ingest, ingest_articles, rebuild
    from .retrieval import HybridRetriever
    from .schema import AnswerSentence, Article, Citation, Passage, Verdict
    from .scope import Scope
    from .settings import Settings, load_settings
    from .verifying import Verification, verify

__all__ = [
    "Answer",
    "AnswerSentence",
    "Article",
    "ChatEngine",
    "Citation",
    "Conversations",
    "FootnotedError",
    "HybridRetriever",
    "Index",
    "IngestReport",
    "Passage",
    "QueryEngine",
    "Scope",
    "Settings",
    "StreamingAnswer",
    "Verdict",
    "Verification",
    "ingest",
    "ingest_articles",
    "load_settings",
    "rebuild",
    "verify",
]

_MODULES = {
    "settings": ("Settings", "load_settings"),
    "errors": ("FootnotedError",),
    "schema": ("Article", "Passage", "Citation", "AnswerSentence", "Verdict"),
    "ingestion": ("ingest", "ingest_articles", "rebuild", "IngestReport"),
    "index": ("Index",),
    "scope": ("Scope",),
    "retrieval": ("HybridRetriever",),
    "engine": ("QueryEngine",),
    "chat": ("ChatEngine",),
    "conversations": ("Conversations",),
    "answer": ("Answer", "StreamingAnswer"),
    "verifying": ("verify", "Verification"),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'rag' has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
