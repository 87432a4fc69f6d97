"""A saved answer against the index of today: do its footnotes stand, do they hold its sentences?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from .catalogue import Catalogue, PassageRow
from .facts import missing_facts, normalise
from .index import CATALOGUE, Index
from .saved import SavedAnswer, SavedCitation, SavedSentence, check_answer, read_answer
from .schema import Article, Span, article_id

State = Literal["there", "moved", "changed", "gone"]
LIKE = 0.5
"""Least share of a quote's words that other words must have to be shown as the nearest to it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where words stand today: `text` is `[start:end]` of the article at `uri`."""

    uri: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class FootnoteCheck:
    """A footnote of the saved answer, and what became of it.

    there: the same words at the same place. moved: the same words elsewhere in the article, or in an
    article with the same text at another URI. changed: the article is there, the words are not.
    gone: there is no such article.
    """

    number: int
    state: State
    title: str
    uri: str
    start: int
    end: int
    quote: str
    edited: bool
    """The article is there with another text than when the answer was given."""
    now: Place | None
    """Where the words stand today; when they changed, the nearest to them, if any are near."""

    @property
    def holds(self) -> bool:
        """The quoted words still stand in an article."""
        return self.state in {"there", "moved"}


@dataclass(frozen=True, slots=True)
class SentenceCheck:
    """A sentence of the saved answer, and what its footnotes hold of it today."""

    text: str
    citations: tuple[int, ...]
    missing: tuple[str, ...]
    """What the sentence states and the passages around its footnotes do not hold today."""
    lost: tuple[str, ...]
    """What of it they did hold when the answer was given."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What became of a saved answer; `str()` is one line."""

    question: str
    footnotes: tuple[FootnoteCheck, ...]
    sentences: tuple[SentenceCheck, ...]
    """Those that have footnotes."""

    @property
    def holds(self) -> bool:
        """Every footnote is there or moved, and no sentence lost what it states."""
        return all(note.holds for note in self.footnotes) and not any(s.lost for s in self.sentences)

    def __str__(self) -> str:
        if not self.footnotes:
            return "Nothing to check: the answer has no footnotes."
        counts = Counter(note.state for note in self.footnotes)
        states: tuple[State, ...] = ("there", "moved", "changed", "gone")
        told = [f"{counts[state]} {state}" for state in states if counts[state]]
        lost = sum(bool(sentence.lost) for sentence in self.sentences)
        told += [f"{lost} {'sentence' if lost == 1 else 'sentences'} no longer held"] if lost else []
        total = len(self.footnotes)
        return f"{total} {'footnote' if total == 1 else 'footnotes'}: {', '.join(told)}"

    def to_dict(self) -> dict[str, object]:
        """Return the verification as JSON-ready values."""
        return {
            "question": self.question,
            "holds": self.holds,
            "footnotes": [asdict(note) for note in self.footnotes],
            "sentences": [
                asdict(s) | {name: list(getattr(s, name)) for name in ("citations", "missing", "lost")}
                for s in self.sentences
            ],
        }


def verify(
    answer: Mapping[str, object] | str | Path | SavedAnswer, index: str | Path | Index
) -> Verification:
    """Check an answer again, given as `answer.to_dict()` or a file of it, against an index of today.

    Nothing is embedded or searched; only the catalogue is read. Raises UsageError for what is no answer,
    IndexMissing or IndexFolderError.
    """
    if isinstance(answer, (str, Path)):
        answer = read_answer(answer)
    saved = answer if isinstance(answer, SavedAnswer) else check_answer(answer)
    if isinstance(index, Index):
        return _verify(saved, index.catalogue)
    catalogue = Catalogue(Path(index) / CATALOGUE)
    try:
        return _verify(saved, catalogue)
    finally:
        catalogue.close()


def _verify(saved: SavedAnswer, catalogue: Catalogue) -> Verification:
    ids = {article_id(note.uri) for note in saved.citations}
    articles = catalogue.articles(ids)
    checked = [_check(note, articles.get(article_id(note.uri)), catalogue) for note in saved.citations]
    held = {each.footnote.number: each.held for each in checked}
    return Verification(
        question=saved.question,
        footnotes=tuple(each.footnote for each in checked),
        sentences=tuple(_check_sentence(s, held) for s in saved.sentences if s.citations),
    )


class _Checked(NamedTuple):
    """A footnote, and the texts that it points into today."""

    footnote: FootnoteCheck
    held: tuple[str, ...]


def _check(note: SavedCitation, article: Article | None, catalogue: Catalogue) -> _Checked:
    state, place = _outcome(note, article, catalogue)
    footnote = FootnoteCheck(
        number=note.number,
        state=state,
        title=note.title,
        uri=note.uri,
        start=note.start,
        end=note.end,
        quote=note.quote,
        edited=article is not None and article.text_hash != note.text_hash,
        now=place,
    )
    return _Checked(footnote, _held(place, catalogue) if place else ())


def _outcome(
    note: SavedCitation, article: Article | None, catalogue: Catalogue
) -> tuple[State, Place | None]:
    place = (_find(note, article) if article else None) or _find_copy(note, catalogue)
    if place:
        stays = (place.uri, place.start, place.end) == (note.uri, note.start, note.end)
        return "there" if stays else "moved", place
    return ("changed", _nearest(note, article, catalogue)) if article else ("gone", None)


def _find(note: SavedCitation, article: Article) -> Place | None:
    """Return where the quoted words stand in an article, nearest to where they stood."""
    if article.text_hash == note.text_hash and article.text[note.start : note.end] == note.quote:
        return Place(article.uri, note.start, note.end, note.quote)
    spans = [match.span() for match in _words_pattern(note.quote).finditer(article.text)]
    if not spans:
        return None
    start, end = min(spans, key=lambda span: (abs(span[0] - note.start), abs(span[1] - note.end)))
    return Place(article.uri, start, end, article.text[start:end])


def _words_pattern(quote: str) -> re.Pattern[str]:
    """Match the words of a quote over any white space; `5 men` is not in `15 men`, nor in `2.5 men`."""
    words = r"\s++".join(re.escape(word) for word in quote.split())
    first, last = quote.strip()[0], quote.strip()[-1]
    before = (r"(?<!\w)" if _is_word(first) else "") + (r"(?<!\d[.,:])" if first.isdigit() else "")
    after = (r"(?!\w)" if _is_word(last) else "") + (r"(?![.,:]\d)" if last.isdigit() else "")
    return re.compile(f"{before}{words}{after}")


def _is_word(character: str) -> bool:
    return re.match(r"\w", character) is not None


def _find_copy(note: SavedCitation, catalogue: Catalogue) -> Place | None:
    """Return where the words stand in an article with the same text as the cited one had."""
    ids = catalogue.ids_with_text(note.text_hash)
    places = (_find(note, article) for article in catalogue.articles(ids[:1]).values())
    return next(places, None)


def _nearest(note: SavedCitation, article: Article, catalogue: Catalogue) -> Place | None:
    """Return the sentence, or the run of sentences, most like a quote; None when none is much like it."""
    wanted = _counted(note.quote)
    rows = _passages(article.id, catalogue)
    sentences = [span for row in rows for span in row.passage.sentences]
    counts = [_counted(article.text[span.start : span.end]) for span in sentences]
    if not sentences:
        return None
    best = max(range(len(counts)), key=lambda n: _likeness(wanted, counts[n]))
    run = _grown(wanted, counts, best)
    if (wanted & _total(counts, run)).total() < LIKE * wanted.total():
        return None
    start, end = sentences[run.start].start, sentences[run.end - 1].end
    return Place(article.uri, start, end, article.text[start:end])


def _grown(wanted: Counter[str], counts: Sequence[Counter[str]], best: int) -> Span:
    """Add neighbours to a sentence, by their numbers, as long as that makes the run more like the quote."""
    run = Span(best, best + 1)
    while True:
        wider = [Span(run.start - 1, run.end), Span(run.start, run.end + 1)]
        possible = [span for span in wider if span.start >= 0 and span.end <= len(counts)]
        likest = max([run, *possible], key=lambda span: _likeness(wanted, _total(counts, span)))
        if likest == run:
            return run
        run = likest


def _counted(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", normalise(text)))


def _total(counts: Sequence[Counter[str]], run: Span) -> Counter[str]:
    return sum(counts[run.start : run.end], Counter())


def _likeness(a: Counter[str], b: Counter[str]) -> float:
    """Return the Dice coefficient of two bags of words, 0 to 1."""
    return 2 * (a & b).total() / max(1, a.total() + b.total())


def _held(place: Place, catalogue: Catalogue) -> tuple[str, ...]:
    """Return the words, their passages, and the source and date of the article, which a lead-in names."""
    rows = [
        row
        for row in _passages(article_id(place.uri), catalogue)
        if row.passage.start < place.end and place.start < row.passage.end
    ]
    about = [part for row in rows[:1] for part in (row.source, row.date) if part]
    return place.text, *(row.text for row in rows), *about


def _passages(id_: str, catalogue: Catalogue) -> list[PassageRow]:
    """Return the passages of an article in their order."""
    ids = [passage.id for passage in catalogue.batch([id_]).passages]
    return sorted(catalogue.passages(ids).values(), key=lambda row: row.passage.start)


def _check_sentence(sentence: SavedSentence, held: Mapping[int, Sequence[str]]) -> SentenceCheck:
    sources = [text for number in sentence.citations for text in held[number]]
    missing = tuple(fact.text for fact in missing_facts(sentence.text, sources))
    lost = tuple(text for text in missing if text not in sentence.missing)
    return SentenceCheck(sentence.text, tuple(sentence.citations), missing, lost)
