"""A saved answer against the index of today: do its footnotes stand, do they hold its sentences?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from .catalogue import Catalogue
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


class _Found(NamedTuple):
    """Words in an article of today."""

    article: Article
    span: Span

    @property
    def place(self) -> Place:
        return Place(self.article.uri, *self.span, self.article.text[self.span.start : self.span.end])


def _check(note: SavedCitation, article: Article | None, catalogue: Catalogue) -> _Checked:
    state, found = _outcome(note, article, catalogue)
    footnote = FootnoteCheck(
        number=note.number,
        state=state,
        title=note.title,
        uri=note.uri,
        start=note.start,
        end=note.end,
        quote=note.quote,
        edited=article is not None and article.text_hash != note.text_hash,
        now=found.place if found else None,
    )
    return _Checked(footnote, _held(found, catalogue) if found else ())


def _outcome(
    note: SavedCitation, article: Article | None, catalogue: Catalogue
) -> tuple[State, _Found | None]:
    found = (_find(note, article) if article else None) or _find_copy(note, catalogue)
    if found:
        stays = (found.article.uri, *found.span) == (note.uri, note.start, note.end)
        return "there" if stays else "moved", found
    return ("changed", _nearest(note, article, catalogue)) if article else ("gone", None)


def _find(note: SavedCitation, article: Article) -> _Found | None:
    """Return where the quoted words stand in an article, nearest to where they stood."""
    if article.text_hash == note.text_hash and article.text[note.start : note.end] == note.quote:
        return _Found(article, Span(note.start, note.end))
    spans = [Span(*match.span()) for match in _words_pattern(note.quote).finditer(article.text)]
    if not spans:
        return None
    return _Found(article, min(spans, key=lambda s: (abs(s.start - note.start), abs(s.end - note.end))))


def _words_pattern(quote: str) -> re.Pattern[str]:
    """Match the words of a quote over any white space; `5 men` is not in `15 men`, nor in `2.5 men`."""
    words = r"\s++".join(re.escape(word) for word in quote.split())
    first, last = quote.strip()[0], quote.strip()[-1]
    before = (r"(?<!\w)" if _is_word(first) else "") + (r"(?<!\d[.,:])" if first.isdigit() else "")
    after = (r"(?!\w)" if _is_word(last) else "") + (r"(?![.,:]\d)" if last.isdigit() else "")
    return re.compile(f"{before}{words}{after}")


def _is_word(character: str) -> bool:
    return re.match(r"\w", character) is not None


def _find_copy(note: SavedCitation, catalogue: Catalogue) -> _Found | None:
    """Return where the words stand in an article with the same text as the cited one had."""
    ids = catalogue.ids_with_text(note.text_hash)
    found = (_find(note, article) for article in catalogue.articles(ids[:1]).values())
    return next(found, None)


def _nearest(note: SavedCitation, article: Article, catalogue: Catalogue) -> _Found | None:
    """Return the sentence, or the run of sentences, most like a quote; None when none is much like it."""
    wanted = _counted(note.quote)
    passages = catalogue.passages_of(article.id)
    sentences = [span for passage in passages for span in passage.sentences]
    if not sentences:
        return None
    run = _likest(wanted, [_counted(article.text[span.start : span.end]) for span in sentences])
    if _shared(wanted, run.words) < LIKE * wanted.total():
        return None
    return _Found(article, Span(sentences[run.first].start, sentences[run.last].end))


class _Run(NamedTuple):
    """Sentences by their numbers, both ends included, and their words."""

    first: int
    last: int
    words: Counter[str]


def _likest(wanted: Counter[str], sentences: Sequence[Counter[str]]) -> _Run:
    """Return the sentence most like a quote, with its neighbours as long as they make it more so."""

    def likeness(run: _Run) -> float:
        return _likeness(wanted, run.words)

    run = max((_Run(n, n, words) for n, words in enumerate(sentences)), key=likeness)
    while True:
        wider = [run]
        if run.first > 0:
            wider.append(_Run(run.first - 1, run.last, run.words + sentences[run.first - 1]))
        if run.last + 1 < len(sentences):
            wider.append(_Run(run.first, run.last + 1, run.words + sentences[run.last + 1]))
        best = max(wider, key=likeness)
        if best is run:
            return run
        run = best


def _counted(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", normalise(text)))


def _shared(a: Counter[str], b: Counter[str]) -> int:
    few, many = sorted((a, b), key=len)
    return sum(min(count, many[word]) for word, count in few.items())


def _likeness(a: Counter[str], b: Counter[str]) -> float:
    """Return the Dice coefficient of two bags of words, 0 to 1."""
    return 2 * _shared(a, b) / max(1, a.total() + b.total())


def _held(found: _Found, catalogue: Catalogue) -> tuple[str, ...]:
    """Return the words, their passages, and the source and date of the article, which a lead-in names."""
    article, span = found
    passages = [
        article.text[passage.start : passage.end]
        for passage in catalogue.passages_of(article.id)
        if passage.start < span.end and span.start < passage.end
    ]
    about = [part for part in (article.source, article.date) if part]
    return article.text[span.start : span.end], *passages, *about


def _check_sentence(sentence: SavedSentence, held: Mapping[int, Sequence[str]]) -> SentenceCheck:
    sources = [text for number in sentence.citations for text in held[number]]
    missing = tuple(fact.text for fact in missing_facts(sentence.text, sources))
    lost = tuple(text for text in missing if text not in sentence.missing)
    return SentenceCheck(sentence.text, tuple(sentence.citations), missing, lost)
