"""Paths -> index, with a report: added, updated, unchanged, removed, failed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from llama_index.core.base.embeddings.base import BaseEmbedding

from . import minilm
from .articles import FoundFile, find_files, name_of, path_of, read_article, uri_of
from .catalogue import Entry, Failed, IndexedArticle, Recipe
from .embedding import load_embedding
from .errors import ArticleError, UsageError
from .fetching import fetch_article, is_url
from .index import Index
from .passages import split_article
from .schema import Article, Passage
from .settings import Settings, load_settings
from .uploads import discard_upload

_WINDOW = 256
"""Passages that are embedded together: sorting by length needs many, a killed run loses them."""

_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")

Progress = Callable[[int, int, str], None]
"""Called with articles done, articles in all, and the name of the one at hand."""


Failure = Failed
"""A file or address that did not become an article, and why."""


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


def ingest(  # noqa: PLR0913  # all but the paths are options
    paths: str | Path | Iterable[str | Path],
    *,
    index: str | Path | Index | None = None,
    settings: Settings | None = None,
    embedding: BaseEmbedding | None = None,
    prune: bool = False,
    progress: Progress | None = None,
) -> IngestReport:
    """Read files, folders (.txt, .md, .html) and URLs into an index folder, made when it does not exist.

    An article whose text is unchanged is not embedded again. One bad file never stops the others: it
    is reported in `failed`, which the index remembers, and an older version of it stays. `prune` removes
    the articles under the folders among `paths` whose files are gone.

    Raises UsageError when none of the paths exists or a call finds no article files, and
    IndexFolderError, IndexMismatch or IndexLocked when the index cannot be written.
    """
    every = [paths] if isinstance(paths, str | Path) else list(paths)
    urls = [path for path in every if isinstance(path, str) and is_url(path)]
    given = [Path(path) for path in every if path not in urls]
    found = list(find_files(given))
    if not urls and not any(path.exists() for path in given):
        raise UsageError(f"{_listed(given)}: {found[0].failure if found else 'no path is given'}.")
    if not urls and not found and not prune:
        raise UsageError(f"No .txt, .md or .html files in {_listed(given)}.")
    settings = settings or load_settings(index=None if isinstance(index, Index) else index)
    articles: dict[str, FoundFile | str] = {**_once(found), **{url: url for url in urls}}
    with _open_to_write(index, settings, embedding) as writer:
        read = (_read(uri, origin, settings) for uri, origin in articles.items())
        writer.write(read, total=len(articles), progress=progress)
        if prune:
            kept = [file.path.absolute() for file in found if file.is_folder]
            writer.prune(given, seen=articles.keys(), kept=kept)
    return writer.report


def ingest_articles(
    articles: Sequence[Article],
    *,
    index: str | Path | Index | None = None,
    settings: Settings | None = None,
    embedding: BaseEmbedding | None = None,
    progress: Progress | None = None,
) -> IngestReport:
    """Write articles that are not files into an index folder; the rest is as in `ingest`."""
    with _open_to_write(index, settings, embedding) as writer:
        writer.write(articles, total=len(articles), progress=progress)
    return writer.report


def remove(uris: Iterable[str], *, index: str | Path | Index) -> list[str]:
    """Take articles out of an index, and forget what failed at these URIs; return the URIs that were there.

    Uploaded files are deleted with their articles, all others stay where they are. Raises IndexMissing,
    IndexFolderError or IndexLocked.
    """
    wanted = set(uris)
    with ExitStack() as stack:
        opened = index if isinstance(index, Index) else stack.enter_context(Index.open(Path(index)))
        stack.enter_context(opened.writing())
        entries = [entry for entry in opened.catalogue.entries() if entry.uri in wanted]
        for entry in entries:
            opened.catalogue.delete(entry.id)
        opened.catalogue.keep_failures([], settled=wanted)
        for uri in wanted:
            discard_upload(opened.folder, uri)
    return [entry.uri for entry in entries]


def rebuild(
    *,
    index: str | Path | None = None,
    settings: Settings | None = None,
    embedding: BaseEmbedding | None = None,
    progress: Progress | None = None,
) -> int:
    """Split and embed all stored articles again as the settings say; return how many there are.

    Either all of it happens or, when it is interrupted, nothing.
    """
    settings = settings or load_settings(index=index)
    folder = Path(index) if index is not None else settings.index
    recipe = recipe_of(settings, embedding)
    with Index.open(folder) as opened, opened.writing():
        ids = opened.catalogue.article_ids()
        model = embedding or load_embedding(settings)
        opened.replace_all(recipe, _rebuilt(opened, ids, model, recipe, progress))
        return len(ids)


def recipe_of(settings: Settings, embedding: BaseEmbedding | None = None) -> Recipe:
    """Return what the settings, or a model of one's own, would make an index with."""
    name = minilm.NAME if settings.embedding == "minilm" else settings.embedding
    return Recipe(
        embedding=embedding.model_name if embedding else name, passage_tokens=settings.passage_tokens
    )


@contextmanager
def _open_to_write(
    index: str | Path | Index | None, settings: Settings | None, embedding: BaseEmbedding | None
) -> Iterator[Writer]:
    with ExitStack() as stack:
        if isinstance(index, Index):
            opened, settings = index, settings or load_settings()
        else:
            settings = settings or load_settings(index=index)
            folder = Path(index) if index is not None else settings.index
            opened = stack.enter_context(Index.create(folder, recipe_of(settings, embedding)))
        stack.enter_context(opened.writing())
        writer = Writer(opened, embedding or load_embedding(settings))
        yield writer
        writer.settle()


class Writer:
    """Writes articles to an index that the caller may write to, and keeps the report."""

    def __init__(self, index: Index, embedding: BaseEmbedding) -> None:
        self.report = IngestReport()
        self._index = index
        self._embedding = embedding
        self._known = {entry.uri: entry for entry in index.catalogue.entries()}
        self._seen: set[str] = set()

    def write(
        self, articles: Iterable[Article | Failure], *, total: int, progress: Progress | None = None
    ) -> None:
        """Add, update or pass over each article; embed in windows, commit article by article."""
        window: list[_Pending] = []
        for done, article in enumerate(articles):
            if progress:
                progress(done, total, article.uri if isinstance(article, Failed) else article.title)
            pending = self._take(article)
            if pending is not None:
                window.append(pending)
            if sum(len(p.passages) for p in window) >= _WINDOW:
                self._flush(window)
                window = []
        self._flush(window)
        if progress:
            progress(total, total, "")

    def prune(self, given: Sequence[Path], *, seen: Collection[str], kept: Sequence[Path]) -> None:
        """Remove the articles under the given folders that were not seen, but keep what is under `kept`."""
        folders = [path.resolve() for path in given if path.is_dir()]
        unlisted = [path.resolve() for path in kept]
        for entry in self._index.catalogue.entries():
            path = path_of(entry.uri)
            if path is None or entry.uri in seen or _is_below(path, unlisted):
                continue
            if _is_below(path, folders):
                self._index.catalogue.delete(entry.id)
                self.report.removed.append(entry.uri)

    def settle(self) -> None:
        """Remember what failed, until it is read, removed or gone."""
        report, catalogue = self.report, self._index.catalogue
        done = [*report.added, *report.updated, *report.unchanged, *report.removed]
        gone = [failure.uri for failure in (*catalogue.failures(), *report.failed) if _is_gone(failure.uri)]
        failed = [f for f in report.failed if f.uri not in gone and not _UNSTORABLE.search(f.uri)]
        catalogue.keep_failures(failed, settled=[*done, *gone])

    def _take(self, article: Article | Failure) -> _Pending | None:
        """Report what needs no embedding; return the rest, split into passages."""
        if isinstance(article, Article) and (reason := self._flaw(article)):
            article = Failure(article.uri, reason)
        if isinstance(article, Failed):
            self.report.failed.append(article)
            return None
        self._seen.add(article.uri)
        known = self._known.get(article.uri)
        if known is None or known.text_hash != article.text_hash:
            return _Pending(article, _split(article, self._index.catalogue.recipe), is_new=known is None)
        if _same_particulars(known, article):
            self.report.unchanged.append(article.uri)
        else:
            self._index.catalogue.update_particulars(article)
            self.report.updated.append(article.uri)
        return None

    def _flaw(self, article: Article) -> str | None:
        """Return why an article cannot be stored as it is; files never have such flaws."""
        if article.uri in self._seen:
            return "given twice; the first one counts"
        if not article.uri or not re.search(r"[^\W_]", article.text):
            return "no text in it" if article.uri else "no URI"
        fields = (article.uri, article.title, article.text, article.source or "", article.date or "")
        if any(_UNSTORABLE.search(value) for value in fields):
            return "holds a NUL or half of a surrogate pair, which cannot be stored; replace it"
        return None

    def _flush(self, window: Sequence[_Pending]) -> None:
        for new, pending in zip(_embed(window, self._embedding), window, strict=True):
            self._index.catalogue.upsert(new)
            done = self.report.added if pending.is_new else self.report.updated
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


def _once(found: Iterable[FoundFile]) -> dict[str, FoundFile]:
    """Return the files by URI, each once, however many of the given paths lead to it."""
    files: dict[str, FoundFile] = {}
    for file in found:
        files.setdefault(name_of(file.path) if file.failure else uri_of(file.path), file)
    return files


def _read(uri: str, origin: FoundFile | str, settings: Settings) -> Article | Failure:
    if isinstance(origin, FoundFile) and origin.failure:
        return Failure(uri, origin.failure)
    try:
        if isinstance(origin, FoundFile):
            return read_article(origin.path)
        return fetch_article(origin, private=settings.fetch_private)
    except ArticleError as error:
        return Failure(uri, str(error))


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


def _is_gone(uri: str) -> bool:
    """Say whether a failed URI is worth no memory: a file that is not there, or no URI at all."""
    path = path_of(uri)
    return not uri or (path is not None and not os.path.lexists(path))


def _is_below(path: Path, folders: Sequence[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _same_particulars(known: Entry, article: Article) -> bool:
    return (known.title, known.source, known.date) == (article.title, article.source, article.date)


def _listed(paths: Sequence[Path]) -> str:
    return ", ".join(str(path) for path in paths) or "the given paths"
