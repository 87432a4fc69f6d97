"""Ranked sentences -> the few that are quoted: one for each account, with the footnotes of all that agree."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, combinations
from typing import NamedTuple, Protocol

from .citations import Event, Marker, SentenceEnd, Source, Words
from .clauses import cut, with_ellipses
from .conflicts import difference
from .facts import missing_facts
from .ordinary import is_function_word
from .questions import Kind, kind_asked, shows_kind
from .schema import Span

MAX_SENTENCES = 3
MAX_ACCOUNTS = 4
"""Sentences where articles tell it differently, or where a question has several parts."""
MAX_WORDS = 100
MAX_WORDS_OF_ACCOUNTS = 150
"""Where articles tell it differently, cutting aims at 100, but an account is dropped only beyond this."""
SHARE = 0.7
"""Share of the best sentence's score that another needs to be quoted."""
SHARE_OF_ACCOUNT = 0.65
"""The same for the best sentence of another article: a second account comes before more of the same."""
NEAR = 0.7
"""Share of score and of coverage at which another article's sentence answers as well as the best."""
COMPARED = 12
"""The best sentences, among which those are looked for that tell the same differently."""
LONG = (50, 40, 30)
"""Words to which long sentences are cut, one after the other, until the answer is short enough."""


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.lower()) if not is_function_word(word)}


class Ranked(Protocol):
    """A sentence that may answer, as the answerer ranks it."""

    @property
    def source(self) -> Source:
        """The passage that it stands in."""

    @property
    def position(self) -> int:
        """Which sentence of its passage it is."""

    @property
    def span(self) -> Span:
        """Its place in the article."""

    @property
    def text(self) -> str:
        """Its words."""

    @property
    def score(self) -> float:
        """How well it answers."""

    @property
    def coverage(self) -> float:
        """Share of the question's terms that it holds."""

    @property
    def context(self) -> float:
        """The same share for its passage."""

    @property
    def shows_kind(self) -> bool:
        """It holds the kind of thing that the question asks for."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as choosing sees it."""

    text: str = ""
    terms: Callable[[str], Collection[str]] = _words
    """Search terms of a text."""

    @property
    def kind(self) -> Kind:
        """What kind of thing the question asks for."""
        return kind_asked(self.text)

    def worth(self, clause: str) -> float:
        """Return how many terms of the question a clause holds, and one more for the kind of thing asked."""
        held = len(set(self.terms(self.text)) & set(self.terms(clause)))
        return held + (self.kind != "any" and shows_kind(self.kind, clause))


@dataclass(frozen=True, slots=True)
class Choice:
    """A sentence to quote, whole or cut, and those of other articles that say the same."""

    sentence: Ranked
    span: Span
    """What is quoted of it."""
    support: tuple[Ranked, ...] = ()

    @property
    def text(self) -> str:
        """The words to show, with `…` where the sentence was cut."""
        whole = self.sentence.span
        return with_ellipses(
            self.sentence.text, Span(self.span.start - whole.start, self.span.end - whole.start)
        )

    def events(self) -> Iterator[Event]:
        """Yield the sentence, its markers and its end."""
        yield Words(" ".join(self.text.split()))
        yield Marker(self.sentence.source.number, self.span)
        for other in self.support:
            yield Marker(other.source.number, other.span)
        yield SentenceEnd()

    def cut_to(self, longest: int, asked: Asked) -> Choice:
        """Return the choice with its sentence cut at clause borders to at most so many words."""
        start, end = cut(self.sentence.text, longest, asked.worth)
        at = self.sentence.span.start
        return replace(self, span=Span(at + start, at + end))


def choose(candidates: Sequence[Ranked], asked: Asked | None = None) -> list[Choice]:
    """Return the sentences to quote, best first: three at most, four when articles tell it differently.

    After the best sentence come the other articles' accounts, if they are near enough, then more of the
    same. A sentence that says what a chosen one says becomes its footnote; one that starts with a
    pronoun brings the sentence before it.
    """
    asked = asked or Asked()
    best = candidates[0]
    rivals = [*_contrary(best, candidates, asked), *_rivals(best, candidates, asked)]
    limit = MAX_ACCOUNTS if rivals else MAX_SENTENCES
    near = [c for c in candidates[1:] if c.score >= best.score * SHARE]
    chosen: list[Choice] = []
    for candidate in dict.fromkeys((best, *rivals, *_second_account(best, candidates), *near)):
        _add(candidate, chosen, candidates, limit=limit, asked=asked)
    return _within(MAX_WORDS_OF_ACCOUNTS if rivals else MAX_WORDS, _shortened(chosen, asked))


class Gathered(NamedTuple):
    """The sentences that answer several parts, and for each part which of them do, from 0."""

    quoted: list[Choice]
    places: list[tuple[int, ...]]


def gathered(parts: Sequence[Sequence[Choice]]) -> Gathered:
    """Return the best sentence of every part, of two parts the second best too, in the order of the parts.

    A sentence that answers two parts is quoted once.
    """
    picked: set[tuple[int, Span]] = set()
    for rank in range(MAX_ACCOUNTS // len(parts)):
        for choice in (part[rank] for part in parts if rank < len(part)):
            if len(picked) < MAX_ACCOUNTS:
                picked.add(_place(choice))
    quoted = {_place(choice): choice for part in parts for choice in part if _place(choice) in picked}
    order = list(quoted)
    places = [tuple(order.index(_place(c)) for c in part if _place(c) in picked) for part in parts]
    return Gathered(list(quoted.values()), places)


def _place(choice: Choice) -> tuple[int, Span]:
    return choice.sentence.source.number, choice.sentence.span


def _rivals(best: Ranked, candidates: Sequence[Ranked], asked: Asked) -> list[Ranked]:
    """Return the best sentence of each other article that answers as well, and with other facts."""
    seen = {best.source.article.id}
    rivals: list[Ranked] = []
    for candidate in candidates[1:]:
        article = candidate.source.article.id
        if article in seen or not _answers_as_well(candidate, best, asked):
            continue
        seen.add(article)
        if _adds(candidate, [best, *rivals], asked):
            rivals.append(candidate)
    return rivals


def _contrary(best: Ranked, candidates: Sequence[Ranked], asked: Asked) -> list[Ranked]:
    """Return the first two sentences that tell the same differently, one of them among the three best."""
    near = [c for c in candidates[:COMPARED] if c.score >= best.score * SHARE_OF_ACCOUNT]
    for first, second in combinations(near, 2):
        if first in near[:MAX_SENTENCES] and _differ(first, second, asked):
            return [first, second]
    return []


def _differ(first: Ranked, second: Ranked, asked: Asked) -> bool:
    """Tell whether two articles differ, or the sides that one article reports."""
    found = difference(asked.text, first.text, second.text)
    other_article = first.source.article.id != second.source.article.id
    return found is not None and (other_article or found.kind == "claim")


def _answers_as_well(candidate: Ranked, best: Ranked, asked: Asked) -> bool:
    about = max(candidate.coverage, candidate.context) >= best.context * NEAR
    kind = candidate.shows_kind or asked.kind == "any"
    return kind and about and candidate.score >= best.score * NEAR


def _second_account(best: Ranked, candidates: Sequence[Ranked]) -> list[Ranked]:
    """Return the best sentence of all other articles, if it is near enough."""
    others = (c for c in candidates if c.source.article.id != best.source.article.id)
    return [c for c in [next(others, None)] if c is not None and c.score >= best.score * SHARE_OF_ACCOUNT]


def _add(
    candidate: Ranked, chosen: list[Choice], candidates: Sequence[Ranked], *, limit: int, asked: Asked
) -> None:
    """Add a sentence to the choices, or to the footnotes of one that says the same."""
    same = next((n for n, c in enumerate(chosen) if says_the_same(c.sentence, candidate, asked)), None)
    if same is not None:
        chosen[same] = _supported(chosen[same], candidate)
        return
    known = [choice.sentence for choice in chosen]
    if len(chosen) >= limit or candidate in known:
        return
    before = _sentence_before(candidate, candidates)
    if before is not None and before not in known and len(chosen) + 2 <= limit:
        chosen.append(Choice(before, before.span))
    chosen.append(Choice(candidate, candidate.span))


def says_the_same(first: Ranked, second: Ranked, asked: Asked) -> bool:
    """Tell whether a sentence repeats another: most of its words are there, and no fact is new."""
    shared = _share(first.text, second.text)
    return (shared >= 0.9 and not _adds(second, [first], asked)) or (shared >= 0.6 and _agrees(first, second))


def _agrees(first: Ranked, second: Ranked) -> bool:
    """Tell whether two sentences hold the same hard facts."""
    return not missing_facts(first.text, [second.text]) and not missing_facts(second.text, [first.text])


def _supported(choice: Choice, candidate: Ranked) -> Choice:
    """Return the choice with one more footnote, unless the article is known or a copy tells nothing new.

    The footnote must hold all that the sentence states; nearly the same words are a wire copy.
    """
    known = {c.source.article.id for c in (choice.sentence, *choice.support)}
    copied = any(_is_copy(c.text, candidate.text) for c in (choice.sentence, *choice.support))
    holds = not missing_facts(choice.sentence.text, [candidate.text])
    if copied or not holds or candidate.source.article.id in known:
        return choice
    return replace(choice, support=(*choice.support, candidate))


def _adds(candidate: Ranked, known: Sequence[Ranked], asked: Asked) -> bool:
    """Tell whether a sentence states a hard fact that neither those nor the question hold."""
    return bool(missing_facts(candidate.text, [*(c.text for c in known), asked.text]))


def _within(most: int, chosen: list[Choice]) -> list[Choice]:
    """Drop the last sentences that make the answer longer than so many words; the first one stays."""
    lengths = accumulate(len(choice.text.split()) for choice in chosen)
    return [c for n, (c, length) in enumerate(zip(chosen, lengths, strict=True)) if not n or length <= most]


def _shortened(chosen: list[Choice], asked: Asked) -> list[Choice]:
    """Cut long sentences, the last ones first, until the answer is short enough or nothing more can go.

    The best sentence is the likeliest to hold the answer, so it loses least.
    """
    for longest in LONG:
        for n in reversed(range(len(chosen))):
            if sum(len(choice.text.split()) for choice in chosen) <= MAX_WORDS:
                return chosen
            if n or longest == LONG[0]:
                chosen[n] = chosen[n].cut_to(longest, asked)
    return chosen


_PRONOUN = re.compile(
    r"[\"“'‘]?(?:he|she|it|they|this|that|these|those|his|her|its|their|such|both)\b", re.IGNORECASE
)


def _sentence_before(candidate: Ranked, candidates: Sequence[Ranked]) -> Ranked | None:
    """Return the sentence that a quote which starts with a pronoun leans on."""
    if not _PRONOUN.match(candidate.text):
        return None
    at = candidate.source.number, candidate.position - 1
    return next((c for c in candidates if (c.source.number, c.position) == at), None)


def _is_copy(first: str, second: str) -> bool:
    a, b = _words(first), _words(second)
    return len(a & b) >= 0.9 * len(a | b)


def _share(first: str, second: str) -> float:
    """Return how many of the shorter text's content words the other holds, 0 to 1."""
    a, b = _words(first), _words(second)
    return len(a & b) / max(1, min(len(a), len(b)))
