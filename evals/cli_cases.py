"""`rag eval add` and `draft`: cases written by people, or proposed for people to accept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rag.console import printable

from .options import HOME, ArticlesOption, HomeOption, IndexOption, engine_of

app = typer.Typer()


@app.command()
def add(
    cases: Annotated[Path, typer.Argument(help="The file of cases to add to; made when it is not there.")],
    drafts: Annotated[Path | None, typer.Option("--from", help="A file of drafts to go through.")] = None,
    articles: ArticlesOption = None,
    index: IndexOption = None,
    home: HomeOption = HOME,
) -> None:
    """Write a case, question by question; or go through drafts, keeping those that are good."""
    from .authoring import accept, add_case

    if drafts is not None:
        from .cases import load_cases

        accept(load_cases(drafts), cases, ask=_ask, say=_say)
        return
    from .engines import settings_of

    with engine_of(articles or [], settings_of([], index=index), home) as engine:
        case = add_case(cases, engine, ask=_ask, say=_say)
    _say(f"{case.id} is in {cases}.")


@app.command()
def draft(
    article: Annotated[Path, typer.Argument(help="The article: .txt, .md or .html.")],
    limit: Annotated[int, typer.Option("--limit", min=1, max=100, help="Cases at most.")] = 10,
) -> None:
    """Propose cases from an article, as JSON lines, for a person to accept with `add --from`."""
    from rag.articles import read_article
    from rag.errors import ArticleError
    from rag.llm import load_llm

    from .drafts import draft_cases
    from .engines import settings_of

    try:
        read = read_article(article)
    except ArticleError as error:
        raise ArticleError(f"{article}: {error}.") from None
    for case in draft_cases(read, llm=load_llm(settings_of([])), limit=limit, say=_complain):
        typer.echo(case.to_line())


def _ask(prompt: str, default: str) -> str:
    answer: str = typer.prompt(printable(prompt), default=default, show_default=bool(default))
    return answer


def _say(line: str) -> None:
    typer.echo(printable(line))


def _complain(line: str) -> None:
    typer.echo(f"rag: {printable(line)}", err=True)
