"""Two components of our own: an answer whose footnotes open their articles, and an article by itself.

Text of articles and models reaches the browser as data and becomes text nodes only: never HTML, never
Markdown. The scripts are constants.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from . import drawn
from .excerpts import Excerpt

_CSS = """
:host, .root { font-family: var(--st-font); color: var(--st-text-color); }
.root { line-height: 1.6; overflow-wrap: anywhere; }
p { margin: 0 0 0.75rem; white-space: pre-wrap; unicode-bidi: isolate; }
p:last-child { margin-bottom: 0; }
:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
"""

_ARTICLE_CSS = (
    _CSS
    + """
.title { font-size: 1.2rem; line-height: 1.35; font-weight: 600; margin: 0 0 0.25rem; }
.about, .note { font-size: 0.875rem; opacity: 0.8; margin: 0 0 0.5rem; }
.text {
  position: relative; max-height: 60vh; overflow: auto; padding: 0.75rem 1rem; white-space: pre-wrap;
  border: 1px solid var(--st-border-color, currentColor); border-radius: var(--st-base-radius, 0.5rem);
}
mark {
  color: inherit; background: color-mix(in srgb, #ffc400 38%, transparent);
  border-bottom: 2px solid #d99a00; padding: 0.1em 0;
  -webkit-box-decoration-break: clone; box-decoration-break: clone;
}
mark:empty { display: none; }
"""
)

_ARTICLE_HTML = """
<article class="root">
  <h3 class="title" dir="auto"></h3>
  <p class="about"></p>
  <p class="note"></p>
  <div class="text" dir="auto" tabindex="0" role="region" aria-label="Text of the article"
    ><span class="before"></span><mark></mark><span class="after"></span></div>
</article>
"""

_ARTICLE_JS = """
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".root");
  const drawn = JSON.stringify(data);
  if (root.drawn === drawn) return;  // the reader may have scrolled on
  root.drawn = drawn;
  for (const name of ["title", "about", "note", "before", "after"]) {
    root.querySelector("." + name).textContent = data[name];
  }
  const text = root.querySelector(".text");
  const mark = root.querySelector("mark");
  mark.textContent = data.quote;
  const scroll = () => {
    text.scrollTop = data.quote ? mark.offsetTop - text.clientHeight / 4 : 0;
  };
  scroll();
  requestAnimationFrame(scroll);  // the heights are final once the view has its place on the page
}
"""

_HERE = Path(__file__).parent
_answer = st.components.v2.component(
    "footnoted.answer",
    html='<div class="root"></div>',
    css=(_HERE / "answer.css").read_text(encoding="utf-8"),
    js=(_HERE / "answer.js").read_text(encoding="utf-8"),
)
_article = st.components.v2.component(
    "footnoted.article", html=_ARTICLE_HTML, css=_ARTICLE_CSS, js=_ARTICLE_JS
)


def show_answer(data: drawn.Data, *, key: str) -> None:
    """Draw an answer, or what there is of it so far; see `drawn`."""
    _answer(key=key, data=data)


def show_article(excerpt: Excerpt, *, key: str) -> None:
    """Draw an article, scrolled to the excerpt's span, with exactly its words marked."""
    _article(key=key, data=excerpt.to_data())
