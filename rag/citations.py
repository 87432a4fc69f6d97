"""Draft -> footnoted text: markers, numbering, spans, verdicts. Pure, and the same streamed or not.

    pieces of a reply -> MarkerReader -> SentenceReader -> Footnoter -> text, sentences, citations

An answerer that knows its spans (quoting) hands its events to the Footnoter at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import nupunkt

from .facts import missing_facts, normalise
from .schema import AnswerSentence, Article, Citation, Passage, Span, Verdict

UNSUPPORTED = "[unsupported]"
"""Stands after a sentence whose footnotes do not hold what it states, or that has none."""


@dataclass(frozen=True, slots=True)
class Source:
    """A passage as numbered in a prompt, from 1, with its article."""

    number: int
    passage: Passage
    article: Article
    score: float

    @property
    def text(self) -> str:
        """The words of the passage."""
        return self.article.text[self.passage.start : self.passage.end]


class Words(NamedTuple):
    """A piece of the answer's text."""

    text: str


class Marker(NamedTuple):
    """A reference to a source by its number; `span` when the answerer knows the exact words."""

    number: int
    span: Span | None = None


class SentenceEnd(NamedTuple):
    """The sentence is complete; `separator` stands before the next one."""

    separator: str = " "


Event = Words | Marker | SentenceEnd

_MARKER = re.compile(
    r"[\[【]\s*(?:\^|#|(?:sources?|passages?)\s*)?(?P<numbers>\d{1,3}(?:\s*[,;–-]\s*(?:sources?\s*)?\d{1,3})*)"
    r"(?:†[^\]】]{0,40})?\s*[\]】]",
    re.IGNORECASE,
)
_LONGEST_MARKER = 80
_BEGINNING = re.compile(r"[\[【][\s\d,;–\-^#†a-z]{0,79}\Z", re.IGNORECASE)


class MarkerReader:
    """Reads markers out of pieces of text; never lets half a marker through."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> Iterator[Words | Marker]:
        """Yield the words and markers that are certain after this piece."""
        text = self._held + piece
        cut = _open_bracket(text)
        self._held = text[cut:]
        yield from _split_markers(text[:cut])

    def finish(self) -> Iterator[Words | Marker]:
        """Yield what was held back."""
        held, self._held = self._held, ""
        yield from _split_markers(held)


def _open_bracket(text: str) -> int:
    """Return where the text must be held back, as a marker may be beginning there."""
    tail_start = max(0, len(text) - _LONGEST_MARKER)
    cut = max(text.rfind("[", tail_start), text.rfind("【", tail_start))
    if cut >= 0 and _BEGINNING.match(text, cut):
        return cut
    return len(text)


def _split_markers(text: str) -> Iterator[Words | Marker]:
    position = 0
    for match in _MARKER.finditer(text):
        if match.start() > position:
            yield Words(text[position : match.start()])
        for number in _numbers(match["numbers"]):
            yield Marker(number)
        position = match.end()
    if position < len(text):
        yield Words(text[position:])


def _numbers(text: str) -> list[int]:
    """Read `1, 3-5` as 1, 3, 4, 5; a range that runs backwards or over 20 numbers is its two ends."""
    numbers: list[int] = []
    for part in re.split(r"[,;]", text):
        ends = [int(digits) for digits in re.findall(r"\d+", part)]
        if len(ends) == 2 and 0 < ends[1] - ends[0] <= 20:
            numbers += range(ends[0], ends[1] + 1)
        else:
            numbers += ends
    return list(dict.fromkeys(numbers))


_STOP = re.compile(r"[.!?…]+[\"”’»)]*(?=\s)|\n")


class SentenceReader:
    """Finds the ends of sentences in a stream of words and markers; markers follow their sentence."""

    def __init__(self) -> None:
        self._text = ""
        self._shown = 0
        self._scan = 0
        self._markers: list[tuple[int, Marker]] = []

    def feed(self, event: Words | Marker) -> Iterator[Event]:
        """Yield what is certain: words, and at the end of a sentence its markers and SentenceEnd."""
        if isinstance(event, Marker):
            self._markers.append((len(self._text), event))
            return
        self._text += self._without_gap(event.text)
        yield from self._advance(final=False)

    def finish(self) -> Iterator[Event]:
        """Yield the rest."""
        yield from self._advance(final=True)
        if self._text.strip():
            yield from self._show(len(self._text.rstrip()))
            yield from self._close(len(self._text), separator="")

    def _without_gap(self, text: str) -> str:
        """Take back the space before a marker when punctuation follows it: `talks [1].`"""
        after_marker = bool(self._markers) and self._markers[-1][0] == len(self._text)
        if after_marker and text[:1] in ".,;:!?" and self._shown < len(self._text):
            kept = self._text.rstrip()
            self._text = kept if len(kept) >= self._shown else self._text
            self._markers = [(min(at, len(self._text)), marker) for at, marker in self._markers]
        return text

    def _advance(self, *, final: bool) -> Iterator[Event]:
        while match := _STOP.search(self._text, self._scan):
            end = match.start() if match.group() == "\n" else match.end()
            ends = _is_end(self._text, end, newline=match.group() == "\n", final=final)
            if ends is None:
                yield from self._show(end)
                return
            if not ends:
                self._scan = match.end()
                continue
            yield from self._show(end)
            rest = re.compile(r"\s*").match(self._text, end)
            gap = rest.end() if rest else end
            separator = "\n" if "\n" in self._text[end:gap] else " "
            yield from self._close(gap, separator=separator)
        yield from self._show(len(self._text.rstrip()))

    def _show(self, end: int) -> Iterator[Event]:
        if end > self._shown:
            yield Words(self._text[self._shown : end])
            self._shown = end

    def _close(self, end: int, *, separator: str) -> Iterator[Event]:
        own = [marker for at, marker in self._markers if at <= end]
        if self._text[:end].strip() or own:
            yield from own
            yield SentenceEnd(separator)
        self._markers = [(at - end, marker) for at, marker in self._markers if at > end]
        self._text = self._text[end:]
        self._shown = self._scan = 0


def _is_end(text: str, end: int, *, newline: bool, final: bool) -> bool | None:
    """Tell whether a sentence ends here; None while the next word is not complete."""
    if newline or re.match(r"[^\S\n]*\n", text[end:]):
        return True
    following = re.match(r"\s+\S+\s", text[end:])
    if following is None and not final:
        return None
    window = text[: end + following.end()] if following else text
    return any(len(window[:stop].rstrip()) == end for _, stop in nupunkt.sent_spans(window))


class Footnoter:
    """Turns events into the shown text, and keeps its sentences and citations.

    Footnotes are numbered 1, 2, 3, ... by first use; one number stands for one exact span. They
    follow their sentence, so that `"".join(shown pieces) == text` holds streamed or not.
    """

    def __init__(self, sources: Sequence[Source], *, exempt: Iterable[str] = ()) -> None:
        """Take the sources that markers may name; `exempt` sentences need no footnote."""
        self._sources = {source.number: source for source in sources}
        self._exempt = {_bare(sentence) for sentence in exempt}
        self._sentence = ""
        self._cited: list[Marker] = []
        self._separator = ""
        self._notes: dict[tuple[str, Span], Citation] = {}
        self.text = ""
        self.sentences: list[AnswerSentence] = []
        self.unknown_markers = 0

    @property
    def citations(self) -> list[Citation]:
        """The footnotes in the order of their numbers."""
        return list(self._notes.values())

    def feed(self, event: Event) -> str:
        """Take one event and return the piece of text to show for it."""
        if isinstance(event, Words):
            piece = event.text if self._sentence else self._separator + event.text.lstrip()
            self._sentence += event.text if self._sentence else event.text.lstrip()
            self.text += piece
            return piece
        if isinstance(event, Marker):
            if event.number in self._sources:
                self._cited.append(event)
            else:
                self.unknown_markers += 1
            return ""
        return self._end_sentence(event.separator)

    def is_exempt(self, sentence: str) -> bool:
        """Tell whether a sentence is one of those that need no footnote."""
        return _bare(sentence) in self._exempt

    def _end_sentence(self, separator: str) -> str:
        sentence = self._sentence.rstrip()
        cited, self._cited, self._sentence = self._cited, [], ""
        if not re.search(r"\w", sentence):
            self._separator = separator if self.text else ""
            return ""
        end = len(self.text)
        start = end - len(sentence)
        verdict = self._check(sentence, cited)
        piece = ""
        numbers: list[int] = []
        for marker in cited:
            number = self._note(sentence, marker, verdict, at=end + len(piece) + (not piece))
            if number not in numbers:
                piece += f"{'' if piece else ' '}[{number}]"
                numbers.append(number)
        if not (numbers and verdict.sound) and not self.is_exempt(sentence):
            piece += f" {UNSUPPORTED}"
        self.sentences.append(AnswerSentence(sentence, start, end, tuple(numbers), verdict))
        self.text += piece
        self._separator = separator
        return piece

    def _check(self, sentence: str, cited: Sequence[Marker]) -> Verdict:
        """Ask the cited passages, taken together, for the hard facts of the sentence."""
        texts = [self._sources[marker.number].text for marker in cited]
        missing = tuple(fact.text for fact in missing_facts(sentence, texts))
        return Verdict(located=bool(cited), consistent=not missing, missing=missing)

    def _note(self, sentence: str, marker: Marker, verdict: Verdict, *, at: int) -> int:
        """Return the number of the footnote for this sentence's use of a source."""
        source = self._sources[marker.number]
        span = marker.span or align(sentence, source)
        key = (source.article.id, span)
        known = self._notes.get(key)
        if known is not None:
            if known.verdict.consistent and not verdict.consistent:
                self._notes[key] = replace(known, verdict=verdict)
            return known.number
        number = len(self._notes) + 1
        quote = source.article.text[span.start : span.end]
        self._notes[key] = Citation(
            number=number,
            article=source.article,
            start=span.start,
            end=span.end,
            quote=quote,
            answer_start=at,
            answer_end=at + len(f"[{number}]"),
            verdict=replace(verdict, located=_is_located(quote, source)),
            passage_id=source.passage.id,
        )
        return number


def _is_located(quote: str, source: Source) -> bool:
    return bool(quote.strip()) and quote in source.text


def align(sentence: str, source: Source) -> Span:
    """Return the sentence of the passage, or the two neighbours, that share most words with a statement.

    Numbers and capitalised words count twice. Two neighbours are taken only when the second adds a
    third or more to what the better one shares.
    """
    wanted = {word: 2.0 if word[0].isdigit() else 1.0 for word in _content_words(sentence)}
    for word in re.findall(r"\b[A-Z][\w’'-]+", sentence):
        wanted.update(dict.fromkeys(_content_words(word), 2.0))
    spans = source.passage.sentences
    text = source.article.text

    def shared(span: Span) -> float:
        return sum(wanted.get(word, 0.0) for word in _content_words(text[span.start : span.end]))

    single = max(spans, key=shared)
    pairs = [Span(a.start, b.end) for a, b in zip(spans, spans[1:], strict=False)]
    pair = max(pairs, key=shared, default=single)
    return pair if shared(pair) >= max(2.0, shared(single) * 4 / 3) + 1 else single


def _content_words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", normalise(text)) if len(word) > 2 or word.isdigit()}


def _bare(sentence: str) -> str:
    return normalise(sentence).strip(" .!\"'")
