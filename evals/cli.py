"""`rag eval`: ask cases, grade answers, compare runs, close the gate on a loss.

Data goes to stdout, progress and complaints to stderr. Exit codes: 0 done, 1 the gate is closed or every case
crashed, 2 wrong usage. What a command needs is imported when it runs, so that `rag --help` is quick.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from rag.console import print_json, printable, progress_bar

from .cli_cases import app as _cases
from .cli_tuning import app as _tuning
from .options import (
    HOME,
    ArticlesOption,
    BaselineOption,
    CasesArgument,
    Choice,
    HomeOption,
    IndexOption,
    JsonOption,
    LimitOption,
    QuietOption,
    RunArgument,
    SetOption,
    SetOrSettingOption,
    TagOption,
    WorstOption,
    baseline_of,
    console,
    run_of,
    told_apart,
)

app = typer.Typer(
    help="Measure answers over expected question-answer pairs; compare runs; stop a loss.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def run(
    cases: CasesArgument = None,
    name: Annotated[str, typer.Option("--name", help="What to call the run.")] = "run",
    limit: LimitOption = None,
    tag: TagOption = None,
    workers: Annotated[int, typer.Option("--workers", min=1, max=64, help="Questions at a time.")] = 1,
    judge: Annotated[bool, typer.Option("--judge", help="Let RAG_JUDGE judge the answers, too.")] = False,
    repeats: Annotated[int, typer.Option("--repeats", min=1, max=20, help="Times that it judges.")] = 1,
    calibrate: Annotated[
        list[Path] | None,
        typer.Option("--calibrate", help="Claims labelled by people (WiCE, ExpertQA) to check the judge on."),
    ] = None,
    articles: ArticlesOption = None,
    index: IndexOption = None,
    set_: SetOrSettingOption = None,
    worst: WorstOption = 10,
    home: HomeOption = HOME,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Ask every case, grade the answers, keep the run."""
    given = told_apart(set_)
    choice = Choice(cases, of_set=given.of_set, tags=tag, limit=limit)
    from .engines import settings_of
    from .judging import judge_of, judged
    from .running import new_folder
    from .running import run as run_cases  # imports LlamaIndex

    settings = settings_of(given.settings, index=index)
    asked = judge_of(settings, home, repeats=repeats) if judge or calibrate else None
    with choice.engine(articles, index, settings, home) as engine, progress_bar(quiet=quiet) as progress:
        done = run_cases(
            choice.placed, engine, name=name, folder=new_folder(home / "runs", name), workers=workers,
            progress=progress, about=choice.about,
        )  # fmt: skip
    if asked:
        with progress_bar(quiet=quiet) as progress:
            done = judged(done, asked, home, claims=calibrate or [], progress=progress)
    if as_json:
        print_json({"run": str(done.folder), **done.summary})
    elif not quiet:
        _print(done, worst)
    raise typer.Exit(1 if all(record.error for record in done.records) else 0)


@app.command()
def show(
    run: RunArgument = "latest", worst: WorstOption = 10, home: HomeOption = HOME, as_json: JsonOption = False
) -> None:
    """Show a run again."""
    found = run_of(run, home)
    if as_json:
        print_json({"run": str(found.folder), **found.summary})
    else:
        _print(found, worst)


@app.command("list")
def list_runs(home: HomeOption = HOME, as_json: JsonOption = False) -> None:
    """List the runs, newest last."""
    from .runs import run_folders

    lines = [json.loads((folder / "run.json").read_text(encoding="utf-8")) for folder in run_folders(home)]
    if as_json:
        print_json(lines)
        return
    for line in lines:
        state = "" if line["finished"] else "  (interrupted)"
        typer.echo(printable(f"{line['id']}  {line['created']}  {line['model']}{state}"))


@app.command()
def score(run: RunArgument = "latest", home: HomeOption = HOME, quiet: QuietOption = False) -> None:
    """Grade the records of a run again, without asking again."""
    from .running import rescore, save_reports

    done = rescore(run_of(run, home))
    save_reports(done)
    if not quiet:
        _print(done, 10)


@app.command()
def compare(
    a: RunArgument, b: RunArgument = "latest", home: HomeOption = HOME, as_json: JsonOption = False
) -> None:
    """Compare two runs case by case, and say which differences are more than noise."""
    from .comparison import compare as compare_runs

    comparison = compare_runs(run_of(a, home), run_of(b, home))
    if as_json:
        print_json(comparison.to_dict())
    else:
        typer.echo(printable(str(comparison)))


@app.command()
def gate(
    run: RunArgument = "latest",
    set_: SetOption = None,
    baseline: BaselineOption = None,
    tolerance: Annotated[
        float, typer.Option("--tolerance", min=0, max=1, help="Loss in a metric that is let pass.")
    ] = 0.02,
    home: HomeOption = HOME,
) -> None:
    """Exit with 1 when a run is certainly worse than the baseline, or a footnote is broken."""
    from .gating import gate as gate_run
    from .runs import load_run

    found = run_of(run, home, set_)
    folder = baseline or baseline_of(found)
    result = gate_run(found, load_run(folder) if folder.is_dir() else None, tolerance=tolerance)
    for line in (*result.failures, *result.notes):
        typer.echo(printable(line))
    typer.echo(f"{'Passed' if result.passed else 'Failed'}: {found.info.id} against {folder}.")
    raise typer.Exit(0 if result.passed else 1)


@app.command()
def bless(
    run: RunArgument = "latest",
    set_: SetOption = None,
    baseline: BaselineOption = None,
    force: Annotated[bool, typer.Option("--force", help="Even with crashed cases.")] = False,
    home: HomeOption = HOME,
) -> None:
    """Make a run the baseline that the gate compares with; commit it."""
    from .gating import bless as bless_run

    found = run_of(run, home, set_)
    folder = baseline or baseline_of(found)
    bless_run(found, folder, force=force)
    typer.echo(f"{found.info.id} is the baseline now: {folder}. Commit it.")


@app.command()
def label(
    labels: Annotated[Path, typer.Argument(help="CSV or JSON lines: case, label, value, who.")],
    run: RunArgument = "latest",
    home: HomeOption = HOME,
) -> None:
    """Add the labels that people gave to the cases of a run."""
    from .judging import labelled

    done, added = labelled(run_of(run, home), labels)
    typer.echo(f"{added} labels added to {done.info.id}.")


app.registered_commands += [*_tuning.registered_commands, *_cases.registered_commands]


def _print(run: object, worst: int) -> None:
    from .runs import Run
    from .tables import print_run

    if isinstance(run, Run):
        print_run(run, console(), worst=worst)
