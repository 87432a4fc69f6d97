"""The catalogue's SQL tables, its connections, and what a database error means to the user."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection

from .errors import IndexFolderError, IndexLocked

_TIMEOUT = 30.0
"""Seconds that SQLite waits for another process; a transaction takes milliseconds."""
_LITTLE = 1_000_000
"""Bytes; SQLite does not always say that a disk is full, but with less it is."""

metadata = sa.MetaData()
about = sa.Table(
    "about",
    metadata,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("value", sa.String, nullable=False),
)
articles = sa.Table(
    "articles",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("uri", sa.String, nullable=False, unique=True),
    sa.Column("title", sa.String, nullable=False),
    sa.Column("source", sa.String),
    sa.Column("date", sa.String(10)),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("text_hash", sa.String(64), nullable=False),
)
passages = sa.Table(
    "passages",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("article_id", sa.String(16), sa.ForeignKey("articles.id"), nullable=False, index=True),
    sa.Column("start", sa.Integer, nullable=False),
    sa.Column("end", sa.Integer, nullable=False),
    sa.Column("tokens", sa.Integer, nullable=False),
    sa.Column("sentences", sa.Text, nullable=False),
)
vectors = sa.Table(
    "vectors",
    metadata,
    sa.Column("passage_id", sa.String, sa.ForeignKey("passages.id"), primary_key=True),
    sa.Column("vector", sa.LargeBinary, nullable=False),
)
changes = sa.Table(
    "changes",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("article_id", sa.String(16), nullable=False, unique=True),
    sqlite_autoincrement=True,
)
failures = sa.Table(
    "failures",
    metadata,
    sa.Column("uri", sa.String, primary_key=True),
    sa.Column("reason", sa.String, nullable=False),
)
"""Younger than the rest: indexes made before lack it until something fails."""


def connect(path: Path) -> sa.Engine:
    """Return the connections to a catalogue file; they only read where its folder cannot be written."""
    if os.access(path.parent, os.W_OK):
        return _writable(path)
    has_log = path.with_name(f"{path.name}-wal").exists()
    query = {"mode": "ro", "uri": "true"} | ({} if has_log else {"immutable": "1"})
    return sa.create_engine(sa.URL.create("sqlite", database=path.absolute().as_uri(), query=query))


def _writable(path: Path) -> sa.Engine:
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(path)), connect_args={"timeout": _TIMEOUT})

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        try:
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                cursor.execute(f"PRAGMA {pragma}")
        except BaseException:
            cursor.close()
            connection.close()
            raise
        cursor.close()

    return engine


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn a database error into one line that says what to do.

    Raises IndexLocked when another program holds the file, IndexFolderError for all else.
    """
    try:
        yield
    except sa.exc.DBAPIError as error:
        raise _explained(path, str(error.orig)) from None


def _explained(path: Path, reason: str) -> IndexFolderError:
    if "locked" in reason:
        return IndexLocked(f"Another program holds {path}; close it and try again.")
    if any(sign in reason for sign in ("full", "readonly", "read-only", "unable to open", "disk I/O")):
        return unwritable(path.parent, reason)
    return IndexFolderError(
        f"{path} is not a Footnoted catalogue or is damaged ({reason}); "
        "ingest the articles again into a new folder."
    )


def unwritable(folder: Path, reason: str | OSError) -> IndexFolderError:
    """Return the error for a folder whose disk is full or that may not be written."""
    if isinstance(reason, OSError):
        full = reason.errno in {errno.ENOSPC, errno.EDQUOT}
        reason = "full" if full else (reason.strerror or str(reason)).lower()
    full = "full" in reason or ("disk I/O" in reason and shutil.disk_usage(folder).free < _LITTLE)
    cause = "the disk is full" if full else reason
    return IndexFolderError(
        f"Cannot write to {folder}: {cause}. Mend that and run the same command again; "
        "what was ingested before is kept."
    )
