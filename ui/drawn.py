"""An answer -> what the page's script draws of it: plain values, all words and offsets settled here."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from typing import Any, Literal

from evals.records import Record, SentenceRecord
from rag.answer import Answer
from rag.citations import UNSUPPORTED
from rag.export import DIFFER, Line, answer_spans, by_turns, notes_of, particulars
from rag.naming import name_of
from rag.schema import AnswerSentence, Article, Conflict, Span

from .excerpts import CLOSEST, Excerpt, of_answer, uncited
from .plain import shortened

__all__ = ["CLOSEST", "Data", "answered", "recorded", "writing"]
Data = dict[str, Any]
Group = Literal["note", "close", "other"]
"""Footnotes; the closest passages of a question that was declined; what was retrieved besides."""
_SNIPPET = 300
"""Longest quote beside a footnote or under a title, in characters."""
_TITLE = 48
_AROUND = 30_000
"""Most characters of an article that are sent before its first quote, and after its last."""
_CUT = "\n\n[…]\n\n"
_MARKERS = re.compile(rf"\[\d+\]|{re.escape(UNSUPPORTED)}")
_JUDGED = {
    "partial": "judged: supported in part",
    "none": "judged: not supported",
    "contradicts": "judged: contradicted",
}


@dataclass(frozen=True, slots=True)
class _Note:
    """An excerpt under the name by which the script finds it."""

    group: Group
    excerpt: Excerpt

    @property
    def article(self) -> str:
        """Name the text that it stands in; two versions of an article are two."""
        return self.excerpt.article.text_hash[:16]


def writing(*, stage: str, draft: str, searched: str | None, fresh: bool = False) -> Data:
    """Return an answer on its way; where it is fresh, the window moves to its question."""
    told = {"stage": stage, "draft": draft, "searched": searched or "", "fresh": fresh}
    return {**_empty(), "state": "writing", **told}


def answered(
    answer: Answer, articles: Mapping[str, Article], stages: Sequence[str] = (), *, fresh: bool = False
) -> Data:
    """Return a checked answer; `articles` are those of today, by id, for passages that are not cited."""
    close = answer.status == "abstained"
    notes = [_Note("close" if close else "note", each) for each in of_answer(answer, articles)]
    notes += [] if close else [_Note("other", each) for each in uncited(answer)]
    whys = {sentence.start: _why(sentence) for sentence in answer.unsupported}
    bold = {sentence.start: answer_spans(sentence, answer.citations) for sentence in answer.sentences}
    return {
        **_empty(),
        "stage": stages[0] if stages else "",
        "stages": list(stages[1:]),
        "searched": answer.searched or "",
        "notice": answer.notice or "",
        "reason": answer.reason or "",
        "declined": answer.text if close else "",
        "sentences": list(_sentences(answer.text, answer.sentences, whys, bold)),
        "conflicts": [_conflict(each) for each in answer.conflicts],
        "parts": [{"title": p.text, "numbers": notes_of(p, answer.sentences)} for p in answer.parts],
        "judgements": answer.judgements[1:] if answer.judged else [],
        "copy": "" if close else _copy(answer),
        "fresh": fresh,
        **_noted(notes),
    }


def recorded(record: Record, excerpts: Sequence[Excerpt]) -> Data:
    """Return the answer of an eval's record; a footnote with a flaw makes its sentences unsupported."""
    close = record.abstained
    notes = [_Note("close" if close else "note", each) for each in excerpts]
    flaws = {each.number: each.note for each in excerpts if not each.sound}
    whys = {s.start: "; ".join(flaws[n] for n in s.citations if n in flaws) for s in record.sentences}
    return {
        **_empty(),
        "notice": record.notice or "",
        "reason": record.reason or "",
        "declined": record.text if close else "",
        "sentences": list(_sentences(record.text, record.sentences, whys, {})),
        **_noted(notes),
    }


def _copy(answer: Answer) -> str:
    """Return the answer as it is taken along: its text, and below it what each footnote quotes."""
    notes = (f"[{note.number}] {particulars(note)}: “{note.quote}”" for note in answer.citations)
    return "\n".join((answer.text, "", *notes))


def _empty() -> Data:
    words = dict.fromkeys(("stage", "draft", "searched", "notice", "reason", "declined", "copy"), "")
    lists: Data = {name: [] for name in ("stages", "sentences", "conflicts", "parts", "judgements", "notes")}
    return {"state": "done", **words, **lists, "articles": {}, "fresh": False}


def _sentences(
    whole: str,
    sentences: Sequence[AnswerSentence | SentenceRecord],
    whys: Mapping[int, str],
    bold: Mapping[int, Sequence[Span]],
) -> Iterator[Data]:
    """Yield sentences as the script draws them; words between sentences are kept, without footnotes.

    `whys` and `bold` tell of a sentence, by its start, why it is unsupported and which words of it answer.
    """
    is_paragraph = True
    for sentence, following in zip_longest(sentences, sentences[1:]):
        yield _sentence(
            sentence.text,
            paragraph=is_paragraph,
            bold=bold.get(sentence.start, ()),
            numbers=sentence.citations,
            lead=_lead_in(sentence),
            why=whys.get(sentence.start, ""),
            judged=_JUDGED.get(getattr(sentence, "supported", None) or "", ""),
        )
        gap = whole[sentence.end : following.start if following else None]
        gap = gap.removesuffix(f"{_lead_in(following)} ") if following else gap
        is_paragraph = "\n" in gap
        if rest := _MARKERS.sub("", gap).strip():
            yield _sentence(rest, paragraph=is_paragraph)
    if not sentences:
        yield _sentence(whole, paragraph=True)


def _lead_in(sentence: AnswerSentence | SentenceRecord) -> str:
    return getattr(sentence, "lead_in", "")


def _sentence(  # noqa: PLR0913  # what is drawn
    text: str,
    *,
    paragraph: bool,
    bold: Iterable[Span] = (),
    numbers: Iterable[int] = (),
    lead: str = "",
    why: str = "",
    judged: str = "",
) -> Data:
    return {
        "text": text,
        "pieces": by_turns(text, bold),
        "paragraph": paragraph,
        "sources": list(numbers),
        "lead": lead,
        "why": why,
        "judged": judged,
    }


def _why(sentence: AnswerSentence) -> str:
    """Say what keeps a sentence from being supported."""
    if not sentence.citations:
        return "unsupported: it names no source"
    if sentence.verdict.missing:
        return f"unsupported: not in its source: {', '.join(sentence.verdict.missing)}"
    return "unsupported"


def _conflict(conflict: Conflict) -> Data:
    notes = (conflict.first, conflict.second)
    return {
        "heading": DIFFER.removesuffix(":"),
        "accounts": [
            {"words": words, "number": note.number, "by": _by(note.article)}
            for words, note in zip(conflict.says, notes, strict=True)
        ],
    }


def _by(article: Article) -> str:
    return f"{name_of(article)} · {article.date}" if article.date else name_of(article)


# --- what can be opened


def _noted(notes: Sequence[_Note]) -> Data:
    """Return everything that can be opened, and each article once, cut at what is marked in it."""
    borders: dict[str, list[int]] = {}
    texts: dict[str, str] = {}
    for note in notes:
        texts[note.article] = note.excerpt.article.text
        borders.setdefault(note.article, []).extend(_borders(note.excerpt))
    edges = {name: _edges(borders[name], len(text)) for name, text in texts.items()}
    return {
        "notes": [_note(note, edges[note.article]) for note in notes],
        "articles": {name: _pieces(text, edges[name]) for name, text in texts.items()},
    }


def _borders(excerpt: Excerpt) -> tuple[int, ...]:
    """Return where the quote begins and ends, and the words in it that answer; nothing if not located."""
    return (excerpt.start, excerpt.end, *(excerpt.answer or ())) if excerpt.located else ()


def _edges(borders: Sequence[int], length: int) -> list[int]:
    """Return where pieces begin and end; the outer ones are as far as an article is sent."""
    first, last = min(borders, default=0), max(borders, default=0)
    return sorted({max(0, first - _AROUND), *borders, min(length, last + _AROUND)})


def _pieces(text: str, edges: Sequence[int]) -> list[str]:
    pieces = [text[start:end] for start, end in pairwise(edges)]
    before, after = (_CUT if edges[0] else ""), (_CUT if edges[-1] < len(text) else "")
    return [before, *pieces, after]


def _note(note: _Note, edges: Sequence[int]) -> Data:
    """Return an excerpt.

    `first` to `last` are the pieces that are its quote, none when it is not located; `answer` are those of
    its words that answer, from the first to before the last.
    """
    excerpt = note.excerpt
    borders = _borders(excerpt) or (edges[0], edges[0])
    first, last, *answer = (bisect_left(edges, at) + 1 for at in borders)
    title = excerpt.article.title
    short = shortened(excerpt.quote, _SNIPPET)
    return {
        "id": f"{note.group}-{excerpt.number}",
        "group": note.group,
        "name": str(excerpt.number),
        "title": title,
        "shortTitle": shortened(title, _TITLE),
        "about": excerpt.about,
        "said": excerpt.told,
        "quote": excerpt.quote,
        "short": short,
        "pieces": by_turns(short, _within(short, excerpt.line)),
        "verdict": "checked" if excerpt.located and excerpt.sound else "unsupported",
        "article": note.article,
        "first": first,
        "last": last,
        "answer": answer or [last, last],
    }


def _within(short: str, line: Line) -> list[Span]:
    """Return where the words of a line that answer stand in its beginning, as far as that holds them."""
    length = len(short) if short == line.text else len(short) - len("…")
    return [Span(span.start, min(span.end, length)) for span in line.spans if span.start < length]
