"""The command line: data on stdout, progress and logs on stderr.

Exit codes: 0 answered or done, 3 abstained, 1 failed, 2 wrong usage, 130 interrupted. What a command
needs is imported when it runs, so that `rag --help` is quick.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .errors import FootnotedError

if TYPE_CHECKING:
    from rich.progress import Progress

    from .answer import Answer
    from .ingestion import IngestReport
    from .settings import Settings

app = typer.Typer(
    name="rag",
    help="Ask a folder of news articles; every sentence of the answer carries a checked footnote.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

IndexOption = Annotated[
    Path | None, typer.Option("--index", help="Folder of the index (RAG_INDEX, .rag-index).")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
TopKOption = Annotated[int | None, typer.Option("--top-k", help="Passages to retrieve (RAG_TOP_K, 8).")]
QuestionArgument = Annotated[str, typer.Argument(help="The question, in quotes.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing unless a file fails.")]

ABSTAINED = 3


@app.command()
def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files and folders: .txt, .md, .html.")],
    index: IndexOption = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove articles under the folders whose files are gone.")
    ] = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Read articles into the index; unchanged ones are passed over."""
    settings = _settings(index=index)
    from .ingestion import ingest as ingest_paths  # imports LlamaIndex

    with _progress(quiet=quiet) as progress:
        report = ingest_paths(paths, index=settings.index, settings=settings, prune=prune, progress=progress)
    _print_report(report, quiet=quiet, as_json=as_json)
    raise typer.Exit(1 if report.failed else 0)


@app.command()
def rebuild(index: IndexOption = None, quiet: QuietOption = False) -> None:
    """Split and embed the stored articles again, as the settings say now."""
    settings = _settings(index=index)
    from .ingestion import rebuild as rebuild_index  # imports LlamaIndex

    with _progress(quiet=quiet) as progress:
        count = rebuild_index(index=settings.index, settings=settings, progress=progress)
    if not quiet:
        typer.echo(f"{count} articles rebuilt.")


@app.command()
def ask(
    question: QuestionArgument,
    index: IndexOption = None,
    top_k: TopKOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer a question with footnotes; exit code 3 when the articles do not tell."""
    settings = _settings(index=index, top_k=top_k)
    from .engine import QueryEngine  # imports LlamaIndex

    with QueryEngine.open(settings.index, settings=settings) as engine:
        if as_json:
            answer = engine.query(question)
            typer.echo(json.dumps(answer.to_dict(), ensure_ascii=False, indent=2))
        else:
            answer = _stream(engine.stream(question))
            _print_sources(answer)
    if answer.status == "abstained":
        raise typer.Exit(ABSTAINED)


@app.command()
def search(
    question: QuestionArgument,
    index: IndexOption = None,
    top_k: TopKOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the passages that an answer would be made from, best first."""
    settings = _settings(index=index, top_k=top_k)
    from llama_index.core.schema import QueryBundle

    from .answer import source_dict
    from .engine import QueryEngine  # imports LlamaIndex

    with QueryEngine.open(settings.index, settings=settings) as engine:
        passages = [source_dict(node) for node in engine.retrieve(QueryBundle(question))]
    if as_json:
        typer.echo(json.dumps(passages, ensure_ascii=False, indent=2))
        return
    for rank, passage in enumerate(passages, start=1):
        typer.echo(f"{rank}. {_about(passage)}, characters {passage['start']}–{passage['end']}")
        typer.echo(f"   {_shortened(str(passage['text']), 200)}\n")


@app.command()
def articles(index: IndexOption = None, as_json: JsonOption = False) -> None:
    """List the articles of the index."""
    settings = _settings(index=index)
    from .catalogue import Catalogue
    from .index import CATALOGUE

    catalogue = Catalogue(settings.index / CATALOGUE)
    entries = catalogue.entries()
    catalogue.close()
    if as_json:
        typer.echo(json.dumps([entry._asdict() for entry in entries], ensure_ascii=False, indent=2))
        return
    for entry in entries:
        typer.echo(f"{_about(entry._asdict())}, {_counted(entry.passages, 'passage')}\n   {entry.uri}")
    typer.echo(_counted(len(entries), "article"), err=True)


@app.command()
def chat(
    index: IndexOption = None,
    port: Annotated[
        int | None, typer.Option("--port", help="Port of the page; a free one by default.")
    ] = None,
) -> None:
    """Open the chat page in the browser; without a display, print its address."""
    settings = _settings(index=index)
    from .page import serve

    raise typer.Exit(serve(settings.index, port=port))


def main() -> None:
    """Run the command line; every expected failure ends in one line on stderr."""
    try:
        _run(app)
    except FootnotedError as error:
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        _fail("Interrupted; what was finished before is kept.", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _run(application: Callable[..., Any]) -> None:
    """Let typer parse and run, but leave Ctrl-C and our own errors to `main`."""
    try:
        sys.exit(application(standalone_mode=False))
    except typer.Abort:
        raise KeyboardInterrupt from None
    except Exception as error:
        message = getattr(error, "format_message", None)  # click's usage errors
        if message is None:
            raise
        _fail(f"{message()} Try `rag --help`.", 2)


def _fail(message: str, code: int) -> None:
    typer.echo(f"rag: {message}", err=True)
    sys.exit(code)


def _settings(**overrides: object) -> Settings:
    from .settings import load_settings  # 0.2 s that `--help` does not need

    return load_settings(**overrides)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[int, int, str], None] | None]:
    """Show a bar on stderr while articles are read; nothing where stderr is no terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    with _bar() as bar:
        task = bar.add_task("", total=None)

        def show(done: int, total: int, name: str) -> None:
            bar.update(task, completed=done, total=total, description=_shortened(name, 40))

        yield show


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
        console=Console(stderr=True), transient=True,
    )  # fmt: skip


def _print_report(report: IngestReport, *, quiet: bool, as_json: bool) -> None:
    for failure in report.failed:
        typer.echo(f"rag: {_name(failure.uri)}: {failure.reason}", err=True)
    if as_json:
        typer.echo(json.dumps(report.to_dict(), ensure_ascii=False, indent=2))
    elif not quiet:
        typer.echo(str(report))


def _stream(answer: Any) -> Answer:
    for piece in answer:
        typer.echo(_printable(piece), nl=False)
        sys.stdout.flush()
    typer.echo()
    whole: Answer = answer.get_response()
    return whole


def _print_sources(answer: Answer) -> None:
    if answer.reason:
        typer.echo(f"\n{answer.reason}")
    for citation in answer.citations:
        about = {
            "title": citation.article.title,
            "source": citation.article.source,
            "date": citation.article.date,
        }
        typer.echo(f"\n[{citation.number}] {_about(about)}")
        typer.echo(f"    “{_printable(' '.join(citation.quote.split()))}”")
        where = f"characters {citation.start}–{citation.end} of {_name(citation.article.uri)}"
        typer.echo(f"    {where}; {citation.verdict}")
    if answer.status == "abstained" and answer.source_nodes:
        typer.echo("\nClosest passages:")
        for node in answer.source_nodes[:3]:
            typer.echo(f"\n  {_about(node.node.metadata)}")
            typer.echo(f"    {_shortened(node.node.get_content(), 200)}")


def _about(about: dict[str, Any]) -> str:
    """Return title, source and date on one line."""
    parts = (about.get("title"), about.get("source"), about.get("date") or "undated")
    return ", ".join(_printable(str(part)) for part in parts if part)


def _name(uri: str) -> str:
    """Return a file's path, from here when it is below, or the URI of anything else."""
    from .ingestion import path_of

    path = path_of(uri)
    if path is None:
        return uri
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _printable(text: str) -> str:
    """Drop control characters, which an article could use to drive the terminal."""
    return "".join(c for c in text if c in "\n\t" or c.isprintable() or c.isspace() and ord(c) > 127)


def _shortened(text: str, length: int) -> str:
    line = " ".join(_printable(text).split())
    return line if len(line) <= length else line[: length - 1].rsplit(" ", 1)[0] + "…"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


if __name__ == "__main__":
    main()
