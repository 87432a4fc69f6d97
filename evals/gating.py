"""The gate: a run against its baseline; a broken footnote, a lost pinned case or a certain drop closes it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rag import FootnotedError

from .cases import Case
from .comparison import CHANCE, PASSED, Comparison, Difference, compare, known_metrics, opened, passed
from .records import Record
from .runs import FILES, Run
from .scores import Metric
from .sets import DEFAULT, SETS, set_of
from .tables import counted, figure, one_line

TOLERANCE = 0.02
"""A loss that is let pass; for a metric with a unit, as a share of the baseline."""
_SEEN = 6
"""Fewer graded cases are too few to miss."""
_NAMED = 5
"""So many cases are named before the rest is counted."""
_SHORT = 200
"""Longest reason, in characters."""


class GateError(FootnotedError):
    """There is too little to compare, or no baseline can be made; the message says what to do."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class GateResult:
    """Whether a run passes, why not, and what else a reader should know."""

    passed: bool
    failures: list[str]
    notes: list[str]


def gate(
    run: Run | Path | str,
    baseline: Run | Path | str | None,
    *,
    tolerance: float = TOLERANCE,
    metrics: Sequence[Metric] | None = None,
) -> GateResult:
    """Hold a run against its baseline; it fails only on what is no noise.

    (a) A hard metric is below 1 for a case. (b) A case that is pinned in either run passed in the baseline
    and now fails, crashed, cannot be graded or was not asked. (c) A metric that gates is certainly worse:
    `compare` says so, the paired interval of the difference lies wholly beyond the tolerance, at 1 - .05 / m
    over the m such metrics in which any pair differs, and the exact sign test has p < .05, for which
    it takes six differing cases.

    Without a baseline only (a) is checked. Raises GateError when most cases have no answer, when none is
    graded in both runs, or RunError for a folder that is no run.
    """
    run = opened(run)
    measured = known_metrics() if metrics is None else metrics
    _refuse_unanswered(run)
    broken = [line for metric in measured if metric.hard for line in _broken(run, metric)]
    if baseline is None:
        _refuse_unchecked(run, measured)
        return GateResult(not broken, broken, ["There is no baseline: only the hard checks were made."])
    before = opened(baseline)
    found = compare(before, run, metrics=[m for m in measured if m.gates and m.better != "neither"])
    _refuse_unpaired(found)
    drops = [drop for drop in found.metrics if _certain(drop, tolerance)]
    failures = [*broken, *_pinned_lost(before, run), *(_drop(found, drop, tolerance) for drop in drops)]
    rest = [difference for difference in found.metrics if difference not in drops]
    notes = [*_asked(run, found), *_pinned_changed(before, run), *_ungraded(before, run, found, measured)]
    return GateResult(not failures, failures, [*notes, *_unclear(rest, tolerance)])


def baseline_for(case_files: Sequence[Path]) -> Path:
    """Return the folder of the baseline: that of the set, else `<stem>.baseline` beside the first file."""
    own = set_of(case_files) if case_files else SETS[DEFAULT]
    return own.baseline if own else case_files[0].with_name(f"{case_files[0].stem}.baseline")


def bless(run: Run | Path | str, folder: Path, *, force: bool = False) -> Path:
    """Make a run the baseline: its contract files take the place of what the folder holds.

    Raises GateError for a run that is interrupted, not graded or not saved, for one with crashed cases unless
    forced, and for a folder that holds anything but a baseline.
    """
    run = opened(run)
    source = _blessable(run, force=force)
    _refuse_foreign(folder, source)
    fresh = folder.with_name(f"{folder.name}.new")
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        for name in FILES:
            shutil.copyfile(source / name, fresh / name)
        _swap(fresh, folder)
    except OSError as error:
        raise GateError(f"{folder} cannot be written ({error.strerror}); name another baseline.") from None
    return folder


# --- a pass never comes from emptiness


def _refuse_unanswered(run: Run) -> None:
    """Raise GateError when most cases have no answer."""
    errors = [record.error for record in run.records if record.error is not None]
    answered = len(run.records) - len(errors)
    if answered and 2 * answered >= len(run.cases):
        return
    cause = f" The first error: {one_line(errors[0], _SHORT)}." if errors else ""
    raise GateError(
        f"The gate cannot judge {run.info.id}: of {counted(len(run.cases), 'case')}, {len(errors)} crashed "
        f"and {len(run.cases) - len(run.records)} were not asked.{cause} Mend the engine and run all cases "
        "again with `rag eval run`."
    )


def _refuse_unchecked(run: Run, metrics: Sequence[Metric]) -> None:
    """Raise GateError when no case is graded by a hard metric."""
    if not any(_graded(run, metric) for metric in metrics if metric.hard):
        raise GateError(
            f"The gate cannot judge {run.info.id}: there is no baseline, and no case is graded by a hard "
            "check. Make a baseline with `rag eval bless RUN`, or grade with `rag eval score RUN`."
        )


def _refuse_unpaired(found: Comparison) -> None:
    """Raise GateError when no case is graded in both runs."""
    if not any(difference.n for difference in found.metrics):
        raise GateError(
            f"The gate cannot judge {found.b.id}: it has no graded case in common with the baseline "
            f"{found.a.id} ({len(found.cases)} asked in both, {len(found.changed)} changed). Run its cases, "
            "grade with `rag eval score RUN`, or make a baseline with `rag eval bless RUN`."
        )


# --- (a) hard checks


def _broken(run: Run, metric: Metric) -> Iterator[str]:
    """Yield a line when a hard metric is below 1 for a case."""
    graded = _graded(run, metric)
    bad = [_because(id_, run.score(id_, metric.name).reason) for id_, value in graded.items() if value < 1]
    if bad:
        yield f"{metric.title}: below 1 in {counted(len(bad), 'case')}: {_listed(bad)}."


def _graded(run: Run, metric: Metric) -> dict[str, float]:
    """Return the graded cases with their grade."""
    values = {record.case: run.score(record.case, metric.name).value for record in run.records}
    return {case_id: value for case_id, value in values.items() if value is not None}


# --- (b) pinned cases


class _Pinned(NamedTuple):
    """A case that passed in the baseline and is pinned in either run."""

    old: Case
    new: Case | None
    """The case as it is in the run; None when it is not among its cases."""

    @property
    def unchanged(self) -> bool:
        return self.new is not None and self.new.fingerprint == self.old.fingerprint


def _pinned(before: Run, run: Run) -> list[_Pinned]:
    cases = {case.id: case for case in run.cases}
    pairs = [_Pinned(old, cases.get(old.id)) for old in before.cases if passed(before, old.id)]
    return [pair for pair in pairs if pair.old.pinned or (pair.new is not None and pair.new.pinned)]


def _pinned_lost(before: Run, run: Run) -> Iterator[str]:
    """Yield a line for each pinned case that does not pass any more."""
    records = {record.case: record for record in run.records}
    for pair in _pinned(before, run):
        if pair.unchanged and (lost := _lost(run, pair.old.id, records.get(pair.old.id))):
            yield f"Pinned case passed in the baseline: {pair.old.id} {lost}."


def _lost(run: Run, case_id: str, record: Record | None) -> str | None:
    """Say what became of a case; None when it passes."""
    if record is None:
        return "was not asked"
    if record.error is not None:
        return _because("crashed", record.error)
    value, reason = run.score(case_id, PASSED)
    if value is None:
        return _because("cannot be graded", reason)
    return _because("fails now", reason) if value < 1 else None


def _pinned_changed(before: Run, run: Run) -> Iterator[str]:
    """Yield a note for each pinned case that cannot be held against the baseline."""
    for pair in _pinned(before, run):
        if pair.new is None:
            yield f"Pinned case {pair.old.id} is not among the cases of this run."
        elif not pair.unchanged:
            yield f"Pinned case {pair.old.id} has changed and guards nothing until a run of it is blessed."


# --- (c) certain drops


def _certain(difference: Difference, tolerance: float) -> bool:
    """Say whether interval and sign test agree that a metric lost more than the tolerance.

    The sign test has p < .05 with six cases lost and none gained, and never with fewer.
    """
    if difference.verdict != "worse" or difference.joint is None:
        return False
    signs = difference.worse > difference.better and difference.p < CHANCE
    return signs and _least_loss(difference) > _slack(difference, tolerance)


def _least_loss(difference: Difference) -> float:
    """Return the near end of the joint interval, as a loss."""
    assert difference.joint is not None
    return difference.joint.low if difference.metric.better == "lower" else -difference.joint.high


def _slack(difference: Difference, tolerance: float) -> float:
    return tolerance * (abs(difference.a or 0.0) if difference.metric.unit else 1.0)


def _drop(found: Comparison, difference: Difference, tolerance: float) -> str:
    unit = difference.metric.unit
    return (
        f"{_told(difference)}. The loss is at least {figure(_least_loss(difference), unit)} "
        f"(interval at {found.level:.2%}), the tolerance {figure(_slack(difference, tolerance), unit)}."
    )


def _told(difference: Difference) -> str:
    """Write `passed: .900 in the baseline, .700 now (60 cases, 13 worse, 1 better)`."""
    unit = difference.metric.unit
    return (
        f"{difference.metric.title}: {figure(difference.a, unit)} in the baseline, "
        f"{figure(difference.b, unit)} now ({counted(difference.n, 'case')}, {difference.worse} worse, "
        f"{difference.better} better)"
    )


# --- what else a reader should know


def _asked(run: Run, found: Comparison) -> Iterator[str]:
    """Yield how many cases are compared, and which are not."""
    yield f"{counted(len(found.cases), 'case')} compared with {found.a.id}."
    crashed = [_because(record.case, record.error) for record in run.records if record.error is not None]
    asked = {record.case for record in run.records}
    for what, ids in (
        ("Crashed", crashed),
        ("Not asked", [case.id for case in run.cases if case.id not in asked]),
        ("Left out, as question or expectations differ from the baseline's", found.changed),
        ("Left out, as the baseline has no answer to them", found.only_b),
    ):
        if ids:
            yield f"{what}: {_listed(ids)}."


def _ungraded(before: Run, run: Run, found: Comparison, metrics: Sequence[Metric]) -> Iterator[str]:
    """Yield a note for each metric that sees much less than it did in the baseline: it can hardly drop."""
    for metric in metrics:
        old = _graded(before, metric).keys() & set(found.cases)
        now = old & _graded(run, metric).keys()
        if len(old) >= _SEEN and 2 * len(now) < len(old):
            yield f"{metric.title}: {len(old)} cases are graded in the baseline, {len(now)} of them now."


def _unclear(differences: Sequence[Difference], tolerance: float) -> Iterator[str]:
    """Yield a note for each metric whose mean is lower by more than the tolerance, which may be chance."""
    for difference in differences:
        if difference.interval is not None:
            gain = difference.interval.value * (-1 if difference.metric.better == "lower" else 1)
            if -gain > _slack(difference, tolerance):
                yield f"{_told(difference)}; too few cases to tell it from chance."


def _because(what: str, reason: str) -> str:
    return f"{what} ({one_line(reason, _SHORT)})" if reason else what


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


# --- blessing


def _blessable(run: Run, *, force: bool) -> Path:
    """Return the folder of a run that can be a baseline."""
    crashed = [record.case for record in run.records if record.error is not None]
    if run.folder is None or not all((run.folder / name).is_file() for name in FILES):
        raise GateError(f"{run.info.id} is not saved as a whole; make it again with `rag eval run`.")
    if not run.info.finished:
        raise GateError(f"{run.info.id} was interrupted; run all cases again with `rag eval run`.")
    if not any(score.value is not None for scores in run.scores.values() for score in scores.values()):
        raise GateError(f"{run.info.id} has no grades; grade it with `rag eval score {run.info.id}`.")
    if crashed and not force:
        raise GateError(
            f"{run.info.id}: {counted(len(crashed), 'case')} crashed ({_listed(crashed)}), and could be lost "
            "unseen ever after. Mend the engine and run again, or bless it with --force."
        )
    return run.folder


def _refuse_foreign(folder: Path, source: Path) -> None:
    """Raise GateError for a folder that holds anything but a baseline, since it is replaced as a whole."""
    if not folder.exists():
        return
    if not folder.is_dir() or {path.name for path in folder.iterdir()} - set(FILES):
        raise GateError(f"{folder} is no baseline and stays as it is; name another with --baseline DIR.")
    if folder.samefile(source):
        raise GateError(f"{folder} is the run itself; bless another one into it.")


def _swap(fresh: Path, folder: Path) -> None:
    """Put a folder in the place of another."""
    old = folder.with_name(f"{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
