"""One more component of our own: a list of links within a page, one of which is where the reader is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import streamlit as st

_CSS = """
nav { font-family: var(--st-font); font-size: 0.875rem; line-height: 1.4; }
ul { margin: 0; padding: 0; list-style: none; }
a {
  display: block; padding: 0.35rem 0.5rem; border-radius: 0.5rem; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; color: var(--st-text-color); text-decoration: none;
}
a:hover { background: color-mix(in srgb, var(--st-text-color) 7%, transparent); }
a[aria-current] { font-weight: 600; background: color-mix(in srgb, var(--st-text-color) 9%, transparent); }
a:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: -2px; }
"""
_JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  const nav = parentElement.querySelector("nav");
  nav.open = (id) => setTriggerValue("opened", id);
  const drawn = JSON.stringify(data);
  if (nav.drawn === drawn) return;  // a new drawing would take the focus from the link just used
  nav.drawn = drawn;
  nav.setAttribute("aria-label", data.label);
  const list = document.createElement("ul");
  for (const link of data.links) {
    const anchor = document.createElement("a");
    anchor.href = `?${new URLSearchParams({ [data.parameter]: link.id })}`;
    anchor.textContent = anchor.title = link.words;
    anchor.dir = "auto";
    if (link.id === data.current) anchor.setAttribute("aria-current", "page");
    anchor.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;  // a window of its own
      event.preventDefault();
      nav.open(link.id);
    });
    const item = document.createElement("li");
    item.append(anchor);
    list.append(item);
  }
  nav.replaceChildren(list);
}
"""
_links = st.components.v2.component("footnoted.links", html="<nav></nav>", css=_CSS, js=_JS)


class Link(NamedTuple):
    """Where a link leads, by the value of the page's parameter, and its words."""

    id: str
    words: str


def show_links(
    label: str, links: Sequence[Link], *, parameter: str, current: str | None, key: str
) -> str | None:
    """Draw links; return the id of the one that was just followed. `label` names them to a screen reader."""
    data = {
        "label": label,
        "links": [link._asdict() for link in links],
        "parameter": parameter,
        "current": current or "",
    }
    opened = _links(key=key, data=data, on_opened_change=_noted).get("opened")
    return opened if isinstance(opened, str) else None


def _noted() -> None:
    """Stand as the callback without which Streamlit does not pass the click on."""
