"""A judge and labels by people, brought into a run: the two layers that never gate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from rag.cards import JudgeCard, load_card, save_card
from rag.judging import SUPPORT, Judge, load_judge
from rag.settings import Settings

from .judge import judge_run, save_judgements
from .judge_card import calibrate, load_claims
from .labels import import_labels, labels_summary
from .running import save_reports
from .runs import Run, RunError

Progress = Callable[[int, int, str], None]

CARDS = "judge-cards"
REPLIES = "judge-replies.jsonl"
"""Where a judge's cards and replies are kept, below the home of the runs."""


class Labelled(NamedTuple):
    """A run with labels, and how many were added."""

    run: Run
    added: int


def judge_of(settings: Settings, home: Path, *, repeats: int) -> Judge:
    """Return the judge that the settings name, its replies kept below `home`.

    Raises UsageError without one, RunError when `home` cannot be made.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{home} cannot be written ({error.strerror}); name another with --home.") from None
    return load_judge(settings, cache=home / REPLIES, repeats=repeats)


def judged(
    run: Run,
    judge: Judge,
    home: Path,
    *,
    claims: Sequence[Path] = (),
    progress: Progress | None = None,
) -> Run:
    """Let a judge look at a run, after checking it on labelled claims when there are any; keep both."""
    card = made_card(judge, claims, home, progress=progress) if claims else card_of(judge, home)
    seen = judge_run(run, judge, card=card, progress=progress)
    done = replace(run, summary={**run.summary, "judged": seen.to_dict()})
    if run.folder:
        save_judgements(seen, run.folder)
        save_reports(done)
    return done


def made_card(
    judge: Judge, claims: Sequence[Path], home: Path, *, limit: int = 200, progress: Progress | None = None
) -> JudgeCard:
    """Check a judge on files of labelled claims, and keep its card."""
    labelled = [claim for path in claims for claim in load_claims(path)]
    card = calibrate(judge, labelled, limit=limit, progress=progress)
    save_card(card, home / CARDS)
    return card


def card_of(judge: Judge, home: Path) -> JudgeCard | None:
    """Return the card of a judge, None when it was never checked with this prompt."""
    return load_card(home / CARDS, judge.name, judge.prompts[SUPPORT.name])


def labelled(run: Run, file: Path) -> Labelled:
    """Add the labels of a file to a run, by the ids of the cases."""
    if run.folder is None:
        raise RunError("The run has no folder; give `run` one.")
    added = import_labels(run.folder, file)
    done = replace(run, summary={**run.summary, "labels": labels_summary(run)})
    save_reports(done)
    return Labelled(done, len(added))
