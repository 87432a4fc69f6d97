"""An index folder: the catalogue, and the two searches that follow it.

<folder>/catalogue.sqlite3    the truth
<folder>/vectors/             Chroma, caught up from the change log
<folder>/lexical/             tantivy, caught up from the change log
<folder>/write.lock           held by the one process that writes to the catalogue
<folder>/search.lock          held while the searches are opened or changed
<folder>/uploads/             files that were uploaded, to be read again from there
"""

from __future__ import annotations

import logging
import shlex
import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Self

import filelock

from .catalogue import Batch, Catalogue, Head, IndexedArticle, Recipe
from .errors import IndexFolderError, IndexLocked, IndexMismatch
from .followers import Follower
from .lexical import LexicalIndex
from .tables import unwritable
from .vectors import VectorIndex

CATALOGUE = "catalogue.sqlite3"
PATIENCE = 10.0
"""Seconds that a writer waits for another, and that opening waits for searches being changed."""
_BATCH_ARTICLES = 200
"""Articles that a follower takes in one step."""
_SAMPLE = 8
"""Passages that are looked up by their own vectors when the searches are opened."""
UPLOADS = "uploads"
"""Folder, inside the index folder, of the files that came through the page."""
_OWN = (CATALOGUE, "vectors", "lexical", "write.lock", "search.lock", UPLOADS)
"""How the names in an index folder begin."""

_log = logging.getLogger(__name__)


class _SearchFailure(IndexFolderError):
    """A search cannot be brought up to the catalogue."""


class Index:
    """An open index folder; safe between threads, one writer at a time."""

    def __init__(self, folder: Path, catalogue: Catalogue, *, patience: float = PATIENCE) -> None:
        """Use `Index.open` or `Index.create`."""
        self.folder = folder
        self.catalogue = catalogue
        self.vectors = VectorIndex(folder / "vectors", exact=catalogue.nearest)
        self.lexical = LexicalIndex(folder / "lexical")
        self._patience = patience
        self._recipe = catalogue.recipe
        self._mutex = threading.RLock()
        self._writer = threading.Lock()
        self._warned = False

    @classmethod
    def open(cls, folder: Path, recipe: Recipe | None = None, *, patience: float = PATIENCE) -> Self:
        """Open an index, check that it was made with this recipe, and catch its searches up.

        Raises IndexMissing, IndexMismatch or IndexFolderError.
        """
        index = cls(folder, Catalogue(folder / CATALOGUE), patience=patience)
        try:
            if recipe is not None and index.catalogue.recipe != recipe:
                raise _mismatch(folder, index.catalogue.recipe, recipe)
            index._try_refresh(patience=patience)
        except BaseException:
            index.close()
            raise
        return index

    @classmethod
    def create(cls, folder: Path, recipe: Recipe, *, patience: float = PATIENCE) -> Self:
        """Open an index, or make an empty one in a new or empty folder.

        Raises IndexFolderError when the folder holds other things, IndexMismatch as `open` does.
        """
        if not (folder / CATALOGUE).is_file():
            try:
                _prepare_folder(folder)
                with _write_lock(folder, patience):
                    Catalogue.create(folder / CATALOGUE, recipe).close()
            except OSError as error:
                raise unwritable(folder, error) from None
        return cls.open(folder, recipe, patience=patience)

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
        """Hold the right to write; what was committed is caught up at the end, unless it is interrupted.

        Raises IndexLocked when another thread or process keeps it, IndexFolderError when the searches cannot
        be written.
        """
        if not self._writer.acquire(timeout=self._patience):
            raise _locked(self.folder)
        try:
            with _write_lock(self.folder, self._patience):
                try:
                    yield
                except Exception:
                    with suppress(IndexFolderError):  # the first error is the one to tell
                        self._refresh(patience=self._patience)
                    raise
                self._refresh(patience=self._patience)
        finally:
            self._writer.release()

    def replace_all(self, recipe: Recipe, articles: Iterable[IndexedArticle]) -> None:
        """Write these articles, made with another recipe, in place of everything; all or nothing."""
        self.catalogue.replace_all(recipe, articles)
        self._recipe = recipe

    def refresh(self) -> None:
        """Bring the searches up to the catalogue; one quick query when nothing changed.

        When that cannot be done now, because another process is at it, the disk is full or the folder is
        read-only, vectors are compared with the catalogue's one by one, and words are searched as they were.
        Raises IndexMismatch when the index was rebuilt with another recipe meanwhile.
        """
        self._try_refresh(patience=0.0)

    def _try_refresh(self, *, patience: float) -> None:
        try:
            self._refresh(patience=patience)
        except _SearchFailure as error:
            if not self._warned:
                _log.warning("%s Until then, searching is slower.", error)
            self._warned = True

    def _refresh(self, *, patience: float) -> None:
        with self._mutex:
            head = self.catalogue.head()
            if head.uid != self.catalogue.uid:
                self.catalogue.reload()
                if self.catalogue.recipe != self._recipe:
                    raise _mismatch(self.folder, self.catalogue.recipe, self._recipe)
            if self._followers_at(head):
                return
            try:
                lock = _lock(self.folder / "search.lock", patience)
            except filelock.Timeout:
                self.vectors.close()
                return
            except OSError:
                self._read_only()
                return
            with lock:
                self._catch_up()

    def _catch_up(self) -> None:
        try:
            head = self.catalogue.head()  # under the lock, no follower is ahead of it
            for follower in self._followers():
                self._follow(follower, head)
        except IndexFolderError as error:
            self.vectors.close()
            raise _SearchFailure(str(error)) from None

    def _followers(self) -> tuple[Follower, Follower]:
        return self.vectors, self.lexical

    def _followers_at(self, head: Head) -> bool:
        return all(follower.position == head for follower in self._followers())

    def _read_only(self) -> None:
        """Search where nothing can be written: words in a copy, vectors in the catalogue."""
        self.vectors.close()
        if self.lexical.position.uid != self.catalogue.uid:
            try:
                self.lexical.reopen_copy()
            except IndexFolderError as error:
                raise _SearchFailure(str(error)) from None

    def _follow(self, follower: Follower, head: Head) -> None:
        """Catch one search up; make it anew when it is of another catalogue, damaged or incomplete."""
        try:
            if follower.position != head:
                follower.reopen()
            position = follower.position
            if position.uid == head.uid and position.number <= head.number:
                self._apply(follower, position)
                if self._is_sound(follower):
                    return
        except IndexFolderError:
            _log.debug("%s is made anew", follower, exc_info=True)
        follower.reset()
        self._apply(follower, Head(head.uid, 0), force=True)

    def _apply(self, follower: Follower, position: Head, *, force: bool = False) -> None:
        changes = self.catalogue.changed_since(position.number)
        if changes or force:
            last = Head(position.uid, changes[-1].number if changes else position.number)
            follower.apply(last, self._batches([change.article_id for change in changes]))

    def _batches(self, article_ids: list[str]) -> Iterator[Batch]:
        for start in range(0, len(article_ids), _BATCH_ARTICLES):
            yield self.catalogue.batch(article_ids[start : start + _BATCH_ARTICLES])

    def _is_sound(self, follower: Follower) -> bool:
        count = self.catalogue.passage_count()
        sample = self.catalogue.sample_passages(_SAMPLE)
        if self.catalogue.head() != follower.position:
            return True  # a writer goes on meanwhile; the next refresh looks again
        return follower.is_sound(count=count, sample=sample)


def _lock(path: Path, patience: float) -> AbstractContextManager[object]:
    """Lock a file; raises filelock.Timeout after `patience` seconds, OSError where it cannot be made."""
    return filelock.FileLock(path, timeout=patience).acquire()


def _write_lock(folder: Path, patience: float) -> AbstractContextManager[object]:
    try:
        return _lock(folder / "write.lock", patience)
    except filelock.Timeout:
        raise _locked(folder) from None
    except OSError as error:
        raise unwritable(folder, error) from None


def _prepare_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise IndexFolderError(f"{folder} is a file; name a new folder with --index (RAG_INDEX).")
    folder.mkdir(parents=True, exist_ok=True)
    if not all(path.name.startswith(_OWN) for path in folder.iterdir()):
        raise IndexFolderError(
            f"{folder} is no index and not empty; name a new folder with --index (RAG_INDEX)."
        )


def _locked(folder: Path) -> IndexLocked:
    return IndexLocked(f"Another process is writing to {folder}; wait until it is done and try again.")


def _mismatch(folder: Path, found: Recipe, wanted: Recipe) -> IndexMismatch:
    return IndexMismatch(
        f"The index in {folder} was made with {found.embedding} and passages of "
        f"{found.passage_tokens} tokens; the settings say {wanted.embedding} and "
        f"{wanted.passage_tokens}. Rebuild it with `rag rebuild --index {shlex.quote(str(folder))}`."
    )
