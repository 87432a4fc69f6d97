"""The parts of an answer -> Markdown or one HTML page; text of articles and models stays plain text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from string import punctuation
from typing import NamedTuple
from urllib.parse import unquote

from .citations import UNSUPPORTED
from .naming import name_of
from .schema import AnswerPart, AnswerSentence, Citation, Conflict, Span, Status

_MARKS = re.compile(r"([\\`*_{}\[\]<>()#+!|~$^&@])")
_LINKS = re.compile(r"(?<=:)(?=//)|(?<=\bwww)(?=\.)", re.IGNORECASE)
_LINE_MARKS = re.compile(r"^([ \t]*)(?:([-=:])|(\d+)(?=[.)]))", re.MULTILINE)


def escape_markdown(text: str) -> str:
    """Put a backslash before every character that Markdown could read as a mark, a list or a link."""
    escaped = _LINKS.sub(r"\\", _MARKS.sub(r"\\\1", text))
    return _LINE_MARKS.sub(_escape_line_mark, escaped)


def _escape_line_mark(match: re.Match[str]) -> str:
    indent, mark, number = match.groups()
    return f"{indent}\\{mark}" if mark else f"{indent}{number}\\"


def marker_spans(sentences: Iterable[AnswerSentence]) -> list[tuple[int, Span]]:
    """Return every footnote marker of an answer's text: its number and where it stands.

    Markers follow their sentence as ` [1][2]`. Quoted text may hold a `[1]` of its own, so a search
    of the text for markers finds too many.
    """
    spans: list[tuple[int, Span]] = []
    for sentence in sentences:
        start = sentence.end + 1
        for number in sentence.citations:
            spans.append((number, Span(start, start + len(f"[{number}]"))))
            start = spans[-1][1].end
    return spans


def lead_in_spans(sentences: Iterable[AnswerSentence]) -> list[Span]:
    """Return where our own words stand that introduce a sentence."""
    introduced = [sentence for sentence in sentences if sentence.lead_in]
    return [Span(s.start - 1 - len(s.lead_in), s.start - 1) for s in introduced]


class Line(NamedTuple):
    """Words on one line, and where among them those stand that answer the question."""

    text: str
    answer: Span | None

    @property
    def spans(self) -> list[Span]:
        """The place of the words that answer, if there are any."""
        return [self.answer] if self.answer else []


def one_line(text: str, answer: Span | None) -> Line:
    """Return a text, and the place in it of the words that answer, on one line."""
    line = " ".join(text.split())
    if answer is None:
        return Line(line, None)
    start = len(" ".join(f"{text[: answer.start]}x".split())) - 1
    words = " ".join(text[slice(*answer)].split())
    return Line(line, Span(start, start + len(words)) if words and line.startswith(words, start) else None)


def quote_line(citation: Citation) -> Line:
    """Return the quote of a footnote on one line."""
    before, words, _ = citation.quote_parts
    return one_line(citation.quote, Span(len(before), len(before + words)) if words else None)


def answer_spans(sentence: AnswerSentence, citations: Iterable[Citation]) -> list[Span]:
    """Return where in a sentence the words stand that its footnotes say answer the question.

    A sentence that quotes has them at their place in the quote; in any other they are looked for.
    """
    quotes = [quote_line(note) for note in citations if note.number in sentence.citations]
    quoted = [
        Span(at + span.start, at + span.end)
        for line in quotes
        for span in line.spans
        if (at := sentence.text.find(line.text)) >= 0
    ]
    return _merged(quoted or _found(sentence.text, quotes))


def _found(text: str, quotes: Iterable[Line]) -> list[Span]:
    """Return the first place of the words of each quote that answer, as whole words."""
    words = (re.escape(line.text[slice(*span)]) for line in quotes for span in line.spans)
    matches = (re.search(rf"(?<!\w){each}(?!\w)", text) for each in words)
    return [Span(*match.span()) for match in matches if match]


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Return spans in their order, those that touch as one."""
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


def bold_spans(sentences: Iterable[AnswerSentence], citations: Sequence[Citation]) -> list[Span]:
    """Return where in an answer's text the words stand that answer."""
    return [
        Span(sentence.start + span.start, sentence.start + span.end)
        for sentence in sentences
        for span in answer_spans(sentence, citations)
    ]


def by_turns(text: str, spans: Iterable[Span]) -> list[str]:
    """Cut a text at spans; of the pieces, the first is outside of them, the second inside, and so on."""
    edges = [0, *(edge for span in spans for edge in span), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


class Told(NamedTuple):
    """What is told of an answer besides its text."""

    sentences: Sequence[AnswerSentence]
    citations: Sequence[Citation]
    conflicts: Sequence[Conflict] = ()
    parts: Sequence[AnswerPart] = ()


def markdown(text: str, told: Told) -> str:
    """Return an answer's text with `[^1]` as its markers, then what differs, its parts and the footnotes."""
    marks = [(span, f"[^{number}]") for number, span in marker_spans(told.sentences)]
    marks += [
        (span, f"*{escape_markdown(text[span.start : span.end])}*") for span in lead_in_spans(told.sentences)
    ]
    body = _marked(text, marks + _bold_marks(text, bold_spans(told.sentences, told.citations)))
    differ = [_differs_in_markdown(conflict) for conflict in told.conflicts]
    parts = [_parts_in_markdown(told)] if told.parts else []
    return "\n\n".join([body, *differ, *parts, *(_footnote(citation) for citation in told.citations)])


def _marked(text: str, marks: Iterable[tuple[Span, str]]) -> str:
    """Return plain text as Markdown, with Markdown that is given in place of some of it."""
    pieces: list[str] = []
    position = 0
    for span, mark in sorted(marks):
        pieces += [escape_markdown(text[position : span.start]), mark]
        position = span.end
    return "".join([*pieces, escape_markdown(text[position:])])


def _bold_marks(text: str, spans: Iterable[Span]) -> list[tuple[Span, str]]:
    """Return what makes spans of a text bold."""
    bold = (_narrowed(text, span) for span in spans)
    return [(span, f"**{escape_markdown(text[slice(*span)])}**") for span in bold if span.start < span.end]


def _narrowed(text: str, span: Span) -> Span:
    """Return what Markdown can show bold of a span, perhaps nothing: it may not end just anywhere."""
    start, end = span
    while start < end and not _can_turn(text[start - 1 : start], text[start]):
        start += 1
    while start < end and not _can_turn(text[end : end + 1], text[end - 1]):
        end -= 1
    return Span(start, end)


def _can_turn(outer: str, inner: str) -> bool:
    """Tell whether `**` between two characters is a mark to every reader (CommonMark 0.31, 6.2)."""
    if inner.isalnum():
        return True
    parted = not outer or outer in f" \t\n{punctuation}" or unicodedata.category(outer).startswith("P")
    return parted and not inner.isspace()


DIFFER = "The articles differ:"
"""Introduces a conflict."""


def _differs_in_markdown(conflict: Conflict) -> str:
    one, other = (
        f"{escape_markdown(_line(said))} ({escape_markdown(_line(name_of(note.article)))}) [^{note.number}]"
        for said, note in _both(conflict)
    )
    return f"**{DIFFER}** {one}; {other}"


def _both(conflict: Conflict) -> list[tuple[str, Citation]]:
    return list(zip(conflict.says, (conflict.first, conflict.second), strict=True))


def _parts_in_markdown(told: Told) -> str:
    lines = (
        f"- {escape_markdown(_line(part.text))} "
        + ("".join(f"[^{number}]" for number in notes_of(part, told.sentences)) or NOT_TOLD)
        for part in told.parts
    )
    return "\n".join(lines)


NOT_TOLD = "— not told"
"""Stands behind a part of a question that is not answered."""


def notes_of(part: AnswerPart, sentences: Sequence[AnswerSentence]) -> list[int]:
    """Return the numbers of the footnotes that answer a part."""
    return list(dict.fromkeys(number for n in part.sentences for number in sentences[n].citations))


def particulars(citation: Citation) -> str:
    """Return title, source and date of the cited article on one line."""
    article = citation.article
    return ", ".join(part for part in (article.title, article.source, article.date or "undated") if part)


def _footnote(citation: Citation) -> str:
    line = quote_line(citation)
    quote = _marked(line.text, _bold_marks(line.text, line.spans))
    about = escape_markdown(" ".join(particulars(citation).split()))
    where = f"characters {citation.start}–{citation.end}"
    checked = "" if citation.verdict.sound else f" — {escape_markdown(str(citation.verdict))}"
    return f"[^{citation.number}]: “{quote}” — {about}, {where}{checked}"


# --- HTML

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STATUS = {"answered": "Answered", "partial": "Answered in part", "abstained": "Not answered"}
_TRUST = (
    "Located: the quoted words stand in the article at this place. Consistent: every number, date, name and "
    "quotation of the sentence stands in the cited passage. Neither says that the passage implies the "
    "sentence; for that, read it."
)
_LONGEST_PASSAGE = 320
"""Characters of a closest passage that are shown."""
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Controls that make a text run the other way; languages that do so need none of them."""
_CSS = """
:root { color-scheme: light dark; --paper: #fdfcf9; --ink: #22241f; --soft: #5f635a; --line: #dedbd2;
  --link: #1d5a8c; --mark: #eef3f7; --bad: #9c2f1f; --bad-paper: #fbefeb; }
@media (prefers-color-scheme: dark) { :root { --paper: #17191a; --ink: #e6e4de; --soft: #a2a49d;
  --line: #34383a; --link: #8dbde6; --mark: #1f2a33; --bad: #f0a090; --bad-paper: #33211d; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 3rem 1.25rem 4rem; max-width: 44rem; background: var(--paper);
  color: var(--ink); font: 1.0625rem/1.6 Charter, "Bitstream Charter", Cambria, Georgia, serif;
  overflow-wrap: anywhere; }
h1 { margin: 0 0 .75rem; font-size: 1.7rem; line-height: 1.25; text-wrap: balance; }
h2 { margin: 2.75rem 0 .75rem; font-size: 1.1rem; }
p { margin: 0 0 .75rem; }
a { color: var(--link); text-underline-offset: .15em; }
a:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 2px; }
sup { line-height: 0; font-size: .75em; }
sup a { padding: .35em .15em; text-decoration: none; font-variant-numeric: tabular-nums; }
sup a:hover { text-decoration: underline; }
ol, ul { margin: 0; padding: 0; list-style: none; }
li { padding: .9rem 0 .9rem 2.25rem; border-top: 1px solid var(--line); position: relative; }
ul > li { padding-left: 0; }
li > .number { position: absolute; left: 0; color: var(--soft); font-variant-numeric: tabular-nums; }
blockquote { margin: 0 0 .35rem; }
li p { margin: 0; }
.plain, li p, .status, footer { color: var(--soft); font: .875rem/1.5 system-ui, sans-serif; }
.status { margin-bottom: 1.75rem; }
.answer { margin-bottom: 1rem; font-size: 1.1875rem; }
.lead { color: var(--soft); font-style: italic; }
.told { margin: 1.25rem 0 0; padding: .7rem 1rem .8rem; border: 1px solid var(--line); border-radius: 6px;
  font: .9375rem/1.5 system-ui, sans-serif; }
.told h2 { margin: 0 0 .25rem; font-size: .9375rem; }
.told li { padding: .2rem 0; border: 0; }
.told li > span { color: var(--soft); }
.told .untold { font-style: italic; }
.notice { padding: .6rem .9rem; border-left: 3px solid var(--line); }
.bad { background: var(--bad-paper); color: var(--bad); text-decoration: underline wavy 1px;
  text-underline-offset: .25em; }
.why, li p .failed { color: var(--bad); }
.why { font: .8125rem/1.5 system-ui, sans-serif; }
:target { background: var(--mark); }
li:target { box-shadow: -.75rem 0 var(--mark), .75rem 0 var(--mark); }
footer { margin-top: 2.5rem; padding-top: .9rem; border-top: 1px solid var(--line); }
@media (max-width: 30rem) { body { padding-top: 1.75rem; } h1 { font-size: 1.4rem; }
  .answer { font-size: 1.0625rem; } }
@media print { body { max-width: none; padding: 0; } .back { display: none; } }
"""


class Excerpt(NamedTuple):
    """A stretch of an article, and what there is to say of the article."""

    title: str
    source: str | None
    date: str | None
    uri: str
    start: int
    end: int
    text: str
    answer: Span | None = None
    """Place in `text` of the words that answer the question."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What the page of an answer shows."""

    question: str
    status: Status
    reason: str | None
    notice: str | None
    text: str
    sentences: Sequence[AnswerSentence]
    unsupported: Collection[AnswerSentence]
    citations: Sequence[Citation]
    closest: Sequence[Excerpt]
    """Passages to show when there is no answer."""
    model: str
    conflicts: Sequence[Conflict] = ()
    parts: Sequence[AnswerPart] = ()
    judgements: Sequence[str] = ()
    """What a judge says, in lines."""


def html(contents: Contents) -> str:
    """Return an answer as one HTML page without scripts and without anything that is loaded."""
    question = escape(_line(contents.question))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{question}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n<main>\n"
        f'<h1 dir="auto">{question}</h1>\n{"".join(_main(contents))}</main>\n'
        f"<footer>{_foot(contents)}</footer>\n</body>\n</html>\n"
    )


def _main(contents: Contents) -> Iterator[str]:
    reason = f" · {escape(_line(contents.reason))}" if contents.reason else ""
    yield f'<p class="status"><strong>{_STATUS[contents.status]}</strong>{reason}</p>\n'
    if contents.notice:
        yield f'<p class="plain notice">{escape(_line(contents.notice))}</p>\n'
    yield f'<section class="answer" aria-label="Answer">\n{_body(contents)}</section>\n'
    yield from _differences(contents.conflicts)
    yield from _parts(contents)
    if contents.citations:
        notes = "".join(_note(citation, contents.sentences) for citation in contents.citations)
        yield (
            '<section role="doc-endnotes" aria-labelledby="footnotes">\n<h2 id="footnotes">Footnotes</h2>\n'
            f'<p class="plain">{_TRUST}</p>\n<ol>\n{notes}</ol>\n</section>\n'
        )
    if contents.judgements:
        lines = "".join(f'<p class="plain">{escape(_line(line))}</p>\n' for line in contents.judgements)
        yield f'<section aria-labelledby="judged">\n<h2 id="judged">Judged</h2>\n{lines}</section>\n'
    if contents.status == "abstained" and contents.closest:
        passages = "".join(f"<li>{_excerpt(_shortened(excerpt))}</p></li>\n" for excerpt in contents.closest)
        yield (
            '<section aria-labelledby="closest">\n<h2 id="closest">Closest passages</h2>\n'
            f"<ul>\n{passages}</ul>\n</section>\n"
        )


def _differences(conflicts: Sequence[Conflict]) -> Iterator[str]:
    for conflict in conflicts:
        said = "".join(
            f"<li>{escape(_line(words))} <span>({escape(_line(name_of(note.article)))})</span>"
            f"<sup>{_link(note.number)}</sup></li>"
            for words, note in _both(conflict)
        )
        yield f'<section class="told"><h2>{DIFFER}</h2>\n<ul>{said}</ul></section>\n'


def _parts(contents: Contents) -> Iterator[str]:
    """Yield which part of the question is answered by which footnotes, and which is not."""
    if not contents.parts:
        return
    lines = "".join(
        f"<li>{escape(_line(part.text))} {_notes(notes_of(part, contents.sentences))}</li>\n"
        for part in contents.parts
    )
    yield f'<section class="told"><h2>Part by part</h2>\n<ul>{lines}</ul></section>\n'


def _notes(numbers: Sequence[int]) -> str:
    links = "".join(_link(number) for number in numbers)
    return f"<sup>{links}</sup>" if links else f'<span class="untold">{NOT_TOLD}</span>'


def _link(number: int) -> str:
    return f'<a href="#note-{number}" aria-label="Footnote {number}">[{number}]</a>'


def _foot(contents: Contents) -> str:
    if contents.model == "quoting":
        return "<p>Quoted from the articles, without a model.</p>"
    return f"<p>Written by {escape(_line(contents.model))}.</p>"


def _body(contents: Contents) -> str:
    """Return the answer as paragraphs, its markers as links, its unsupported sentences marked."""
    pieces: list[str] = []
    position = 0
    for index, sentence in enumerate(contents.sentences, start=1):
        lead_in = next((span.start for span in lead_in_spans([sentence])), sentence.start)
        pieces.append(_block(contents.text[position:lead_in]))
        if sentence.lead_in:
            pieces.append(f'<span class="lead" dir="auto">{escape(_line(sentence.lead_in))}</span> ')
        bad = sentence in contents.unsupported
        words = _bold(sentence.text, answer_spans(sentence, contents.citations))
        pieces.append(_sentence(sentence, index, words, bad=bad))
        position = _after_markers(contents.text, sentence, bad=bad)
    pieces.append(_block(contents.text[position:]))
    return f"<p>{''.join(pieces)}</p>\n".replace("<p></p>\n", "")


def _sentence(sentence: AnswerSentence, index: int, words: str, *, bad: bool) -> str:
    """Return the words of a sentence with links to its footnotes; `index` counts sentences from 1."""
    shown = f'<span class="bad" dir="auto">{words}</span>' if bad else f'<span dir="auto">{words}</span>'
    links = "".join(
        f'<a id="use-{index}-{number}" href="#note-{number}" role="doc-noteref"'
        f' aria-label="Footnote {number}">[{number}]</a>'
        for number in sentence.citations
    )
    return f"{shown}{f'<sup>{links}</sup>' if links else ''}{_why(sentence) if bad else ''}"


def _why(sentence: AnswerSentence) -> str:
    missing = ", ".join(sentence.verdict.missing)
    if not sentence.citations:
        why = "no footnote"
    else:
        why = f"not in its sources: {missing}" if missing else "its words are not in the source"
    return f' <span class="why">(unsupported, {escape(_line(why))})</span>'


def _after_markers(text: str, sentence: AnswerSentence, *, bad: bool) -> int:
    """Return where the text goes on behind a sentence, its markers and the word for an unsupported one."""
    spans = marker_spans([sentence])
    end = spans[-1][1].end if spans else sentence.end
    word = f" {UNSUPPORTED}"
    return end + len(word) if bad and text.startswith(word, end) else end


def _note(citation: Citation, sentences: Sequence[AnswerSentence]) -> str:
    article, number = citation.article, citation.number
    about = (article.title, article.source, article.date, article.uri, citation.start, citation.end)
    excerpt = Excerpt(*about, *quote_line(citation))
    uses = [index for index, sentence in enumerate(sentences, start=1) if number in sentence.citations]
    back = " ".join(
        f'<a class="back" href="#use-{index}-{number}" role="doc-backlink"'
        f' aria-label="Back to sentence {index} of the answer">↩\ufe0e</a>'
        for index in uses
    )
    kind = "" if citation.verdict.sound else ' class="failed"'
    return (
        f'<li id="note-{number}"><span class="number">[{number}]</span> {_excerpt(excerpt)}'
        f" · <span{kind}>{escape(_line(str(citation.verdict)))}</span> {back}</p></li>\n"
    )


def _excerpt(excerpt: Excerpt) -> str:
    """Return an excerpt with its particulars, whose paragraph is left open."""
    parts = (excerpt.title, excerpt.source, excerpt.date or "undated")
    about = ", ".join(f"<bdi>{escape(_line(part))}</bdi>" for part in parts if part)
    where = f"characters {excerpt.start}–{excerpt.end} of <bdi>{escape(_line(_file(excerpt.uri)))}</bdi>"
    quote = _bold(excerpt.text, [excerpt.answer] if excerpt.answer else [])
    return f'<blockquote dir="auto">“{quote}”</blockquote>\n<p>{about}<br>\n{where}'


def _shortened(excerpt: Excerpt) -> Excerpt:
    line = " ".join(excerpt.text.split())
    if len(line) <= _LONGEST_PASSAGE:
        return excerpt
    return excerpt._replace(text=line[:_LONGEST_PASSAGE].rsplit(" ", 1)[0] + " …")


def _file(uri: str) -> str:
    """Return the name of a file without its folders, which are the reader's own; any other URI whole."""
    return unquote(uri.rsplit("/", 1)[-1]) if uri.startswith("file:") else uri


def _block(text: str) -> str:
    """Return what stands between sentences as plain text; a line end there begins a paragraph."""
    lines = re.sub(r"[^\S\n]+", " ", text).split("\n")
    return "</p>\n<p>".join(escape(_clean(line)) for line in lines)


def _bold(text: str, spans: Iterable[Span]) -> str:
    """Return foreign text on one line, with spans of it bold."""
    pieces = [escape(re.sub(r"\s+", " ", _clean(piece))) for piece in by_turns(text, spans)]
    return "".join(f"<strong>{p}</strong>" if at % 2 else p for at, p in enumerate(pieces)).strip()


def _line(text: str) -> str:
    """Return foreign text on one line."""
    return " ".join(_clean(text).split())


def _clean(text: str) -> str:
    """Replace what HTML cannot hold (controls, halves of surrogate pairs); drop what turns words round."""
    kept = _TURNING.sub("", text)
    return "".join(
        "\ufffd" if unicodedata.category(c) in {"Cc", "Cs"} and not c.isspace() else c for c in kept
    )
