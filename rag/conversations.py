"""Stored conversations: one SQLite file beside the index, which several processes may write.

Every write is one short transaction. A turn is stored when it is asked and again when it is answered, so a
killed process loses no more than the answer it was writing. The cited articles are stored as they were, so
that an answer is shown again as it was, whatever becomes of the index.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import sqlalchemy as sa

from . import tables
from .answer import Answer
from .chat import turn_of
from .condensing import Turn
from .errors import ConversationError, UsageError
from .facts import normalise
from .restoring import restored
from .scope import Scope

FORMAT = 1
"""Raised when the tables change; a file of a newer format is refused."""
LONGEST_TITLE = 80

State = Literal["asked", "answered", "stopped", "failed"]
"""What came of a turn. `asked`: it is being answered, or the process that did so has ended."""

_metadata = sa.MetaData()
_about = sa.Table(
    "about",
    _metadata,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("value", sa.String, nullable=False),
)
_conversations = sa.Table(
    "conversations",
    _metadata,
    sa.Column("id", sa.String(12), primary_key=True),
    sa.Column("title", sa.String, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("updated", sa.Float, nullable=False, index=True),
    sa.Column("words", sa.Text, nullable=False),
)
_turns = sa.Table(
    "turns",
    _metadata,
    sa.Column("conversation", sa.String(12), sa.ForeignKey("conversations.id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("question", sa.Text, nullable=False),
    sa.Column("searched", sa.Text),
    sa.Column("answer", sa.Text),
    sa.Column("draft", sa.Text, nullable=False),
    sa.Column("problem", sa.Text, nullable=False),
    sa.Column("feedback", sa.Text),
    sa.Column("asked", sa.Float, nullable=False),
    sa.Column("words", sa.Text, nullable=False),
)
_texts = sa.Table(
    "texts",
    _metadata,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
)
_cited = sa.Table(
    "cited",
    _metadata,
    sa.Column("conversation", sa.String(12), sa.ForeignKey("conversations.id"), primary_key=True),
    sa.Column("hash", sa.String(64), sa.ForeignKey("texts.hash"), primary_key=True, index=True),
)


class Feedback(NamedTuple):
    """What a reader says of an answer."""

    good: bool
    reasons: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """A question and what came of it, as it was shown."""

    number: int
    """Place in the conversation, from 1."""
    state: State
    question: str
    asked: float
    """When, in seconds since 1970."""
    searched: str | None = None
    answer: Answer | None = None
    draft: str = ""
    """What had been shown when it was stopped or failed."""
    problem: str = ""
    """Why there is no answer, in one line."""
    feedback: Feedback | None = None

    @property
    def seconds(self) -> dict[str, float]:
        """Time per stage of the answer."""
        return self.answer.seconds if self.answer else {}

    @property
    def told(self) -> Turn:
        """The turn as follow-up questions look back at it."""
        return turn_of(self.answer) if self.answer else Turn(self.question, "", self.searched)


class Entry(NamedTuple):
    """A conversation in the list."""

    id: str
    title: str
    created: float
    updated: float
    turns: int


@dataclass(frozen=True, slots=True)
class Conversation:
    """A stored conversation."""

    id: str
    title: str
    created: float
    updated: float
    scope: Scope = field(default_factory=Scope)
    turns: tuple[StoredTurn, ...] = ()

    @property
    def told(self) -> list[Turn]:
        """The answered turns as follow-up questions look back at them."""
        return [turn.told for turn in self.turns if turn.state == "answered"]


def file_of(index: Path) -> Path:
    """Return the file of the conversations about an index: beside its folder, named after it."""
    folder = index.resolve()
    return folder.with_name(f"{folder.name}.conversations.sqlite")


class Conversations:
    """An open file of conversations; safe between threads and processes."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        """Open the file, and make it when there is none.

        Raises ConversationError when it cannot be made, is damaged, or is of a newer version of Footnoted.
        """
        self.path = path
        self._clock = clock
        if not path.exists() and not (path.parent.is_dir() and os.access(path.parent, os.W_OK)):
            raise ConversationError(
                f"Conversations are not kept: {path.parent} cannot be written; make it writable."
            )
        self._engine = tables.connect(path)
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    @classmethod
    def of(cls, index: Path) -> Self:
        """Open the conversations about an index; see `file_of`."""
        return cls(file_of(index))

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- conversations

    def create(self, title: str = "", scope: Scope | None = None) -> Conversation:
        """Begin a conversation; without a title it takes its first question."""
        now = self._clock()
        new = Conversation(uuid.uuid4().hex[:12], _title(title), now, now, scope or Scope())
        row = {
            "id": new.id,
            "title": new.title,
            "scope": json.dumps(new.scope.to_dict()),
            "created": now,
            "updated": now,
            "words": normalise(new.title),
        }
        with self._writing() as connection:
            connection.execute(sa.insert(_conversations), row)
        return new

    def entries(self, search: str = "", *, limit: int | None = None) -> list[Entry]:
        """Return the conversations that have a turn, newest first.

        Every word of a search must stand in the title, or in one question with its answer.
        """
        counted = sa.func.count(_turns.c.number)
        columns = (_conversations.c[name] for name in ("id", "title", "created", "updated"))
        statement = (
            sa.select(*columns, counted)
            .join(_turns)
            .group_by(_conversations.c.id)
            .order_by(_conversations.c.updated.desc(), _conversations.c.id)
            .limit(limit)
        )
        if words := normalise(search).split():
            told = sa.select(_turns.c.conversation).where(*(_holds(_turns.c.words, w) for w in words))
            named = sa.and_(*(_holds(_conversations.c.words, w) for w in words))
            statement = statement.where(sa.or_(named, _conversations.c.id.in_(told)))
        with self._reading() as connection:
            return [Entry._make(row) for row in connection.execute(statement)]

    def get(self, id_: str, *, last: int | None = None) -> Conversation:
        """Return a conversation with its turns, or its last ones only.

        Raises ConversationError when there is none.
        """
        with self._reading() as connection:
            row = connection.execute(sa.select(_conversations).where(_conversations.c.id == id_)).first()
            if row is None:
                raise _missing(id_)
            turns = connection.execute(
                sa.select(_turns)
                .where(_turns.c.conversation == id_)
                .order_by(_turns.c.number.desc())
                .limit(last)
            ).all()
            own = sa.select(_cited.c.hash).where(_cited.c.conversation == id_)
            found = connection.execute(sa.select(_texts.c.hash, _texts.c.text).where(_texts.c.hash.in_(own)))
            texts = {row[0]: row[1] for row in found}
        with _readable(self.path):
            scope = Scope.from_dict(json.loads(row.scope))
        stored = tuple(self._turn(each, texts) for each in reversed(turns))
        return Conversation(row.id, row.title, row.created, row.updated, scope, stored)

    def rename(self, id_: str, title: str) -> None:
        """Give a conversation another title; raises UsageError for an empty one."""
        if not title.strip():
            raise UsageError("The title is empty; name the conversation.")
        values = {"title": _title(title), "words": normalise(_title(title))}
        self._change(id_, sa.update(_conversations).where(_conversations.c.id == id_).values(values))

    def narrow(self, id_: str, scope: Scope) -> None:
        """Choose which articles the next questions of a conversation are asked about."""
        values = {"scope": json.dumps(scope.to_dict())}
        self._change(id_, sa.update(_conversations).where(_conversations.c.id == id_).values(values))

    def delete(self, id_: str) -> None:
        """Remove a conversation, and the articles that only it has cited."""
        with self._writing() as connection:
            for table in (_cited, _turns):
                connection.execute(sa.delete(table).where(table.c.conversation == id_))
            connection.execute(sa.delete(_conversations).where(_conversations.c.id == id_))
            connection.execute(sa.delete(_texts).where(_texts.c.hash.not_in(sa.select(_cited.c.hash))))

    # --- turns

    def begin(self, id_: str, question: str) -> int:
        """Store a question that is now to be answered; return the number of its turn."""
        last = sa.select(sa.func.coalesce(sa.func.max(_turns.c.number), 0) + 1).where(
            _turns.c.conversation == id_
        )
        row = {"state": "asked", "question": question, "draft": "", "problem": "", "asked": self._clock()}
        columns = ("conversation", "number", "words", *row)
        values = (sa.literal(value) for value in (normalise(question), *row.values()))
        new = sa.select(sa.literal(id_), last.scalar_subquery(), *values).where(
            sa.exists().where(_conversations.c.id == id_)
        )
        with self._writing() as connection:
            statement = sa.insert(_turns).from_select(columns, new).returning(_turns.c.number)
            number = connection.execute(statement).scalar()
            if number is None:
                raise _missing(id_)
            untitled = (_conversations.c.id == id_) & (_conversations.c.title == "")
            values_of = {"title": _title(question), "words": normalise(_title(question))}
            connection.execute(sa.update(_conversations).where(untitled).values(values_of))
            self._touch(connection, id_)
        return int(number)

    def finish(self, id_: str, number: int, answer: Answer) -> None:
        """Store the answer of a turn, whole, with the articles that it cites."""
        values = {
            "state": "answered",
            "searched": answer.searched,
            "answer": json.dumps(answer.to_dict()),
            "words": normalise(f"{answer.question} {answer.text}"),
        }
        texts = {note.article.text_hash: note.article.text for note in answer.citations}
        with self._writing() as connection:
            self._set(connection, id_, number, values)
            for hash_, text in texts.items():
                connection.execute(_insert_new(_texts), {"hash": hash_, "text": text})
                connection.execute(_insert_new(_cited), {"conversation": id_, "hash": hash_})
            self._touch(connection, id_)

    def stop(self, id_: str, number: int, *, draft: str = "", searched: str | None = None) -> None:
        """Store that the reader stopped an answer, and what had been shown of it."""
        with self._writing() as connection:
            self._set(connection, id_, number, {"state": "stopped", "draft": draft, "searched": searched})

    def fail(self, id_: str, number: int, problem: str) -> None:
        """Store why a question has no answer, in one line."""
        with self._writing() as connection:
            self._set(connection, id_, number, {"state": "failed", "problem": problem})

    def rate(self, id_: str, number: int, feedback: Feedback | None) -> None:
        """Store what the reader says of an answer, None to take it back."""
        value = None if feedback is None else json.dumps(feedback._asdict())
        with self._writing() as connection:
            self._set(connection, id_, number, {"feedback": value})

    # --- the file

    def _prepare(self) -> None:
        with self._writing() as connection:
            for table in _metadata.sorted_tables:
                connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
            connection.execute(_insert_new(_about), {"key": "format", "value": str(FORMAT)})
            found = connection.execute(sa.select(_about.c.value).where(_about.c.key == "format")).scalar()
        if not str(found).isdigit() or int(str(found)) > FORMAT:
            raise ConversationError(
                f"{self.path} was written by a newer version of Footnoted; update Footnoted, or move the "
                "file away to begin anew."
            )

    def _turn(self, row: Any, texts: Mapping[str, str]) -> StoredTurn:
        with _readable(self.path):
            feedback = json.loads(row.feedback) if row.feedback else None
            answer = restored(json.loads(row.answer), texts) if row.answer else None
        return StoredTurn(
            number=row.number,
            state=row.state,
            question=row.question,
            asked=row.asked,
            searched=row.searched,
            answer=answer,
            draft=row.draft,
            problem=row.problem,
            feedback=Feedback(feedback["good"], tuple(feedback["reasons"]), feedback["note"])
            if feedback
            else None,
        )

    def _set(self, connection: sa.Connection, id_: str, number: int, values: Mapping[str, object]) -> None:
        own = (_turns.c.conversation == id_) & (_turns.c.number == number)
        if connection.execute(sa.update(_turns).where(own).values(values)).rowcount == 0:
            raise _missing(id_)

    def _touch(self, connection: sa.Connection, id_: str) -> None:
        own = _conversations.c.id == id_
        connection.execute(sa.update(_conversations).where(own).values(updated=self._clock()))

    def _change(self, id_: str, statement: sa.Update) -> None:
        with self._writing() as connection:
            if connection.execute(statement).rowcount == 0:
                raise _missing(id_)

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with _explained(self.path), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with _explained(self.path), self._engine.begin() as connection:
            yield connection


def _insert_new(table: sa.Table) -> sa.Insert:
    """Return an insert that leaves a row which is there already."""
    return sa.insert(table).prefix_with("OR IGNORE")


def _holds(column: sa.Column[str], word: str) -> sa.ColumnElement[bool]:
    return column.contains(word, autoescape=True)


def _title(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_TITLE else f"{line[: LONGEST_TITLE - 1].rsplit(' ', 1)[0]}…"


def _missing(id_: str) -> ConversationError:
    return ConversationError(f"There is no conversation {id_}; `rag conversations` lists those there are.")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn a database error into one line that says what to do."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        reason = str(error.orig)
        if "locked" in reason:
            raise ConversationError(f"Another program holds {path}; close it and try again.") from None
        if any(sign in reason for sign in ("readonly", "read-only", "unable to open", "full", "disk I/O")):
            raise ConversationError(f"Cannot write to {path} ({reason}); mend that and try again.") from None
        raise _damaged(path, reason) from None


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what a damaged row makes json and the restoring raise into one line."""
    try:
        yield
    except (ValueError, KeyError, TypeError, UsageError) as error:
        raise _damaged(path, " ".join(str(error).split())) from None


def _damaged(path: Path, reason: str) -> ConversationError:
    return ConversationError(
        f"{path} is no file of conversations or is damaged ({reason}); move it away to begin anew."
    )


class Recording:
    """The conversation being held, stored as it goes on.

    Where it cannot be stored it goes on all the same, and `notice` is told why, once.
    """

    def __init__(
        self,
        store: Conversations | None,
        notice: Callable[[str], None],
        *,
        scope: Scope | None = None,
        id_: str | None = None,
    ) -> None:
        """Take the open file; the conversation with this id goes on, else a new one begins."""
        self.store = store
        self._notice = notice
        self._scope = scope
        self._number = 0
        self.id = id_
        """Id of the conversation; None before its first question."""

    def asked(self, question: str) -> None:
        """Store a question that is now to be answered."""

        def begin(store: Conversations) -> None:
            self.id = self.id or store.create(scope=self._scope).id
            self._number = store.begin(self.id, question)

        self._stored(begin)

    def answered(self, answer: Answer) -> None:
        """Store the answer."""
        self._stored(lambda store: store.finish(str(self.id), self._number, answer))

    def stopped(self, draft: str, searched: str | None = None) -> None:
        """Store that the answer was stopped, and what had been shown of it."""
        self._stored(lambda store: store.stop(str(self.id), self._number, draft=draft, searched=searched))

    def failed(self, problem: str) -> None:
        """Store why there is no answer."""
        self._stored(lambda store: store.fail(str(self.id), self._number, problem))

    def _stored(self, write: Callable[[Conversations], None]) -> None:
        if self.store is None:
            return
        try:
            write(self.store)
        except ConversationError as error:
            self.store = None
            self._notice(str(error))
