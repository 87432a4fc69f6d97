"""The engine that a run asks: over an index of the user's, or over articles in an index of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from llama_index.core.llms import LLM

from rag import Article, IngestReport, QueryEngine, Settings, ingest, ingest_articles, load_settings
from rag.errors import UsageError
from rag.ingestion import recipe_of

from .sets import DEFAULT, SETS, set_of

SEED_ARTICLES = SETS[DEFAULT].articles
"""The articles that the default cases ask about."""
Progress = Callable[[int, int, str], None]


def settings_of(given: Sequence[str], **overrides: object) -> Settings:
    """Read the environment, then `name=value` texts, then keywords that are not None.

    Raises UsageError for what is no setting, or out of bounds.
    """
    values: dict[str, object] = {}
    for text in given:
        name, _, value = text.partition("=")
        name = name.strip().lower().removeprefix("rag_")
        if not name or not value.strip():
            raise UsageError(f"--set {text}: write name=value, such as top_k=4.")
        values[name] = value.strip()
    return load_settings(**{**values, **{name: v for name, v in overrides.items() if v is not None}})


def default_articles(cases: Sequence[Path], articles: Sequence[Path], index: Path | None) -> list[Path]:
    """Return the articles to ask over: those named, or those of the set whose cases are asked; else none.

    Where there are none, the index is asked. Raises UsageError when both articles and an index are named, or
    a set's articles are not installed.
    """
    if articles and index:
        raise UsageError("Name articles or an index, not both.")
    own = set_of(cases)
    if articles or index or own is None:
        return list(articles)
    if not own.articles.is_dir():
        raise UsageError(
            f"The articles of the set {own.name} are not installed here; name yours with --articles PATH."
        )
    return [own.articles]


def open_over(
    articles: Sequence[Path], settings: Settings, *, home: Path, progress: Progress | None = None
) -> tuple[QueryEngine, IngestReport]:
    """Open an engine over these files and folders, in an index of theirs below `home`, brought up to date."""
    key = "\n".join(sorted(str(path.resolve()) for path in articles))
    own = settings.model_copy(update={"index": _folder(home, key, settings)})
    report = ingest(articles, index=own.index, settings=own, prune=True, progress=progress)
    return QueryEngine.open(own.index, settings=own), report


def open_of(
    articles: Sequence[Article],
    settings: Settings,
    *,
    home: Path,
    progress: Progress | None = None,
    llm: LLM | None = None,
) -> QueryEngine:
    """Open an engine over articles that were read before, with a model when one is given or set."""
    key = "\n".join(sorted(f"{article.uri} {article.text_hash}" for article in articles))
    own = settings.model_copy(update={"index": _folder(home, key, settings)})
    ingest_articles(articles, index=own.index, settings=own, progress=progress)
    return QueryEngine.open(own.index, settings=own, llm=llm)


def _folder(home: Path, key: str, settings: Settings) -> Path:
    made_with = f"{key}\n{recipe_of(settings)}"
    return home / "indexes" / hashlib.sha256(made_with.encode("utf-8", "surrogatepass")).hexdigest()[:16]
