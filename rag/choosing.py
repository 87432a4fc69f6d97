"""Ranked sentences -> the few that are quoted: it stops when it is told, and gives each differing account."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from .citations import Event, LeadIn, Marker, SentenceEnd, Words
from .clauses import cut, with_ellipses
from .conflicts import Told, difference
from .facts import hard_facts, missing_facts
from .naming import lead_ins
from .ordinary import is_function_word
from .reading import Candidate
from .schema import Span

MAX_SENTENCES = 3
MAX_ACCOUNTS = 4
"""Sentences where articles tell it differently, or where a question has several parts."""
MAX_WORDS = 99
MORE = 2.0
"""How far behind the best sentence another one may be, in logits, to be quoted, too."""
MORE_ELSEWHERE = 7.0
"""The same for a sentence of another article that answers by itself, or answers differently."""
ANSWERS = 0.5
"""The reader's margin from which on a sentence answers by itself."""
COMPARED = 12
"""The best sentences, among which those are looked for that say the same, or tell it differently."""
LONG = (50, 40, 30, 20)
"""Words to which a long sentence may be cut."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A sentence to quote, whole or cut, and those of other articles that say the same."""

    sentence: Candidate
    span: Span
    """What is quoted of it."""
    support: tuple[Candidate, ...] = ()
    lead_in: str = ""
    """Our own words before it, which name its article."""
    before: Candidate | None = None
    """The sentence that it leans on with a pronoun, quoted before it."""

    @property
    def words(self) -> int:
        """How many words it takes, with those that introduce it."""
        before = self.before.text.split() if self.before else []
        return len(before) + len(self.text.split()) + len(self.lead_in.split())

    @property
    def text(self) -> str:
        """The words to show, with `…` where the sentence was cut."""
        whole = self.sentence.span
        return with_ellipses(
            self.sentence.text, Span(self.span.start - whole.start, self.span.end - whole.start)
        )

    @property
    def place(self) -> tuple[str, Span]:
        """Where it stands."""
        return self.sentence.source.article.id, self.sentence.span

    def events(self) -> Iterator[Event | LeadIn]:
        """Yield its lead-in, the sentence, its markers and its end."""
        if self.lead_in:
            yield LeadIn(self.lead_in)
        if self.before:
            yield Words(" ".join(self.before.text.split()))
            yield Marker(self.before.source.number, self.before.span)
            yield SentenceEnd()
        yield Words(" ".join(self.text.split()))
        yield Marker(self.sentence.source.number, self.span, self.sentence.answer)
        for other in self.support:
            yield Marker(other.source.number, other.span, other.answer)
        yield SentenceEnd()

    def cut_to(self, longest: int) -> Choice:
        """Return the choice with its sentence cut at clause borders to at most so many words."""
        answer = self.sentence.words
        start, end = cut(self.sentence.text, longest, lambda clause: float(answer in clause))
        at = self.sentence.span.start
        return replace(self, span=Span(at + start, at + end))


def choose(question: str, ranked: Sequence[Candidate]) -> list[Choice]:
    """Return the sentences to quote, best first: most often one, three at most, four when accounts differ.

    A sentence that says what a chosen one says becomes its footnote, one that gives its answer once more
    is left out.
    """
    best = ranked[0]
    rivals = _rivals(question, best, ranked[:COMPARED])
    limit = MAX_ACCOUNTS if rivals else MAX_SENTENCES
    near = _near(best, ranked, told={rival.source.article.id for rival in rivals})
    chosen: list[Choice] = []
    for candidate in dict.fromkeys((best, *rivals, *near)):
        _add(candidate, chosen, ranked, limit=limit)
    chosen = _supported(chosen, ranked[:COMPARED])
    if rivals:
        chosen = _with_lead_ins(chosen, [c for c in chosen if c.sentence in {best, *rivals}])
    return _fitted(chosen)


def _near(best: Candidate, ranked: Sequence[Candidate], *, told: set[str]) -> list[Candidate]:
    """Return the sentences that are not far behind the best one.

    Another article that answers by itself, as the reader has it, is an account of its own and may be further
    behind, once; of those that are `told`, an account is given already.
    """
    near: list[Candidate] = []
    known = {best.source.article.id, *told}
    for candidate in ranked[1:]:
        article = candidate.source.article.id
        own = article not in known and candidate.signs.margin >= ANSWERS
        known.add(article)
        if candidate.score >= best.score - (MORE_ELSEWHERE if own else MORE) and not candidate.signs.odd:
            near.append(candidate)
    return near


class Gathered(NamedTuple):
    """The sentences that answer several parts, and for each part which of them do, from 0."""

    quoted: list[Choice]
    places: list[tuple[int, ...]]


def gathered(parts: Sequence[Sequence[Choice]]) -> Gathered:
    """Return the best sentence of every part, then what room is left for, in the order of the parts.

    A sentence that answers two parts is quoted once.
    """
    picked: dict[tuple[str, Span], Choice] = {}
    for rank in range(MAX_ACCOUNTS):
        for part in parts:
            if rank < len(part) and len(picked) < MAX_ACCOUNTS:
                picked.setdefault(part[rank].place, replace(part[rank], before=None))
    kept = {choice.place: choice for choice in _fitted(list(picked.values()))}
    order = list(dict.fromkeys(c.place for part in parts for c in part if c.place in kept))
    places = [tuple(order.index(c.place) for c in part if c.place in kept) for part in parts]
    return Gathered([kept[place] for place in order], places)


def _rivals(question: str, best: Candidate, near: Sequence[Candidate]) -> list[Candidate]:
    """Return the best sentence of each other article that answers nearly as well, and differently."""
    seen = {best.source.article.id}
    rivals: list[Candidate] = []
    for candidate in near:
        article = candidate.source.article.id
        if article in seen or candidate.score < best.score - MORE_ELSEWHERE:
            continue
        if difference(question, _told(best), _told(candidate)):
            rivals.append(candidate)
            seen.add(article)
    return rivals


def _told(candidate: Candidate) -> Told:
    return Told(candidate.source.article.title, candidate.text, candidate.words)


def _with_lead_ins(choices: Sequence[Choice], some: Sequence[Choice]) -> list[Choice]:
    """Return the choices, some of them, each of another article, with words that name it."""
    named = dict(
        zip((c.place for c in some), lead_ins([c.sentence.source.article for c in some]), strict=True)
    )
    return [replace(c, lead_in=named.get(c.place, "")) for c in choices]


def _add(candidate: Candidate, chosen: list[Choice], ranked: Sequence[Candidate], *, limit: int) -> None:
    """Add a sentence that tells something new, and before it the one that its pronoun leans on."""
    known = [sentence for choice in chosen for sentence in (choice.sentence, choice.before) if sentence]
    if len(known) >= limit or any(repeats(candidate, other) for other in known):
        return
    before = _sentence_before(candidate, ranked) if len(known) + 2 <= limit else None
    chosen.append(Choice(candidate, candidate.span, before=None if before in known else before))


def repeats(candidate: Candidate, known: Candidate) -> bool:
    """Tell whether a sentence says what another says: its answer or most of its words, and no new fact."""
    if candidate.span == known.span and candidate.source.article.id == known.source.article.id:
        return True
    if same_answer(candidate.words, known.words):
        return True
    return share(known.text, candidate.text) >= ALIKE and not missing_facts(candidate.text, [known.text])


ALIKE = 0.6
"""Share of the shorter sentence's words that the other holds when it may say the same."""


def same_answer(first: str, second: str) -> bool:
    """Tell whether one answer holds the other: all its numbers, dates and names, or else its words."""
    if any(hard_facts(first)) and any(hard_facts(second)):
        return not missing_facts(first, [second]) or not missing_facts(second, [first])
    one, other = words(first), words(second)
    return bool(one and other) and (one <= other or other <= one)


def words(text: str) -> frozenset[str]:
    """Return the content words of a text, in lower case."""
    return frozenset(word for word in re.findall(r"\w+", text.casefold()) if not is_function_word(word))


def share(first: str, second: str) -> float:
    """Return how many of the shorter text's content words the other holds, 0 to 1."""
    a, b = words(first), words(second)
    return len(a & b) / max(1, min(len(a), len(b)))


def _supported(chosen: Sequence[Choice], near: Sequence[Candidate]) -> list[Choice]:
    """Return the choices with the footnotes of other articles that answer the same."""
    done: list[Choice] = []
    for choice in chosen:
        seen = {choice.sentence.source.article.id}
        support: list[Candidate] = []
        for candidate in near:
            article = candidate.source.article.id
            if article not in seen and _agrees(candidate, choice.sentence):
                support.append(candidate)
                seen.add(article)
        done.append(replace(choice, support=tuple(support)))
    return done


def _agrees(candidate: Candidate, sentence: Candidate) -> bool:
    """Tell whether another article's sentence gives the same answer, or says the same with every fact."""
    if candidate.score >= sentence.score - MORE_ELSEWHERE and same_answer(candidate.words, sentence.words):
        return not candidate.signs.odd
    alike = share(candidate.text, sentence.text) >= ALIKE
    return alike and not missing_facts(sentence.text, [candidate.text])


def _fitted(chosen: Sequence[Choice]) -> list[Choice]:
    """Return the sentences, later ones left out, that fit within the length of an answer; the best one stays.

    One that is too long by itself is cut.
    """
    kept: list[Choice] = []
    room = MAX_WORDS
    for choice in chosen:
        alone = replace(choice, before=None)
        versions = (choice, alone, *(alone.cut_to(longest) for longest in LONG))
        fitting = next((version for version in versions if version.words <= room), None)
        if fitting is None and kept:
            continue
        kept.append(fitting or min(versions, key=lambda version: version.words))
        room -= kept[-1].words
    return kept


_PRONOUN = re.compile(
    r"[\"“'‘]?(?:he|she|it|they|this|that|these|those|his|her|its|their|such|both)\b", re.IGNORECASE
)


def _sentence_before(candidate: Candidate, ranked: Sequence[Candidate]) -> Candidate | None:
    """Return the sentence that a quote leans on with its pronoun, if it says as much of what is asked."""
    if not _PRONOUN.match(candidate.text):
        return None
    at = candidate.source.number, candidate.position - 1
    before = next((c for c in ranked if (c.source.number, c.position) == at), None)
    if before is None or before.signs.odd or before.signs.matched < candidate.signs.matched:
        return None
    return before
