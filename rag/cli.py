"""The command line: data on stdout, progress and logs on stderr.

Exit codes: 0 answered or done, 3 abstained, 1 failed or interrupted, 2 wrong usage. What a command
needs is imported when it runs, so that `rag --help` is quick.
"""

from __future__ import annotations

import _thread
import io
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import emphasised, print_html, print_json, printable, progress_bar, shortened, shows_styles
from .errors import ConversationError, FootnotedError, IndexFolderError, UsageError

if TYPE_CHECKING:
    from .answer import Answer, StreamingAnswer
    from .conversations import Conversation, Conversations
    from .engine import QueryEngine
    from .ingestion import IngestReport
    from .schema import Conflict
    from .settings import Settings
    from .verifying import FootnoteCheck, Verification

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
ArticleOption = Annotated[
    list[str] | None,
    typer.Option("--article", help="Ask this article only: file name, URI, id or title; may be repeated."),
]
SinceOption = Annotated[str | None, typer.Option("--since", help="Ask articles of this day and later.")]
UntilOption = Annotated[str | None, typer.Option("--until", help="Ask articles of this day and earlier.")]
QuestionArgument = Annotated[str, typer.Argument(help="The question, in quotes.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing unless a file fails.")]

ABSTAINED = 3
_INTERRUPTED = 130
"""What typer makes of Ctrl-C."""


@app.command()
def ingest(
    paths: Annotated[list[str], typer.Argument(help="Files and folders (.txt, .md, .html), and URLs.")],
    index: IndexOption = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove articles under the folders whose files are gone.")
    ] = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Read articles into the index; unchanged ones are passed over."""
    if not all(paths):
        raise UsageError("A path is empty; name a file or folder.")
    settings = _settings(index=index)
    from .ingestion import ingest as ingest_paths  # imports LlamaIndex

    with progress_bar(quiet=quiet) as progress:
        report = ingest_paths(paths, index=settings.index, settings=settings, prune=prune, progress=progress)
    _print_report(report, quiet=quiet, as_json=as_json)
    raise typer.Exit(1 if report.failed else 0)


@app.command()
def rebuild(index: IndexOption = None, quiet: QuietOption = False) -> None:
    """Split and embed the stored articles again, as the settings say now."""
    settings = _settings(index=index)
    from .ingestion import rebuild as rebuild_index  # imports LlamaIndex

    with progress_bar(quiet=quiet) as progress:
        count = rebuild_index(index=settings.index, settings=settings, progress=progress)
    if not quiet:
        typer.echo(f"{_counted(count, 'article')} rebuilt.")


@app.command()
def ask(  # noqa: PLR0913, PLR0917  # options
    question: QuestionArgument,
    index: IndexOption = None,
    top_k: TopKOption = None,
    as_json: JsonOption = False,
    as_markdown: Annotated[bool, typer.Option("--md", help="Print Markdown with footnotes.")] = False,
    as_html: Annotated[bool, typer.Option("--html", help="Print one HTML page.")] = False,
    article: ArticleOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
) -> None:
    """Answer a question with footnotes; exit code 3 when the articles do not tell."""
    if as_json + as_markdown + as_html > 1:
        raise UsageError("Choose one of --json, --md and --html.")
    with _opened(index=index, top_k=top_k) as whole:
        engine = whole.within(articles=article or (), since=since, until=until)
        if as_json or as_markdown or as_html:
            answer = engine.query(_storable(question))
            if as_json:
                print_json(answer.to_dict())
            elif as_markdown:
                typer.echo(printable(answer.to_markdown()))
            else:
                print_html(answer.to_html())
        else:
            answer = _stream(engine.stream(_storable(question)), live=engine.llm is not None)
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
    with _opened(index=index, top_k=top_k) as engine:
        from .answer import source_dict  # imports LlamaIndex, as the engine did

        passages = [source_dict(node) for node in engine.retrieve(_storable(question))]
    if as_json:
        print_json(passages)
        return
    for rank, passage in enumerate(passages, start=1):
        typer.echo(f"{rank}. {_about(passage)}, characters {passage['start']}–{passage['end']}")
        typer.echo(f"   {shortened(str(passage['text']), 200)}\n")


@app.command()
def verify(
    answer: Annotated[str, typer.Argument(help="What `rag ask --json` printed; - for stdin.")],
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the footnotes of a saved answer again; exit code 1 when words changed or are gone."""
    settings = _settings(index=index)
    from .saved import MAX_BYTES, parse_answer, read_answer
    from .verifying import verify as verify_answer  # imports SQLAlchemy

    if answer == "-":
        saved = parse_answer(sys.stdin.buffer.read(MAX_BYTES + 1), name="stdin")
    else:
        saved = read_answer(answer)
    try:
        verification = verify_answer(saved, settings.index)
    except IndexFolderError as error:  # exit code 1 says that something changed
        raise UsageError(str(error)) from None
    if as_json:
        print_json(verification.to_dict())
    else:
        _print_verification(verification)
    raise typer.Exit(0 if verification.holds else 1)


@app.command()
def articles(
    index: IndexOption = None,
    failed: Annotated[bool, typer.Option("--failed", help="List what could not be read, and why.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the articles of the index."""
    settings = _settings(index=index)
    from .catalogue import Catalogue
    from .index import CATALOGUE

    catalogue = Catalogue(settings.index / CATALOGUE)
    entries = [] if failed else catalogue.entries()
    failures = catalogue.failures()
    catalogue.close()
    if as_json:
        print_json([entry._asdict() for entry in (failures if failed else entries)])
        return
    for entry in entries:
        typer.echo(f"{_about(entry._asdict())}, {_counted(entry.passages, 'passage')}\n   {entry.uri}")
    if failed:
        for failure in failures:
            typer.echo(f"{_name(failure.uri)}: {failure.reason}")
    else:
        typer.echo(_counted(len(entries), "article"), err=True)
    if failures:
        hint = "" if failed else "; `rag articles --failed` tells why"
        typer.echo(f"{_counted(len(failures), 'file')} could not be read{hint}", err=True)


@app.command()
def chat(  # noqa: PLR0913, PLR0917  # options
    index: IndexOption = None,
    top_k: TopKOption = None,
    article: ArticleOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    go_on: Annotated[bool, typer.Option("--continue", help="Go on with the last conversation.")] = False,
    conversation: Annotated[
        str | None,
        typer.Option("--conversation", help="Go on with this one; `rag conversations` lists them."),
    ] = None,
) -> None:
    """Ask question after question in the terminal; Ctrl-C stops an answer, Ctrl-D leaves."""
    if (go_on or conversation) and (article or since or until):
        raise UsageError("A conversation keeps its articles and days; begin a new one for others.")
    with _opened(index=index, top_k=top_k) as whole, _store_of(whole.settings) as store:
        from .chat import ChatEngine  # imports LlamaIndex, as the engine did
        from .conversations import Recording
        from .terminal import talk

        held = _held(store, conversation, go_on=go_on)
        engine = whole.within(held.scope if held else None, articles=article or (), since=since, until=until)
        talk_engine = ChatEngine(engine, turns=held.told if held else ())
        recording = Recording(store, _complain, scope=engine.scope, id_=held.id if held else None)
        interactive = sys.stdin.isatty()
        failures = talk(
            talk_engine,
            recording,
            read=_prompt if interactive else _next_line,
            show=partial(_show_turn, live=engine.llm is not None),
            complain=_complain,
            goes_on=interactive,
        )
    raise typer.Exit(1 if failures and not interactive else 0)


@app.command()
def conversations(  # noqa: PLR0913, PLR0917  # options
    search: Annotated[str | None, typer.Argument(help="Words to look for in titles and texts.")] = None,
    index: IndexOption = None,
    show: Annotated[str | None, typer.Option("--show", help="Print this one, as Markdown.")] = None,
    delete: Annotated[str | None, typer.Option("--delete", help="Remove this one.")] = None,
    as_json: JsonOption = False,
    as_html: Annotated[bool, typer.Option("--html", help="With --show: print one HTML page.")] = False,
) -> None:
    """List the stored conversations, newest first."""
    settings = _settings(index=index)
    from .conversations import Conversations  # imports LlamaIndex

    with Conversations.of(settings.index) as store:
        if delete is not None:
            store.get(delete)
            store.delete(delete)
        elif show is not None:
            _print_conversation(store.get(show), as_json=as_json, as_html=as_html)
        elif as_json:
            print_json([entry._asdict() for entry in store.entries(search or "")])
        else:
            for entry in store.entries(search or ""):
                when = datetime.fromtimestamp(entry.updated).astimezone()
                typer.echo(f"{entry.id}  {when:%Y-%m-%d %H:%M}  {printable(entry.title)}")


@app.command()
def page(
    index: IndexOption = None,
    port: Annotated[
        int | None, typer.Option("--port", help="Port of the page; a free one by default.")
    ] = None,
) -> None:
    """Open the chat page in the browser; without a display, print its address."""
    settings = _settings(index=index)
    from .page import serve

    raise typer.Exit(serve(settings.index, port=port))


@contextmanager
def _store_of(settings: Settings) -> Iterator[Conversations | None]:
    """Open the stored conversations; say why where there are none, and go on without."""
    from .conversations import Conversations

    try:
        store = Conversations.of(settings.index)
    except ConversationError as error:
        _complain(str(error))
        yield None
        return
    with store:
        yield store


def _held(store: Conversations | None, id_: str | None, *, go_on: bool) -> Conversation | None:
    """Return the conversation to go on with, None for a new one."""
    if not (go_on or id_):
        return None
    if store is None:
        raise UsageError("No stored conversation can be read; begin a new one.")
    newest = [entry.id for entry in store.entries(limit=1)]
    if id_ is None and not newest:
        raise UsageError("There is no conversation to go on with; begin one with `rag chat`.")
    return store.get(id_ or newest[0])


def _prompt() -> str | None:
    """Return the next line that is typed, None after Ctrl-D; Ctrl-C gives up the line."""
    with suppress(ImportError):
        import readline  # noqa: F401  # makes `input` keep its lines and let them be edited
    while True:
        try:
            return input("> ")
        except EOFError:
            typer.echo()
            return None
        except KeyboardInterrupt:
            typer.echo("\nCtrl-D leaves.")


def _next_line() -> str | None:
    return sys.stdin.readline() or None


def _show_turn(stream: StreamingAnswer, *, live: bool) -> Answer:
    if stream.searched:
        typer.echo(f"Searched: {printable(stream.searched)}\n")
    answer = _stream(stream, live=live)
    _print_sources(answer)
    typer.echo()
    return answer


def _complain(message: str) -> None:
    typer.echo(f"rag: {printable(' '.join(message.split()))}", err=True)


def _print_conversation(held: Conversation, *, as_json: bool, as_html: bool) -> None:
    from . import transcripts

    if as_json:
        print_json(transcripts.to_dict(held))
    elif as_html:
        print_html(transcripts.to_html(held))
    else:
        typer.echo(printable(transcripts.to_markdown(held)))


class _OneLine(logging.Formatter):
    """Shows what a library logs, without its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        return f"rag: {record.getMessage()}".splitlines()[0]


def main() -> None:
    """Run the command line; every failure ends in one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not when it is closed or stands in for one
            stream.reconfigure(errors="backslashreplace")
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_OneLine())
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)  # it would tell where Ctrl-C hit it
    sys.unraisablehook = _interrupt_again
    try:
        code = _run(sys.argv[1:] or ["--help"])
        if sys.stdout is not None:
            sys.stdout.flush()
    except SystemExit:  # click leaves by itself when the reader of its output has left
        raise
    except BaseException as error:  # noqa: BLE001  # a panic of a library's Rust code is no Exception
        code = _report(error)
    sys.exit(code)


def _interrupt_again(unraisable: sys.UnraisableHookArgs) -> None:
    """Give Ctrl-C a second chance when it struck where Python drops exceptions, as in a destructor."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        threading.Timer(0.05, _thread.interrupt_main).start()
    else:
        sys.__unraisablehook__(unraisable)


PLUGINS = "footnoted.commands"
"""Entry points by which other packages add commands: a name, and where its Typer app is."""


def _add_plugins() -> None:
    """Add the commands of other packages, such as `rag eval`; this package does not know them."""
    from importlib.metadata import entry_points  # 20 ms that our own commands do not need

    known = {group.name for group in app.registered_groups}
    for plugin in entry_points(group=PLUGINS):
        if plugin.name in known:
            continue
        app.add_typer(plugin.load(), name=plugin.name)


def _is_own(argument: str) -> bool:
    callbacks = (command.callback for command in app.registered_commands)
    return argument in {callback.__name__ for callback in callbacks if callback}


def _run(arguments: list[str]) -> int:
    """Let typer parse and run; what goes wrong is left to `_report`."""
    if not _is_own(arguments[0]):
        _add_plugins()
    code = app(arguments, prog_name="rag", standalone_mode=False)
    if code == _INTERRUPTED:
        raise KeyboardInterrupt
    return code if isinstance(code, int) else 0


def _report(error: BaseException) -> int:
    """Say what went wrong in one line; return the exit code."""
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C changes nothing any more
        return _fail("Interrupted; what was finished before is kept.", 1)
    if isinstance(error, FootnotedError):
        return _fail(str(error), error.exit_code)
    if hasattr(error, "format_message"):
        return _report_usage(error)
    if isinstance(error, OSError):
        _discard_stdout()
        if isinstance(error, BrokenPipeError):  # as in `rag articles | head -1`
            return 1
        return _fail(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}.", 1)
    return _report_unexpected(error)


def _report_usage(error: Any) -> int:
    """Say what click has against the arguments; print the help of a group without a command."""
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(str(error))
        return 0
    command = getattr(getattr(error, "ctx", None), "command_path", "rag")
    return _fail(f"{error.format_message()} Try `{command} --help`.", 2)


def _report_unexpected(error: BaseException) -> int:
    if sys.flags.dev_mode:
        traceback.print_exception(error)
    where = "`python -X dev -m rag.cli ...` shows where"
    return _fail(f"Unexpected {type(error).__name__}: {error} ({where}; please report it).", 1)


def _discard_stdout() -> None:
    """Send what is left of stdout nowhere, so that the interpreter does not complain at its end."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        with suppress(io.UnsupportedOperation), Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _fail(message: str, code: int) -> int:
    _complain(message)
    return code


@contextmanager
def _opened(**overrides: object) -> Iterator[QueryEngine]:
    """Open the engine; the bundled models are loaded beside the imports, which take longer."""
    settings = _settings(**overrides)
    from . import minilm
    from .models import reader  # both import numpy

    if settings.embedding == "minilm":
        minilm.prefetch(settings.embedding_backend)
    reader.prefetch(settings.embedding_backend)
    from .engine import QueryEngine  # imports LlamaIndex

    with QueryEngine.open(settings.index, settings=settings) as engine:
        yield engine


def _settings(**overrides: object) -> Settings:
    from .settings import load_settings  # 0.2 s that `--help` does not need

    return load_settings(**overrides)


def _print_report(report: IngestReport, *, quiet: bool, as_json: bool) -> None:
    for failure in report.failed:
        typer.echo(f"rag: {_name(failure.uri)}: {failure.reason}", err=True)
    if as_json:
        print_json(report.to_dict())
    elif not quiet:
        typer.echo(str(report))


def _stream(stream: StreamingAnswer, *, live: bool) -> Answer:
    """Print an answer as it is written, or once it is there, with the words that answer in bold."""
    from .export import bold_spans, by_turns

    if live or not shows_styles():
        for piece in stream:
            typer.echo(printable(piece), nl=False)
            sys.stdout.flush()
        typer.echo()
        return stream.get_response()
    answer = stream.get_response()
    typer.echo(emphasised(by_turns(answer.text, bold_spans(answer.sentences, answer.citations))))
    return answer


def _print_sources(answer: Answer) -> None:
    from .export import by_turns, quote_line

    if answer.reason:
        typer.echo(f"\n{answer.reason}")
    for conflict in answer.conflicts:
        typer.echo(f"\n{_differs(conflict)}")
    _print_parts(answer)
    for citation in answer.citations:
        about = {
            "title": citation.article.title,
            "source": citation.article.source,
            "date": citation.article.date,
        }
        typer.echo(f"\n[{citation.number}] {_about(about)}")
        quote = quote_line(citation)
        typer.echo(f"    “{emphasised(by_turns(quote.text, quote.spans))}”")
        where = f"characters {citation.start}–{citation.end} of {_name(citation.article.uri)}"
        typer.echo(f"    {where}; {citation.verdict}")
    for line in answer.judgements:
        typer.echo(f"\n{printable(line)}")
    if answer.status == "abstained" and answer.source_nodes:
        typer.echo("\nClosest passages:")
        for node in answer.source_nodes[:3]:
            typer.echo(f"\n  {_about(node.node.metadata)}")
            typer.echo(f"    {shortened(node.node.get_content(), 200)}")


def _print_verification(verification: Verification) -> None:
    for note in verification.footnotes:
        stays = note.now is not None and note.now.uri == note.uri and note.holds
        edited = "; the article was changed elsewhere" if note.edited and stays else ""
        typer.echo(f"[{note.number}] {note.state}: {shortened(note.title, 150)}{edited}")
        typer.echo(f"    “{printable(' '.join(note.quote.split()))}”")
        typer.echo(f"    {_became(note)}\n")
    for sentence in verification.sentences:
        if sentence.lost:
            typer.echo(f"Not in its sources now: {printable(', '.join(sentence.lost))}")
            typer.echo(f"    {printable(' '.join(sentence.text.split()))}\n")
    typer.echo(str(verification))


def _became(note: FootnoteCheck) -> str:
    """Say where a footnote's words stand now, and where they stood."""
    was = f"characters {note.start}–{note.end}"
    cited = f"{was} of {printable(_name(note.uri))}"
    if note.now is None:
        lacks = "there is no such article" if note.state == "gone" else "nothing like it is there now"
        return f"{cited}; {lacks}"
    now = f"characters {note.now.start}–{note.now.end}"
    if note.state == "changed":
        return f"{cited}; nearest to it now, {now}: “{printable(' '.join(note.now.text.split()))}”"
    if note.now.uri != note.uri:
        return f"{cited}; the same text is now at {printable(_name(note.now.uri))}"
    return cited if note.state == "there" else f"{cited}; now {now}"


def _print_parts(answer: Answer) -> None:
    """Print which part of the question is answered by which footnotes, and which is not."""
    from .export import NOT_TOLD, notes_of

    if answer.parts:
        typer.echo()
    for part in answer.parts:
        notes = "".join(f"[{number}]" for number in notes_of(part, answer.sentences))
        typer.echo(f"- {printable(part.text)} {notes or NOT_TOLD}")


def _differs(conflict: Conflict) -> str:
    """Tell a conflict in one line, with what each footnote says and where."""
    from .export import DIFFER
    from .naming import name_of

    notes = (conflict.first, conflict.second)
    one, other = (
        f"{shortened(said, 120)} ({printable(name_of(note.article))}) [{note.number}]"
        for said, note in zip(conflict.says, notes, strict=True)
    )
    return f"{DIFFER} {one}, {other}."


def _about(about: dict[str, Any]) -> str:
    """Return title, source and date on one line."""
    parts = (about.get("title"), about.get("source"), about.get("date") or "undated")
    return ", ".join(printable(str(part)) for part in parts if part)


def _name(uri: str) -> str:
    """Return a file's path, from here when it is below, or the URI of anything else."""
    from .articles import path_of

    path = path_of(uri)
    if path is None:
        return uri
    name = str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
    return "".join(c if c.isprintable() else "\ufffd" for c in name)


def _storable(question: str) -> str:
    """Replace the bytes of an argument that are no text; they arrive as halves of surrogate pairs."""
    return question.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


if __name__ == "__main__":
    main()
