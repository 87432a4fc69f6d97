"""Ranked sentences -> the few that are quoted: one for each account, with the footnotes of all that agree."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations, product
from typing import NamedTuple, Protocol

from .citations import Event, LeadIn, Marker, SentenceEnd, Source, Words
from .clauses import cut, with_ellipses
from .conflicts import difference
from .facts import facts_beyond, missing_facts
from .forms import calls_for_accounts, fits, form_of
from .naming import lead_ins
from .ordinary import is_function_word
from .questions import Kind, kind_asked, shows_kind
from .schema import Span
from .scoring import sought_by
from .speakers import Speaker

MAX_SENTENCES = 3
MAX_ACCOUNTS = 4
"""Sentences where articles tell it differently, or where a question has several parts."""
MAX_WORDS = 99
SHARE = 0.7
"""Share of the best sentence's score that another needs to be quoted."""
SHARE_OF_ACCOUNT = 0.65
"""The same for the best sentence of another article: a second account comes before more of the same."""
NEAR = 0.7
"""Share of score and of coverage at which another article's sentence answers as well as the best."""
NEAR_WITH_ANSWER = 0.5
"""The same when it holds a number, date or name of the kind that is asked for."""
ABOUT = 0.3
"""Share of the best nearness below which a sentence is not about the question, whatever its passage is."""
_NEARNESSES = (NEAR, NEAR_WITH_ANSWER)
COMPARED = 12
"""The best sentences, among which those are looked for that tell the same differently."""
HEARD = 0.6
"""Share of the best nearness that another side's or article's account needs where it is called for."""
LONG = (50, 40, 30, 20)
"""Words to which a long sentence may be cut."""


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

    @property
    def nearness(self) -> float:
        """How near it is to the question by itself."""

    @property
    def speaker(self) -> Speaker:
        """Whose words it reports."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as choosing sees it."""

    text: str = ""
    terms: Callable[[str], Collection[str]] = _words
    """Search terms of a text."""
    one_article: bool = False
    """It is asked of one article among others, so that its sentences are introduced by it."""

    @property
    def kind(self) -> Kind:
        """What kind of thing the question asks for."""
        return kind_asked(self.text)

    def answers(self, text: str) -> frozenset[str]:
        """Return the numbers, dates or names that may be the answer; empty for other kinds of questions."""
        return _answers(self.text, text)

    def worth(self, clause: str) -> float:
        """Return how many terms of the question a clause holds, and three more for what may be the answer."""
        held = len(set(self.terms(self.text)) & set(self.terms(clause)))
        return held + bool(self.answers(clause)) + (self.kind != "any" and shows_kind(self.kind, clause))


_FACTUAL = frozenset({"number", "date", "person", "place"})


@lru_cache(maxsize=4096)
def _answers(question: str, text: str) -> frozenset[str]:
    sought = sought_by(question)
    if sought.kind not in _FACTUAL and not sought.name:
        return frozenset()
    (new,) = facts_beyond([text], question)
    kinds = {"number", "date"} if sought.kind in {"number", "date"} else {"name"}
    given = sought.given_by(text, new)
    return frozenset(fact.key for fact in new if fact.kind in kinds) if given else frozenset()


@dataclass(frozen=True, slots=True)
class Choice:
    """A sentence to quote, whole or cut, and those of other articles that say the same."""

    sentence: Ranked
    span: Span
    """What is quoted of it."""
    support: tuple[Ranked, ...] = ()
    lead_in: str = ""
    """Our own words before it, which name its article."""

    @property
    def words(self) -> int:
        """How many words it takes, with those that introduce it."""
        return len(self.text.split()) + len(self.lead_in.split())

    @property
    def text(self) -> str:
        """The words to show, with `…` where the sentence was cut."""
        whole = self.sentence.span
        return with_ellipses(
            self.sentence.text, Span(self.span.start - whole.start, self.span.end - whole.start)
        )

    def events(self) -> Iterator[Event | LeadIn]:
        """Yield its lead-in, the sentence, its markers and its end."""
        if self.lead_in:
            yield LeadIn(self.lead_in)
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
    contrary = _contrary(best, candidates, asked)
    rivals = [*_called_for(candidates, asked), *contrary, *_rivals(best, candidates, asked)]
    limit = MAX_ACCOUNTS if rivals else MAX_SENTENCES
    near = [c for c in candidates[1:] if c.score >= best.score * SHARE]
    near.sort(
        key=lambda c: bool(asked.answers(best.text)) and not asked.answers(c.text) - asked.answers(best.text)
    )
    chosen: list[Choice] = []
    for candidate in dict.fromkeys((best, *rivals, *_second_account(best, candidates), *near)):
        _add(candidate, chosen, candidates, limit=limit, asked=asked)
    differ = [choice for choice in chosen if choice.sentence in contrary]
    if len({choice.sentence.source.article.id for choice in differ}) == 2 and not asked.one_article:
        chosen = _with_lead_ins(chosen, differ)
    return _fitted(chosen, [asked] * len(chosen))


class Gathered(NamedTuple):
    """The sentences that answer several parts, and for each part which of them do, from 0."""

    quoted: list[Choice]
    places: list[tuple[int, ...]]


def gathered(parts: Sequence[Sequence[Choice]], asked: Sequence[Asked]) -> Gathered:
    """Return the best sentence of every part, of two parts the second best too, in the order of the parts.

    A sentence that answers two parts is quoted once. Where the parts are articles, each is introduced.
    """
    picked: dict[tuple[int, Span], tuple[Choice, Asked]] = {}
    for rank in range(MAX_ACCOUNTS // len(parts)):
        for part, of in zip(parts, asked, strict=True):
            if rank < len(part) and len(picked) < MAX_ACCOUNTS:
                picked.setdefault(_place(part[rank]), (part[rank], of))
    fitted = _fitted(_introduced(list(picked.values())), [of for _, of in picked.values()])
    kept = {_place(choice): choice for choice in fitted}
    order = list(dict.fromkeys(_place(c) for part in parts for c in part if _place(c) in kept))
    places = [tuple(order.index(_place(c)) for c in part if _place(c) in kept) for part in parts]
    return Gathered([kept[place] for place in order], places)


def _introduced(picked: Sequence[tuple[Choice, Asked]]) -> list[Choice]:
    """Return the choices, the first one that was asked of an article with words that name it."""
    first = {c.sentence.source.article.id: c for c, of in reversed(picked) if of.one_article}
    return _with_lead_ins([c for c, _ in picked], list(first.values()))


def _with_lead_ins(choices: Sequence[Choice], some: Sequence[Choice]) -> list[Choice]:
    """Return the choices, some of them, each of another article, with words that name it."""
    named = dict(zip(map(_place, some), lead_ins([c.sentence.source.article for c in some]), strict=True))
    return [replace(c, lead_in=named.get(_place(c), "")) for c in choices]


def _place(choice: Choice) -> tuple[int, Span]:
    return choice.sentence.source.number, choice.sentence.span


def _rivals(best: Ranked, candidates: Sequence[Ranked], asked: Asked) -> list[Ranked]:
    """Return the best sentence of each other article that answers as well, and with another answer."""
    seen = {best.source.article.id}
    rivals: list[Ranked] = []
    for candidate in candidates[1:]:
        article = candidate.source.article.id
        if article in seen or not _answers_as_well(candidate, best, asked):
            continue
        if _tells_other(candidate, [best, *rivals], asked):
            rivals.append(candidate)
            seen.add(article)
    return rivals


def _tells_other(candidate: Ranked, known: Sequence[Ranked], asked: Asked) -> bool:
    """Tell whether a sentence may give another answer than those do; where none is seen, another fact."""
    answers = asked.answers(candidate.text)
    if not answers:
        return _adds(candidate, known, asked)
    return not answers <= set().union(*(asked.answers(c.text) for c in known))


def _called_for(candidates: Sequence[Ranked], asked: Asked) -> list[Ranked]:
    """Return the accounts that a question calls for: of blame, of what is so, of who used which words."""
    by_nearness = sorted(candidates, key=lambda c: -c.nearness)
    near = [c for c in by_nearness if c.nearness >= by_nearness[0].nearness * HEARD]
    if form_of(asked.text) == "words":
        same = [c for c in near if c.speaker.side == candidates[0].speaker.side]
        return _first_of_each((c for c in same if fits(asked.text, c.text)), lambda c: c.source.article.id)
    if calls_for_accounts(asked.text):
        sides = _first_of_each((c for c in near if c.speaker.side), lambda c: c.speaker.side)
        return [*sides, *_first_of_each(near, lambda c: c.source.article.id)]
    return []


def _first_of_each(ranked: Iterable[Ranked], key: Callable[[Ranked], object]) -> list[Ranked]:
    """Return the first sentence of the first two kinds; none when there is one kind only."""
    first: dict[object, Ranked] = {}
    for candidate in ranked:
        first.setdefault(key(candidate), candidate)
    return list(first.values())[:2] if len(first) > 1 else []


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
    if not (candidate.shows_kind or asked.kind == "any"):
        return False
    if candidate.nearness < best.nearness * ABOUT:
        return False  # its passage is about the matter, but it is not
    about = max(candidate.coverage, candidate.context)
    near = [n for n in _NEARNESSES if candidate.score >= best.score * n and about >= best.context * n]
    return NEAR in near or (bool(near) and bool(asked.answers(candidate.text)))


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


class _Version(NamedTuple):
    """A sentence whole or cut, and what is left of what it may tell."""

    choice: Choice
    words: int
    kept: float
    """Share of its words, 0 to 1; where it holds what may be the answer, share of that."""
    answers: frozenset[str]


def _fitted(chosen: Sequence[Choice], asked: Sequence[Asked]) -> list[Choice]:
    """Return the sentences, whole, cut or left out, that keep most within the length of an answer.

    What is kept of the nth counts 1/n, as earlier ones are likelier to hold the answer; an answer that an
    earlier one holds counts nothing. The best sentence stays, whatever its length.
    """
    if sum(choice.words for choice in chosen) <= MAX_WORDS:
        return list(chosen)
    versions = [_versions(choice, of) for choice, of in zip(chosen, asked, strict=True)]
    ways = product(versions[0], *([*others, None] for others in versions[1:]))
    fitting = [way for way in ways if sum(v.words for v in way if v) <= MAX_WORDS]
    if not fitting:
        return [min(versions[0], key=lambda v: v.words).choice]
    return [version.choice for version in max(fitting, key=_kept) if version]


def _versions(choice: Choice, asked: Asked) -> list[_Version]:
    cuts = {cut.span: cut for cut in (choice, *(choice.cut_to(longest, asked) for longest in LONG))}
    whole, words = asked.answers(choice.sentence.text), len(choice.sentence.text.split())
    return [_version(cut, asked, whole, words) for cut in cuts.values()]


def _version(cut: Choice, asked: Asked, whole: Collection[str], words: int) -> _Version:
    left = asked.answers(cut.text) if whole else frozenset[str]()
    kept = len(left) / len(whole) if whole else len(cut.text.split()) / words
    return _Version(cut, cut.words, kept, left)


def _kept(way: Sequence[_Version | None]) -> float:
    """Return how much an answer keeps of all that its sentences may tell."""
    known: set[str] = set()
    total = 0.0
    for n, version in enumerate(way, start=1):
        if version and not (version.answers and version.answers <= known):
            total += version.kept / n
            known |= version.answers
    return total


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
