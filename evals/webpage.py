"""A run -> report.html, one page that needs nothing else and holds nothing that runs or loads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import NamedTuple

from . import charts
from .charts import Bar, Point
from .records import CitationRecord, PassageRecord, Record
from .runs import Run
from .tables import (
    INTERVAL,
    JUDGED,
    LABELLED,
    MEASURED,
    NONE,
    TRUST,
    TRUST_LABELLED,
    TRUST_MEASURED,
    Entry,
    Grid,
    Outcome,
    best_baseline,
    cost_line,
    counted,
    expected,
    figure,
    grouped,
    headline,
    interval,
    judge_notes,
    judged,
    kinds,
    labels,
    lacking,
    made_with,
    one_line,
    outcomes,
    speed_line,
    stages,
    tags,
    trust_judged,
    turns,
)
from .telling import (
    SIGNS,
    Piece,
    facts,
    flaw,
    holds_gold,
    notes_on,
    particulars,
    pieces,
    place,
    retrieved_by,
    sources_expected,
    ungraded,
)

_OPEN = 3
"""Failures that are open when the page is."""
_WHOLE = 300
"""Cases whose retrieved passages are written out; the rest of a large run names them only."""
_CURVES = 4
"""Kinds of unanswerable questions that get a curve of their own, the most frequent."""
_BARS = 24
"""Tags of a chart, the most frequent."""
_HEADLINES = ("passed", "facts_covered", "citation_precision", "citation_recall")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def to_html(run: Run) -> str:
    """Return report.html: one page without scripts and without anything that is loaded."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{_line(run.info.name)}</title>\n<style>{_CSS}{charts.CSS}</style>\n</head>\n"
        f"<body>\n{''.join(_page(run))}</body>\n</html>\n"
    )


def _line(text: str) -> str:
    """Return foreign text on one line, for HTML."""
    return escape(one_line(text))


def _block(text: str) -> str:
    """Return foreign text with its line ends, for HTML."""
    return "\n".join(_line(line) for line in text.splitlines())


def _page(run: Run) -> Iterator[str]:
    found = outcomes(run)
    yield f"<header>{_top(run)}</header>\n<main>\n"
    yield _section("metrics", MEASURED, TRUST_MEASURED, _measured(run))
    summary = run.summary
    if summary["judged"]:
        notes = "".join(f"<li>{_line(line)}</li>" for line in judge_notes(summary["judged"]))
        parts = f'{_grids(judged(summary))}<ul class="soft notes">{notes}</ul>'
        yield _section("judged", JUDGED, trust_judged(summary["judged"]), parts)
    if summary["labels"]:
        yield _section("labels", LABELLED, TRUST_LABELLED, _grids(labels(summary)))
    cases = "".join(_case(run, number, outcome) for number, outcome in enumerate(found, start=1))
    yield _section("cases", "Cases", _cases_line(found), cases)
    made, *folded = particulars(run)
    parts = _pairs(made) + "".join(_folded(grid.title, _pairs(grid)) for grid in folded)
    yield _section("made", "How the run was made", "Everything in run.json.", parts)
    yield "</main>\n"


def _section(name: str, title: str, lead: str, body: str) -> str:
    heading = f'<h2 id="{name}">{_line(title)}</h2>\n<p class="lead">{_line(lead)}</p>'
    return f'<section aria-labelledby="{name}">{heading}\n{body}</section>\n'


def _top(run: Run) -> str:
    summary = run.summary
    links = {
        "metrics": "Metrics",
        "judged": "Judged",
        "labels": "Labels",
        "cases": "Cases",
        "made": "Settings",
    }
    present = (name for name in links if name not in {"judged", "labels"} or summary[name])
    nav = "".join(f'<a href="#{name}">{links[name]}</a>' for name in present)
    return (
        f"<h1>{_line(run.info.name)}</h1><p>{_line(headline(run))}</p>"
        f'<p class="soft">{_line(made_with(run))}</p><nav aria-label="Parts of the report">{nav}</nav>'
        f'<dl class="figures">{"".join(_headlines(summary))}</dl>'
    )


def _headlines(summary: Entry) -> Iterator[str]:
    metrics = {metric["name"]: metric for metric in summary["metrics"]}
    for metric in (metrics[name] for name in _HEADLINES if name in metrics):
        best = best_baseline(metric)
        against = f"{figure(best.value)} {best.name}" if best else NONE
        yield (
            f"<div><dt>{_line(metric['title'])}</dt><dd><b>{figure(metric['value'])}</b> {interval(metric)}"
            f'<span class="soft">best baseline {_line(against)}</span></dd></div>'
        )
    if hard := [metric for metric in metrics.values() if metric["hard"]]:
        broken = [metric["title"] for metric in hard if metric["value"] is not None and metric["value"] < 1]
        state = (
            f'<b class="bad">{len(broken)} broken</b>' if broken else f'<b class="good">{len(hard)} hold</b>'
        )
        yield (
            f"<div><dt>hard checks</dt><dd>{state} of {len(hard)}"
            f'<span class="soft">{_line(", ".join(broken) or "all that were graded")}</span></dd></div>'
        )


def _measured(run: Run) -> str:
    summary = run.summary
    notes = "".join(f"<li>{_line(line)}</li>" for line in notes_on(summary))
    lines = (("Speed", speed_line(summary["speed"])), ("Cost", cost_line(summary["cost"])))
    spent = _pairs(Grid("", (), lines))
    return (
        f'{_metrics(summary)}<ul class="soft notes">{notes}</ul>'
        f'<div class="charts">{"".join(_charts(run))}</div>'
        f"{_grids(kinds(summary), tags(summary), turns(summary))}<h3>Speed and cost</h3>"
        f"{spent}{_folded('Time by stage', _table(stages(summary)))}"
    )


def _pairs(grid: Grid) -> str:
    pairs = "".join(f"<dt>{_line(name)}</dt><dd>{_line(value)}</dd>" for name, value in grid.rows)
    return f'<dl class="pairs">{pairs}</dl>'


def _metrics(summary: Entry) -> str:
    names = summary["baselines"]
    wide = "".join(f'<th scope="col" class="wide">{_line(name)}</th>' for name in names)
    head = (
        '<tr><th scope="col">metric</th><th scope="col">value</th>'
        f'<th scope="col" class="wide"><span class="unseen">drawn</span></th><th scope="col">{INTERVAL}</th>'
        f'<th scope="col">n</th><th scope="col" class="narrow">best baseline</th>{wide}</tr>'
    )
    bodies = "".join(
        f'<tbody><tr><th scope="rowgroup" colspan="{6 + len(names)}" class="group">{heading}</th></tr>'
        f"{''.join(_metric(metric, names) for metric in members)}</tbody>"
        for heading, members in grouped(summary)
    )
    table = _scrolled("Metrics with intervals and trivial baselines", f"<thead>{head}</thead>{bodies}")
    return f'<div class="metrics">{table}</div>'


def _metric(metric: Entry, names: Sequence[str]) -> str:
    unit, value, best = metric["unit"], metric["value"], best_baseline(metric)
    broken = metric["hard"] and value is not None and value < 1
    hard = f' <span class="tag{" bad" if broken else ""}">hard</span>' if metric["hard"] else ""
    drawn = (
        ""
        if unit
        else charts.whisker(
            Bar(metric["title"], value, metric["low"], metric["high"], mark=best.value if best else None)
        )
    )
    wide = "".join(
        f'<td class="wide{" best" if best and best.name == name else ""}">'
        f"{figure(metric['baselines'].get(name), unit)}</td>"
        for name in names
    )
    beside = f"{figure(best.value, unit)} <span class='soft'>{_line(best.name)}</span>" if best else NONE
    return (
        f'<tr><th scope="row">{_line(metric["title"])}{hard}</th>'
        f'<td class="value{" bad" if broken else ""}">{figure(value, unit)}</td><td class="wide">{drawn}</td>'
        f"<td>{interval(metric, unit)}</td><td>{metric['n']:,}</td>"
        f'<td class="narrow">{beside}</td>{wide}</tr>'
    )


class Drawn(NamedTuple):
    """A chart, its title and a few words about it."""

    title: str
    note: str
    svg: str


def _charts(run: Run) -> Iterator[str]:
    return (_figure(*drawn) for drawn in drawn_of(run))


def drawn_of(run: Run) -> Iterator[Drawn]:
    """Yield the charts of a run: what passed by tag, declining, risk by coverage, time."""
    summary = run.summary
    whole = next((metric["value"] for metric in summary["metrics"] if metric["name"] == "passed"), None)
    by_tag = [
        _bar(entry["tag"], entry["metrics"]["passed"], entry["n"], whole)
        for entry in summary["tags"][:_BARS]
        if "passed" in entry["metrics"]
    ]
    by_kind = [_bar(kind["kind"], kind["declined"], kind["n"]) for kind in summary["abstention"]["kinds"]]
    total = [record.seconds["total"] for record in run.records if "total" in record.seconds]
    yield Drawn("Passed, by tag", "tick: all cases", charts.bars(by_tag, title="Passed, by tag"))
    declined = "Declined, by kind"
    yield Drawn(declined, "questions without an answer", charts.bars(by_kind, title=declined))
    yield from map(_risk, summary["abstention"]["kinds"][:_CURVES])
    latency = charts.histogram(total, title="Time to the whole answer", x="seconds")
    yield Drawn("Time to the whole answer", "", latency)


def _risk(kind: Entry) -> Drawn:
    """Draw what answering more questions costs, among the answerable ones and those of one kind."""
    title = f"Risk by coverage: {kind['kind']}"
    risk = [Point(coverage, lost) for coverage, lost, _ in kind["risk_coverage"]]
    drawn = charts.curve(risk, title=title, x="share of questions answered", y="share wrongly answered")
    return Drawn(title, f"Area under the curve: {figure(kind['aurc'])}", drawn)


def _bar(label: str, entry: Entry, n: int, mark: float | None = None) -> Bar:
    return Bar(label, entry["value"], entry["low"], entry["high"], n, mark)


def _figure(title: str, note: str, drawn: str) -> str:
    said = f' <span class="soft">{_line(note)}</span>' if note else ""
    return f"<figure><figcaption><h3>{_line(title)}</h3>{said}</figcaption>{drawn}</figure>" if drawn else ""


def _grids(*grids: Grid) -> str:
    return "".join(f"<h3>{_line(grid.title)}</h3>{_table(grid)}" for grid in grids if grid.rows)


def _table(grid: Grid) -> str:
    kinds_of = ["words" if name == TRUST else "figure" for name in grid.head]
    head = "".join(
        f'<th scope="col" class="{kind}">{_line(name)}</th>'
        for name, kind in zip(grid.head, kinds_of, strict=True)
    )
    rows = "".join(
        f'<tr><th scope="row">{_line(first)}</th>'
        + "".join(
            f'<td class="{kind}">{_line(cell)}</td>' for cell, kind in zip(rest, kinds_of[1:], strict=True)
        )
        + "</tr>"
        for first, *rest in grid.rows
    )
    return _scrolled(grid.title, f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>")


def _scrolled(name: str, table: str) -> str:
    """Return a table that is moved sideways where the page is too narrow for it, by keyboard too."""
    region = f'class="scroll" role="region" aria-label="{_line(name)}" tabindex="0"'
    return f"<div {region}><table>{table}</table></div>\n"


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{_line(title)}</summary>{body}</details>\n"


# --- HTML: one case


def _cases_line(found: Sequence[Outcome]) -> str:
    verdicts = [outcome.verdict for outcome in found]
    counts = ", ".join(f"{verdicts.count(name)} {name}" for name in dict.fromkeys(verdicts))
    return f"{counts}. Failures come first, the worst at the top."


def _case(run: Run, number: int, outcome: Outcome) -> str:
    case = outcome.case
    is_open = " open" if outcome.bad and number <= _OPEN else ""
    tagged = "".join(f'<span class="tag">{_line(tag)}</span>' for tag in case.tags)
    because = (
        "" if outcome.verdict == "passed" else f'<p class="because"><b>Why</b> {_line(outcome.because)}</p>'
    )
    return (
        f'<details class="case" id="case-{number}"{is_open}><summary>'
        f'<span class="verdict {outcome.verdict.replace(" ", "-")}">{outcome.verdict}</span>'
        f'<h3>{_line(case.question)}</h3><span class="id">{_line(case.id)}</span></summary>'
        f"{_before(outcome)}{because}<div class='two'>{_expected(outcome)}{_got(run, number, outcome)}</div>"
        f"{_grades(run, case.id)}{_passages(run, number, outcome)}<p>{tagged}</p></details>\n"
    )


def _before(outcome: Outcome) -> str:
    turns_before = "".join(
        f"<li><b>{_line(turn.question)}</b><br>{_line(turn.answer) or NONE}</li>"
        for turn in outcome.case.history
    )
    used = outcome.record and outcome.record.used_history
    note = "" if used else " <span class='soft'>not given to the engine</span>"
    searched = outcome.record and outcome.record.searched
    told = f"<p>Searched as: {_line(searched)}</p>" if searched else ""
    return f"<h4>Asked before{note}</h4><ol class='turns'>{turns_before}</ol>{told}" if turns_before else ""


def _expected(outcome: Outcome) -> str:
    held = "".join(
        f'<li class="{_SIGN_CLASSES[check.right]}" dir="auto">{SIGNS[check.right]} {_line(check.words)}</li>'
        for check in facts(outcome)
    )
    sources = "".join(f'<li dir="auto">{_line(line)}</li>' for line in sources_expected(outcome))
    told = outcome.case.expected_answer or not outcome.case.must_include
    words = f'<p dir="auto">{_line(expected(outcome.case))}</p>' if told else ""
    return (
        f"<div><h4>Expected</h4>{words}"
        f"{f'<ul class=facts>{held}</ul>' if held else ''}{f'<ul>{sources}</ul>' if sources else ''}</div>"
    )


_SIGN_CLASSES = {True: "good", False: "bad", None: "soft"}


def _got(run: Run, number: int, outcome: Outcome) -> str:
    record = outcome.record
    if record is None or record.error:
        return "<div><h4>Got</h4><p>no answer</p></div>"
    known = {note.number for note in record.citations}
    words = "".join(_piece(number, piece, known) for piece in pieces(record))
    notes = "".join(_note(number, note, run.passages) for note in record.citations)
    said = "".join(f'<p class="soft">{_line(line)}</p>' for line in _remarks(record))
    return (
        f'<div><h4>Got <span class="soft">({record.status})</span></h4>'
        f'<p class="answer" dir="auto">{words}</p>{said}{f"<ol>{notes}</ol>" if notes else ""}</div>'
    )


def _remarks(record: Record) -> list[str]:
    """Return what the engine says about its answer."""
    unknown = record.unknown_markers
    dropped = [f"{counted(unknown, 'marker')} named no source"] if unknown else []
    return [*filter(None, (record.reason, record.notice)), *dropped]


def _piece(number: int, piece: Piece, known: set[int]) -> str:
    if piece.number is None:
        return _block(piece.text) if not piece.text.startswith(" ") else " " + _block(piece.text)
    if piece.number not in known:
        return f'<span class="bad">{piece.text}</span>'
    return f'<a class="marker" href="#case-{number}-note-{piece.number}">{piece.text}</a>'


def _note(number: int, note: CitationRecord, passages: Mapping[str, PassageRecord]) -> str:
    wrong = flaw(note, passages)
    mark = f' <span class="tag bad">{wrong}</span>' if wrong else ""
    stands = (
        f'<p class="soft" dir="auto">There stands: {_line(note.stands)}</p>' if wrong and note.stands else ""
    )
    where = _line(place(note.article, note.start, note.end))
    return (
        f'<li id="case-{number}-note-{note.number}" value="{note.number}">'
        f'<q dir="auto">{_line(note.quote)}</q> '
        f'<span class="soft">{where}</span>{mark}{stands}</li>'
    )


def _grades(run: Run, case_id: str) -> str:
    below = "".join(f"<li>{_line(line)}</li>" for line in lacking(run, case_id))
    unscored_lines = "".join(
        f"<li>{_line(why)}: {_line(', '.join(named))}</li>" for why, named in ungraded(run, case_id).items()
    )
    return (f"<h4>Less than perfect</h4><ul>{below}</ul>" if below else "") + (
        _folded("Unscored", f"<ul>{unscored_lines}</ul>") if unscored_lines else ""
    )


def _passages(run: Run, number: int, outcome: Outcome) -> str:
    retrieved = retrieved_by(outcome.record, run.passages) if outcome.record else []
    if not retrieved:
        return ""
    items = "".join(
        f'<li><span class="soft">{_line(place(passage.article, *passage.span))}, score {score}</span>'
        f"{' <span class=tag>expected source</span>' if holds_gold(run, outcome.case.id, passage) else ''}"
        f"{f'<p dir=auto>{_block(passage.text)}</p>' if number <= _WHOLE else ''}</li>"
        for passage, score in retrieved
    )
    return _folded(f"Retrieved: {counted(len(retrieved), 'passage')}", f'<ol class="passages">{items}</ol>')


_CSS = """
:root {
  color-scheme: light dark;
  --page: #fdfdfc; --panel: #f4f5f4; --ink: #1b1f23; --soft: #5a646e; --line: #dde1e5;
  --accent: #0a6d75; --mark: #b45309; --good: #1a7343; --bad: #b3261e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171a; --panel: #1c2024; --ink: #e4e7ea; --soft: #9ba6b0; --line: #30363c;
    --accent: #57bfc6; --mark: #eba04a; --good: #6fcb95; --bad: #ff8d83;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink); overflow-wrap: anywhere;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif;
}
header, main { max-width: 72rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2rem; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .25rem; }
h2 { font-size: 1.25rem; margin: 3rem 0 0; padding-top: 1rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.75rem 0 .35rem; }
h4 { font-size: .8125rem; color: var(--soft); margin: .9rem 0 .2rem; }
p { margin: 0 0 .35rem; }
.lead { color: var(--soft); margin-bottom: 1rem; max-width: 46rem; }
.soft { color: var(--soft); font-weight: 400; }
.good { color: var(--good); }
.bad { color: var(--bad); }
a { color: var(--accent); text-underline-offset: .15em; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: .75rem 0 0; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }

.figures {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: 1rem;
  margin: 1.5rem 0 0;
}
.figures div { border-top: 2px solid var(--line); padding-top: .4rem; }
.figures dt { font-size: .8125rem; color: var(--soft); }
.figures dd { margin: 0; font-size: .8125rem; font-variant-numeric: tabular-nums; }
.figures b { font-size: 1.5rem; line-height: 1.25; font-weight: 600; margin-right: .2rem; }
.figures .soft { display: block; }

.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .8125rem; font-variant-numeric: tabular-nums; }
th, td {
  padding: .25rem .7rem; text-align: right; vertical-align: middle; border-bottom: 1px solid var(--line);
}
th { font-weight: 400; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
thead th { color: var(--soft); vertical-align: bottom; line-height: 1.25; overflow-wrap: normal; }
th.group { font-weight: 600; padding-top: .9rem; }
td { white-space: nowrap; }
th.words, td.words { text-align: left; white-space: normal; max-width: 34rem; }
th[scope="row"] { min-width: 7.5rem; max-width: 24rem; }
.metrics th { overflow-wrap: normal; white-space: nowrap; }
.metrics thead th { white-space: normal; vertical-align: bottom; }
td.value { font-weight: 600; }
td.wide { color: var(--soft); }
td.wide.best { color: var(--mark); }
.narrow { display: none; }
.notes { font-size: .8125rem; padding-left: 1.1rem; margin: .6rem 0 0; max-width: 60rem; }

.charts { columns: 20rem; column-gap: 2rem; }
figure { margin: 0; break-inside: avoid; }
figcaption h3 { margin-top: 1.25rem; }
figcaption { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .6rem; font-size: .8125rem; }
.pairs {
  display: grid; grid-template-columns: auto 1fr; gap: .1rem 1rem;
  margin: 0 0 .5rem; font-size: .875rem;
}
.pairs dt { color: var(--soft); }
.pairs dd { margin: 0; }

summary { cursor: pointer; padding: .3rem 0; }
details { margin: .25rem 0; }
.case details > summary, #made ~ details > summary { font-size: .8125rem; color: var(--soft); }
.case { border-bottom: 1px solid var(--line); margin: 0; }
.case > summary {
  display: grid; grid-template-columns: 5.5rem minmax(0, 1fr) fit-content(16rem);
  gap: .1rem .75rem; align-items: baseline;
}
.case > summary h3 { margin: 0; font-size: .9375rem; font-weight: 500; }
.case[open] { padding-bottom: .75rem; }
.case[open] > summary h3 { font-weight: 650; }
.case > :not(summary) { margin-left: 6.25rem; }
.verdict { font-size: .8125rem; font-weight: 600; color: var(--soft); }
.verdict::before { content: "▸ "; }
.case[open] .verdict::before { content: "▾ "; }
.verdict.passed { color: var(--good); }
.verdict.failed, .verdict.crashed { color: var(--bad); }
.id { font-size: .8125rem; color: var(--soft); }
.because {
  padding: .35rem .6rem; background: var(--panel); border-left: 3px solid var(--bad);
  font-size: .875rem;
}
.facts { list-style: none; padding-left: 0; }
.two { display: grid; grid-template-columns: 2fr 3fr; gap: 0 2rem; font-size: .875rem; }
.two > div { min-width: 0; }
.answer { white-space: pre-line; }
.marker { font-size: .8em; margin-left: .15em; text-decoration: none; }
.marker:hover { text-decoration: underline; }
q { quotes: none; }
.tag {
  font-size: .75rem; font-weight: 400; color: var(--soft); padding: 0 .4rem; margin-right: .3rem;
  border: 1px solid var(--line); border-radius: .6rem;
}
.tag.bad { color: var(--bad); border-color: currentColor; }
ul, ol { margin: 0 0 .35rem; padding-left: 1.4rem; font-size: .8125rem; }
li { margin-bottom: .3rem; }
li:target { background: color-mix(in srgb, var(--mark) 18%, transparent); }
.passages p { white-space: pre-line; max-width: 46rem; }

@media (max-width: 52rem) {
  .wide { display: none; }
  .narrow { display: table-cell; }
  td.narrow { white-space: normal; min-width: 6.5rem; }
  .scroll table { min-width: 100%; }
  table { font-size: .75rem; }
  th, td { padding-inline: .35rem; }
  th[scope="row"] { min-width: 5.5rem; }
  .metrics th { white-space: normal; }
  td:last-child, th:last-child { padding-right: 0; }
  .two { grid-template-columns: 1fr; }
  .case > summary { grid-template-columns: 4.75rem minmax(0, 1fr); }
  .case > summary .id { grid-column: 2; }
  .case > :not(summary) { margin-left: 0; }
}
@media print {
  nav { display: none; }
}
"""
