"""Two more components of our own: a table whose rows can be opened, and a chart.

As in `components`, text reaches the browser as data and becomes text nodes only. A chart is SVG that
`evals.charts` made; it is parsed as a document of its own, in which nothing runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import streamlit as st

from evals import charts

Kind = Literal["words", "figure", "wide", "figure wide"]
Tone = Literal["", "good", "bad", "soft"]


class Column(NamedTuple):
    """A column: words, figures to the right; a narrow screen leaves out what is `wide`."""

    name: str
    kind: Kind = "words"


class Row(NamedTuple):
    """A row; one with an `id` can be opened by the button in its first cell."""

    cells: tuple[str, ...]
    id: str = ""
    tone: Tone = ""


_TABLE_CSS = """
:host { display: block; container-type: inline-size; }
.root { font-family: var(--st-font); color: var(--st-text-color); overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.875rem; line-height: 1.4; }
th, td {
  padding: 0.4rem 0.75rem; text-align: start; vertical-align: top; overflow-wrap: break-word;
  border-bottom: 1px solid var(--st-border-color, currentColor);
}
thead th { font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 400; min-width: 9rem; overflow-wrap: anywhere; }
td.words { min-width: 5rem; overflow-wrap: anywhere; }
.figure { text-align: end; min-width: 4.5rem; white-space: nowrap; font-variant-numeric: tabular-nums; }
button {
  font: inherit; color: var(--st-link-color); background: none; border: 0; padding: 0; cursor: pointer;
  text-align: start; text-decoration: underline; text-underline-offset: 0.2em;
}
:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
.tone { font-weight: 600; }
td.tone { white-space: nowrap; }
.good .tone::before { content: "✓ "; }
.bad .tone::before { content: "✗ "; }
@container (max-width: 40rem) {
  .wide { display: none; }
  th, td { padding-inline: 0.4rem; }
  tbody th { min-width: 6rem; }
}
"""
_TABLE_JS = """
function cell(tag, column, text) {
  const made = document.createElement(tag);
  made.className = column.kind;
  made.dir = "auto";
  made.textContent = text;
  return made;
}

function draw(root, data) {
  const table = document.createElement("table");
  table.setAttribute("aria-label", data.label);
  const head = table.createTHead().insertRow();
  for (const column of data.columns) {
    const th = cell("th", column, column.name);
    th.scope = "col";
    head.append(th);
  }
  const body = table.createTBody();
  for (const row of data.rows) {
    const line = body.insertRow();
    if (row.tone) line.className = row.tone;
    row.cells.forEach((text, at) => {
      const made = cell(at ? "td" : "th", data.columns[at], at || !row.id ? text : "");
      if (!at) made.scope = "row";
      if (row.tone && at === data.toned) made.classList.add("tone");
      if (!at && row.id) {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = text;
        button.addEventListener("click", () => root.open(row.id));
        made.append(button);
      }
      line.append(made);
    });
  }
  root.replaceChildren(table);
}

// A table that is wider than its place is moved sideways by keyboard, too.
function watch(root) {
  if (root.watched) return;
  root.watched = new ResizeObserver(() => {
    if (root.scrollWidth > root.clientWidth) root.tabIndex = 0;
    else root.removeAttribute("tabindex");
  });
  root.watched.observe(root);
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".root");
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", data.label);
  watch(root);
  root.open = (id) => setTriggerValue("opened", id);
  const drawn = JSON.stringify(data);
  if (root.drawn === drawn) return;  // a new drawing would take the focus from the button just used
  root.drawn = drawn;
  draw(root, data);
}
"""
_CHART_CSS = """
.root {
  --ink: var(--st-text-color); --line: var(--st-border-color); --accent: var(--st-primary-color);
  --soft: color-mix(in srgb, var(--st-text-color) 75%, var(--st-background-color));
  --mark: color-mix(in srgb, #d97706 70%, var(--st-text-color));
  color: var(--st-text-color);
}
"""
_CHART_JS = """
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".root");
  if (root.drawn === data.svg) return;
  root.drawn = data.svg;
  const parsed = new DOMParser().parseFromString(data.svg, "image/svg+xml").documentElement;
  root.replaceChildren(document.importNode(parsed, true));
}
"""
_ROOT = '<div class="root"></div>'
_table = st.components.v2.component("footnoted.table", html=_ROOT, css=_TABLE_CSS, js=_TABLE_JS)
_chart = st.components.v2.component("footnoted.chart", html=_ROOT, css=_CHART_CSS + charts.CSS, js=_CHART_JS)


def show_table(
    label: str, columns: Sequence[Column], rows: Sequence[Row], *, key: str, toned: int = -1
) -> str | None:
    """Draw a table; return the id of the row that was just opened.

    `label` names it to a screen reader; a row's tone is shown in the cell at `toned`, by a sign.
    """
    data = {
        "label": label,
        "columns": [column._asdict() for column in columns],
        "rows": [row._asdict() for row in rows],
        "toned": toned,
    }
    opened = _table(key=key, data=data, on_opened_change=_noted).get("opened")
    return opened if isinstance(opened, str) else None


def show_chart(svg: str, *, key: str) -> None:
    """Draw a chart of `evals.charts`; nothing when it is empty."""
    if svg:
        _chart(key=key, data={"svg": svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)})


def _noted() -> None:
    """Stand as the callback without which Streamlit does not pass the click on."""
