"""What the commands of `rag eval` share: their options, the cases they choose, the engine they ask."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from rag.console import printable, progress_bar
from rag.errors import UsageError

from .sets import DEFAULT, SETS, find_set, set_of

if TYPE_CHECKING:
    from rich.console import Console

    from rag import QueryEngine, Settings

    from .cases import Placed
    from .runs import Run

HOME = Path(".rag-evals")
"""Where runs, their indexes and a judge's replies are kept."""

CasesArgument = Annotated[
    list[Path] | None, typer.Argument(help="Files of cases, JSON lines; the set `seeds` by default.")
]
_SETS = f"A set of cases that comes along ({', '.join(SETS)})"
SetOption = Annotated[str | None, typer.Option("--set", help=f"{_SETS}.")]
SetOrSettingOption = Annotated[
    list[str] | None, typer.Option("--set", help=f"{_SETS}, or a setting, such as top_k=4; repeatable.")
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
        self,
        cases: list[Path] | None,
        *,
        of_set: str | None = None,
        tags: list[str] | None = None,
        limit: int | None = None,
    ) -> None:
        """Read the files or the set, and keep the cases with all the tags, at most `limit`.

        Raises CaseError when a file cannot be used or nothing is left, UsageError for a set that is unknown
        or named beside files.
        """
        from .cases import CaseError, placed_cases

        if cases and of_set:
            raise UsageError("Name files of cases or a set, not both.")
        self.set = set_of(cases) if cases else find_set(of_set or DEFAULT)
        self.files = list(self.set.files) if self.set else cases or []
        read = placed_cases(set=self.set.name) if self.set else placed_cases(*self.files)
        wanted = set(tags or ())
        self.placed: list[Placed] = [placed for placed in read if wanted <= set(placed.case.tags)][:limit]
        if not self.placed:
            raise CaseError(f"No case has the tag {' and '.join(map(repr, sorted(wanted)))}.")

    @property
    def about(self) -> dict[str, object]:
        """What a run says of its case files: a set's name, or where they are."""
        if self.set:
            return {"case_files": (self.set.name,)}
        return {"case_files": tuple(Path(os.path.relpath(path)).as_posix() for path in self.files)}

    @contextmanager
    def engine(
        self, articles: list[Path] | None, index: Path | None, settings: Settings, home: Path
    ) -> Iterator[QueryEngine]:
        """Open the engine: over the articles named, those of the set, else an index."""
        from .engines import default_articles

        with engine_of(default_articles(self.files, articles or [], index), settings, home) as engine:
            yield engine


@contextmanager
def engine_of(articles: list[Path], settings: Settings, home: Path) -> Iterator[QueryEngine]:
    """Open an engine over these articles, in an index of their own; without any, over the settings' index.

    The judge of the settings is asked about whole runs (`--judge`), not about single answers.
    """
    from rag import QueryEngine, minilm
    from rag.models import reader

    from .engines import open_over

    settings = settings.model_copy(update={"judge": None})
    if settings.embedding == "minilm":
        minilm.prefetch(settings.embedding_backend)
    reader.prefetch(settings.embedding_backend)
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


class Given(NamedTuple):
    """What `--set` was given."""

    of_set: str | None
    settings: list[str]
    """Each as `name=value`."""


def told_apart(given: list[str] | None) -> Given:
    """Tell the set of cases, at most one, from the settings, which have a `=`.

    Raises UsageError for what is neither, and for a second set.
    """
    settings = [text for text in given or () if "=" in text]
    names = [text for text in given or () if "=" not in text]
    for name in names:
        if name not in SETS:
            known = ", ".join(SETS)
            raise UsageError(f"--set {name}: no set of cases ({known}) and no setting, such as top_k=4.")
    if len(names) > 1:
        raise UsageError(f"Name one set of cases, not {' and '.join(names)}.")
    return Given(names[0] if names else None, settings)


def run_of(name: str, home: Path, of_set: str | None = None) -> Run:
    """Return a run by its name; with a set, one of its cases."""
    from .runs import find_run

    return find_run(name, home, of_set=find_set(of_set).name if of_set else None)


def baseline_of(run: Run) -> Path:
    """Return where the baseline of a run's cases is kept."""
    from .cases import CaseError
    from .gating import baseline_for

    names = run.info.case_files
    if not names:
        raise CaseError("The run does not name its case files; name its baseline with --baseline DIR.")
    if len(names) == 1 and names[0] in SETS:
        return SETS[names[0]].baseline
    return baseline_for([Path(name) for name in names])


def console() -> Console:
    """Return the terminal, in which no text is read as markup."""
    from rich.console import Console

    return Console(highlight=False, markup=False)
