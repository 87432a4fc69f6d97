"""A run and its folder: the contract between those who measure and those who look.

<folder>/run.json         how the run was made: settings, model, prompts, index, packages, models
<folder>/cases.jsonl      the cases, and where their expected sources stand
<folder>/records.jsonl    what the engine did, one case a line
<folder>/passages.jsonl   the passages that it was given
<folder>/scores.jsonl     one grade a line: case, metric, value, reason
<folder>/summary.json     metrics with intervals and baselines
<folder>/report.md, report.html
<folder>/judgements.jsonl   what a judge said, where one was asked
<folder>/labels.jsonl       what people said, where labels were imported

docs/run-folder.md describes every key. `SCHEMA` is raised when one changes its meaning or goes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from rag import FootnotedError
from rag.schema import Span

from .cases import Case
from .records import PassageRecord, Record
from .scores import Attempt, Gold, Score

SCHEMA = 1
FILES = ("run.json", "cases.jsonl", "records.jsonl", "passages.jsonl", "scores.jsonl", "summary.json")
"""What makes a run; the reports are made from these."""


class RunError(FootnotedError):
    """A run folder cannot be used."""

    exit_code = 2


class RunInfo(BaseModel):
    """How a run was made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA
    id: str
    """Name of the folder."""
    name: str
    created: str
    """ISO 8601 with offset."""
    finished: bool = False
    """False when the run was interrupted: some cases have no record."""
    case_files: tuple[str, ...] = ()
    cases_digest: str = ""
    engine: str = ""
    """Class of the query engine."""
    model: str = ""
    settings: dict[str, str | int | float | bool | None] = {}
    """Without keys and without paths."""
    prompts: dict[str, str] = {}
    """Prompt -> hash."""
    index: dict[str, str | int] = {}
    """`fingerprint` of the articles and how they were split and embedded, `articles`, `passages`."""
    packages: dict[str, str] = {}
    """Package -> version."""
    models: dict[str, str] = {}
    """File of a bundled model -> hash."""
    workers: int = 1
    wall_seconds: float = 0.0
    """From the first question to the last answer."""


@dataclass(frozen=True)
class Run:
    """Cases, what an engine did with them, and the grades."""

    info: RunInfo
    cases: tuple[Case, ...]
    records: tuple[Record, ...]
    """In the order of the cases; a case without one was not asked."""
    passages: Mapping[str, PassageRecord] = field(default_factory=dict)
    gold: Mapping[str, tuple[tuple[Gold, ...], ...]] = field(default_factory=dict)
    """Case id -> its expected sources, found in the articles."""
    scores: Mapping[str, Mapping[str, Score]] = field(default_factory=dict)
    """Case id -> metric -> grade."""
    summary: Mapping[str, Any] = field(default_factory=dict)
    """As in summary.json."""
    folder: Path | None = None

    @property
    def attempts(self) -> list[Attempt]:
        """The cases that were asked, with their records and gold."""
        cases = {case.id: case for case in self.cases}
        return [
            Attempt(cases[record.case], record, self.passages, self.gold.get(record.case, ()))
            for record in self.records
        ]

    def score(self, case_id: str, metric: str) -> Score:
        """Return a grade; unscored when the case or the metric is unknown."""
        return self.scores.get(case_id, {}).get(metric, Score(None, "not measured"))


def save_run(run: Run, folder: Path) -> None:
    """Write the files of a run, but for its reports.

    Raises RunError when they cannot be written.
    """
    golds = run.gold
    write_lines(
        folder / "cases.jsonl",
        ({"case": json.loads(c.to_line()), "gold": _plain_gold(golds.get(c.id, ()))} for c in run.cases),
    )
    write_lines(folder / "records.jsonl", (record.model_dump(mode="json") for record in run.records))
    write_lines(folder / "passages.jsonl", (p.model_dump(mode="json") for p in run.passages.values()))
    save_scores(run, folder)


def save_scores(run: Run, folder: Path) -> None:
    """Write what scoring made: the grades, the summary, and the run's particulars."""
    write_lines(
        folder / "scores.jsonl",
        (
            {"case": case_id, "metric": metric, "value": score.value, "reason": score.reason}
            for case_id, scores in run.scores.items()
            for metric, score in scores.items()
        ),
    )
    write_text(folder / "summary.json", json.dumps(run.summary, ensure_ascii=False, indent=1) + "\n")
    write_text(folder / "run.json", run.info.model_dump_json(indent=1) + "\n")


def load_run(folder: Path | str) -> Run:
    """Read a run folder.

    Raises RunError for a folder that is no run, is damaged, or is of another schema.
    """
    folder = Path(folder)
    try:
        raw = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        version = raw.get("schema_version")
        if version != SCHEMA:
            raise RunError(f"{folder} is a run of schema {version}; this Footnoted reads {SCHEMA}.")
        return _read(folder, RunInfo.model_validate(raw))
    except FileNotFoundError as error:
        missing = Path(error.filename).name
        raise RunError(f"{folder} is no finished run: {missing} is missing.") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise RunError(f"{folder} is a damaged run ({said}); make it again with `rag eval run`.") from None


def _read(folder: Path, info: RunInfo) -> Run:
    lines = read_lines(folder / "cases.jsonl")
    scores: dict[str, dict[str, Score]] = {}
    for line in read_lines(folder / "scores.jsonl"):
        scores.setdefault(line["case"], {})[line["metric"]] = Score(line["value"], line["reason"])
    passages = [PassageRecord.model_validate(line) for line in read_lines(folder / "passages.jsonl")]
    run = Run(
        info=info,
        cases=tuple(Case.model_validate(line["case"]) for line in lines),
        records=tuple(Record.model_validate(line) for line in read_lines(folder / "records.jsonl")),
        passages={passage.id: passage for passage in passages},
        gold={line["case"]["id"]: _gold(line["gold"]) for line in lines},
        scores=scores,
        summary=dict(json.loads((folder / "summary.json").read_text(encoding="utf-8"))),
        folder=folder,
    )
    if strange := {record.case for record in run.records} - {case.id for case in run.cases}:
        raise ValueError(f"records of {', '.join(sorted(strange))}, which is no case")
    return run


def run_folders(home: Path) -> list[Path]:
    """Return the folders of the runs below `home`, oldest first."""
    return sorted(path.parent for path in (home / "runs").glob("*/run.json"))


def find_run(name: str, home: Path, *, of_set: str | None = None) -> Run:
    """Read a run by its folder, by the whole or the last part of its name, or the `latest`.

    With `of_set`, only a run of that set's cases. Raises RunError, naming some runs that there are, when
    there is none of that name.
    """
    folders = [folder for folder in run_folders(home) if _is_of(folder, of_set)]
    if (Path(name) / "run.json").is_file():
        found = [Path(name)] if _is_of(Path(name), of_set) else []
    else:
        found = [f for f in folders if name in {"latest", f.name} or f.name.endswith(f"-{slug(name)}")]
    if found:
        return load_run(found[-1])
    known = ", ".join(folder.name for folder in folders[-3:])
    which, how = (f" of the set {of_set}", f" --set {of_set}") if of_set else ("", "")
    hint = f"the last ones are {known}" if known else f"make one with `rag eval run{how}`"
    raise RunError(f"There is no run {name!r}{which} in {home}; {hint}.")


def _is_of(folder: Path, of_set: str | None) -> bool:
    """Tell whether a run asked the cases of a set; None is any."""
    if of_set is None:
        return True
    try:
        info = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        return bool(info["case_files"] == [of_set])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def slug(name: str) -> str:
    """Return a name as folders have it."""
    return re.sub(r"[^\w.=,-]+", "-", name).strip("-.")[:100] or "run"


def _plain_gold(gold: Iterable[tuple[Gold, ...]]) -> list[Any]:
    return [[{"article": g.article, "spans": [list(s) for s in g.spans]} for g in group] for group in gold]


def _gold(plain: list[Any]) -> tuple[tuple[Gold, ...], ...]:
    return tuple(
        tuple(Gold(g["article"], tuple(Span(*s) for s in g["spans"])) for g in group) for group in plain
    )


def read_lines(path: Path) -> list[Any]:
    """Return the values of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def write_lines(path: Path, values: Iterable[object]) -> None:
    """Write values as JSON lines, in place of the file as a whole."""
    write_text(path, "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values))


def append_lines(path: Path, values: Iterable[object]) -> None:
    """Add JSON lines to a file at once, so that a killed process leaves whole lines.

    Raises RunError when it cannot be written.
    """
    lines = "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)
    try:
        with path.open("ab", buffering=0) as file:
            file.write(lines.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise RunError(f"{path} cannot be written ({error.strerror}); make room or name another.") from None


def append_record(folder: Path, record: Record, passages: Iterable[PassageRecord]) -> None:
    """Add what came of one case to a run folder; `passages` are those that it does not hold yet."""
    append_lines(folder / "passages.jsonl", (passage.model_dump(mode="json") for passage in passages))
    append_lines(folder / "records.jsonl", [record.model_dump(mode="json")])


def write_text(path: Path, text: str) -> None:
    """Write a file beside its place and rename it, so that a killed process leaves the old one or the new.

    Raises RunError when it cannot be written.
    """
    beside = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A lone surrogate, which a model may write, becomes the escape by which JSON reads it back.
        beside.write_text(text, encoding="utf-8", errors="backslashreplace")
        beside.replace(path)
    except OSError as error:
        raise RunError(f"{path} cannot be written ({error.strerror}); make room or name another.") from None


# --- what is never written down

_SECRET = re.compile(
    r"(?<=://)[^\s\"']*@"  # name:password@
    r"|(?<=bearer )\S+"
    r"|(?<=[?&;])[\w-]*(?:key|token|secret|password|sig(?:nature)?)=[^\s&#;\"']+"
    r"|\b(?:sk|pk|rk|ghp|xai|gsk)[-_][\w-]{8,}",
    re.IGNORECASE,
)
_FOLDERS = re.compile(r"(?:\bfile:/{0,3}|(?<![\w/:.~…])~?/)(?:[^\s/:\"'<>]+/)+", re.IGNORECASE)


def without_secrets(text: str) -> str:
    """Return a text without what looks like a key, or the name and password of an address."""
    return _SECRET.sub("", text)


def without_places(text: str) -> str:
    """Return a text without secrets, and without the folders of this machine."""
    return _FOLDERS.sub("…/", without_secrets(text))
