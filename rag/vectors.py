"""The vectors in Chroma, a follower of the catalogue; the only importer of chromadb."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from .catalogue import Head, IndexedPassage, Vectors
from .errors import IndexFolderError
from .schema import Hit

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.collection_configuration import CreateCollectionConfiguration
    from chromadb.api.models.Collection import Collection

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


class VectorIndex:
    """A Chroma collection that knows which change of which catalogue it has applied.

    Safe between threads. One process at a time may call `reset` or `apply`; others see its writes
    after `reopen`.
    """

    def __init__(self, folder: Path) -> None:
        """Open the folder; one that is missing or damaged holds nothing until `reset`."""
        self._folder = folder
        self._client: ClientAPI | None = None
        self._stored: Collection | None = None
        self.reopen()

    def close(self) -> None:
        """Release the files."""
        if self._client is not None:
            self._client.close()
        self._client = self._stored = None

    def reopen(self) -> None:
        """Read the folder anew, as another process may have left it."""
        self.close()
        if not (self._folder / "chroma.sqlite3").is_file():
            return
        try:
            self._client = _connect(self._folder)
            self._stored = self._client.get_collection(_COLLECTION, embedding_function=None)
            self._stored.count()
        except IndexFolderError:
            raise
        except Exception:  # Chroma raises bare and Rust exceptions for damaged files
            self.close()

    def reset(self) -> None:
        """Throw everything away, files included, and start empty."""
        self.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._client = _connect(self._folder)
        self._stored = self._client.create_collection(
            _COLLECTION,
            embedding_function=None,
            configuration=_CONFIGURATION,
        )

    @property
    def position(self) -> Head:
        """The catalogue's uid and the last change that is applied; ("", 0) when there is nothing."""
        about = (self._stored.metadata if self._stored else None) or {}
        return Head(str(about.get("uid", "")), int(about.get("applied", 0)))

    def apply(self, head: Head, *, article_ids: Sequence[str], passages: Sequence[IndexedPassage]) -> None:
        """Replace what is stored of some articles by these passages, then remember the change."""
        collection, batch_size = self._opened(), self._batch_size()
        if collection.count():
            stale = collection.get(where={"article_id": {"$in": list(article_ids)}}, include=[])
            for ids in _slices(stale["ids"], batch_size):
                collection.delete(ids=ids)
        for batch in _slices(passages, batch_size):
            collection.add(
                ids=[p.id for p in batch],
                embeddings=np.stack([p.vector for p in batch]),
                metadatas=[{"article_id": p.article_id} for p in batch],
            )
        collection.modify(metadata={"uid": head.uid, "applied": head.number})

    def is_sound(self, *, count: int, sample: Sequence[tuple[str, Vectors]]) -> bool:
        """Tell whether it holds `count` passages and finds each sampled vector by itself."""
        try:
            if self._opened().count() != count:
                return False
            found = self._search(np.stack([v for _, v in sample]), limit=5) if sample else []
        except Exception:  # as in `reopen`: a damaged index is one that cannot answer
            return False
        return all(
            any(hit.passage_id == id_ or hit.score > _SAME for hit in hits)
            for (id_, _), hits in zip(sample, found, strict=True)
        )

    def search(self, vector: Sequence[float], *, limit: int) -> list[Hit]:
        """Return the nearest passages, best first; the score is the cosine similarity, -1 to 1."""
        if self._stored is None:
            return []
        return self._search(np.asarray([vector], dtype=np.float32), limit=limit)[0]

    def _search(self, vectors: Vectors, *, limit: int) -> list[list[Hit]]:
        found = self._opened().query(query_embeddings=vectors, n_results=limit, include=["distances"])
        return [
            [Hit(id_, 1.0 - distance) for id_, distance in zip(ids, distances, strict=True)]
            for ids, distances in zip(found["ids"], found["distances"] or [], strict=True)
        ]

    def _opened(self) -> Collection:
        if self._stored is None:
            raise IndexFolderError(f"{self._folder} cannot be read; run the command again.")
        return self._stored

    def _batch_size(self) -> int:
        return self._client.get_max_batch_size() if self._client else 1


def _connect(folder: Path) -> ClientAPI:
    with _hidden_environment():
        try:
            import chromadb  # reads the environment while it is imported
            from chromadb.config import Settings
        except ValidationError as error:
            name = error.errors()[0]["loc"][0]
            raise IndexFolderError(
                f"chromadb takes {name!s} in the .env of this folder for its own setting; "
                "start from another folder or rename that key."
            ) from None
        settings = Settings(_env_file=None, anonymized_telemetry=False)
        return chromadb.PersistentClient(path=str(folder), settings=settings)


@contextmanager
def _hidden_environment() -> Iterator[None]:
    held = {name: os.environ.pop(name) for name in _held_names()}
    try:
        yield
    finally:
        os.environ.update(held)


def _held_names() -> list[str]:
    return [n for n in os.environ if n.upper() in _CHROMA_READS or n.upper().startswith("CHROMA_")]


def _slices(items: Sequence[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
