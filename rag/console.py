"""What is shown in a terminal: data as JSON, pages, foreign text made harmless, a progress bar on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.progress import Progress


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Callable[[int, int, str], None] | None]:
    """Show a bar on stderr while articles are read; nothing where stderr is no terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    with _bar() as bar:
        task = bar.add_task("", total=None)

        def show(done: int, total: int, name: str) -> None:
            bar.update(task, completed=done, total=total, description=shortened(name, 40))

        yield show


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
        console=Console(stderr=True), transient=True,
    )  # fmt: skip


def print_json(value: object) -> None:
    """Print JSON, escaped where stdout cannot show it: another encoding, half of a surrogate pair."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=2)
    typer.echo(text)


def print_html(page: str) -> None:
    """Print a page that says it is UTF-8; where stdout is not, what is beyond ASCII is escaped."""
    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "")
    if encoding != "utf8":
        page = page.encode("ascii", "xmlcharrefreplace").decode("ascii")
    typer.echo(page, nl=False)


def printable(text: str) -> str:
    """Drop control characters, which an article could use to drive the terminal."""
    return "".join(c for c in text if c in "\n\t" or c.isprintable() or (c.isspace() and ord(c) > 127))


def shows_styles() -> bool:
    """Tell whether stdout is a terminal that can show bold words."""
    return sys.stdout is not None and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def emphasised(pieces: Sequence[str]) -> str:
    """Return foreign text made harmless, every second piece bold where stdout shows that."""
    shown = [printable(piece) for piece in pieces]
    if shows_styles():
        shown[1::2] = [typer.style(piece, bold=True) for piece in shown[1::2]]
    return "".join(shown)


def shortened(text: str, length: int) -> str:
    """Return a text on one line of at most `length` characters, cut between words."""
    line = " ".join(printable(text).split())
    return line if len(line) <= length else line[: length - 1].rsplit(" ", 1)[0] + "…"
