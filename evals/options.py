"""What the commands of `rag eval` share: their options, the cases they choose, the engine they ask."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.console import printable, progress_bar

if TYPE_CHECKING:
    from rich.console import Console

    from rag import QueryEngine, Settings

    from .cases import Placed
    from .runs import Run

HOME = Path(".rag-evals")
"""Where runs, their indexes and a judge's replies are kept."""
SEEDS_NAME = "seeds"
"""How a run names the built-in cases."""

CasesArgument = Annotated[
    list[Path] | None, typer.Argument(help="Files of cases, JSON lines; those over the seeds by default.")
]
RunArgument = Annotated[str, typer.Argument(help="A run: its folder, its name, or `latest`.")]
HomeOption = Annotated[Path, typer.Option("--home", help="Folder of runs.")]
IndexOption = Annotated[Path | None, typer.Option("--index", help="Ask this index (RAG_INDEX, .rag-index).")]
ArticlesOption = Annotated[
    list[Path] | None,
    typer.Option("--articles", help="Ask these files or folders, in an index of their own."),
]
TagOption = Annotated[list[str] | None, typer.Option("--tag", help="Only cases with this tag; repeatable.")]
LimitOption = Annotated[int | None, typer.Option("--limit", min=1, help="Only the first N cases.")]
BaselineOption = Annotated[
    Path | None, typer.Option("--baseline", help="Folder of the baseline; beside the cases by default.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no table.")]
WorstOption = Annotated[int, typer.Option("--worst", min=0, help="Failed cases to show.")]


class Choice:
    """The cases of a command, and where they ask."""

    def __init__(
        self, cases: list[Path] | None, *, tags: list[str] | None = None, limit: int | None = None
    ) -> None:
        """Read the cases, and keep those with all the tags, at most `limit`.

        Raises CaseError when a file cannot be used or nothing is left.
        """
        from .cases import SEEDS, CaseError, placed_cases

        self.files = cases or [SEEDS]
        wanted = set(tags or ())
        self.placed: list[Placed] = [
            placed for placed in placed_cases(*self.files) if wanted <= set(placed.case.tags)
        ][:limit]
        if not self.placed:
            raise CaseError(f"No case has the tag {' and '.join(map(repr, sorted(wanted)))}.")

    @property
    def about(self) -> dict[str, object]:
        """What a run says of its case files: the built-in ones by their name."""
        from .cases import SEEDS

        builtin = SEEDS.resolve()
        names = (
            SEEDS_NAME if path.resolve() == builtin else Path(os.path.relpath(path)).as_posix()
            for path in self.files
        )
        return {"case_files": tuple(names)}

    @contextmanager
    def engine(
        self, articles: list[Path] | None, index: Path | None, settings: Settings, home: Path
    ) -> Iterator[QueryEngine]:
        """Open the engine: over the articles named, the seeds for the built-in cases, else an index."""
        from .engines import default_articles

        with engine_of(default_articles(self.files, articles or [], index), settings, home) as engine:
            yield engine


@contextmanager
def engine_of(articles: list[Path], settings: Settings, home: Path) -> Iterator[QueryEngine]:
    """Open an engine over these articles, in an index of their own; without any, over the settings' index.

    The judge of the settings is asked about whole runs (`--judge`), not about single answers.
    """
    from rag import QueryEngine
    from rag.minilm import prefetch

    from .engines import open_over

    settings = settings.model_copy(update={"judge": None})
    if settings.embedding == "minilm":
        prefetch(settings.embedding_backend)
    if not articles:
        with QueryEngine.open(settings.index, settings=settings) as engine:
            yield engine
        return
    with progress_bar(quiet=False) as progress:
        engine, report = open_over(articles, settings, home=home, progress=progress)
    for failure in report.failed:
        typer.echo(printable(f"rag: {failure.uri}: {failure.reason}"), err=True)
    with engine:
        yield engine


def run_of(name: str, home: Path) -> Run:
    """Return a run by its name."""
    from .runs import find_run

    return find_run(name, home)


def baseline_of(run: Run) -> Path:
    """Return where the baseline of a run's cases is kept."""
    from .cases import SEEDS, CaseError
    from .gating import baseline_for

    files = [SEEDS if name == SEEDS_NAME else Path(name) for name in run.info.case_files]
    if not files:
        raise CaseError("The run does not name its case files; name its baseline with --baseline DIR.")
    return baseline_for(files)


def console() -> Console:
    """Return the terminal, in which no text is read as markup."""
    from rich.console import Console

    return Console(highlight=False, markup=False)
