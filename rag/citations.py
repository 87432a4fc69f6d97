"""Draft -> footnoted text: markers, numbering, spans, verdicts. Pure, and the same streamed or not.

    pieces of a reply -> MarkerReader -> SentenceReader -> Footnoter -> text, sentences, citations

An answerer that knows its spans (quoting) hands its events to the Footnoter at once.

A verdict says whether the facts of a sentence stand in what it cites; of a model's sentence also whether the
source says otherwise in so many words (see `bindings`). It never says that the source implies the sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from .bindings import clashes
from .facts import missing_facts, normalise
from .injection import orders
from .schema import AnswerSentence, Article, Citation, Origin, Passage, Span, Verdict
from .sentences import sentence_spans

UNSUPPORTED = "[unsupported]"
"""Stands after a sentence whose footnotes do not hold what it states, or that has none."""


@dataclass(frozen=True, slots=True)
class Source:
    """A passage as numbered in a prompt, from 1, with its article."""

    number: int
    passage: Passage
    article: Article
    score: float
    cosine: float = 0.0
    """Similarity of the passage's meaning to the question, -1 to 1, where retrieval tells it."""

    @property
    def text(self) -> str:
        """The words of the passage."""
        return self.article.text[self.passage.start : self.passage.end]

    def evidence(self, span: Span | None = None) -> str:
        """Return the words of the passage, or of a span of it, without those that speak to a model."""
        start, end = span or (self.passage.start, self.passage.end)
        text = self.article.text[start:end]
        for order in orders(self.article.text, self.passage.sentences):
            first, last = max(order.start - start, 0), max(order.end - start, 0)
            text = text[:first] + " " * len(text[first:last]) + text[last:]
        return text


class Place(NamedTuple):
    """A span of a source."""

    source: Source
    span: Span


Trace = Callable[[str, Sequence[Source], Sequence[Source]], Place | None]
"""A sentence, its cited sources and all that were given -> where its footnote should stand instead."""


class Given(NamedTuple):
    """The answerer was given the first `sources` only; comes before everything that it says."""

    sources: int


class LeadIn(NamedTuple):
    """Fixed words that introduce the next sentence; they claim nothing and are no part of it."""

    text: str


class Words(NamedTuple):
    """A piece of the answer's text."""

    text: str


class Marker(NamedTuple):
    """A reference to a source by its number; `span` when the answerer knows the exact words."""

    number: int
    span: Span | None = None
    answer: Span | None = None
    """Place in the article of the words that answer, when the answerer knows them."""


class SentenceEnd(NamedTuple):
    """The sentence is complete; `separator` stands before the next one."""

    separator: str = " "


Event = Words | Marker | SentenceEnd

_LONGEST_MARKER = 80
_BRACKETED = re.compile(
    rf"[\[【](?P<inside>[^\[\]【】]{{1,{_LONGEST_MARKER - 2}}})[\]】]|"
    r"\((?P<named>(?:see )?(?:source|passage|article|document|ref)[^()]{1,40})\)|"
    r"(?<![\d(])\((?P<bare>\d{1,2}(?:\s?[,;]\s?\d{1,2}){0,3})\)(?=\s{0,8}(?:[.!?([【]|\Z))",
    re.IGNORECASE,
)
"""A marker in square brackets; or in round ones: with a word, or at the end of a sentence."""
_NAMED = r"(?:(?:sources?|passages?|articles?|documents?|docs?|refs?)[.:]?\s*)?"
_NUMBERED = re.compile(
    rf"\s*[\^#]?{_NAMED}(?P<numbers>\d{{1,3}}(?:\s*(?:[,;&–-]|and)\s*[\^#]?{_NAMED}\d{{1,3}})*)\s*(?:†.*)?",
    re.IGNORECASE | re.DOTALL,
)


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
    start = max(0, len(text) - _LONGEST_MARKER + 1)
    opened = max(text.rfind("[", start), text.rfind("【", start))
    closed = max(text.rfind("]", start), text.rfind("】", start))
    round_one = _ROUND.search(text, start)
    cut = opened if opened > closed else len(text)
    return min(cut, round_one.start()) if round_one else cut


_ROUND = re.compile(r"\([^()]{0,60}(?:(?<=\d)\)\s{0,8})?\Z")
"""A round bracket at the end of a piece that a marker may be in; what follows it decides."""


def _split_markers(text: str) -> Iterator[Words | Marker]:
    position = 0
    for match in _BRACKETED.finditer(text):
        inside = match["inside"] or match["named"] or match["bare"]
        numbered = _NUMBERED.fullmatch(inside.lower().removeprefix("see "))
        if numbered is None:
            continue
        if match.start() > position:
            yield Words(text[position : match.start()])
        for number in _numbers(numbered["numbers"]):
            yield Marker(number)
        position = match.end()
    if position < len(text):
        yield Words(text[position:])


def _numbers(text: str) -> list[int]:
    """Read `1, 3-5` as 1, 3, 4 and 5; a range that runs backwards or over 20 numbers is its two ends."""
    numbers: list[int] = []
    for part in re.split(r"[,;&]|and", text, flags=re.IGNORECASE):
        ends = [int(digits) for digits in re.findall(r"\d+", part)]
        if len(ends) == 2 and 0 < ends[1] - ends[0] <= 20:
            numbers += range(ends[0], ends[1] + 1)
        else:
            numbers += ends
    return list(dict.fromkeys(numbers))


_STOP = re.compile(r"[.!?…]+[\"'”’»)\]]*(?= )")
_RUN = re.compile(r"\s+|\S+")


class SentenceReader:
    """Finds the ends of sentences in a stream of words and markers; markers follow their sentence.

    White space becomes one space, or ends the sentence when it holds a new line. Where a marker stood
    there is no space before punctuation, and one between words, so that what is left is plain text.
    """

    def __init__(self) -> None:
        self._text = ""
        self._shown = 0
        self._scan = 0
        self._gap = ""
        """White space that waits for the next word: nothing, a space or a new line."""
        self._after_marker = False
        self._markers: list[tuple[int, Marker]] = []
        self._leading: list[Marker] = []
        """Markers at the beginning of a line; they belong to its sentence, if it has one."""

    def feed(self, event: Words | Marker) -> Iterator[Event]:
        """Yield what is certain: words, and at the end of a sentence its markers and SentenceEnd."""
        if isinstance(event, Marker):
            self._take_marker(event)
            return
        for run in _RUN.findall(event.text):
            if run.isspace():
                self._take_gap(run)
            else:
                yield from self._take_word(run)
        yield from self._advance(final=False)

    def finish(self) -> Iterator[Event]:
        """Yield the rest."""
        self._gap = ""
        self._settle_leading()
        yield from self._advance(final=True)
        yield from self._close(len(self._text), separator="")

    def _take_marker(self, marker: Marker) -> None:
        if self._gap == "\n":
            self._leading.append(marker)
        else:
            self._markers.append((len(self._text), marker))
        self._after_marker = True

    def _take_gap(self, run: str) -> None:
        self._gap = "\n" if "\n" in run or self._gap == "\n" else " "
        if "\n" in run:
            self._settle_leading()

    def _settle_leading(self) -> None:
        """Give markers that stand on a line of their own to the sentence before them."""
        self._markers += [(len(self._text), marker) for marker in self._leading]
        self._leading = []

    def _take_word(self, word: str) -> Iterator[Event]:
        if self._gap == "\n":
            yield from self._end_line()
        elif self._after_marker and self._text and word[0] not in ".,;:!?)\"'”’»":
            self._gap = " "
        elif self._after_marker and word[0] in ".,;:!?":
            self._gap = ""
        self._text += (self._gap if self._text else "") + word
        self._gap = ""
        self._after_marker = False

    def _end_line(self) -> Iterator[Event]:
        yield from self._advance(final=True)
        yield from self._close(len(self._text), separator="\n")
        self._gap = ""
        self._markers = [(0, marker) for marker in self._leading]
        self._leading = []

    def _advance(self, *, final: bool) -> Iterator[Event]:
        """Show the words, and close every sentence of which the word after its end is complete."""
        text = self._text + (" " if self._gap else "")
        while match := _STOP.search(text, self._scan):
            ends = _is_end(text, match.end(), final=final)
            if ends is None:
                yield from self._show(match.end())
                return
            self._scan = match.end()
            if ends:
                at_line_end = self._gap == "\n" and match.end() == len(self._text)
                yield from self._close(match.end(), separator="\n" if at_line_end else " ")
                text = text[match.end() + 1 :]
        yield from self._show(len(self._text))

    def _show(self, end: int) -> Iterator[Event]:
        if end > self._shown:
            yield Words(self._text[self._shown : end])
            self._shown = end

    def _close(self, end: int, *, separator: str) -> Iterator[Event]:
        yield from self._show(end)
        own = [marker for at, marker in self._markers if at <= end]
        if self._text or own:
            yield from own
            yield SentenceEnd(separator)
        rest = self._text[end:].removeprefix(" ")
        skipped = len(self._text) - len(rest)
        self._markers = [(at - skipped, marker) for at, marker in self._markers if at > end]
        self._text = rest
        self._shown, self._scan = max(0, self._shown - skipped), 0


def _is_end(text: str, end: int, *, final: bool) -> bool | None:
    """Tell whether a sentence ends here; None while the next word is not complete."""
    if re.fullmatch(r"\W*\d{1,2}[.)]", text[:end]):
        return False  # the number of an item in a list
    following = re.compile(r" \S+ ").match(text, end)
    if following is None and not final:
        return None
    window = text[: following.end()] if following else text
    return any(span.end == end for span in sentence_spans(window))


class Footnoter:
    """Turns events into the shown text, and keeps its sentences and citations.

    Footnotes are numbered 1, 2, 3, ... by first use; one number stands for one exact span. They
    follow their sentence, so that `"".join(shown pieces) == text` holds streamed or not.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        exempt: Iterable[str] = (),
        trace: Trace | None = None,
        drop: bool = False,
    ) -> None:
        """Take the sources that markers may name; `exempt` sentences need no footnote.

        `trace`, for a model's sentences, may move a footnote, or find one for a sentence without; then words
        of an article that speak to the model are no evidence. With `drop`, a sentence that fails
        is left out, and so nothing of a sentence is shown before its end.
        """
        self._sources = {source.number: source for source in sources}
        self._exempt = {bare(sentence) for sentence in exempt}
        self._trace = trace
        self._drop = drop
        self._sentence = ""
        self._gap = ""
        """White space that waits for the next word of the sentence."""
        self._cited: list[Marker] = []
        self._separator = ""
        self._lead_in = ""
        self._notes: dict[tuple[str, Span], Citation] = {}
        self.text = ""
        self.sentences: list[AnswerSentence] = []
        self.dropped: list[str] = []
        self.unknown_markers = 0

    @property
    def citations(self) -> list[Citation]:
        """The footnotes in the order of their numbers."""
        return list(self._notes.values())

    def feed(self, event: Event | LeadIn | Given) -> str:
        """Take one event and return the piece of text to show for it."""
        if isinstance(event, Words):
            return self._add_words(event.text)
        if isinstance(event, SentenceEnd):
            return self._end_sentence(event.separator)
        if isinstance(event, LeadIn):
            self._lead_in = event.text
            return ""
        if isinstance(event, Given):
            self._sources = {n: source for n, source in self._sources.items() if n <= event.sources}
        elif event.number in self._sources:
            self._cited.append(event)
        else:
            self.unknown_markers += 1
        return ""

    def is_exempt(self, sentence: str) -> bool:
        """Tell whether a sentence is one of those that need no footnote."""
        return bare(sentence) in self._exempt

    def _add_words(self, text: str) -> str:
        words = self._gap + text if self._sentence else text.lstrip()
        kept = words.rstrip()
        self._gap = words[len(kept) :]
        piece = kept if self._sentence or not kept else self._before() + kept
        self._sentence += kept
        return "" if self._drop else self._show(piece)

    def _show(self, piece: str) -> str:
        self.text += piece
        return piece

    def _end_sentence(self, separator: str) -> str:
        """Check and close the sentence; a piece without a word leaves its markers to the next one."""
        sentence, self._sentence, self._gap = self._sentence, "", ""
        if not re.search(r"\w", sentence):
            self._separator = separator if self.text else ""
            return ""
        cited, self._cited = self._cited, []
        exempt = self.is_exempt(sentence)
        uses, origin = ([], "answerer") if exempt else self._settled(sentence, cited)
        verdict = _check(sentence, uses) if self._trace is None else _check_warily(sentence, uses)
        fails = not exempt and not (uses and verdict.sound)
        if fails and self._drop:
            self.dropped.append(sentence)
            self._lead_in = ""
            return ""
        words = self._show(self._before() + sentence) if self._drop else ""
        self._separator = separator
        return words + self._show(self._close(sentence, uses, verdict, origin, fails=fails))

    def _before(self) -> str:
        """Return what stands between the last sentence and the words of the next one."""
        return self._separator + (f"{self._lead_in} " if self._lead_in else "")

    def _close(
        self, sentence: str, uses: Sequence[_Use], verdict: Verdict, origin: Origin, *, fails: bool
    ) -> str:
        """Keep a sentence that has been shown; return what follows it."""
        end = len(self.text)
        numbers, piece = self._note(uses, verdict, origin, at=end)
        start = end - len(sentence)
        lead_in, self._lead_in = self._lead_in, ""
        self.sentences.append(AnswerSentence(sentence, start, end, numbers, verdict, origin, lead_in))
        return f"{piece} {UNSUPPORTED}" if fails else piece

    def _settled(self, sentence: str, cited: Sequence[Marker]) -> tuple[list[_Use], Origin]:
        """Return what a sentence goes by: what it cites, or what is traced in its place."""
        uses = [self._use(sentence, marker) for marker in cited]
        if self._trace is None or any(marker.span for marker in cited):
            return uses, "answerer"
        found = self._trace(sentence, [use.source for use in uses], list(self._sources.values()))
        if found is None:
            return uses, "answerer"
        return [_Use(*found)], "repointed" if uses else "found"

    def _use(self, sentence: str, marker: Marker) -> _Use:
        source = self._sources[marker.number]
        return _Use(source, marker.span or align(sentence, source), marker.answer)

    def _note(
        self, uses: Sequence[_Use], verdict: Verdict, origin: Origin, *, at: int
    ) -> tuple[tuple[int, ...], str]:
        """Number the footnotes of a sentence; return the numbers and the piece of text that shows them.

        A span that an earlier sentence cites keeps its number, and takes over a verdict that fails.
        """
        numbers: list[int] = []
        piece = ""
        for use in uses:
            known = self._notes.get(use.key)
            number = known.number if known else len(self._notes) + 1
            own = replace(verdict, located=use.located)
            if known is None:
                start = at + len(piece) + (not piece)
                self._notes[use.key] = _citation(use, number, own, start, origin)
            elif known.verdict.sound and not own.sound:
                self._notes[use.key] = replace(known, verdict=own)
            if number not in numbers:
                piece += f"{'' if piece else ' '}[{number}]"
                numbers.append(number)
        return tuple(numbers), piece


class _Use(NamedTuple):
    """A sentence's use of a source: the words of the article that it goes by."""

    source: Source
    span: Span
    answer: Span | None = None

    @property
    def key(self) -> tuple[str, Span]:
        return self.source.article.id, self.span

    @property
    def quote(self) -> str:
        return self.source.article.text[self.span.start : self.span.end]

    @property
    def located(self) -> bool:
        passage = self.source.passage
        inside = passage.start <= self.span.start < self.span.end <= passage.end
        return inside and bool(self.quote.strip())


def _check(sentence: str, uses: Sequence[_Use]) -> Verdict:
    """Ask the cited passages, taken together, for the hard facts of the sentence."""
    missing = tuple(fact.text for fact in missing_facts(sentence, [use.source.text for use in uses]))
    located = bool(uses) and all(use.located for use in uses)
    return Verdict(located=located, consistent=not missing, missing=missing)


def _check_warily(sentence: str, uses: Sequence[_Use]) -> Verdict:
    """Check also what the sentence ties together, and without the words that speak to a model.

    A sentence that goes by such words fails as a whole.
    """
    texts = [use.source.evidence() for use in uses]
    missing = tuple(fact.text for fact in missing_facts(sentence, texts))
    missing = missing or tuple(clashes(sentence, texts))
    obeys = any(use.located and not use.source.evidence(use.span).strip() for use in uses)
    missing = missing or ((sentence,) if obeys else ())
    located = bool(uses) and all(use.located for use in uses)
    return Verdict(located=located, consistent=not missing, missing=missing)


def _citation(use: _Use, number: int, verdict: Verdict, start: int, origin: Origin) -> Citation:
    return Citation(
        number=number,
        article=use.source.article,
        start=use.span.start,
        end=use.span.end,
        quote=use.quote,
        answer_start=start,
        answer_end=start + len(f"[{number}]"),
        verdict=verdict,
        passage_id=use.source.passage.id,
        origin=origin,
        answer=use.answer,
    )


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
    pairs = [Span(a.start, b.end) for a, b in pairwise(spans)]
    pair = max(pairs, key=shared, default=single)
    return pair if shared(pair) >= max(2.0, shared(single) * 4 / 3) + 1 else single


def _content_words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", normalise(text)) if len(word) > 2 or word.isdigit()}


def bare(sentence: str) -> str:
    """Return a sentence without case, quotation marks, emphasis and full stop, to tell the fixed one."""
    return normalise(sentence).strip(" .!\"'*_")
