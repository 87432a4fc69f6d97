"""The tables of a run in a terminal, and what every other report of it shares: figures, words, layers.

Questions, answers and quotes are foreign text: they are shown on one line, without control characters,
and nothing in them is read as markup.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Column, Table
from rich.text import Text

from .cases import Case
from .records import Record
from .runs import Run

Entry = Mapping[str, Any]
"""A part of `summary.json`."""

NONE = "–"
"""Stands for a figure that there is not."""
_NAME = 20
"""Least width of a column of names."""
WIDE = 100
"""Columns from which every trivial baseline has its own."""
_SHORT = 200
"""Longest answer among the worst cases, in characters."""
GROUPS = {
    "outcome": "Outcome",
    "retrieval": "Retrieval",
    "answer": "Answer",
    "citations": "Citations",
    "abstention": "Abstention",
}
"""Groups of metrics, in the order of the tables."""
MEASURED = "Measured by rule"
JUDGED = "Judged by a model"
LABELLED = "Labelled by people"
TRUST_MEASURED = "Computed from the records alone, the same every time. May close the gate."
TRUST_LABELLED = "Imported by case id, as good as the people who labelled. Never closes the gate."
JUDGEMENTS = ("correctness", "faithfulness", "fully_supported", "contradicted")
"""What a judge grades."""
INTERVAL = "95\u00a0% interval"
TRUST = "how far to trust it"
HARD = "Below 1 for a single case, and the gate closes."


def figure(value: float | None, unit: str = "") -> str:
    """Write a share as `.947` or `1.000`, anything with a unit as `42.3`, and no figure as `–`."""
    if value is None or not math.isfinite(value):
        return NONE
    if unit:
        return f"{value:,.1f}"
    return f"{value:.3f}".replace("0.", ".", 1) if abs(value) < 0.9995 else f"{value:.3f}"


def interval(entry: Entry, unit: str = "") -> str:
    """Write the bounds of a figure: `.891–.982`."""
    low, high = entry.get("low"), entry.get("high")
    return NONE if low is None or high is None else f"{figure(low, unit)}–{figure(high, unit)}"


def counted(count: int, noun: str) -> str:
    """Write a number of things: `1 case`, `1,200 cases`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def printable(text: str) -> str:
    """Put a space in place of every character that a terminal or a page could take for an order."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def one_line(text: str, length: int | None = None) -> str:
    """Return text without control characters on one line, cut between words where it is too long."""
    line = " ".join(text.split())
    if not line.isprintable():
        line = " ".join(printable(line).split())
    if length is None or len(line) <= length:
        return line
    cut = line[: length - 1]
    words = cut.rsplit(" ", 1)[0]
    return (words if len(words) > length // 2 else cut).rstrip(".,;: ") + "…"


# --- what a summary says, in words


class Best(NamedTuple):
    """The trivial baseline that is hardest to beat."""

    value: float
    name: str


def best_baseline(metric: Entry) -> Best | None:
    """Return the best baseline of a metric, None where none is scored or neither way is better."""
    scored = [Best(value, name) for name, value in metric["baselines"].items() if value is not None]
    if not scored or metric["better"] == "neither":
        return None
    pick = min if metric["better"] == "lower" else max
    return pick(scored, key=lambda best: best.value)


def grouped(summary: Entry) -> Iterator[tuple[str, list[Entry]]]:
    """Yield the heading of each group of metrics, and the metrics."""
    for group, heading in GROUPS.items():
        if members := [metric for metric in summary["metrics"] if metric["group"] == group]:
            yield heading, members


def titles(summary: Entry) -> dict[str, str]:
    """Return metric -> its title."""
    return {metric["name"]: metric["title"] for metric in summary["metrics"]}


def unscored(metrics: Sequence[Entry], *, named: int | None = None) -> list[str]:
    """Say which metrics leave cases out, and why: `facts covered, exact: no facts expected 12`.

    Of metrics that leave out the same, at most `named` are named, and the others counted.
    """
    alike: dict[tuple[tuple[str, int], ...], list[str]] = {}
    for metric in metrics:
        if reasons := metric.get("unscored"):
            alike.setdefault(tuple(sorted(reasons.items())), []).append(metric["title"])
    return [
        f"{_some(titles, named)}: {', '.join(f'{one_line(reason)} {count}' for reason, count in reasons)}"
        for reasons, titles in alike.items()
    ]


def _some(titles: Sequence[str], most: int | None) -> str:
    """Name titles: `facts covered; exact; 3 more`."""
    rest = len(titles) - most if most is not None else 0
    return "; ".join(titles) if rest < 2 else "; ".join([*titles[:most], f"{rest} more"])


def headline(run: Run) -> str:
    """Return the size of a run: `72 cases, 70 graded, 2 crashed`."""
    summary = run.summary
    parts = [counted(summary["cases"], "case"), f"{summary['graded']:,} graded"]
    if crashed := len(summary["crashed"]):
        parts.append(f"{crashed:,} crashed")
    return ", ".join(parts) + ("" if run.info.finished else "; interrupted, so some were not asked")


def made_with(run: Run) -> str:
    """Return model, index and day of a run on one line."""
    info = run.info
    index = ", ".join(
        counted(int(info.index[key]), key.removesuffix("s"))
        for key in ("articles", "passages")
        if key in info.index
    )
    fingerprint = f"{info.index.get('fingerprint', 'unknown')}{f' ({index})' if index else ''}"
    created = info.created[:16].replace("T", " ")
    return f"model {info.model or 'unknown'} · index {fingerprint} · {created}"


def speed_line(speed: Entry) -> str:
    """Return wall time and the time of each stage: `72 cases in 9.1 s; median and 95th percentile ...`."""
    stages = ", ".join(
        f"{stage['stage']} {seconds(stage['p50'])} / {seconds(stage['p95'])}" for stage in speed["stages"]
    )
    rate = speed["questions_per_second"]
    whole = f"{seconds(speed['wall_seconds'])}{'' if rate is None else f', {rate:,.1f} questions a second'}"
    return f"{whole}; median / 95th percentile: {stages}" if stages else whole


def seconds(value: float | None) -> str:
    """Write a time: `83 ms`, `1.40 s`, `75 s`."""
    if value is None:
        return NONE
    if value < 1:
        return f"{value * 1000:.0f} ms" if value >= 0.01 else f"{value * 1000:.1f} ms"
    return f"{value:.2f} s" if value < 10 else f"{value:,.0f} s"


def cost_line(cost: Entry) -> str:
    """Return tokens and price, or why there is none."""
    if cost["prompt_tokens"] == cost["completion_tokens"] == 0:
        return "nothing: no model was asked"
    tokens = [
        f"{cost[key]:,} {name} tokens"
        for key, name in (("prompt_tokens", "prompt"), ("completion_tokens", "completion"))
        if cost[key] is not None
    ]
    usd = cost["usd"]
    price = [] if usd is None else [f"{usd:,.4f} US dollars at the prices of {cost['prices_of']}"]
    return ", ".join([*tokens, *price, *([cost["reason"]] if cost["reason"] else [])]) or NONE


def trust_judged(judged: Entry) -> str:
    """Say what the judge's figures are worth: how often it agrees with people, or that nobody checked."""
    start = f"Judged by {judged['model']}, {counted(judged['repeats'], 'time')} each. Never closes the gate; "
    card, note = judged["card"], judged["card_note"]
    if not card:
        return f"{start}{note or 'nobody checked its judge against labels by people'}."
    named = {
        "balanced_accuracy": "of labelled claims (balanced accuracy)",
        "false_support_rate": "false support",
        "kappa": "kappa",
        "self_consistency": "the same when asked again",
        "word_overlap": "by word overlap alone",
    }
    said = [f"{figure(card[key])} {words}" for key, words in named.items() if card.get(key) is not None]
    return f"{start}its judge agrees with people in {', '.join(said)}{f'; {note}' if note else ''}."


def judge_notes(entry: Entry) -> list[str]:
    """Return how far the repeats of a judge agree, what it left without a grade, and why it stopped."""
    spread = entry["spread"]
    parts = spread.items() if isinstance(spread, Mapping) else [("", spread)]
    lines = [f"Repeats: {', '.join(f'{name} {figure(own)}'.strip() for name, own in parts)}"]
    graded = [{**entry[name], "title": _spoken(name)} for name in JUDGEMENTS if entry.get(name)]
    notice = entry.get("notice")
    return [*lines, *(f"Unscored: {line}" for line in unscored(graded)), *([notice] if notice else [])]


def _spoken(name: str) -> str:
    return name.replace("_", " ")


# --- tables


class Grid(NamedTuple):
    """A small table of words; the first cell of a row names it."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def kinds(summary: Entry) -> Grid:
    """Return how often questions that cannot be answered are declined, by kind."""
    rows = tuple(
        (
            kind["kind"],
            f"{kind['n']:,}",
            *_bounded(kind["declined"]),
            figure(kind["precision"]["value"]),
            *_bounded(kind["auroc"]),
        )
        for kind in summary["abstention"]["kinds"]
    )
    head = ("kind", "n", "declined", INTERVAL, "rightly", "AUROC", INTERVAL)
    return Grid("Unanswerable questions, by kind", head, rows)


def tags(summary: Entry) -> Grid:
    """Return the main metrics by tag."""
    return _parts("By tag", "tag", summary["tags"], titles(summary))


def turns(summary: Entry) -> Grid:
    """Return the main metrics by turn; no rows when every question is the first of its conversation."""
    entries = sorted(summary["turns"], key=lambda entry: int(entry["turn"]))
    return _parts("By turn of the conversation", "turn", entries if len(entries) > 1 else [], titles(summary))


def stages(summary: Entry) -> Grid:
    """Return the time of each stage."""
    rows = tuple(
        (stage["stage"], seconds(stage["p50"]), seconds(stage["p95"])) for stage in summary["speed"]["stages"]
    )
    return Grid("Time by stage", ("stage", "median", "95th percentile"), rows)


def judged(summary: Entry) -> Grid:
    """Return what a model judged, and beside each figure how far its judge agrees with people."""
    entries = summary["judged"] or {}
    rows = tuple(
        (_spoken(name), *_bounded(entry), f"{entry['n']:,}", str(entry.get("trust", NONE)))
        for name in JUDGEMENTS
        if (entry := entries.get(name))
    )
    return Grid("Verdicts", ("judged", "value", INTERVAL, "n", TRUST), rows)


def labels(summary: Entry) -> Grid:
    """Return what people labelled, and how often they agree: with each other, with `passed`, with a judge."""
    agreements = {"between_people": "people agree", "with_passed": "with passed", "with_judge": "with judge"}
    rows = tuple(
        (
            name,
            *_bounded(entry),
            f"{entry.get('n', 0):,}",
            *(_agreement(entry.get(key)) for key in agreements),
        )
        for name, entry in (summary["labels"] or {}).items()
    )
    return Grid("Labels", ("label", "value", INTERVAL, "n", *agreements.values()), rows)


def _agreement(entry: Entry | None) -> str:
    return f"{figure(entry['share'])} of {entry['n']:,}" if entry else NONE


def _parts(title: str, key: str, entries: Sequence[Entry], named: Mapping[str, str]) -> Grid:
    measured = list(entries[0]["metrics"]) if entries else []
    rows = tuple(
        (
            str(entry[key]),
            f"{entry['n']:,}",
            *(cell for name in measured for cell in _bounded(entry["metrics"].get(name))),
        )
        for entry in entries
    )
    head = (cell for name in measured for cell in (named.get(name, name), INTERVAL))
    return Grid(title, (key, "n", *head), rows)


def _bounded(entry: Entry | None) -> tuple[str, str]:
    """Return a figure and its bounds as two cells."""
    return (NONE, NONE) if not entry else (figure(entry.get("value")), interval(entry))


# --- what a case came to


Verdict = Literal["failed", "crashed", "unscored", "not asked", "passed"]
"""What a case came to, in the order of the reports."""


class Outcome(NamedTuple):
    """A case, what the engine did with it, and what that came to."""

    case: Case
    record: Record | None
    """None when the case was not asked."""
    verdict: Verdict
    because: str
    """Why the case did not pass."""

    @property
    def bad(self) -> bool:
        """The case was asked, and did not pass."""
        return self.verdict in {"failed", "crashed"}


def outcomes(run: Run) -> list[Outcome]:
    """Return all cases: failures worst first, then crashes, then those without a grade, then the rest."""
    records = {record.case: record for record in run.records}
    worst = {case_id: place for place, case_id in enumerate(run.summary["worst"])}
    verdicts = get_args(Verdict)
    found = [_outcome(run, case, records.get(case.id)) for case in run.cases]
    return sorted(found, key=lambda o: (worst.get(o.case.id, len(worst)), verdicts.index(o.verdict)))


def _outcome(run: Run, case: Case, record: Record | None) -> Outcome:
    if record is None:
        return Outcome(case, None, "not asked", "the run was interrupted before")
    if record.error:
        return Outcome(case, record, "crashed", f"crashed: {record.error}")
    passed = run.score(case.id, "passed")
    said = passed.reason or record.reason or record.notice or ", ".join(lacking(run, case.id)) or NONE
    if passed.value is None:
        return Outcome(case, record, "unscored", said)
    return Outcome(case, record, "passed" if passed.value >= 1 else "failed", said)


def lacking(run: Run, case_id: str) -> list[str]:
    """Return the metrics by which a case is worse than perfect, each with its grade and reason."""
    found = []
    for metric in run.summary["metrics"]:
        value, reason = run.score(case_id, metric["name"])
        perfect = {"higher": 1.0, "lower": 0.0, "neither": value}[metric["better"]]
        if value not in {None, perfect} and not metric["unit"] and metric["name"] != "passed":
            found.append(f"{metric['title']} {figure(value)}{f' ({reason})' if reason else ''}")
    return found


def expected(case: Case) -> str:
    """Return what a right answer says, in a few words."""
    if not case.answerable:
        return "to decline: the articles do not tell"
    if case.expected_answer:
        return case.expected_answer
    return "; ".join(" or ".join(fact) for fact in case.must_include) or "an answer"


def got(record: Record | None) -> str:
    """Return the answer; before one that declines, that it does."""
    if record is None or record.error:
        return "no answer"
    return f"declined: {record.text}" if record.abstained else record.text


# --- the terminal


def print_run(run: Run, console: Console, *, worst: int = 10) -> None:
    """Print a run: metrics with intervals and baselines, abstention, turns, speed, cost, the worst cases."""
    for part in _report(run, console.width, worst):
        console.print(part)


def _report(run: Run, width: int, worst: int) -> Iterator[RenderableType]:
    summary = run.summary
    yield _text(f"{run.info.name} · {headline(run)}", style="bold")
    yield _text(made_with(run), style="dim")
    yield from _heading(MEASURED, TRUST_MEASURED)
    yield _metrics(summary, wide=width >= WIDE)
    yield from _notes(summary)
    yield from _grid(kinds(summary))
    yield from _grid(_by_turn(summary))
    yield _text("")
    yield _labelled("Speed", speed_line(summary["speed"]))
    yield _labelled("Cost", cost_line(summary["cost"]))
    yield from _judged(summary)
    yield from _labels(summary)
    yield from _worst(run, worst)
    if run.folder:
        yield _text("")
        yield _labelled("Run folder", one_line(str(run.folder)))


def _text(words: str, style: str = "") -> Text:
    """Return words as the terminal shows them: nothing in them is markup or a control character."""
    return Text(printable(words), style=style)


def _heading(title: str, trust: str) -> Iterator[RenderableType]:
    yield _text("")
    yield Rule(_text(title, style="bold"), align="left", style="dim")
    yield _text(trust, style="dim")


def _labelled(label: str, words: str) -> RenderableType:
    row = Table.grid(Column(no_wrap=True, min_width=11, style="bold"), Column(overflow="fold"))
    row.add_row(_text(label), _text(words))
    return row


def _table(*names: str, first: str) -> Table:
    """Return a table whose first column holds words and whose others hold figures; names are broken."""
    figures = [
        Column(
            Text(name if name == TRUST else name.replace(" ", "\n")),
            justify="left" if name == TRUST else "right",
            no_wrap=name != TRUST,
            vertical="bottom",
        )
        for name in names
    ]
    words = Column(_text(first, style="bold"), overflow="fold", min_width=_NAME, vertical="bottom")
    return Table(words, *figures, box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")


def _metrics(summary: Entry, *, wide: bool) -> Table:
    names = list(summary["baselines"])
    columns = ["value", INTERVAL, "n", *(names if wide else ["best baseline"])]
    table = _table(*columns, first="")
    for heading, members in grouped(summary):
        graded = [metric for metric in members if metric["n"] or metric["hard"]]
        if graded:
            table.add_row(_text(heading, style="bold"))
        for metric in graded:
            table.add_row(*_figures(metric, names if wide else None))
    return table


def _figures(metric: Entry, names: Sequence[str] | None) -> list[Text]:
    """Return the cells of a metric's row, with all baselines by name or with the best one."""
    unit, value = metric["unit"], metric["value"]
    broken = metric["hard"] and value is not None and value < 1
    title = f"  {metric['title']}{' *' if metric['hard'] else ''}{' broken' if broken else ''}"
    cells = [
        _text(title, style="bold red" if broken else ""),
        _text(figure(value, unit), style="bold red" if broken else "bold"),
        _text(interval(metric, unit)),
        _text(f"{metric['n']:,}"),
    ]
    if names is not None:
        return cells + [_text(figure(metric["baselines"].get(name), unit), style="dim") for name in names]
    best = best_baseline(metric)
    return [*cells, _text(f"{figure(best.value, unit)} {best.name}" if best else NONE, style="dim")]


def _notes(summary: Entry) -> Iterator[RenderableType]:
    if any(metric["hard"] for metric in summary["metrics"]):
        yield _text(f"* {HARD}", style="dim")
    if lines := unscored(summary["metrics"], named=2):
        yield _text("Unscored, with the number of cases:", style="dim")
        yield from (Padding(_text(line, style="dim"), (0, 0, 0, 2)) for line in lines)


def _grid(grid: Grid) -> Iterator[RenderableType]:
    if grid.rows:
        table = _table(*grid.head[1:], first=grid.title)
        for name, *figures in grid.rows:
            table.add_row(_text(f"  {one_line(name)}"), *map(_text, figures))
        yield from (_text(""), table)


def _by_turn(summary: Entry) -> Grid:
    """Return the main metrics by turn, one below the other, so that they fit."""
    named = titles(summary)
    rows = [
        (f"turn {entry['turn']}, {named.get(name, name)}", f"{part['n']:,}", *_bounded(part))
        for entry in sorted(summary["turns"], key=lambda entry: int(entry["turn"]))
        for name, part in entry["metrics"].items()
    ]
    return Grid("By turn", ("", "n", "value", INTERVAL), tuple(rows if len(summary["turns"]) > 1 else ()))


def _judged(summary: Entry) -> Iterator[RenderableType]:
    if summary["judged"]:
        yield from _heading(JUDGED, trust_judged(summary["judged"]))
        yield from _grid(judged(summary))
        yield from (_text(line, style="dim") for line in judge_notes(summary["judged"]))


def _labels(summary: Entry) -> Iterator[RenderableType]:
    if summary["labels"]:
        yield from _heading(LABELLED, TRUST_LABELLED)
        yield from _grid(labels(summary))


def _worst(run: Run, count: int) -> Iterator[RenderableType]:
    bad = [outcome for outcome in outcomes(run) if outcome.bad]
    if not bad:
        yield from (_text(""), _text("No case failed or crashed.", style="bold"))
        return
    of = f"; the worst {count} of them" if len(bad) > count else ""
    yield _text("")
    yield Rule(
        _text(f"{counted(len(bad), 'case')} did not pass{of}", style="bold"), align="left", style="dim"
    )
    yield from (_case(outcome) for outcome in bad[:count])


def _case(outcome: Outcome) -> RenderableType:
    rows = Table.grid(Column(no_wrap=True, min_width=11, style="dim"), Column(overflow="fold"))
    for name, words in (
        ("question", outcome.case.question),
        ("expected", expected(outcome.case)),
        ("got", got(outcome.record)),
        ("because", outcome.because),
    ):
        rows.add_row(_text(name), _text(one_line(words, _SHORT)))
    block = Table.grid(Column(overflow="fold"))
    block.add_row(_text(outcome.case.id, style="bold"))
    block.add_row(Padding(rows, (0, 0, 0, 2)))
    return block
