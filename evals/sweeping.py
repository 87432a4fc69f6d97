"""The same cases under several settings: a run for each, and quality drawn against time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from rag import QueryEngine, Settings
from rag.embedding import load_embedding
from rag.errors import UsageError
from rag.llm import load_llm

from .cases import Placed
from .charts import CSS, Point, scatter
from .comparison import Comparison, compare
from .engines import open_of
from .running import new_folder, run
from .runs import Run, without_secrets
from .tables import figure, seconds

Progress = Callable[[int, int, str], None]

SHOWN = ("passed", "facts_covered", "citation_precision", "citation_recall", "answered", "declined_rightly")
"""Metrics in the table of a sweep."""
MOST = 50
"""Combinations that a sweep takes."""
_FIXED = frozenset({"index", "openai_api_key"})


class Trial(NamedTuple):
    """One combination of settings, its run, and how it compares with the first one."""

    label: str
    run: Run
    comparison: Comparison | None
    """None for the first."""


def combinations(given: Sequence[str]) -> list[dict[str, str]]:
    """Read `top_k=4,8` and the like; return every combination.

    Raises UsageError for a text without values, a setting named twice, or more than 50 combinations.
    """
    choices: dict[str, list[str]] = {}
    for text in given:
        name, _, values = text.partition("=")
        name = name.strip().lower().removeprefix("rag_")
        listed = list(dict.fromkeys(value.strip() for value in values.split(",") if value.strip()))
        if not name or not listed:
            raise UsageError(f"--set {text}: write name=value,value, such as top_k=4,8.")
        if name in _FIXED:
            raise UsageError(f"--set {name}: this is no setting to sweep; all trials share it.")
        if name in choices:
            raise UsageError(f"--set {name} is given twice; write all its values in one.")
        choices[name] = listed
    made = [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]
    if len(made) > MOST:
        raise UsageError(f"These are {len(made)} combinations; a sweep takes {MOST}.")
    return made


def label_of(combination: dict[str, str]) -> str:
    """Return `top_k=4,passage_tokens=128`, without the passwords of addresses."""
    return ",".join(f"{name}={without_secrets(value)}" for name, value in combination.items())


def sweep(  # noqa: PLR0913  # all but three are options
    placed: Sequence[Placed],
    engine: QueryEngine,
    trials: Sequence[tuple[dict[str, str], Settings]],
    *,
    home: Path,
    name: str = "sweep",
    progress: Progress | None = None,
    about: dict[str, Any] | None = None,
) -> list[Trial]:
    """Run the cases under each of the settings, over the articles of an engine's index.

    Settings that change how passages are made get an index of their own, kept below `home`.
    """
    done: list[Trial] = []
    for combination, settings in trials:
        label = label_of(combination)
        with _engine(engine, settings, home) as own:
            made = run(
                placed,
                own,
                name=f"{name}-{label}",
                folder=new_folder(home / "runs", f"{name}-{label}"),
                progress=progress,
                about=about,
            )
        done.append(Trial(label, made, compare(done[0].run, made) if done else None))
    return done


@contextmanager
def _engine(base: QueryEngine, settings: Settings, home: Path) -> Iterator[QueryEngine]:
    """Yield an engine with these settings; over the index of the base when its passages are made alike."""
    llm = load_llm(settings) or base.llm
    if _made_with(settings) == _made_with(base.settings):
        own = settings.model_copy(update={"index": base.settings.index})
        alike = _embedder(settings) == _embedder(base.settings)
        embedding = base.embedding if alike else load_embedding(own)
        yield QueryEngine(base.index, embedding=embedding, settings=own, llm=llm)
        return
    catalogue = base.index.catalogue
    articles = list(catalogue.articles(catalogue.article_ids()).values())
    with open_of(articles, settings, home=home, llm=llm) as made:
        yield made


def _made_with(settings: Settings) -> tuple[object, ...]:
    """Return the settings that passages and their vectors depend on."""
    return settings.passage_tokens, settings.embedding


def _embedder(settings: Settings) -> tuple[object, ...]:
    """Return the settings that say where questions are embedded."""
    return settings.embedding_base_url, settings.embedding_backend


class Row(NamedTuple):
    """A trial in figures."""

    label: str
    values: tuple[float | None, ...]
    """In the order of `SHOWN`."""
    median_seconds: float | None
    """For a whole answer."""
    verdict: str
    """Against the first trial."""


def rows(trials: Sequence[Trial]) -> list[Row]:
    """Return the figures of a sweep, in the order of its trials."""
    return [
        Row(
            trial.label,
            tuple(_metric(trial.run, name) for name in SHOWN),
            _median(trial.run),
            trial.comparison.conclusion if trial.comparison else "the first",
        )
        for trial in trials
    ]


def _metric(run: Run, name: str) -> float | None:
    found: list[float | None] = [m["value"] for m in run.summary["metrics"] if m["name"] == name]
    return found[0] if found else None


def _median(run: Run) -> float | None:
    stages = run.summary["speed"]["stages"]
    return next((stage["p50"] for stage in stages if stage["stage"] == "total"), None)


def markdown(trials: Sequence[Trial]) -> str:
    """Return a sweep as a Markdown table."""
    head = ("settings", *SHOWN, "median time", "against the first")
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for row in rows(trials):
        cells = (row.label, *map(figure, row.values), seconds(row.median_seconds), row.verdict)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def html(trials: Sequence[Trial]) -> str:
    """Return a sweep as a page: quality against time, and the table."""
    listed = rows(trials)
    points = [
        Point(row.median_seconds * 1000, row.values[0], row.label)
        for row in listed
        if row.median_seconds is not None and row.values[0] is not None
    ]
    chart = scatter(
        points, title="Quality against time", x="median answer in ms", y="share of cases that pass"
    )
    head = "".join(
        f'<th scope="col">{escape(name)}</th>' for name in (*SHOWN, "median time", "against the first")
    )
    body = "".join(
        f'<tr><th scope="row">{escape(row.label)}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in map(figure, row.values))
        + f"<td>{escape(seconds(row.median_seconds))}</td><td>{escape(row.verdict)}</td></tr>"
        for row in listed
    )
    return _PAGE.format(css=CSS, chart=chart, head=head, body=body)


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Sweep</title><style>{css}
:root {{ color-scheme: light dark; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --ink: #e6e8ea; --soft: #9aa4ad; --line: #343a40; --accent: #4fb3ba; }}
}}
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .3rem .7rem; text-align: right; border-bottom: 1px solid var(--line, #dde1e5); }}
th[scope=row], th:first-child {{ text-align: left; }}
</style></head><body><h1>Sweep</h1>
{chart}
<div class="wide"><table>
<thead><tr><th scope="col">settings</th>{head}</tr></thead>
<tbody>{body}</tbody>
</table></div>
</body></html>
"""
