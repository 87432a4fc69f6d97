"""An index folder: the catalogue, and the two searches that follow it.

<folder>/catalogue.sqlite3    the truth
<folder>/vectors/             Chroma, caught up from the change log
<folder>/lexical/             tantivy, caught up from the change log
<folder>/write.lock           held by the one process that writes
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import filelock

from .catalogue import Catalogue, Head, IndexedArticle, Recipe
from .errors import IndexFolderError, IndexLocked, IndexMismatch
from .lexical import LexicalIndex
from .vectors import VectorIndex

CATALOGUE = "catalogue.sqlite3"
_LOCK_SECONDS = 10.0
"""How long a writer waits for another one; a reader that catches up is done sooner."""
_BATCH_ARTICLES = 200
"""Articles that a follower takes in one step."""
_SAMPLE = 4
"""Passages whose vectors are looked up by themselves when an index is opened."""


class Index:
    """An open index folder; safe between threads, one writing process at a time."""

    def __init__(self, folder: Path, catalogue: Catalogue) -> None:
        """Use `Index.open` or `Index.create`."""
        self.folder = folder
        self.catalogue = catalogue
        self.vectors = VectorIndex(folder / "vectors")
        self.lexical = LexicalIndex(folder / "lexical")
        self._recipe = catalogue.recipe
        self._caught_up: Head | None = None
        self._mutex = threading.RLock()
        self._lock = filelock.FileLock(folder / "write.lock", thread_local=False)

    @classmethod
    def open(cls, folder: Path, recipe: Recipe | None = None) -> Self:
        """Open an index, check that it was made with this recipe, and catch its searches up.

        Raises IndexMissing, IndexMismatch or IndexFolderError.
        """
        catalogue = Catalogue(folder / CATALOGUE)
        if recipe is not None and catalogue.recipe != recipe:
            catalogue.close()
            raise _mismatch(folder, catalogue.recipe, recipe)
        index = cls(folder, catalogue)
        index.refresh()
        index.check()
        return index

    @classmethod
    def create(cls, folder: Path, recipe: Recipe) -> Self:
        """Open an index, or make an empty one in a new or empty folder.

        Raises IndexFolderError when the folder holds other things, IndexMismatch as `open` does.
        """
        if not (folder / CATALOGUE).is_file():
            _prepare_folder(folder)
            with filelock.FileLock(folder / "write.lock", timeout=_LOCK_SECONDS):
                Catalogue.create(folder / CATALOGUE, recipe).close()
        return cls.open(folder, recipe)

    def close(self) -> None:
        """Release all files."""
        with self._mutex:
            self.vectors.close()
            self.lexical.close()
            self.catalogue.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the right to write; what was committed is caught up at the end, come what may.

        Raises IndexLocked when another process keeps it.
        """
        try:
            self._lock.acquire(timeout=_LOCK_SECONDS)
        except filelock.Timeout:
            raise IndexLocked(
                f"Another process is writing to {self.folder}; wait until it is done and try again."
            ) from None
        try:
            yield
        finally:
            try:
                self.refresh()
            finally:
                self._lock.release()

    def replace_all(self, recipe: Recipe, articles: Iterable[IndexedArticle]) -> None:
        """Write these articles, made with another recipe, in place of everything; all or nothing."""
        self.catalogue.replace_all(recipe, articles)
        self._recipe = recipe

    def refresh(self) -> None:
        """Bring the searches up to the catalogue; one quick query when nothing changed.

        While another process writes, the searches stay as they are.
        Raises IndexMismatch when the index was rebuilt with another recipe meanwhile.
        """
        with self._mutex:
            head = self.catalogue.head()
            if head == self._caught_up:
                return
            if head.uid != self.catalogue.uid:
                self.catalogue.reload()
                if self.catalogue.recipe != self._recipe:
                    raise _mismatch(self.folder, self.catalogue.recipe, self._recipe)
            if self._positions_are(head):
                self._caught_up = head
                return
            try:
                with self._lock.acquire(timeout=0):
                    self._catch_up(head)
            except (filelock.Timeout, PermissionError):
                return

    def check(self) -> None:
        """Rebuild a search that lost passages, from the catalogue and without embedding anything."""
        with self._mutex:
            if self._caught_up is None:
                return
            count = self.catalogue.passage_count()
            sample = self.catalogue.sample_passages(_SAMPLE)
            broken: list[VectorIndex | LexicalIndex] = []
            if not self.vectors.is_sound(count=count, sample=sample):
                broken.append(self.vectors)
            if not self.lexical.is_sound(count=count):
                broken.append(self.lexical)
            if broken:
                self._rebuild(broken)

    def _rebuild(self, broken: list[VectorIndex | LexicalIndex]) -> None:
        try:
            with self._lock.acquire(timeout=_LOCK_SECONDS):
                for follower in broken:
                    follower.reset()
                self._catch_up(self.catalogue.head())
        except filelock.Timeout:
            raise IndexLocked(
                f"{self.folder} is being written and its search is incomplete; try again in a moment."
            ) from None

    def _positions_are(self, head: Head) -> bool:
        return self.vectors.position == head and self.lexical.position == head

    def _catch_up(self, head: Head) -> None:
        for follower in (self.vectors, self.lexical):
            if follower.position != head:
                follower.reopen()
            position = follower.position
            if position.uid != head.uid or position.number > head.number:
                follower.reset()
                position = Head(head.uid, 0)
            self._apply(follower, position)
        self._caught_up = head

    def _apply(self, follower: VectorIndex | LexicalIndex, position: Head) -> None:
        changes = self.catalogue.changed_since(position.number)
        if not changes and follower.position != position:
            follower.apply(position, article_ids=[], passages=[])
        for start in range(0, len(changes), _BATCH_ARTICLES):
            batch = changes[start : start + _BATCH_ARTICLES]
            ids = [change.article_id for change in batch]
            passages = self.catalogue.indexed_passages(ids)
            follower.apply(Head(position.uid, batch[-1].number), article_ids=ids, passages=passages)


def _prepare_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        foreign = [path.name for path in folder.iterdir() if path.name not in _OWN]
    except OSError as error:
        reason = error.strerror or str(error)
        raise IndexFolderError(f"Cannot make an index in {folder}: {reason.lower()}.") from None
    if foreign:
        raise IndexFolderError(
            f"{folder} is no index and not empty; name a new folder with --index (RAG_INDEX)."
        )
    for name in ("vectors", "lexical"):
        shutil.rmtree(folder / name, ignore_errors=True)


_OWN = frozenset({CATALOGUE, f"{CATALOGUE}-wal", f"{CATALOGUE}-shm", "vectors", "lexical", "write.lock"})


def _mismatch(folder: Path, found: Recipe, wanted: Recipe) -> IndexMismatch:
    return IndexMismatch(
        f"The index in {folder} was made with {found.embedding} and passages of "
        f"{found.passage_tokens} tokens; the settings say {wanted.embedding} and "
        f"{wanted.passage_tokens}. Rebuild it with `rag rebuild --index {folder}`."
    )
