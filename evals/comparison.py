"""Two runs side by side: what differs in each metric, how surely, which cases flipped, what was changed."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Literal, NamedTuple

from .cases import Case
from .records import Record
from .runs import SCHEMA, Run, RunInfo, load_run
from .scores import Metric
from .statistics import Bootstrap, Interval, Signs, mcnemar, sign_test, signs, swap_test
from .tables import counted, figure, one_line

PASSED = "passed"
"""The metric that says whether a case passed: 1 or 0."""
CHANCE = 0.05
"""How often a run compared with its own repetition may show a difference, in whatever metric."""

Verdict = Literal[
    "better", "worse", "higher", "lower", "the same", "no difference can be claimed", "not compared"
]
_CLAIMS: tuple[Verdict, ...] = ("worse", "better", "higher", "lower")
_DULL: tuple[Verdict, ...] = ("the same", "not compared")
_NAMED = 3
"""So many metrics that may differ by chance are named."""
_Plain = str | int | float | bool | None
_Grades = tuple[float | None, float | None]
"""Of A and of B."""


class Change(NamedTuple):
    """What the two runs were made with, where it differs; None when only one has it."""

    what: str
    """`model`, `cases`, or as in run.json: `settings.top_k`."""
    a: _Plain
    b: _Plain


class Flip(NamedTuple):
    """A case that passed in one run and failed in the other."""

    case: str
    question: str
    answer_a: str
    answer_b: str
    reason: str
    """Why it failed, in the run in which it did."""


class Crash(NamedTuple):
    """A case that has an answer in one run and crashed in the other."""

    case: str
    question: str
    run: Literal["A", "B"]
    """The run in which it crashed."""
    error: str


@dataclass(frozen=True, slots=True)
class Difference:
    """B minus A in one metric, over the cases that are graded in both runs."""

    metric: Metric
    n: int
    a: float | None
    """Mean of A; None when no case is graded in both."""
    b: float | None
    interval: Interval | None
    """B - A with its interval at 95 %, this metric by itself."""
    joint: Interval | None
    """B - A with the wider interval that the verdict goes by: `Comparison.level`."""
    better: int
    """Cases better in B; higher, where neither direction is good. Cases of one group count as one."""
    worse: int
    p: float
    """Of the sign test over better and worse."""
    p_joint: float
    """Of the swap test, for all metrics together."""
    verdict: Verdict

    def to_dict(self) -> dict[str, Any]:
        """Return what `Comparison.to_dict` lists."""
        return {
            "metric": self.metric.name,
            "title": self.metric.title,
            "group": self.metric.group,
            "unit": self.metric.unit,
            "better_is": self.metric.better,
            "n": self.n,
            "a": self.a,
            "b": self.b,
            "difference": self.interval and self.interval.value,
            "low": self.interval and self.interval.low,
            "high": self.interval and self.interval.high,
            "joint_low": self.joint and self.joint.low,
            "joint_high": self.joint and self.joint.high,
            "better": self.better,
            "worse": self.worse,
            "p": self.p,
            "p_joint": self.p_joint,
            "verdict": self.verdict,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Run B against run A, paired by case.

    A verdict that claims a difference needs two things. The bootstrap interval at 1 - .05 / m leaves out
    zero, over the m metrics in which any pair differs (Bonferroni). And the swap test of all metrics together
    has p < .05, since intervals of few or rarely differing cases are too narrow; fewer than six
    differing cases never do. So a run differs from its own repetition once in twenty times at most.
    """

    a: RunInfo
    b: RunInfo
    cases: tuple[str, ...]
    """Ids of the cases compared: asked in both runs, with the same question and expectations."""
    changed: tuple[str, ...]
    """Ids of cases whose question or expectations differ; left out, as are the next two."""
    only_a: tuple[str, ...]
    """Ids of cases that B does not have, or was not asked."""
    only_b: tuple[str, ...]
    level: float
    """Of the intervals that verdicts go by."""
    metrics: tuple[Difference, ...]
    broken: tuple[Flip, ...]
    """Passed in A, failed in B."""
    mended: tuple[Flip, ...]
    """Failed in A, passed in B."""
    mcnemar: float
    """Exact two-sided p of as many broken and mended cases; knows nothing of groups."""
    crashed: tuple[Crash, ...]
    changes: tuple[Change, ...]
    """What may be the cause."""

    def with_verdict(self, *verdicts: Verdict) -> list[Difference]:
        """Return the metrics with one of these verdicts."""
        return [difference for difference in self.metrics if difference.verdict in verdicts]

    @property
    def conclusion(self) -> str:
        """One sentence."""
        claims = [
            f"{verdict} in: {_titles(found)}" for verdict in _CLAIMS if (found := self.with_verdict(verdict))
        ]
        if claims:
            return f"B is {'; '.join(claims)}."
        if unclear := self.with_verdict("no difference can be claimed"):
            more = f" and {len(unclear) - _NAMED} more" if len(unclear) > _NAMED else ""
            named = f"{_titles(unclear[:_NAMED])}{more}"
            return f"No difference can be claimed: what differs ({named}) may be chance."
        if self.with_verdict("the same"):
            return "No difference can be claimed: every case has the same grades in both runs."
        return (
            "Nothing can be compared: no case is graded in both runs "
            "with the same question and the same expectations."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON.

        `a`, `b`: id, name, created, model of each run. `cases`, `left_out` (`changed`, `only_a`, `only_b`):
        ids. `level`: of the joint intervals. `metrics`: for each, `n` pairs, means `a` and `b`,
        `difference` with `low` and `high` at 95 % and `joint_low`, `joint_high` at `level`, the
        numbers `better` and `worse` with the sign test's `p`, the swap test's `p_joint` for all metrics
        together, and the `verdict`; null without a pair.
        `broken`, `mended`: case, question, answer_a, answer_b, reason. `mcnemar`: p.
        `crashed`: case, question, run ("A" or "B"), error. `changes`: what, a, b. `conclusion`: a sentence.
        """
        return {
            "schema_version": SCHEMA,
            "a": _identity(self.a),
            "b": _identity(self.b),
            "cases": list(self.cases),
            "left_out": {name: list(getattr(self, name)) for name in ("changed", "only_a", "only_b")},
            "level": self.level,
            "metrics": [difference.to_dict() for difference in self.metrics],
            "broken": [flip._asdict() for flip in self.broken],
            "mended": [flip._asdict() for flip in self.mended],
            "mcnemar": self.mcnemar,
            "crashed": [crash._asdict() for crash in self.crashed],
            "changes": [change._asdict() for change in self.changes],
            "conclusion": self.conclusion,
        }

    def to_markdown(self) -> str:
        """Return the comparison as a page of Markdown."""
        return "\n".join(_markdown(self)) + "\n"

    def __str__(self) -> str:
        """Return a table under 100 columns, the flipped cases and the conclusion."""
        return "\n".join(_plain(self))


class _Pair(NamedTuple):
    """A case, and what each run did with it."""

    case: Case
    a: Record
    b: Record


class _Pairing(NamedTuple):
    """The cases of two runs, sorted by whether they can be compared."""

    pairs: list[_Pair]
    changed: tuple[str, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]


def compare(
    a: Run | Path | str, b: Run | Path | str, *, metrics: Sequence[Metric] | None = None
) -> Comparison:
    """Compare run B with run A, case by case, in all metrics or in those given.

    Cases that only one run asked, or whose question or expectations differ, are listed and left out.
    Raises RunError for a folder that is no run.
    """
    a, b = opened(a), opened(b)
    pairs, changed, only_a, only_b = _paired(a, b)
    level, differences = _differences(a, b, pairs, known_metrics() if metrics is None else metrics)
    broken, mended = _flips(a, b, pairs, broken=True), _flips(a, b, pairs, broken=False)
    return Comparison(
        a=a.info,
        b=b.info,
        cases=tuple(pair.case.id for pair in pairs),
        changed=changed,
        only_a=only_a,
        only_b=only_b,
        level=level,
        metrics=differences,
        broken=broken,
        mended=mended,
        mcnemar=mcnemar(len(broken), len(mended)),
        crashed=_crashes(pairs),
        changes=_changes(a.info, b.info),
    )


def opened(run: Run | Path | str) -> Run:
    """Return the run itself, or the one in this folder."""
    return run if isinstance(run, Run) else load_run(run)


def known_metrics() -> Sequence[Metric]:
    """Return the metrics of this package."""
    from .scoring import METRICS  # a caller with metrics of its own does not load ours

    return METRICS


def passed(run: Run, case_id: str) -> bool | None:
    """Say whether a case passed; None when it is not graded."""
    value = run.score(case_id, PASSED).value
    return None if value is None else value >= 1


# --- pairs


def _paired(a: Run, b: Run) -> _Pairing:
    asked_a, asked_b = ({record.case: record for record in run.records} for run in (a, b))
    prints = {case.id: case.fingerprint for case in a.cases}
    both = [case for case in b.cases if case.id in asked_a and case.id in asked_b]
    return _Pairing(
        pairs=[
            _Pair(case, asked_a[case.id], asked_b[case.id])
            for case in both
            if case.fingerprint == prints[case.id]
        ],
        changed=tuple(case.id for case in both if case.fingerprint != prints[case.id]),
        only_a=tuple(case_id for case_id in asked_a if case_id not in asked_b),
        only_b=tuple(case_id for case_id in asked_b if case_id not in asked_a),
    )


def _flips(a: Run, b: Run, pairs: list[_Pair], *, broken: bool) -> tuple[Flip, ...]:
    """Return the cases that passed in A and failed in B (broken), or the other way about."""
    failing = b if broken else a
    return tuple(
        Flip(case.id, case.question, before.text, after.text, failing.score(case.id, PASSED).reason)
        for case, before, after in pairs
        if (passed(a, case.id), passed(b, case.id)) == (broken, not broken)
    )


def _crashes(pairs: list[_Pair]) -> tuple[Crash, ...]:
    sides: tuple[Literal["A", "B"], ...] = ("A", "B")
    return tuple(
        Crash(case.id, case.question, side, bad.error)
        for case, a, b in pairs
        for side, bad, good in zip(sides, (a, b), (b, a), strict=True)
        if bad.error is not None and good.error is None
    )


# --- differences


def _differences(
    a: Run, b: Run, pairs: list[_Pair], metrics: Sequence[Metric]
) -> tuple[float, tuple[Difference, ...]]:
    """Return the level of the joint intervals, and the difference in every metric."""
    grades = [[_grades(a, b, pair.case.id, metric.name) for pair in pairs] for metric in metrics]
    deltas = [[_delta(*grade) for grade in row] for row in grades]
    groups = [pair.case.group for pair in pairs]
    level = 1 - CHANCE / max(1, sum(any(row) for row in deltas))
    draws = Bootstrap(len(pairs), groups)
    found = zip(
        draws.intervals(deltas),
        draws.intervals(deltas, level),
        signs(deltas, groups),
        swap_test(deltas, groups),
        strict=True,
    )
    evidence = [_Evidence(*own) for own in found]
    return level, tuple(map(_difference, metrics, grades, evidence))


class _Evidence(NamedTuple):
    """What a metric's differences amount to."""

    alone: Interval | None
    joint: Interval | None
    signs: Signs
    p_joint: float


def _difference(metric: Metric, grades: list[_Grades], evidence: _Evidence) -> Difference:
    both = [(a, b) for a, b in grades if a is not None and b is not None]
    up, down = evidence.signs
    better, worse = (down, up) if metric.better == "lower" else (up, down)
    return Difference(
        metric=metric,
        n=len(both),
        a=fmean(a for a, _ in both) if both else None,
        b=fmean(b for _, b in both) if both else None,
        interval=evidence.alone,
        joint=evidence.joint,
        better=better,
        worse=worse,
        p=sign_test(better, worse),
        p_joint=evidence.p_joint,
        verdict=_verdict(metric, evidence) if any(_delta(*pair) for pair in both) or not both else "the same",
    )


def _verdict(metric: Metric, evidence: _Evidence) -> Verdict:
    """Say what can be claimed of a metric in which a pair differs, or none is there."""
    if evidence.joint is None:
        return "not compared"
    if evidence.p_joint >= CHANCE or evidence.joint.low <= 0 <= evidence.joint.high:
        return "no difference can be claimed"
    higher = evidence.joint.low > 0
    if metric.better == "neither":
        return "higher" if higher else "lower"
    return "better" if higher == (metric.better == "higher") else "worse"


def _grades(a: Run, b: Run, case_id: str, metric: str) -> _Grades:
    return a.score(case_id, metric).value, b.score(case_id, metric).value


def _delta(a: float | None, b: float | None) -> float | None:
    """Return B - A, with nothing left of the rounding of floats."""
    return None if a is None or b is None else round(b - a, 12)


# --- what the runs were made with


def _changes(a: RunInfo, b: RunInfo) -> tuple[Change, ...]:
    old, new = _particulars(a), _particulars(b)
    return tuple(
        Change(what, old.get(what), new.get(what)) for what in old | new if old.get(what) != new.get(what)
    )


def _particulars(info: RunInfo) -> dict[str, _Plain]:
    """Return what a run was made with as one flat mapping."""
    flat: dict[str, _Plain] = {
        "engine": info.engine,
        "model": info.model,
        "cases": info.cases_digest,
        "workers": info.workers,
    }
    parts: dict[str, Mapping[str, _Plain]] = {
        "settings": info.settings,
        "prompts": info.prompts,
        "index": info.index,
        "packages": info.packages,
        "models": info.models,
    }
    for part, values in parts.items():
        flat |= {f"{part}.{name}": value for name, value in values.items()}
    return flat


def _identity(info: RunInfo) -> dict[str, str]:
    return {"id": info.id, "name": info.name, "created": info.created, "model": info.model}


# --- words


def _titles(differences: Sequence[Difference]) -> str:
    return ", ".join(difference.metric.title for difference in differences)


def _left_out(comparison: Comparison) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield why cases are left out, and their ids."""
    for why, ids in (
        ("question or expectations differ", comparison.changed),
        ("only in A", comparison.only_a),
        ("only in B", comparison.only_b),
    ):
        if ids:
            yield why, ids


def _signed(value: float | None, unit: str) -> str:
    return f"{'+' if value and value > 0 else ''}{figure(value, unit)}"


def _range(interval: Interval | None, unit: str) -> str:
    return f"{_signed(interval.low, unit)} to {_signed(interval.high, unit)}" if interval else "–"


def _chance(p: float) -> str:
    return figure(p) if p >= 0.0005 else "<.001"


def _cells(difference: Difference) -> list[str]:
    """Return a metric's row of the table, up to the verdict."""
    title, unit = difference.metric.title, difference.metric.unit
    return [
        f"{title} ({unit})" if unit and unit not in title else title,
        str(difference.n),
        figure(difference.a, unit),
        figure(difference.b, unit),
        _signed(difference.interval.value if difference.interval else None, unit),
        _range(difference.interval, unit),
        str(difference.better),
        str(difference.worse),
        _chance(difference.p),
    ]


_COLUMNS = ("metric", "cases", "A", "B", "B-A", "95 % interval", "better", "worse", "p")


def _note(comparison: Comparison) -> str:
    """Say what the intervals and the verdicts of the table go by."""
    return (
        "Intervals: paired bootstrap. p: sign test. Both for each metric by itself; a verdict allows for all "
        f"metrics together (interval at {comparison.level:.2%}, swap test below {CHANCE:.0%})."
    )


def _flip_headings(comparison: Comparison) -> Iterator[tuple[str, tuple[Flip, ...]]]:
    if comparison.broken:
        count = counted(len(comparison.broken), "case")
        yield (
            f"{count} passed in A and failed in B (McNemar's p {_chance(comparison.mcnemar)}):",
            comparison.broken,
        )
    if comparison.mended:
        yield f"{counted(len(comparison.mended), 'case')} failed in A and passed in B:", comparison.mended


# --- the page


def _markdown(comparison: Comparison) -> Iterator[str]:
    yield f"# {_cell(comparison.a.name)} (A) and {_cell(comparison.b.name)} (B)"
    yield from ("", _cell(comparison.conclusion), "")
    yield f"{counted(len(comparison.cases), 'case')} in both runs."
    yield from (f"Left out, {why}: {_cell(', '.join(ids))}." for why, ids in _left_out(comparison))
    yield from ("", f"| {' | '.join(_COLUMNS)} | verdict |", f"|---|{'--:|' * (len(_COLUMNS) - 1)}---|")
    for difference in comparison.metrics:
        yield f"| {' | '.join(_cell(cell) for cell in _cells(difference))} | {difference.verdict} |"
    yield from ("", _note(comparison))
    for heading, flips in _flip_headings(comparison):
        yield from (
            "",
            f"## {heading.rstrip(':')}",
            "",
            "| case | question | A | B | why it failed |",
            "|---|---|---|---|---|",
        )
        yield from (f"| {' | '.join(_cell(text) for text in flip)} |" for flip in flips)
    if comparison.crashed:
        yield from ("", "## Crashed in one run", "", "| case | question | run | error |", "|---|---|---|---|")
        yield from (f"| {' | '.join(_cell(text) for text in crash)} |" for crash in comparison.crashed)
    if comparison.changes:
        yield from ("", "## Made with", "", "| | A | B |", "|---|---|---|")
        yield from (f"| {' | '.join(_cell(text) for text in change)} |" for change in comparison.changes)


def _cell(value: object) -> str:
    """Return foreign text as one cell of a table, none of it read as markup."""
    text = "–" if value is None else one_line(str(value))
    return re.sub(r"([\\`*_<>|\[\]#])", r"\\\1", text)


# --- the terminal


_WIDTH = 99


def _plain(comparison: Comparison) -> Iterator[str]:
    yield _line(f"A: {comparison.a.name}")
    yield _line(f"B: {comparison.b.name}")
    yield from (_line(f"{what}: {_word(a)} -> {_word(b)}", 3) for what, a, b in comparison.changes)
    yield f"{counted(len(comparison.cases), 'case')} in both"
    yield from (_line(f"left out, {why}: {', '.join(ids)}") for why, ids in _left_out(comparison))
    yield from _table(comparison)
    for heading, flips in _flip_headings(comparison):
        yield from ("", heading)
        broken = flips is comparison.broken
        yield from (line for flip in flips for line in _flip_lines(flip, broken=broken))
    yield from (_line(f"crashed in {run}: {case}: {error}") for case, _, run, error in comparison.crashed)
    yield from ("", *textwrap.wrap(one_line(comparison.conclusion), _WIDTH))


def _table(comparison: Comparison) -> Iterator[str]:
    """Yield the metrics that differ as a table, and name the others."""
    differing = [found for found in comparison.metrics if found.verdict not in _DULL]
    if differing:
        rows = [[*_COLUMNS, "verdict"], *([*_cells(own), _brief(own.verdict)] for own in differing)]
        yield from ("", *_aligned(rows), "", *textwrap.wrap(_note(comparison), _WIDTH))
    for verdict in _DULL:
        if found := comparison.with_verdict(verdict):
            every = len(found) == len(comparison.metrics) > 1
            named = f"all {len(found)} metrics" if every else _titles(found)
            yield from textwrap.wrap(f"{verdict}: {named}", _WIDTH, subsequent_indent="   ")


def _aligned(rows: list[list[str]]) -> Iterator[str]:
    """Yield rows whose figures stand below each other; the first column gives way, the last is free."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    first = min(widths[0], _WIDTH - sum(widths[1:]) - len(widths) + 1)
    for title, *figures, verdict in rows:
        cells = (cell.rjust(width) for cell, width in zip(figures, widths[1:], strict=False))
        yield " ".join([one_line(title, first).ljust(first), *cells, verdict])


def _flip_lines(flip: Flip, *, broken: bool) -> Iterator[str]:
    yield _line(f"{flip.case}: {flip.question}", 3)
    yield _line(f"B: {flip.answer_b or 'no answer'}", 6)
    yield _line(f"{'why' if broken else 'why it failed in A'}: {flip.reason or 'no reason given'}", 6)


def _brief(verdict: Verdict) -> str:
    return "no claim" if verdict == "no difference can be claimed" else verdict


def _word(value: _Plain) -> str:
    return "none" if value is None else str(value)


def _line(text: str, indent: int = 0) -> str:
    return " " * indent + one_line(text, _WIDTH - indent)
