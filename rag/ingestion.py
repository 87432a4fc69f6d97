"""Paths -> index, with a report: added, updated, unchanged, removed, failed."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import numpy as np
import sqlalchemy.exc
from llama_index.core.base.embeddings.base import BaseEmbedding

from . import minilm
from .articles import find_files, read_article, uri_of
from .catalogue import Entry, IndexedArticle, Recipe
from .embedding import load_embedding
from .errors import ArticleError, FootnotedError, UsageError
from .index import Index
from .passages import split_article
from .schema import Article, Passage
from .settings import Settings, load_settings

_WINDOW = 256
"""Passages that are embedded together: sorting by length needs many, a killed run loses them."""

Progress = Callable[[int, int, str], None]
"""Called with articles done, articles in all, and the name of the one at hand."""


class Failure(NamedTuple):
    """A file that did not become an article, and why."""

    uri: str
    reason: str


@dataclass(slots=True)
class IngestReport:
    """What an ingestion did, as URIs in the order of work."""

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)

    def __str__(self) -> str:
        return ", ".join(f"{len(items)} {name}" for name, items in self.to_dict().items())

    def to_dict(self) -> dict[str, list[object]]:
        """Return the report as JSON-ready values."""
        return {
            "added": [*self.added],
            "updated": [*self.updated],
            "unchanged": [*self.unchanged],
            "removed": [*self.removed],
            "failed": [{"uri": failure.uri, "reason": failure.reason} for failure in self.failed],
        }


class _Pending(NamedTuple):
    article: Article
    passages: Sequence[Passage]
    is_new: bool


def ingest(
    paths: str | Path | Iterable[str | Path],
    *,
    index: str | Path | None = None,
    settings: Settings | None = None,
    prune: bool = False,
    progress: Progress | None = None,
) -> IngestReport:
    """Read files and folders (.txt, .md, .html) into an index folder, made when it does not exist.

    An article whose text is unchanged is not embedded again. One bad file never stops the others: it
    is reported in `failed`, and an older version of it stays. `prune` removes the articles under
    `paths` whose files are gone.

    Raises UsageError for a path that does not exist or a call that finds no article files, and
    IndexFolderError, IndexMismatch or IndexLocked when the index cannot be written.
    """
    settings = settings or load_settings(index=index)
    folder = Path(index) if index is not None else settings.index
    given = [Path(p) for p in ([paths] if isinstance(paths, str | Path) else paths)]
    files = _files(given)
    if not files and not prune:
        raise UsageError(f"No .txt, .md or .html files in {_listed(given)}.")
    with _open_to_write(folder, settings) as opened:
        report = _write(opened, _read_all(files), settings, total=len(files), progress=progress)
        if prune:
            _prune(opened, given, seen={uri for uri, _ in files}, report=report)
    return report


def ingest_articles(
    articles: Sequence[Article],
    *,
    index: str | Path | None = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> IngestReport:
    """Write articles that are not files into an index folder; the rest is as in `ingest`."""
    settings = settings or load_settings(index=index)
    folder = Path(index) if index is not None else settings.index
    with _open_to_write(folder, settings) as opened:
        return _write(opened, articles, settings, total=len(articles), progress=progress)


@contextmanager
def _open_to_write(folder: Path, settings: Settings) -> Iterator[Index]:
    with storage_errors(folder), Index.create(folder, recipe_of(settings)) as opened:
        with opened.writing():
            yield opened


def _write(
    opened: Index,
    articles: Iterable[Article | Failure],
    settings: Settings,
    *,
    total: int,
    progress: Progress | None,
) -> IngestReport:
    report = IngestReport()
    writer = Writer(opened, load_embedding(settings), report, progress=progress)
    writer.write(articles, total=total)
    return report


def rebuild(
    *,
    index: str | Path | None = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> int:
    """Split and embed all stored articles again as the settings say; return how many there are.

    Either all of it happens or, when it is interrupted, nothing.
    """
    settings = settings or load_settings(index=index)
    folder = Path(index) if index is not None else settings.index
    embedding, recipe = load_embedding(settings), recipe_of(settings)
    with storage_errors(folder), Index.open(folder) as opened, opened.writing():
        ids = opened.catalogue.article_ids()
        pending = _rebuilt(opened, ids, embedding, recipe, progress)
        opened.replace_all(recipe, pending)
        return len(ids)


def recipe_of(settings: Settings) -> Recipe:
    """Return what the settings would make an index with."""
    name = minilm.NAME if settings.embedding == "minilm" else settings.embedding
    return Recipe(embedding=name, passage_tokens=settings.passage_tokens)


@contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turn a full disk or a folder without write permission into one clear line."""
    try:
        yield
    except sqlalchemy.exc.OperationalError as error:
        raise FootnotedError(_storage_message(folder, str(error.orig))) from None
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        raise FootnotedError(
            _storage_message(folder, "disk is full" if full else error.strerror or str(error))
        ) from None


def _storage_message(folder: Path, reason: str) -> str:
    cause = "the disk is full" if "full" in reason else reason
    return (
        f"Cannot write to {folder}: {cause}. Mend that and run the same command again; "
        "what was ingested before is kept."
    )


class Writer:
    """Writes articles to an index that the caller may write to, and keeps the report."""

    def __init__(
        self,
        index: Index,
        embedding: BaseEmbedding,
        report: IngestReport,
        *,
        progress: Progress | None = None,
    ) -> None:
        self._index = index
        self._embedding = embedding
        self._report = report
        self._progress = progress
        self._known = {entry.uri: entry for entry in index.catalogue.entries()}

    def write(self, articles: Iterable[Article | Failure], *, total: int) -> None:
        """Add, update or pass over each article; embed in windows, commit article by article."""
        window: list[_Pending] = []
        for done, article in enumerate(articles):
            if self._progress:
                name = article.uri if isinstance(article, Failure) else article.title
                self._progress(done, total, name)
            if isinstance(article, Failure):
                self._report.failed.append(article)
                continue
            pending = self._compare(article)
            if pending is not None:
                window.append(pending)
            if sum(len(p.passages) for p in window) >= _WINDOW:
                self._flush(window)
                window = []
        self._flush(window)
        if self._progress:
            self._progress(total, total, "")

    def _compare(self, article: Article) -> _Pending | None:
        known = self._known.get(article.uri)
        if known is not None and known.text_hash == article.text_hash:
            if not _same_particulars(known, article):
                self._index.catalogue.update_particulars(article)
                self._report.updated.append(article.uri)
            else:
                self._report.unchanged.append(article.uri)
            return None
        tokens = self._index.catalogue.recipe.passage_tokens
        passages = split_article(article, max_tokens=tokens, count_tokens=minilm.count_tokens)
        return _Pending(article, passages, is_new=known is None)

    def _flush(self, window: Sequence[_Pending]) -> None:
        for new, pending in zip(_embed(window, self._embedding), window, strict=True):
            self._index.catalogue.upsert(new)
            done = self._report.added if pending.is_new else self._report.updated
            done.append(new.article.uri)


def _embed(window: Sequence[_Pending], embedding: BaseEmbedding) -> Iterator[IndexedArticle]:
    """Embed the passages of some articles in one go, then hand each article its own vectors."""
    texts = [p.article.text[passage.start : passage.end] for p in window for passage in p.passages]
    vectors = np.asarray(embedding.get_text_embedding_batch(texts), dtype=np.float32)
    start = 0
    for pending in window:
        end = start + len(pending.passages)
        yield IndexedArticle(pending.article, pending.passages, vectors[start:end])
        start = end


def _files(given: Sequence[Path]) -> list[tuple[str, Path]]:
    """Return the files to read with their URIs, each once; a link inside a folder has no URI."""
    found: dict[str, tuple[str, Path]] = {}
    for path, is_link in find_files(given):
        key = str(path) if is_link else uri_of(path)
        found.setdefault(key, ("" if is_link else key, path))
    return list(found.values())


def _read_all(files: Iterable[tuple[str, Path]]) -> Iterator[Article | Failure]:
    for uri, path in files:
        if not uri:
            yield Failure(str(path), "a link inside a folder is not followed; name it to ingest it")
            continue
        try:
            yield read_article(path)
        except ArticleError as error:
            yield Failure(uri, str(error))


def _rebuilt(
    opened: Index,
    ids: Sequence[str],
    embedding: BaseEmbedding,
    recipe: Recipe,
    progress: Progress | None,
) -> Iterator[IndexedArticle]:
    for start in range(0, len(ids), 32):
        window = [
            _Pending(article, _split(article, recipe), is_new=False)
            for article in opened.catalogue.articles(ids[start : start + 32]).values()
        ]
        for done, new in enumerate(_embed(window, embedding), start=start + 1):
            if progress:
                progress(done, len(ids), new.article.title)
            yield new


def _split(article: Article, recipe: Recipe) -> list[Passage]:
    tokens = recipe.passage_tokens
    return split_article(article, max_tokens=tokens, count_tokens=minilm.count_tokens)


def _prune(opened: Index, given: Sequence[Path], *, seen: set[str], report: IngestReport) -> None:
    folders = [path.resolve() for path in given if path.is_dir()]
    for entry in opened.catalogue.entries():
        path = path_of(entry.uri)
        inside = path is not None and any(path.is_relative_to(folder) for folder in folders)
        if inside and entry.uri not in seen:
            opened.catalogue.delete(entry.id)
            report.removed.append(entry.uri)


def path_of(uri: str) -> Path | None:
    """Return the path of a `file:` URI, None for any other."""
    parts = urlsplit(uri)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def _same_particulars(known: Entry, article: Article) -> bool:
    return (known.title, known.source, known.date) == (article.title, article.source, article.date)


def _listed(paths: Sequence[Path]) -> str:
    return ", ".join(str(path) for path in paths) or "the given paths"
