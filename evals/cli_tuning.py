"""`rag eval sweep`, `fit` and `judge-card`: settings, thresholds and judges, tried on cases."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.console import print_json, progress_bar
from rag.errors import UsageError

from .options import (
    HOME,
    ArticlesOption,
    CasesArgument,
    Choice,
    HomeOption,
    IndexOption,
    JsonOption,
    LimitOption,
    QuietOption,
    SetOption,
    TagOption,
    console,
    run_of,
    told_apart,
)

if TYPE_CHECKING:
    from .fitting import Cost, Fit
    from .sweeping import Trial

app = typer.Typer()


@app.command()
def sweep(
    cases: CasesArgument = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="A setting and its values: top_k=4,8; repeatable. Or a set of cases, once."
        ),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="How the names of the runs begin.")] = "sweep",
    limit: LimitOption = None,
    tag: TagOption = None,
    articles: ArticlesOption = None,
    index: IndexOption = None,
    home: HomeOption = HOME,
    quiet: QuietOption = False,
) -> None:
    """Try every combination of settings; draw quality against time."""
    given = told_apart(set_)
    choice = Choice(cases, of_set=given.of_set, tags=tag, limit=limit)
    from .engines import settings_of
    from .sweeping import combinations
    from .sweeping import sweep as sweep_settings

    if not given.settings:
        raise UsageError("Nothing to sweep; write --set top_k=4,8 or the like.")
    made = [
        (each, settings_of([f"{k}={v}" for k, v in each.items()])) for each in combinations(given.settings)
    ]
    with (
        choice.engine(articles, index, settings_of([], index=index), home) as engine,
        progress_bar(quiet=quiet) as progress,
    ):
        trials = sweep_settings(
            choice.placed, engine, made, home=home, name=name, progress=progress, about=choice.about
        )
    _print_sweep(trials, _save_sweep(trials, home, name), quiet=quiet)


@app.command()
def fit(
    cases: CasesArgument = None,
    set_: SetOption = None,
    run: Annotated[str | None, typer.Option("--run", help="A run to take instead of asking anew.")] = None,
    max_wrong: Annotated[
        float, typer.Option("--max-wrong", min=0, max=1, help="Share of answerable questions to decline.")
    ] = 0.05,
    tag: TagOption = None,
    articles: ArticlesOption = None,
    index: IndexOption = None,
    home: HomeOption = HOME,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Fit the confidence below which quoting declines, and show what each threshold costs."""
    from .engines import settings_of
    from .fitting import fit as fit_threshold
    from .fitting import observations
    from .running import run as run_cases

    if run is not None:
        found = run_of(run, home)
    else:
        choice = Choice(cases, of_set=set_, tags=tag)
        settings = settings_of([], index=index)
        with choice.engine(articles, index, settings, home) as engine, progress_bar(quiet=quiet) as progress:
            found = run_cases(choice.placed, engine, progress=progress)
    current = found.info.settings.get("min_confidence")
    if found.info.settings.get("llm") or not isinstance(current, float):
        raise UsageError("Only quoting declines by a threshold; unset RAG_LLM or name a run without a model.")
    fitted = fit_threshold(observations(found), current=current, max_wrong=max_wrong)
    if as_json:
        print_json(_fit_as_json(fitted))
    else:
        _print_fit(fitted, max_wrong)


@app.command("judge-card")
def judge_card(
    claims: Annotated[list[Path], typer.Argument(help="Files of WiCE or ExpertQA, .jsonl or .jsonl.gz.")],
    limit: Annotated[int, typer.Option("--limit", min=1, help="Claims of each set.")] = 200,
    repeats: Annotated[int, typer.Option("--repeats", min=1, max=20, help="Times each is judged.")] = 1,
    home: HomeOption = HOME,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Check the judge (RAG_JUDGE) on claims labelled by people; its card stands beside its figures."""
    from .engines import settings_of
    from .judging import judge_of, made_card

    judge = judge_of(settings_of([]), home, repeats=repeats)
    with progress_bar(quiet=quiet) as progress:
        card = made_card(judge, claims, home, limit=limit, progress=progress)
    if as_json:
        print_json(card.to_dict())
    else:
        typer.echo(f"{card.model}: {card.trust}")


# --- what they print


def _save_sweep(trials: list[Trial], home: Path, name: str) -> Path:
    from .sweeping import html, markdown

    folder = home / "sweeps"
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"{datetime.now().astimezone():%Y%m%d-%H%M%S}-{Path(name).name}.html"
    page.write_text(html(trials), encoding="utf-8")
    page.with_suffix(".md").write_text(markdown(trials), encoding="utf-8")
    return page


def _print_sweep(trials: list[Trial], page: Path, *, quiet: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    from .sweeping import SHOWN, rows
    from .tables import figure, seconds

    if quiet:
        return
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("settings", style="bold", overflow="fold", min_width=24)
    for title in (*(name.replace("_", " ") for name in SHOWN), "median time"):
        table.add_column(title, justify="right")
    for row in rows(trials):
        table.add_row(Text(row.label), *map(figure, row.values), seconds(row.median_seconds))
    shown = console()
    shown.print(table)
    first, *others = rows(trials)
    for row in others:
        shown.print(Text(f"A is {first.label}, B is {row.label}: {row.verdict}"))
    shown.print(Text(f"Quality against time: {page}"))


def _print_fit(fitted: Fit, max_wrong: float) -> None:
    from rich.table import Table
    from rich.text import Text

    from .tables import figure

    table = Table(box=None, header_style="dim", pad_edge=False)
    for title in ("threshold", "wrongly declined", "rightly declined", "balanced accuracy"):
        table.add_column(title, justify="right")
    table.add_column("")
    for cost in sorted({*fitted.trade_off, fitted.chosen, fitted.current}):
        mark = "← fitted" if cost == fitted.chosen else "← now" if cost == fitted.current else ""
        table.add_row(*map(figure, (*cost, cost.balanced_accuracy)), mark)
    shown = console()
    shown.print(table)
    wrong, right = fitted.wrongly_declined, fitted.rightly_declined
    shown.print(
        Text(
            f"Fitted to decline at most {max_wrong:.0%} of {wrong.n} answerable questions. On cases left out "
            f"of the fit it declines {figure(wrong.value)} ({figure(wrong.low)} to {figure(wrong.high)}) of "
            f"them, and {figure(right.value)} ({figure(right.low)} to {figure(right.high)}) of {right.n} "
            "that have no answer."
        )
    )
    typer.echo(f"RAG_MIN_CONFIDENCE={fitted.chosen.threshold:.6g}")


def _fit_as_json(fitted: Fit) -> dict[str, object]:
    def plain(cost: Cost) -> dict[str, float]:
        return {**cost._asdict(), "balanced_accuracy": cost.balanced_accuracy}

    return {
        "min_confidence": fitted.chosen.threshold,
        "chosen": plain(fitted.chosen),
        "current": plain(fitted.current),
        "held_out": {
            "wrongly_declined": fitted.wrongly_declined._asdict(),
            "rightly_declined": fitted.rightly_declined._asdict(),
        },
        "trade_off": [plain(cost) for cost in fitted.trade_off],
    }
