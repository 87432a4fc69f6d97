"""The JSON of an answer -> what can be checked of it again; damaged files are refused in one line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .errors import UsageError

MAX_BYTES = 50_000_000
"""A larger file is no answer; it is refused before it is parsed."""
MAX_QUOTE = 20_000
"""A longer quote, in characters, is of no passage."""


class _Saved(BaseModel):
    """What a newer version adds is passed over."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class SavedCitation(_Saved):
    """A footnote as it was when the answer was given."""

    number: int = Field(ge=1)
    uri: str = Field(min_length=1)
    title: str = ""
    text_hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    start: int = Field(ge=0)
    end: int
    quote: str = Field(max_length=MAX_QUOTE)
    answer: list[int] | None = Field(default=None, min_length=2, max_length=2)
    """From where to where in the article the words stand that answer the question."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not self.quote.strip():
            raise ValueError("the quote is empty")
        if self.end - self.start != len(self.quote):
            raise ValueError("the quote is not as long as from start to end")
        return self


class SavedSentence(_Saved):
    """A sentence of the answer, its footnote numbers, and what its sources already lacked."""

    text: str
    citations: list[int]
    missing: list[str] = []


class SavedAnswer(_Saved):
    """The parts of an answer's JSON that are checked again."""

    question: str
    sentences: list[SavedSentence]
    citations: list[SavedCitation]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        numbers = [citation.number for citation in self.citations]
        if len(set(numbers)) < len(numbers):
            raise ValueError("two footnotes have the same number")
        for number in (number for sentence in self.sentences for number in sentence.citations):
            if number not in numbers:
                raise ValueError(f"a sentence has the footnote [{number}], which is not there")
        return self


def read_answer(path: str | Path) -> SavedAnswer:
    """Read the file that `rag ask --json` made.

    Raises UsageError when it cannot be read, or is not such a file.
    """
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{path}: cannot be read ({reason.lower()}).") from None
    return parse_answer(raw, name=str(path))


def parse_answer(raw: bytes, *, name: str) -> SavedAnswer:
    """Read the bytes of an answer's JSON; `name` says in errors where they are from.

    Raises UsageError.
    """
    if len(raw) > MAX_BYTES:
        raise _refused(name, f"it is larger than {MAX_BYTES // 1_000_000} MB")
    try:
        values = json.loads(raw)
    except (ValueError, RecursionError):  # ValueError: of the encoding, too
        raise _refused(name, "it is not JSON" if raw.strip() else "it is empty") from None
    if not isinstance(values, dict):
        raise _refused(name, "it is not one JSON object")
    return check_answer(values, name=name)


def check_answer(values: Mapping[str, object], *, name: str = "The answer") -> SavedAnswer:
    """Check what `answer.to_dict()` gave.

    Raises UsageError that names the first part which is missing or wrong.
    """
    try:
        return SavedAnswer.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        raise _refused(name, f"{where} is missing")
    reason = first["msg"].removeprefix("Value error, ")
    raise _refused(name, f"{where}: {reason}" if where else reason)


def _refused(name: str, reason: str) -> UsageError:
    return UsageError(f"{name} is no answer as `rag ask --json` prints it: {reason}.")
