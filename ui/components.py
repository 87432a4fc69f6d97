"""Two components of our own: an answer with its footnotes as buttons, and an article with a marked span.

Text of articles and models reaches the browser as data and becomes text nodes only: never HTML, never
Markdown. The scripts below are constants.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import streamlit as st

from evals.records import SentenceRecord
from rag.answer import Answer
from rag.citations import UNSUPPORTED
from rag.schema import AnswerSentence

from .excerpts import Excerpt
from .plain import shortened

_HOVER = 300
"""Longest quote in a tooltip, in characters."""
_MARKERS = re.compile(rf"\[\d+\]|{re.escape(UNSUPPORTED)}")

_CSS = """
:host, .root { font-family: var(--st-font); color: var(--st-text-color); }
.root { line-height: 1.6; overflow-wrap: anywhere; }
p { margin: 0 0 0.75rem; white-space: pre-wrap; unicode-bidi: isolate; }
p:last-child { margin-bottom: 0; }
.unsupported {
  text-decoration: underline wavy var(--st-orange-color, #d9822b);
  text-underline-offset: 0.25em; text-decoration-thickness: 1px;
}
.why {
  display: inline-block; max-width: 100%; white-space: normal;
  margin-inline-start: 0.35em; padding: 0 0.45em; font-size: 0.8em; line-height: 1.5;
  border: 1px dashed var(--st-orange-color, #d9822b); border-radius: 0.5em;
}
.chip {
  font: inherit; font-size: 0.75em; font-weight: 600; line-height: 1.5; vertical-align: 0.2em;
  min-width: 1.9em; margin-inline-start: 0.3em; padding: 0 0.5em; cursor: pointer;
  color: var(--st-link-color); background: var(--st-secondary-background-color);
  border: 1px solid var(--st-border-color, currentColor); border-radius: 1em;
}
.chip:hover { border-color: currentColor; text-decoration: underline; }
:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
"""

_ANSWER_JS = """
function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.textContent = text;
  return made;
}

function chip(source, root) {
  const button = element("button", "chip", String(source.number));
  button.type = "button";
  button.title = source.quote;
  button.setAttribute("aria-label", `Source ${source.number}: ${source.title}`);
  button.addEventListener("click", () => root.open(source.number, button));
  return button;
}

// The source view gives the focus back to this component as a whole; it belongs to the button.
function returnFocus(host, button) {
  host.tabIndex = 0;
  const give = () => { host.removeAttribute("tabindex"); button.focus(); };
  host.addEventListener("focus", give, { once: true });
}

function draw(root, data) {
  root.replaceChildren();
  let paragraph = null;
  for (const sentence of data.sentences) {
    if (!paragraph || sentence.paragraph) {
      paragraph = root.appendChild(element("p", "", ""));
      paragraph.dir = "auto";
    } else {
      paragraph.append(" ");
    }
    paragraph.append(element("span", sentence.why ? "unsupported" : "", sentence.text));
    for (const source of sentence.sources) paragraph.append(chip(source, root));
    if (sentence.why) paragraph.append(element("span", "why", sentence.why));
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".root");
  root.open = (number, button) => {
    returnFocus(parentElement.host, button);
    setTriggerValue("opened", number);
  };
  const drawn = JSON.stringify(data);
  if (root.drawn === drawn) return;  // a new drawing would take the focus from the button just used
  root.drawn = drawn;
  draw(root, data);
}
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

_answer = st.components.v2.component(
    "footnoted.answer", html='<div class="root"></div>', css=_CSS, js=_ANSWER_JS
)
_article = st.components.v2.component(
    "footnoted.article", html=_ARTICLE_HTML, css=_ARTICLE_CSS, js=_ARTICLE_JS
)


def show_answer(answer: Answer, excerpts: Sequence[Excerpt], *, key: str) -> int | None:
    """Draw a checked answer; return the number of the footnote that was just clicked."""
    whys = {sentence.start: _why(sentence) for sentence in answer.unsupported}
    return show_sentences(answer.text, answer.sentences, excerpts, whys=whys, key=key)


def show_sentences(
    text: str,
    sentences: Sequence[AnswerSentence | SentenceRecord],
    excerpts: Sequence[Excerpt],
    *,
    key: str,
    whys: Mapping[int, str] | None = None,
) -> int | None:
    """Draw the sentences of a text with their footnotes; return the number of the one just clicked.

    `whys` says what is wrong with a sentence, by its start.
    """
    known = {excerpt.number: excerpt for excerpt in excerpts}
    result = _answer(
        key=key,
        data={"sentences": list(_sentences(text, sentences, known, whys or {}))},
        on_opened_change=_noted,
    )
    number = result.get("opened")
    return number if isinstance(number, int) else None


def show_article(excerpt: Excerpt, *, key: str) -> None:
    """Draw an article, scrolled to the excerpt's span, with exactly its words marked."""
    _article(key=key, data=excerpt.to_data())


def _noted() -> None:
    """Stand as the callback without which Streamlit does not pass the click on."""


def _sentences(
    whole: str,
    sentences: Sequence[AnswerSentence | SentenceRecord],
    excerpts: Mapping[int, Excerpt],
    whys: Mapping[int, str],
) -> Iterator[dict[str, object]]:
    """Yield the sentences as the script draws them; words between sentences are kept, without footnotes."""
    stops = [*(sentence.start for sentence in sentences[1:]), len(whole)]
    is_paragraph = True
    for sentence, stop in zip(sentences, stops, strict=bool(sentences)):
        gap = whole[sentence.end : stop]
        yield {
            "text": sentence.text,
            "paragraph": is_paragraph,
            "sources": [_source(excerpts[n]) for n in sentence.citations if n in excerpts],
            "why": whys.get(sentence.start, ""),
        }
        is_paragraph = "\n" in gap
        if rest := _MARKERS.sub("", gap).strip():
            yield {"text": rest, "paragraph": is_paragraph, "sources": [], "why": ""}
    if not sentences:
        yield {"text": whole, "paragraph": True, "sources": [], "why": ""}


def _source(excerpt: Excerpt) -> dict[str, object]:
    return {
        "number": excerpt.number,
        "title": excerpt.article.title,
        "quote": f"“{shortened(excerpt.quote, _HOVER)}”",
    }


def _why(sentence: AnswerSentence) -> str:
    """Say what keeps a sentence from being supported."""
    if not sentence.citations:
        return "unsupported: it names no source"
    if sentence.verdict.missing:
        return f"unsupported: not in its source: {', '.join(sentence.verdict.missing)}"
    return "unsupported"
