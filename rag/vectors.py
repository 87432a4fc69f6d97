"""The vectors in Chroma, a follower of the catalogue; the only importer of chromadb."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
from pydantic_settings import DotEnvSettingsSource

from .catalogue import Batch, Head, Vectors
from .errors import IndexFolderError
from .followers import NOTHING, break_seal, clear, failures, is_failure, read_seal, set_seal
from .schema import Hit

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.collection_configuration import CreateCollectionConfiguration
    from chromadb.api.models.Collection import Collection
    from chromadb.base_types import Where

_COLLECTION = "passages"
_CONFIGURATION: CreateCollectionConfiguration = {"hnsw": {"space": "cosine", "ef_search": 200}}
"""In cosine space every vector finds itself; with l2, 0.2 % do not."""
_SAME = 0.9999
"""Cosine above which two passages count as the same (wire copies share their vector)."""
_CHROMA_READS = (
    "ENVIRONMENT", "MIGRATIONS", "IS_PERSISTENT", "PERSIST_DIRECTORY", "ALLOW_RESET", "TENANT_ID",
    "TOPIC_NAMESPACE",
)  # fmt: skip
"""Unprefixed variables that chromadb would take for its own settings."""
_FILTERED = range(100, 10_001)
"""Numbers of articles to which Chroma narrows a search; of fewer, comparing every passage is as quick."""
_ROWS = 1000
"""Rows a call; Chroma takes 5,461, and copies them several times over."""
_aliases = itertools.count()

ExactSearch = Callable[..., list[Hit]]
"""(vector, limit=..., articles=...) -> the nearest passages, found without Chroma."""


class VectorIndex:
    """A Chroma collection that follows the catalogue; safe between threads.

    Opening a folder makes Chroma write to it, so `reopen`, `reset` and `apply` are for one process at a time.
    A closed index still answers, by `exact`: slower, and right.
    """

    def __init__(self, folder: Path, *, exact: ExactSearch) -> None:
        """Name the folder; it is closed until `reopen` or `reset`."""
        self._folder = folder
        self._exact = exact
        self._client: ClientAPI | None = None
        self._stored: Collection | None = None
        self._position = NOTHING

    @property
    def position(self) -> Head:
        """The last change that is applied; `NOTHING` when it is closed, empty or damaged."""
        return self._position

    def close(self) -> None:
        """Release the files."""
        client, self._client, self._stored, self._position = self._client, None, None, NOTHING
        if client is not None:
            client.close()  # type: ignore[attr-defined]  # Chroma types the interface, which lacks it

    def reopen(self) -> None:
        """Read the folder anew; one that is missing, damaged or half written stays closed.

        Files are checked before Chroma sees them: it is known to crash on damaged ones.
        """
        self.close()
        position = read_seal(self._folder)
        if position == NOTHING:
            return
        with failures(self._folder):
            client = _connect(self._folder)
            self._client = client
            self._stored = client.get_collection(_COLLECTION, embedding_function=None)
            self._stored.count()
            self._position = position

    def reset(self) -> None:
        """Throw everything away, files included, and start empty."""
        self.close()
        with failures(self._folder):
            clear(self._folder)
            self._client = _connect(self._folder)
            self._stored = self._client.create_collection(
                _COLLECTION, embedding_function=None, configuration=_CONFIGURATION
            )

    def apply(self, head: Head, batches: Iterable[Batch]) -> None:
        """Replace what is stored of the articles of each batch, then remember the change."""
        with failures(self._folder):
            break_seal(self._folder)
            for batch in batches:
                self._replace(batch)
            self._settle()
            set_seal(self._folder, head, _stable_files(self._folder))
            self._position = head

    def is_sound(self, *, count: int, sample: Mapping[str, Vectors]) -> bool:
        """Tell whether it holds `count` passages and finds each sampled one by its vector."""
        with failures(self._folder):
            if self._opened().count() != count:
                return False
            found = self._search(np.stack(list(sample.values())), limit=5) if sample else []
        return all(
            any(hit.passage_id == id_ or hit.score > _SAME for hit in hits)
            for id_, hits in zip(sample, found, strict=True)
        )

    def search(
        self, vector: Sequence[float], *, limit: int, articles: Sequence[str] | None = None
    ) -> list[Hit]:
        """Return the nearest passages, best first; the score is the cosine similarity, -1 to 1.

        With `articles`, the ids of some, only the passages of these are searched.
        """
        stored = self._stored
        if stored is not None and (articles is None or len(articles) in _FILTERED):
            try:
                return self._search(np.asarray([vector], dtype=np.float32), limit=limit, articles=articles)[0]
            except BaseException as error:  # another process has made the folder anew, or damaged it
                if not is_failure(error):
                    raise
                if self._stored is stored:
                    self.close()
        return self._exact(vector, limit=limit, articles=articles)

    def ids(self) -> set[str]:
        """Return the ids of all stored passages."""
        with failures(self._folder):
            return set(self._opened().get(include=[])["ids"])

    def _replace(self, batch: Batch) -> None:
        collection = self._opened()
        if collection.count():
            where: Where = {"article_id": {"$in": [*batch.article_ids]}}  # type: ignore[dict-item]  # invariant
            stale = collection.get(where=where, include=[])
            for slice_ in _slices(stale["ids"], _ROWS):
                collection.delete(ids=slice_)
        for passages in _slices(batch.passages, _ROWS):
            collection.add(
                ids=[p.id for p in passages],
                embeddings=np.stack([p.vector for p in passages]),
                metadatas=[{"article_id": p.article_id} for p in passages],
            )

    def _settle(self) -> None:
        """Ask one question: Chroma writes what it has put off before it answers."""
        stored = self._opened().peek(1)["embeddings"]
        if stored is not None and len(stored):
            self._search(np.asarray(stored, dtype=np.float32), limit=1)

    def _search(
        self, vectors: Vectors, *, limit: int, articles: Sequence[str] | None = None
    ) -> list[list[Hit]]:
        where: Where | None = {"article_id": {"$in": [*articles]}} if articles else None  # type: ignore[dict-item]  # invariant
        found = self._opened().query(
            query_embeddings=vectors, n_results=limit, where=where, include=["distances"]
        )
        return [
            [Hit(id_, 1.0 - distance) for id_, distance in zip(ids, distances, strict=True)]
            for ids, distances in zip(found["ids"], found["distances"] or [], strict=True)
        ]

    def _opened(self) -> Collection:
        if self._stored is None:
            raise IndexFolderError(f"{self._folder} cannot be read; run the command again.")
        return self._stored


def _stable_files(folder: Path) -> list[Path]:
    """Return the files that Chroma leaves alone until it stores more: the graphs that it has persisted.

    It rewrites its database, and the files of a graph that has never been persisted, whenever it opens them.
    """
    graphs = [path.parent for path in folder.glob("*/index_metadata.pickle")]
    return sorted(path for graph in graphs for path in graph.iterdir())


def _connect(folder: Path) -> ClientAPI:
    """Open Chroma on a folder, by a path of its own: it keeps one client a path, however stale."""
    with _own_settings():
        import chromadb  # reads the environment while it is imported
        from chromadb.config import Settings

        settings = Settings(_env_file=None, anonymized_telemetry=False)
        alias = f"{folder.absolute()}{os.sep}" + f".{os.sep}" * next(_aliases)
        return chromadb.PersistentClient(path=alias, settings=settings)


@contextmanager
def _own_settings() -> Iterator[None]:
    """Hide from Chroma the variables and the `.env` of the current folder that it would take for its own."""
    held = {name: os.environ.pop(name) for name in _held_names()}
    try:
        with mock.patch.object(DotEnvSettingsSource, "_read_env_files", _no_files):
            yield
    finally:
        os.environ.update(held)


def _no_files(_source: DotEnvSettingsSource) -> dict[str, str | None]:
    return {}


def _held_names() -> list[str]:
    return [n for n in os.environ if n.upper() in _CHROMA_READS or n.upper().startswith("CHROMA_")]


def _slices(items: Sequence[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
