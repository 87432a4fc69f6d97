"""Expected question-answer pairs: JSON lines, one case a line, read strictly."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    model_validator,
)

from rag import FootnotedError

from .sets import DEFAULT, SETS, find_set

(SEEDS,) = SETS[DEFAULT].files
"""The cases over the two seed articles."""
PINNED = "pinned"
"""The tag of a case that may never go from passed to failed."""
GROUP = "group:"
"""How the tag begins that names what a case shares with others, such as its article."""


class CaseError(FootnotedError):
    """A file of cases cannot be used; the message names file, line and fix."""

    exit_code = 2


def _alternatives(value: object) -> object:
    """Read `x` as `[x]`."""
    return value if isinstance(value, (list, tuple)) else (value,)


Text = Annotated[str, Field(min_length=1, pattern=r"\S")]


class ExpectedSource(BaseModel):
    """Where an answer is found: the words of an article, or an article as a whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    article: Text
    """File name, as much of the path as tells it from others, or URI."""
    quote: Text | None = None
    """The words that answer, verbatim; None when the whole article counts."""


class Turn(BaseModel):
    """A question that was asked before in the conversation, and its answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: Text
    answer: str = ""


Fact = Annotated[tuple[Text, ...], BeforeValidator(_alternatives), Field(min_length=1)]
"""Spellings of one fact, of which one is enough."""
Sources = Annotated[tuple[ExpectedSource, ...], BeforeValidator(_alternatives), Field(min_length=1)]
"""Places that say the same, of which one is enough."""


class Case(BaseModel):
    """A question, and what a right answer to it holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Text
    question: Text
    expected_answer: Text | None = None
    must_include: tuple[Fact, ...] = ()
    """Facts that the answer must hold, each with its alternative spellings."""
    must_not_include: tuple[Text, ...] = ()
    """What a right answer never says."""
    expected_sources: tuple[Sources, ...] = ()
    """What the answer should cite; each item is one source, or alternatives."""
    answerable: StrictBool
    """Whether the articles hold an answer; if not, declining is right."""
    history: tuple[Turn, ...] = ()
    """The turns before the question, oldest first."""
    tags: tuple[Text, ...] = ()
    """Kinds to report by, the most telling first; `pinned` guards the case, `group:x` clusters it."""

    @model_validator(mode="after")
    def _unanswerable_expects_nothing(self) -> Case:
        if not self.answerable and (self.expected_answer or self.must_include or self.expected_sources):
            raise ValueError(
                "an unanswerable case expects no answer; remove expected_answer, must_include and "
                "expected_sources, or set answerable to true"
            )
        return self

    @property
    def kind(self) -> str:
        """The first tag that describes the question."""
        return next(iter(self.kinds), "untagged")

    @property
    def kinds(self) -> tuple[str, ...]:
        """The tags that describe the question."""
        return tuple(tag for tag in self.tags if tag != PINNED and not tag.startswith(GROUP))

    @property
    def group(self) -> str | None:
        """What the case shares with others, None when it stands for itself."""
        return next((tag for tag in self.tags if tag.startswith(GROUP)), None)

    @property
    def pinned(self) -> bool:
        """The case may never go from passed to failed."""
        return PINNED in self.tags

    @property
    def turn(self) -> int:
        """Place of the question in its conversation, from 1."""
        return len(self.history) + 1

    @property
    def fingerprint(self) -> str:
        """12 hexadecimal digits that change when the question or what is expected changes; tags aside."""
        expected = self.model_dump_json(exclude={"tags"})
        return hashlib.sha256(expected.encode("utf-8", "surrogatepass")).hexdigest()[:12]

    def to_line(self) -> str:
        """Return the case as a line of a case file."""
        return json.dumps(self._plain(), ensure_ascii=False)

    def _plain(self) -> dict[str, Any]:
        """Return what is not empty, with lists of one alternative as the alternative itself."""
        plain = self.model_dump(mode="json", exclude_defaults=True)
        for name in ("must_include", "expected_sources"):
            if name in plain:
                plain[name] = [item[0] if len(item) == 1 else item for item in plain[name]]
        for turn in plain.get("history", ()):
            turn.setdefault("answer", "")
        return plain


class Placed(NamedTuple):
    """A case, and where it stands: `cases.jsonl, line 3`."""

    case: Case
    where: str


def load_cases(*paths: Path | str, set: str | None = None) -> list[Case]:  # noqa: A002  # as in `--set`
    """Read files of cases, or a set that comes along; when nothing is named, the set `seeds`.

    In a set of several files, the name of its file is a tag of each case.

    Raises CaseError for a file that cannot be read, a line that is no case, an id used twice, or files and a
    set at once; UsageError for an unknown set.
    """
    return [placed.case for placed in placed_cases(*paths, set=set)]


def placed_cases(*paths: Path | str, set: str | None = None) -> list[Placed]:  # noqa: A002  # as in `--set`
    """Read cases as `load_cases` does, and keep where each stands."""
    if paths and set is not None:
        raise CaseError("Name files of cases or a set, not both.")
    if paths:
        return _unique(placed for path in paths for placed in _read(Path(path)))
    chosen = find_set(set or DEFAULT)
    return _unique(_tagged(placed, chosen.part(file)) for file in chosen.files for placed in _read(file))


def _unique(placed: Iterable[Placed]) -> list[Placed]:
    cases: dict[str, Placed] = {}
    for each in placed:
        if known := cases.get(each.case.id):
            raise CaseError(
                f"{each.where}: the id {each.case.id!r} is used in {known.where} already; rename one."
            )
        cases[each.case.id] = each
    return list(cases.values())


def _tagged(placed: Placed, tag: str | None) -> Placed:
    """Return a case with one more tag, if one is given."""
    if tag is None:
        return placed
    return placed._replace(case=placed.case.model_copy(update={"tags": (*placed.case.tags, tag)}))


def _read(path: Path) -> Iterator[Placed]:
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise CaseError(f"{path} cannot be read as cases ({reason}).") from None
    placed = [
        Placed(_parse(line, where), where)
        for number, line in enumerate(lines, start=1)
        if line.strip() and (where := f"{path}, line {number}")
    ]
    if not placed:
        raise CaseError(f"{path} holds no case; evals/data/README.md says how to write one.")
    yield from placed


def _parse(line: str, where: str) -> Case:
    try:
        return Case.model_validate(json.loads(line))
    except json.JSONDecodeError as error:
        raise CaseError(f"{where}: not JSON ({error.msg}); write one object a line.") from None
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise CaseError(f"{where}: {f'{name}: ' if name else ''}{_said(first)}.") from None


def _said(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return f"unknown key; known are {', '.join(Case.model_fields)}"
    if error["type"] in {"string_pattern_mismatch", "string_too_short", "too_short"}:
        return "empty; write something or leave the key out"
    return str(error["msg"]).removeprefix("Value error, ")
