"""The catalogue: articles, passages, vectors and the change log in one SQLite file. It is the truth.

Each write of an article is one transaction, so that a killed process leaves it wholly there or wholly
absent. The log keeps the last change of each article under a number that only grows; a follower that has
applied number n needs exactly the changes above n.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from . import tables
from .errors import IndexFolderError, IndexMissing
from .schema import Article, Hit, Passage, Span

FORMAT = 1
"""Raised when the tables change; an index of another format is refused."""
_CHUNK = 500
"""Most values in one SQL `IN`."""
_ROWS = 4096
"""Vectors compared in one step by `nearest`."""

Vectors = npt.NDArray[np.float32]
_Row = sa.Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the passages and vectors of an index were made with."""

    embedding: str
    passage_tokens: int


class Head(NamedTuple):
    """Where the change log stands."""

    uid: str
    number: int


class Change(NamedTuple):
    """An entry of the change log: this article was written or removed."""

    number: int
    article_id: str


class IndexedArticle(NamedTuple):
    """An article with its passages and their vectors, shape (passages, dimensions)."""

    article: Article
    passages: Sequence[Passage]
    vectors: Vectors


class Entry(NamedTuple):
    """What the catalogue knows of an article without its text."""

    id: str
    uri: str
    title: str
    source: str | None
    date: str | None
    text_hash: str
    passages: int
    characters: int


class Failed(NamedTuple):
    """A file or address that could not be read, and why; an older version of it may be indexed."""

    uri: str
    reason: str


class PassageRow(NamedTuple):
    """A passage with its text and its article's particulars."""

    passage: Passage
    text: str
    uri: str
    title: str
    source: str | None
    date: str | None


class IndexedPassage(NamedTuple):
    """What a follower stores of a passage."""

    id: str
    article_id: str
    text: str
    title: str
    vector: Vectors


class Batch(NamedTuple):
    """What a follower takes in one step: changed articles, and the passages of those that still exist."""

    article_ids: Sequence[str]
    passages: Sequence[IndexedPassage]


class Catalogue:
    """An open catalogue file; safe to share between threads."""

    def __init__(self, path: Path) -> None:
        """Open an existing catalogue.

        Raises IndexMissing when there is none, IndexFolderError when the file is not one of this format.
        """
        if path.parent.exists() and not path.parent.is_dir():
            raise IndexFolderError(
                f"{path.parent} is a file; name the folder of an index (--index, RAG_INDEX)."
            )
        if not path.is_file():
            raise IndexMissing(f"There is no index in {path.parent}; make one with `rag ingest PATH`.")
        self.path = path
        self._engine = tables.connect(path)
        try:
            if self._read_about().get("format") != str(FORMAT):
                raise IndexFolderError(
                    f"{path.parent} was written by another version of Footnoted; "
                    "ingest the articles again into a new folder."
                )
            self.reload()
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(cls, path: Path, recipe: Recipe) -> Catalogue:
        """Write an empty catalogue and open it; an existing one is opened as it is.

        A killed process leaves none or a whole one: it is written beside its place, then renamed.
        """
        if not path.is_file():
            new = path.with_name(f"{path.name}.new")
            for leftover in (new, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
                leftover.unlink(missing_ok=True)
            engine = tables.connect(new)
            try:
                with tables.explained(path), engine.begin() as connection:
                    tables.metadata.create_all(connection)
                    connection.execute(sa.insert(tables.about), _about_rows(uuid.uuid4().hex, recipe))
            finally:
                engine.dispose()
            os.replace(new, path)  # noqa: PTH105  # `replace` would read as text's
        return cls(path)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def upsert(self, new: IndexedArticle) -> None:
        """Write an article with its passages and vectors, in place of its old version."""
        with self._writing() as connection:
            _write(connection, new)

    def replace_all(self, recipe: Recipe, articles: Iterable[IndexedArticle]) -> None:
        """Write these articles in place of everything, made with another recipe, in one transaction."""
        uid = uuid.uuid4().hex
        with self._writing() as connection:
            for table in (tables.vectors, tables.passages, tables.articles, tables.changes):
                connection.execute(sa.delete(table))
            for new in articles:
                _write(connection, new)
            connection.execute(sa.delete(tables.about))
            connection.execute(sa.insert(tables.about), _about_rows(uid, recipe))
        self.uid, self.recipe = uid, recipe

    def update_particulars(self, article: Article) -> None:
        """Write a new title, source or date of an article whose text is unchanged."""
        with self._writing() as connection:
            connection.execute(
                sa.update(tables.articles)
                .where(tables.articles.c.id == article.id)
                .values(title=article.title, source=article.source, date=article.date)
            )
            _log(connection, article.id)

    def delete(self, article_id: str) -> None:
        """Remove an article with its passages and vectors."""
        with self._writing() as connection:
            _erase(connection, article_id)
            _log(connection, article_id)

    def head(self) -> Head:
        """Return the uid of the catalogue's content and the number of its last change."""
        with self._reading() as connection:
            uid, number = connection.execute(_HEAD).one()
        return Head(uid, number or 0)

    def reload(self) -> None:
        """Read again what the index was made with; another process may have rebuilt it."""
        about = self._read_about()
        self.uid = about["uid"]
        self.recipe = Recipe(about["embedding"], int(about["passage_tokens"]))

    def changed_since(self, number: int) -> list[Change]:
        """Return the articles that changed after a change number, oldest change first."""
        statement = (
            sa.select(tables.changes.c.number, tables.changes.c.article_id)
            .where(tables.changes.c.number > number)
            .order_by(tables.changes.c.number)
        )
        with self._reading() as connection:
            return [Change(*row) for row in connection.execute(statement)]

    def entries(self) -> list[Entry]:
        """Return all articles without their texts, by URI."""
        statement = (
            sa.select(
                *(tables.articles.c[name] for name in ("id", "uri", "title", "source", "date", "text_hash")),
                sa.func.count(tables.passages.c.id),
                sa.func.length(tables.articles.c.text),
            )
            .select_from(tables.articles.outerjoin(tables.passages))
            .group_by(tables.articles.c.id)
            .order_by(tables.articles.c.uri)
        )
        with self._reading() as connection:
            return [Entry._make(row) for row in connection.execute(statement)]

    def passage_count(self) -> int:
        """Return how many passages there are."""
        with self._reading() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(tables.passages)).scalar_one()

    def articles(self, ids: Iterable[str]) -> dict[str, Article]:
        """Return the articles with these ids that exist, by id."""
        found = (Article(*row) for row in self._select(_ARTICLES, ids))
        return {article.id: article for article in found}

    def passages(self, ids: Iterable[str]) -> dict[str, PassageRow]:
        """Return the passages with these ids that exist, by id."""
        return {row[0]: _passage_row(row) for row in self._select(_PASSAGES, ids)}

    def vectors(self, passage_ids: Iterable[str]) -> dict[str, Vectors]:
        """Return the vectors, shape (dimensions,), of the passages that exist, by passage id."""
        return {row[0]: np.frombuffer(row[1], dtype="<f4") for row in self._select(_VECTORS, passage_ids)}

    def cosines(self, vector: Sequence[float], passage_ids: Iterable[str]) -> dict[str, float]:
        """Return the cosine of a vector to each of the passages that exist, by passage id."""
        rows = self._select(_VECTORS, passage_ids)
        if not rows:
            return {}
        cosines = _cosines([row[1] for row in rows], _unit(vector))
        return {row[0]: float(cosine) for row, cosine in zip(rows, cosines, strict=True)}

    def batch(self, article_ids: Sequence[str]) -> Batch:
        """Return some articles as followers store them."""
        rows = self._select(_INDEXED, article_ids)
        passages = [IndexedPassage._make((*row[:4], np.frombuffer(row[4], dtype="<f4"))) for row in rows]
        return Batch(article_ids, passages)

    def sample_passages(self, count: int) -> dict[str, Vectors]:
        """Return up to `count` passages, spread over the index, with their vectors."""
        marks = (f"{n * 256 // count:02x}" for n in range(count))  # ids begin with a hash
        first = sa.select(tables.passages.c.id).order_by(tables.passages.c.id).limit(1)
        with self._reading() as connection:
            found = [connection.execute(first.where(tables.passages.c.id >= mark)).scalar() for mark in marks]
        return self.vectors({id_ for id_ in found if id_ is not None})

    def nearest(
        self, vector: Sequence[float], *, limit: int, articles: Sequence[str] | None = None
    ) -> list[Hit]:
        """Compare a vector with every vector there is; return the nearest, the score is the cosine.

        With `articles`, the ids of some, only the passages of these are compared.
        """
        query = _unit(vector)
        best: list[Hit] = []
        with self._reading() as connection:
            for rows in _all_vectors(connection, articles):
                hits = _nearest_of([row[0] for row in rows], [row[1] for row in rows], query, limit)
                best = sorted([*best, *hits], key=lambda hit: -hit.score)[:limit]
        return best

    def dates(self) -> dict[str, str | None]:
        """Return the date of every article, by id."""
        with self._reading() as connection:
            return {row[0]: row[1] for row in connection.execute(sa.select(_ARTICLE.id, _ARTICLE.date))}

    def article_ids(self) -> list[str]:
        """Return the ids of all articles."""
        with self._reading() as connection:
            return list(connection.execute(sa.select(tables.articles.c.id)).scalars())

    def passages_of(self, article_id: str) -> list[Passage]:
        """Return the passages of an article in their order."""
        columns = (tables.passages.c[name] for name in _PASSAGE_COLUMNS)
        statement = (
            sa.select(*columns)
            .where(tables.passages.c.article_id == article_id)
            .order_by(tables.passages.c.start)
        )
        with self._reading() as connection:
            return [_passage(row) for row in connection.execute(statement)]

    def ids_with_text(self, text_hash: str) -> list[str]:
        """Return the ids of the articles whose text has this hash, by URI."""
        statement = (
            sa.select(tables.articles.c.id)
            .where(tables.articles.c.text_hash == text_hash)
            .order_by(tables.articles.c.uri)
        )
        with self._reading() as connection:
            return list(connection.execute(statement).scalars())

    def failures(self) -> list[Failed]:
        """Return what could not be read when it was last tried, by URI."""
        statement = sa.select(tables.failures.c.uri, tables.failures.c.reason).order_by(tables.failures.c.uri)
        with self._reading() as connection:
            if not sa.inspect(connection).has_table(tables.failures.name):
                return []
            return [Failed._make(row) for row in connection.execute(statement)]

    def keep_failures(self, failed: Iterable[Failed], *, settled: Iterable[str]) -> None:
        """Remember what could not be read, and forget the URIs that are settled."""
        reasons = {failure.uri: failure.reason for failure in failed}
        known = {failure.uri for failure in self.failures()}
        obsolete = known & {*reasons, *settled}
        if not reasons and not obsolete:
            return
        with self._writing() as connection:
            tables.failures.create(connection, checkfirst=True)
            for uri in obsolete:
                connection.execute(sa.delete(tables.failures).where(tables.failures.c.uri == uri))
            for uri, reason in reasons.items():
                connection.execute(sa.insert(tables.failures).values(uri=uri, reason=reason))

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with tables.explained(self.path), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with tables.explained(self.path), self._engine.begin() as connection:
            yield connection

    def _read_about(self) -> dict[str, str]:
        with self._reading() as connection:
            rows = connection.execute(sa.select(tables.about.c.key, tables.about.c.value))
            return {row[0]: row[1] for row in rows}

    def _select(self, statement: sa.Select[Any], ids: Iterable[str]) -> list[_Row]:
        """Run a statement that `_by_ids` made."""
        wanted = list(ids)
        rows: list[_Row] = []
        with self._reading() as connection:
            for start in range(0, len(wanted), _CHUNK):
                rows += connection.execute(statement, {"ids": wanted[start : start + _CHUNK]})
        return rows


def _by_ids(
    columns: Sequence[sa.ColumnElement[Any]], key: sa.ColumnElement[str], source: sa.FromClause
) -> sa.Select[Any]:
    """Return a statement for the rows whose key is among the parameter `ids`; built once, it runs quicker."""
    return sa.select(*columns).select_from(source).where(key.in_(sa.bindparam("ids", expanding=True)))


_HEAD = sa.select(
    sa.select(tables.about.c.value).where(tables.about.c.key == "uid").scalar_subquery(),
    sa.select(sa.func.max(tables.changes.c.number)).scalar_subquery(),
)
_PASSAGE_COLUMNS = ("id", "article_id", "start", "end", "tokens", "sentences")
_PASSAGE, _ARTICLE, _VECTOR = tables.passages.c, tables.articles.c, tables.vectors.c
_JOINED = tables.passages.join(tables.articles, _ARTICLE.id == _PASSAGE.article_id)
_TEXT = sa.func.substr(_ARTICLE.text, _PASSAGE.start + 1, _PASSAGE.end - _PASSAGE.start).label("passage_text")
_ARTICLES = _by_ids(
    [_ARTICLE[name] for name in ("uri", "title", "text", "source", "date")], _ARTICLE.id, tables.articles
)
_PASSAGES = _by_ids(
    [
        *(_PASSAGE[name] for name in _PASSAGE_COLUMNS),
        _TEXT,
        *(_ARTICLE[name] for name in ("uri", "title", "source", "date")),
    ],
    _PASSAGE.id,
    _JOINED,
)
_VECTORS = _by_ids([_VECTOR.passage_id, _VECTOR.vector], _VECTOR.passage_id, tables.vectors)
_VECTORS_OF = _by_ids(
    [_VECTOR.passage_id, _VECTOR.vector],
    _PASSAGE.article_id,
    tables.passages.join(tables.vectors, _VECTOR.passage_id == _PASSAGE.id),
)
_INDEXED = _by_ids(
    [_PASSAGE.id, _PASSAGE.article_id, _TEXT, _ARTICLE.title, _VECTOR.vector],
    _PASSAGE.article_id,
    _JOINED.join(tables.vectors, _VECTOR.passage_id == _PASSAGE.id),
)


def _all_vectors(connection: sa.Connection, articles: Sequence[str] | None) -> Iterator[Sequence[_Row]]:
    """Yield all passage ids with their vectors, or those of some articles, many at a time."""
    if articles is None:
        whole = sa.select(_VECTOR.passage_id, _VECTOR.vector)
        yield from connection.execution_options(yield_per=_ROWS).execute(whole).partitions()
        return
    for start in range(0, len(articles), _CHUNK):
        yield connection.execute(_VECTORS_OF, {"ids": articles[start : start + _CHUNK]}).all()


def _unit(vector: Sequence[float]) -> Vectors:
    query = np.asarray(vector, dtype=np.float32)
    unit: Vectors = query / (np.linalg.norm(query) or 1.0)
    return unit


def _cosines(blobs: Sequence[bytes], unit: Vectors) -> Vectors:
    matrix = np.frombuffer(b"".join(blobs), dtype="<f4").reshape(len(blobs), -1)
    norms = np.linalg.norm(matrix, axis=1)
    cosines: Vectors = (matrix @ unit) / np.maximum(norms, np.float32(1e-12))
    return cosines


def _nearest_of(ids: Sequence[str], blobs: Sequence[bytes], query: Vectors, limit: int) -> list[Hit]:
    cosines = _cosines(blobs, query)
    nearest = np.argpartition(-cosines, limit - 1)[:limit] if limit < len(ids) else np.arange(len(ids))
    return [Hit(ids[n], float(cosines[n])) for n in nearest]


def _about_rows(uid: str, recipe: Recipe) -> list[dict[str, str]]:
    about = {
        "format": str(FORMAT),
        "uid": uid,
        "embedding": recipe.embedding,
        "passage_tokens": str(recipe.passage_tokens),
    }
    return [{"key": key, "value": value} for key, value in about.items()]


def _write(connection: sa.Connection, new: IndexedArticle) -> None:
    article = new.article
    _erase(connection, article.id)
    row = {name: getattr(article, name) for name in tables.articles.c.keys()}  # noqa: SIM118  # column names
    connection.execute(sa.insert(tables.articles), row)
    if new.passages:
        connection.execute(sa.insert(tables.passages), [_passage_values(p) for p in new.passages])
        blobs = (np.asarray(vector, dtype="<f4").tobytes() for vector in new.vectors)
        rows = [
            {"passage_id": passage.id, "vector": blob}
            for passage, blob in zip(new.passages, blobs, strict=True)
        ]
        connection.execute(sa.insert(tables.vectors), rows)
    _log(connection, article.id)


def _passage_values(passage: Passage) -> dict[str, object]:
    return {
        "id": passage.id,
        "article_id": passage.article_id,
        "start": passage.start,
        "end": passage.end,
        "tokens": passage.tokens,
        "sentences": json.dumps(passage.sentences),
    }


def _passage_row(row: _Row) -> PassageRow:
    text, *particulars = row[len(_PASSAGE_COLUMNS) :]
    return PassageRow(_passage(row), str(text), *particulars)


def _passage(row: _Row) -> Passage:
    id_, article_id, start, end, tokens, sentences = row[: len(_PASSAGE_COLUMNS)]
    spans = tuple(Span(*pair) for pair in json.loads(str(sentences)))
    return Passage(str(id_), str(article_id), int(start), int(end), int(tokens), spans)


def _erase(connection: sa.Connection, article_id: str) -> None:
    own = sa.select(tables.passages.c.id).where(tables.passages.c.article_id == article_id)
    connection.execute(sa.delete(tables.vectors).where(tables.vectors.c.passage_id.in_(own)))
    connection.execute(sa.delete(tables.passages).where(tables.passages.c.article_id == article_id))
    connection.execute(sa.delete(tables.articles).where(tables.articles.c.id == article_id))


def _log(connection: sa.Connection, article_id: str) -> None:
    connection.execute(sa.delete(tables.changes).where(tables.changes.c.article_id == article_id))
    connection.execute(sa.insert(tables.changes).values(article_id=article_id))
