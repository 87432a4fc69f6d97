"""What people say of the answers of a run, imported by the id of the case; kept apart from what is measured.

A file is CSV or JSON lines with `case, label, value, who, note`; a value is yes, no, or a number from 0 to 1.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from rag.errors import FootnotedError
from rag.judging import CORRECTNESS, SUPPORT

from .judge import load_judgements
from .runs import Run, load_run, read_lines, write_lines
from .statistics import Bootstrap

LABELS = "labels.jsonl"
"""The file of a run folder that holds the labels."""


class LabelError(FootnotedError):
    """A file of labels cannot be used; the message names file, line and fix."""

    exit_code = 2


def _number(value: object) -> object:
    """Read yes and no as 1 and 0; text as the number that it shows."""
    if isinstance(value, str):
        word = value.strip().lower()
        return {"yes": 1.0, "no": 0.0}.get(word, word)
    return float(value) if isinstance(value, bool) else value


def _stripped(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


_Text = Annotated[str, BeforeValidator(_stripped), Field(min_length=1)]


class Label(BaseModel):
    """What one person says of one answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: _Text
    label: _Text
    """What is said, such as `correct` or `supported`."""
    value: Annotated[float, BeforeValidator(_number), Field(ge=0, le=1)]
    """How far it holds, 0 to 1."""
    who: _Text
    note: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What a person says of a case once."""
        return self.case, self.label, self.who


class _Row(NamedTuple):
    where: str
    values: Any


def import_labels(folder: Path | str, file: Path | str) -> list[Label]:
    """Add the labels of a file to a run folder, and return them; one given anew replaces the old.

    Raises LabelError for a file that cannot be read, a line that is no label, an unknown case, or a
    label given twice; then nothing is stored.
    """
    run = load_run(folder)
    labels = _parse(Path(file), {case.id for case in run.cases})
    held = {label.key: label for label in (*load_labels(Path(folder)), *labels)}
    write_lines(Path(folder) / LABELS, (label.model_dump() for label in held.values()))
    return labels


def load_labels(folder: Path) -> list[Label]:
    """Read the labels of a run folder; empty when there are none. Raises LabelError for a damaged file."""
    path = folder / LABELS
    try:
        return [Label.model_validate(line) for line in read_lines(path)] if path.exists() else []
    except (OSError, ValueError):
        raise LabelError(f"{path} is damaged; remove it and import the labels again.") from None


def _parse(file: Path, cases: set[str]) -> list[Label]:
    seen: dict[tuple[str, str, str], str] = {}
    labels = []
    for row in _rows(file):
        label = _label(row)
        if label.case not in cases:
            raise LabelError(
                f"{row.where}: the run has no case {label.case!r}; its cases are in cases.jsonl."
            )
        if first := seen.get(label.key):
            raise LabelError(
                f"{row.where}: {label.who} gave {label.case!r} this label at {first} already; keep one."
            )
        seen[label.key] = row.where
        labels.append(label)
    if not labels:
        raise LabelError(f"{file} holds no label; give lines with case, label, value and who.")
    return labels


def _rows(file: Path) -> Iterator[_Row]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise LabelError(f"{file} cannot be read as labels ({reason}).") from None
    yield from _json_rows(file, text) if text.lstrip().startswith("{") else _csv_rows(file, text)


def _json_rows(file: Path, text: str) -> Iterator[_Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield _Row(f"{file}, line {number}", json.loads(line))
            except ValueError:
                raise LabelError(f"{file}, line {number}: not JSON; write one object a line.") from None


def _csv_rows(file: Path, text: str) -> Iterator[_Row]:
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="more", restval="")
    try:
        for row in reader:
            where = f"{file}, line {reader.line_num}"
            if "more" in row:
                raise LabelError(
                    f"{where}: more columns than the header names; put notes with commas in quotes."
                )
            yield _Row(where, row)
    except csv.Error as error:
        raise LabelError(f"{file}, line {reader.line_num}: not CSV ({error}).") from None


def _label(row: _Row) -> Label:
    try:
        return Label.model_validate(row.values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(next(iter(first["loc"]), ""))
        raise LabelError(f"{row.where}: {_fix(first['type'], name, first['input'])}.") from None


def _fix(kind: str, name: str, given: object) -> str:
    known = ", ".join(Label.model_fields)
    if kind == "extra_forbidden":
        return f"unknown column {name!r}; known are {known}"
    if kind == "missing":
        return f"{name} is missing; the columns are {known}, with commas between"
    if name == "value":
        return f"value: write yes, no or a number from 0 to 1 (got {given!r})"
    return f"{name or 'the line'}: write text (got {given!r})"


# --- in figures


def labels_summary(run: Run) -> dict[str, Any]:
    """Return, for each label, its mean, and how people agree with each other, `passed` and the judge.

    Empty for a run without labels.
    """
    if run.folder is None:
        return {}
    by_label: dict[str, list[Label]] = {}
    for label in load_labels(run.folder):
        by_label.setdefault(label.label, []).append(label)
    passed = {case.id: run.score(case.id, "passed").value for case in run.cases}
    judged = judged_answers(load_judgements(run.folder))
    groups = {case.id: case.group for case in run.cases}
    return {
        name: _means(labels, groups)
        | {
            "between_people": _between_people(labels),
            "with_passed": _agreement(labels, passed),
            "with_judge": _agreement(labels, judged.get(name, {})),
        }
        for name, labels in by_label.items()
    }


def judged_answers(judgements: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Return what a judge says where people say it, too: `correct` and `supported`, case -> 1 or 0.

    An answer is supported when all its cited sentences are, fully; unscored sentences are passed over.
    """
    said: dict[str, dict[str, float]] = {"correct": {}, "supported": {}}
    for item in judgements:
        case, verdict = item["case"], item["verdict"]
        if verdict is None:
            continue
        if item["task"] == CORRECTNESS.name:
            said["correct"][case] = float(verdict == "correct")
        elif item["task"] == SUPPORT.name:
            said["supported"][case] = min(said["supported"].get(case, 1.0), float(verdict == "full"))
    return said


def _by_case(labels: Sequence[Label]) -> dict[str, list[float]]:
    by_case: dict[str, list[float]] = {}
    for label in labels:
        by_case.setdefault(label.case, []).append(label.value)
    return by_case


def _means(labels: Sequence[Label], groups: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the mean over cases of what people say of each, with its interval."""
    by_case = _by_case(labels)
    bootstrap = Bootstrap(len(by_case), [groups.get(case) for case in by_case])
    interval = bootstrap.interval([fmean(values) for values in by_case.values()])
    return (interval._asdict() if interval else {}) | {"people": len({label.who for label in labels})}


def _between_people(labels: Sequence[Label]) -> dict[str, Any] | None:
    """Share of the pairs of people who labelled the same case that gave the same value."""
    return _share([a == b for values in _by_case(labels).values() for a, b in combinations(values, 2)])


def _agreement(labels: Sequence[Label], others: Mapping[str, float | None]) -> dict[str, Any] | None:
    """Share of the cases on which both say the same, yes above .5; undecided people do not count."""
    means = {case: fmean(values) for case, values in _by_case(labels).items()}
    return _share(
        [
            (mean > 0.5) == (other > 0.5)
            for case, mean in means.items()
            if mean != 0.5 and (other := others.get(case)) is not None
        ]
    )


def _share(equal: Sequence[bool]) -> dict[str, Any] | None:
    return {"share": fmean(equal), "n": len(equal)} if equal else None
