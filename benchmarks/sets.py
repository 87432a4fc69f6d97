"""Loaders of public question sets: a local folder in, articles and questions out; nothing is vendored.

A set is a folder with `corpus.jsonl.gz` (id, text, and title, date, source where known) and
`queries.jsonl.gz` (id, question, answers, relevant, answerable).
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag import Article, Settings, ingest_articles


@dataclass(frozen=True)
class SetQuestion:
    """A question of a set; `relevant` names the articles that answer it, `answers` the right strings."""

    id: str
    text: str
    answers: tuple[str, ...]
    relevant: tuple[str, ...]
    answerable: bool


def read_articles(folder: Path, limit: int | None = None) -> list[Article]:
    """Return the corpus of a set as articles; their URI is `<set>:<id>`."""
    articles = [
        Article(
            uri=f"{folder.name}:{row['id']}",
            title=row.get("title") or " ".join(row["text"].split())[:80],
            text=row["text"],
            source=row.get("source"),
            date=(row.get("date") or "").replace("/", "-") or None,
        )
        for row in _rows(folder / "corpus.jsonl.gz")
        if row["text"].strip()
    ]
    return articles[:limit]


def read_questions(path: Path) -> list[SetQuestion]:
    """Return the questions of one file."""
    return [
        SetQuestion(
            id=str(row["id"]),
            text=row["question"],
            answers=tuple(row.get("answers") or ()),
            relevant=tuple(row.get("relevant") or ()),
            answerable=bool(row.get("answerable", True)),
        )
        for row in _rows(path)
    ]


def build_index(folder: Path, index: Path) -> Settings:
    """Ingest a set unless the index folder has it already; return the settings that open it."""
    settings = Settings(index=index)
    ingest_articles(read_articles(folder), index=index, settings=settings)
    return settings


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
