"""The catalogue: articles, passages, vectors and the change log in one SQLite file. It is the truth.

Each write of an article is one transaction, so that a killed process leaves it wholly there or wholly
absent. The log keeps the last change of each article under a number that only grows; a follower that has
applied number n needs exactly the changes above n.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection

from .errors import IndexFolderError, IndexMissing
from .schema import Article, Passage, Span

FORMAT = 1
"""Raised when the tables change; an index of another format is refused."""
_CHUNK = 500
"""Most values in one SQL `IN`."""

Vectors = npt.NDArray[np.float32]

_metadata = sa.MetaData()
_about = sa.Table(
    "about",
    _metadata,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("value", sa.String, nullable=False),
)
_articles = sa.Table(
    "articles",
    _metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("uri", sa.String, nullable=False, unique=True),
    sa.Column("title", sa.String, nullable=False),
    sa.Column("source", sa.String),
    sa.Column("date", sa.String(10)),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("text_hash", sa.String(64), nullable=False),
)
_passages = sa.Table(
    "passages",
    _metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("article_id", sa.String(16), sa.ForeignKey("articles.id"), nullable=False, index=True),
    sa.Column("start", sa.Integer, nullable=False),
    sa.Column("end", sa.Integer, nullable=False),
    sa.Column("tokens", sa.Integer, nullable=False),
    sa.Column("sentences", sa.Text, nullable=False),
)
_vectors = sa.Table(
    "vectors",
    _metadata,
    sa.Column("passage_id", sa.String, sa.ForeignKey("passages.id"), primary_key=True),
    sa.Column("vector", sa.LargeBinary, nullable=False),
)
_changes = sa.Table(
    "changes",
    _metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("article_id", sa.String(16), nullable=False, unique=True),
    sqlite_autoincrement=True,
)


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


class Catalogue:
    """An open catalogue file; safe to share between threads."""

    def __init__(self, path: Path) -> None:
        """Open an existing catalogue.

        Raises IndexMissing when there is none, IndexFolderError when the file is not one of this format.
        """
        if not path.is_file():
            raise IndexMissing(f"There is no index in {path.parent}; make one with `rag ingest PATH`.")
        self.path = path
        self._engine = _engine(path)
        try:
            about = self._read_about()
        except sa.exc.DatabaseError as error:
            self.close()
            raise IndexFolderError(
                f"{path} is not a Footnoted catalogue or is damaged ({error.orig}); "
                "ingest the articles again into a new folder."
            ) from None
        if about.get("format") != str(FORMAT):
            self.close()
            raise IndexFolderError(
                f"{path.parent} was written by another version of Footnoted; "
                "ingest the articles again into a new folder."
            )
        self.reload()

    @classmethod
    def create(cls, path: Path, recipe: Recipe) -> Catalogue:
        """Write an empty catalogue and open it; an existing one is opened as it is."""
        if not path.is_file():
            engine = _engine(path)
            with engine.begin() as connection:
                _metadata.create_all(connection)
                connection.execute(sa.insert(_about), _about_rows(uuid.uuid4().hex, recipe))
            engine.dispose()
        return cls(path)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def upsert(self, new: IndexedArticle) -> None:
        """Write an article with its passages and vectors, in place of its old version."""
        with self._engine.begin() as connection:
            _write(connection, new)

    def replace_all(self, recipe: Recipe, articles: Iterable[IndexedArticle]) -> None:
        """Write these articles in place of everything, made with another recipe, in one transaction."""
        uid = uuid.uuid4().hex
        with self._engine.begin() as connection:
            for table in (_vectors, _passages, _articles, _changes):
                connection.execute(sa.delete(table))
            for new in articles:
                _write(connection, new)
            connection.execute(sa.delete(_about))
            connection.execute(sa.insert(_about), _about_rows(uid, recipe))
        self.uid, self.recipe = uid, recipe

    def update_particulars(self, article: Article) -> None:
        """Write a new title, source or date of an article whose text is unchanged."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(_articles)
                .where(_articles.c.id == article.id)
                .values(title=article.title, source=article.source, date=article.date)
            )
            _log(connection, article.id)

    def delete(self, article_id: str) -> None:
        """Remove an article with its passages and vectors."""
        with self._engine.begin() as connection:
            _erase(connection, article_id)
            _log(connection, article_id)

    def head(self) -> Head:
        """Return the uid of the catalogue's content and the number of its last change."""
        with self._engine.connect() as connection:
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
            sa.select(_changes.c.number, _changes.c.article_id)
            .where(_changes.c.number > number)
            .order_by(_changes.c.number)
        )
        with self._engine.connect() as connection:
            return [Change(*row) for row in connection.execute(statement)]

    def entries(self) -> list[Entry]:
        """Return all articles without their texts, by URI."""
        statement = (
            sa.select(
                *(_articles.c[name] for name in ("id", "uri", "title", "source", "date", "text_hash")),
                sa.func.count(_passages.c.id),
                sa.func.length(_articles.c.text),
            )
            .select_from(_articles.outerjoin(_passages))
            .group_by(_articles.c.id)
            .order_by(_articles.c.uri)
        )
        with self._engine.connect() as connection:
            return [Entry(*row) for row in connection.execute(statement)]

    def passage_count(self) -> int:
        """Return how many passages there are."""
        with self._engine.connect() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(_passages)).scalar_one()

    def articles(self, ids: Iterable[str]) -> dict[str, Article]:
        """Return the articles with these ids that exist, by id."""
        columns = [_articles.c[name] for name in ("uri", "title", "text", "source", "date")]
        found = (Article(*row) for row in self._select_in(columns, _articles.c.id, ids))
        return {article.id: article for article in found}

    def passages(self, ids: Iterable[str]) -> dict[str, PassageRow]:
        """Return the passages with these ids that exist, by id."""
        rows = self._select_in(_PASSAGE_COLUMNS, _passages.c.id, ids, source=_JOINED)
        return {row[0]: _passage_row(row) for row in rows}

    def vectors(self, passage_ids: Iterable[str]) -> dict[str, Vectors]:
        """Return the vectors, shape (dimensions,), of the passages that exist, by passage id."""
        columns = [_vectors.c.passage_id, _vectors.c.vector]
        rows = self._select_in(columns, _vectors.c.passage_id, passage_ids)
        return {row[0]: np.frombuffer(row[1], dtype="<f4") for row in rows}

    def indexed_passages(self, article_ids: Iterable[str]) -> list[IndexedPassage]:
        """Return the passages of some articles as followers store them."""
        columns = [_passages.c.id, _passages.c.article_id, _TEXT, _articles.c.title, _vectors.c.vector]
        source = _JOINED.join(_vectors, _vectors.c.passage_id == _passages.c.id)
        rows = self._select_in(columns, _passages.c.article_id, article_ids, source=source)
        return [IndexedPassage(*row[:4], np.frombuffer(row[4], dtype="<f4")) for row in rows]

    def sample_passages(self, count: int) -> list[tuple[str, Vectors]]:
        """Return up to `count` passage ids, spread over the index, with their vectors."""
        total = self.passage_count()
        step = max(1, total // max(1, count))
        with self._engine.connect() as connection:
            ids = connection.execute(sa.select(_passages.c.id).order_by(_passages.c.id)).scalars().all()
        return list(self.vectors(ids[::step][:count]).items())

    def article_ids(self) -> list[str]:
        """Return the ids of all articles."""
        with self._engine.connect() as connection:
            return list(connection.execute(sa.select(_articles.c.id)).scalars())

    def _read_about(self) -> dict[str, str]:
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(_about.c.key, _about.c.value))
            return {row[0]: row[1] for row in rows}

    def _select_in(
        self,
        columns: Sequence[sa.ColumnElement[object]],
        key: sa.ColumnElement[str],
        values: Iterable[str],
        *,
        source: sa.FromClause | None = None,
    ) -> Iterator[sa.Row[tuple[object, ...]]]:
        wanted = list(values)
        statement = sa.select(*columns)
        if source is not None:
            statement = statement.select_from(source)
        with self._engine.connect() as connection:
            for start in range(0, len(wanted), _CHUNK):
                yield from connection.execute(statement.where(key.in_(wanted[start : start + _CHUNK])))


_HEAD = sa.select(
    sa.select(_about.c.value).where(_about.c.key == "uid").scalar_subquery(),
    sa.select(sa.func.max(_changes.c.number)).scalar_subquery(),
)
_JOINED = _passages.join(_articles, _articles.c.id == _passages.c.article_id)
_TEXT = sa.func.substr(_articles.c.text, _passages.c.start + 1, _passages.c.end - _passages.c.start).label(
    "passage_text"
)
_PASSAGE_COLUMNS = [
    *(_passages.c[name] for name in ("id", "article_id", "start", "end", "tokens", "sentences")),
    _TEXT,
    *(_articles.c[name] for name in ("uri", "title", "source", "date")),
]


def _engine(path: Path) -> sa.Engine:
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


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
    row = {name: getattr(article, name) for name in _articles.c.keys()}  # noqa: SIM118  # column names
    connection.execute(sa.insert(_articles), row)
    if new.passages:
        connection.execute(sa.insert(_passages), [_passage_values(p) for p in new.passages])
        blobs = (np.asarray(vector, dtype="<f4").tobytes() for vector in new.vectors)
        rows = [
            {"passage_id": passage.id, "vector": blob}
            for passage, blob in zip(new.passages, blobs, strict=True)
        ]
        connection.execute(sa.insert(_vectors), rows)
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


def _passage_row(row: sa.Row[tuple[object, ...]]) -> PassageRow:
    id_, article_id, start, end, tokens, sentences, text, *particulars = row
    spans = tuple(Span(*pair) for pair in json.loads(str(sentences)))
    passage = Passage(str(id_), str(article_id), int(start), int(end), int(tokens), spans)  # type: ignore[call-overload]
    return PassageRow(passage, str(text), *particulars)  # type: ignore[arg-type]


def _erase(connection: sa.Connection, article_id: str) -> None:
    own = sa.select(_passages.c.id).where(_passages.c.article_id == article_id)
    connection.execute(sa.delete(_vectors).where(_vectors.c.passage_id.in_(own)))
    connection.execute(sa.delete(_passages).where(_passages.c.article_id == article_id))
    connection.execute(sa.delete(_articles).where(_articles.c.id == article_id))


def _log(connection: sa.Connection, article_id: str) -> None:
    connection.execute(sa.delete(_changes).where(_changes.c.article_id == article_id))
    connection.execute(sa.insert(_changes).values(article_id=article_id))
